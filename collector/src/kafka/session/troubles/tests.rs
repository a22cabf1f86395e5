//! What becomes of what connections tell.

use super::*;
use crate::snapshot::{Api, Unknown};

const REFUSED: &str = "kafka:9092/bootstrap: Connect failed: Connection refused";
const UNRESOLVED: &str = "kafka:9092/bootstrap: Failed to resolve 'kafka:9092'";
const HUNG_UP: &str = "kafka:9092/bootstrap: Disconnected (after 1ms in state APIVERSION_QUERY)";
const NO_METADATA: Code = Code(-195);

fn hear(troubles: &mut Troubles, code: i32, text: &str) -> News {
    let code = Code(code);
    troubles.hear(code, code.explained(text), text)
}

fn texts(troubles: &Troubles) -> Vec<String> {
    let told = troubles.told().borrow().clone();
    told.into_iter().map(|trouble| trouble.text).collect()
}

#[test]
fn troubles_that_alternate_are_news_once_each_until_all_is_well() {
    let mut troubles = Troubles::none();
    let told = [(-195, REFUSED), (-195, "SSL handshake failed")];
    for is_news in [true, false, false] {
        for (code, text) in told {
            let news = hear(&mut troubles, code, text);
            assert_eq!(news != News::Known, is_news, "{text}");
        }
    }
    troubles.clear();
    assert_ne!(hear(&mut troubles, -195, REFUSED), News::Known);
}

#[test]
fn a_summary_is_news_only_where_no_cause_was_told() {
    let mut troubles = Troubles::none();
    assert_eq!(
        hear(&mut troubles, -187, "1/1 brokers are down"),
        News::New(None)
    );
    hear(&mut troubles, -195, REFUSED);
    troubles.logged.clear();
    assert_eq!(
        hear(&mut troubles, -187, "1/1 brokers are down"),
        News::Known
    );
    assert_eq!(texts(&troubles), [REFUSED]);
}

#[test]
fn what_is_certain_explains_what_is_not() {
    let mut troubles = Troubles::none();
    hear(&mut troubles, -193, UNRESOLVED);
    hear(&mut troubles, -195, "kafka:9092/bootstrap: odd");
    assert_eq!(troubles.behind(NO_METADATA), Reason::Resolve);
    assert_eq!(troubles.behind(Code(29)), Reason::Authorization);
    assert_eq!(texts(&troubles), [UNRESOLVED]);
}

#[test]
fn without_any_trouble_told_of_a_broker_is_silent() {
    let mut troubles = Troubles::none();
    assert_eq!(troubles.behind(NO_METADATA), Reason::Timeout);
    hear(
        &mut troubles,
        -195,
        "Connection setup timed out in state APIVERSION_QUERY",
    );
    assert_eq!(troubles.behind(NO_METADATA), Reason::Timeout);
    hear(&mut troubles, -195, REFUSED);
    assert_eq!(troubles.behind(NO_METADATA), Reason::Transport);
}

#[test]
fn a_certificate_is_told_of_by_what_is_wrong_with_it() {
    let mut troubles = Troubles::none();
    let name = "ssl://kafka:9093/bootstrap";
    let line = format!(
        "[thrd:{name}]: {name}: Certificate (subject=/CN=kafka, issuer=/CN=ca) verification callback failed: certificate has \
         expired"
    );
    let (code, text) = told_in_log(3, "SSLCERTVRFY", &line).unwrap();
    assert!(matches!(
        hear(&mut troubles, code.0, &text),
        News::New(Some(_))
    ));
    let failed = format!("{name}: SSL handshake failed: certificate verify failed");
    hear(&mut troubles, -181, &failed);
    let told = troubles.told().borrow().clone();
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("subject=/CN=kafka"), "{told:?}");
    assert!(told[0].advice.as_ref().unwrap().contains("has expired"));
    assert_eq!(troubles.behind(NO_METADATA), Reason::Tls);
}

#[test]
fn a_broker_that_hangs_up_is_a_mistake_only_until_all_have_worked() {
    let mut troubles = Troubles::none();
    let (code, text) = told_in_log(6, "FAIL", HUNG_UP).unwrap();
    assert!(matches!(
        hear(&mut troubles, code.0, &text),
        News::New(Some(_))
    ));
    troubles.clear();
    let failed = |reason| Failure {
        unknown: Unknown::new(Api::ListGroups, reason),
        subject: "broker 1".to_owned(),
    };
    troubles.judge(&[failed(Reason::Timeout)]);
    assert_ne!(hear(&mut troubles, code.0, &text), News::Known);
    troubles.clear();
    troubles.judge(&[failed(Reason::Authorization)]);
    assert_eq!(hear(&mut troubles, code.0, &text), News::Known);
    troubles.forget_success();
    assert_ne!(hear(&mut troubles, code.0, &text), News::Known);
}

#[test]
fn lines_that_are_told_as_errors_too_or_mean_nothing_are_not_heard_twice() {
    assert_eq!(told_in_log(3, "FAIL", REFUSED), None);
    assert_eq!(told_in_log(7, "FAIL", HUNG_UP), None);
    assert_eq!(told_in_log(6, "FAIL", "kafka:9092/1: odd"), None);
    assert_eq!(told_in_log(4, "METADATA", HUNG_UP), None);
}

#[test]
fn a_coordinator_is_told_of_by_its_own_name() {
    let mut troubles = Troubles::none();
    let text = "GroupCoordinator: kafka:9092: Failed to resolve 'kafka:9092'";
    assert_eq!(hear(&mut troubles, -193, text), News::Known);
    assert_eq!(texts(&troubles), [""; 0]);
    assert_eq!(troubles.certain(), None);
}

#[test]
fn many_brokers_with_one_trouble_are_a_short_list() {
    let mut troubles = Troubles::none();
    for id in 0..100 {
        hear(
            &mut troubles,
            -195,
            &format!("kafka-{id}:9092/{id}: Connection refused"),
        );
    }
    assert_eq!(texts(&troubles).len(), KEPT);
}
