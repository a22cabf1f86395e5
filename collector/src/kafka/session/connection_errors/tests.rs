//! Tests of connection errors: the errors that are logged, those that are shown, and the reason that they give.

use super::*;
use crate::snapshot::{Api, Unknown};

const REFUSED: &str = "kafka:9092/bootstrap: Connect failed: Connection refused";
const UNRESOLVED: &str = "kafka:9092/bootstrap: Failed to resolve 'kafka:9092'";
const HUNG_UP: &str = "kafka:9092/bootstrap: Disconnected (after 1ms in state APIVERSION_QUERY)";
const NO_METADATA: ErrorCode = ErrorCode::LOCAL_TRANSPORT;

fn record(errors: &mut ConnectionErrors, code: i32, text: &str) -> Novelty {
    let code = ErrorCode(code);
    errors.record(code, code.reason_with_text(text), text)
}

fn texts(errors: &ConnectionErrors) -> Vec<String> {
    let told = errors.subscribe().borrow().clone();
    told.into_iter().map(|trouble| trouble.text).collect()
}

#[test]
fn alternating_errors_are_new_once_each_until_there_is_metadata() {
    let mut errors = ConnectionErrors::new();
    let told = [(-195, REFUSED), (-195, "SSL handshake failed")];
    for is_news in [true, false, false] {
        for (code, text) in told {
            let news = record(&mut errors, code, text);
            assert_eq!(news != Novelty::Known, is_news, "{text}");
        }
    }
    errors.clear();
    assert_ne!(record(&mut errors, -195, REFUSED), Novelty::Known);
}

#[test]
fn a_login_that_is_refused_after_one_that_worked_comes_too_soon() {
    const AGAIN: &str = "sasl_plaintext://kafka:9092/1: SASL OAUTHBEARER mechanism handshake failed: Broker: Request not valid in \
                         current SASL state: broker's supported mechanisms:  (after 2ms in state AUTH_HANDSHAKE)";
    let mut errors = ConnectionErrors::new();
    let advice = |news| match news {
        Novelty::New(Some(advice)) => advice,
        other => panic!("{other:?}"),
    };
    let first = advice(record(&mut errors, -169, AGAIN));
    assert!(first.contains("takes no login"), "{first}");
    errors.note_collection(&[]);
    let later = advice(record(&mut errors, -169, AGAIN));
    assert!(later.contains("about to expire"), "{later}");
}

#[test]
fn a_summary_is_new_only_where_no_single_connection_has_an_error() {
    let mut errors = ConnectionErrors::new();
    assert_eq!(
        record(&mut errors, -187, "1/1 brokers are down"),
        Novelty::New(None)
    );
    record(&mut errors, -195, REFUSED);
    errors.logged.clear();
    assert_eq!(
        record(&mut errors, -187, "1/1 brokers are down"),
        Novelty::Known
    );
    assert_eq!(texts(&errors), [REFUSED]);
}

#[test]
fn a_definite_reason_explains_an_indefinite_error() {
    let mut errors = ConnectionErrors::new();
    record(&mut errors, -193, UNRESOLVED);
    record(&mut errors, -195, "kafka:9092/bootstrap: odd");
    assert_eq!(errors.reason_without_metadata(NO_METADATA), Reason::Resolve);
    assert_eq!(
        errors.reason_without_metadata(ErrorCode::TOPIC_AUTHORIZATION_FAILED),
        Reason::Authorization
    );
    assert_eq!(texts(&errors), [UNRESOLVED]);
}

#[test]
fn without_a_connection_error_the_reason_is_a_timeout() {
    let mut errors = ConnectionErrors::new();
    assert_eq!(errors.reason_without_metadata(NO_METADATA), Reason::Timeout);
    record(
        &mut errors,
        -195,
        "Connection setup timed out in state APIVERSION_QUERY",
    );
    assert_eq!(errors.reason_without_metadata(NO_METADATA), Reason::Timeout);
    record(&mut errors, -195, REFUSED);
    assert_eq!(
        errors.reason_without_metadata(NO_METADATA),
        Reason::Transport
    );
}

#[test]
fn a_refused_certificate_is_shown_with_what_is_wrong_with_it() {
    let mut errors = ConnectionErrors::new();
    let name = "ssl://kafka:9093/bootstrap";
    let line = format!(
        "[thrd:{name}]: {name}: Certificate (subject=/CN=kafka, issuer=/CN=ca) verification callback failed: certificate has \
         expired"
    );
    let (code, text) = error_in_log(3, "SSLCERTVRFY", &line).unwrap();
    assert!(matches!(
        record(&mut errors, code.0, &text),
        Novelty::New(Some(_))
    ));
    let failed = format!("{name}: SSL handshake failed: certificate verify failed");
    record(&mut errors, -181, &failed);
    let told = errors.subscribe().borrow().clone();
    assert_eq!(told.len(), 1);
    assert!(told[0].text.contains("subject=/CN=kafka"), "{told:?}");
    assert!(told[0].advice.as_ref().unwrap().contains("has expired"));
    assert_eq!(errors.reason_without_metadata(NO_METADATA), Reason::Tls);
}

#[test]
fn a_closed_connection_points_to_a_mistake_only_until_all_connections_have_worked() {
    let mut errors = ConnectionErrors::new();
    let (code, text) = error_in_log(6, "FAIL", HUNG_UP).unwrap();
    assert!(matches!(
        record(&mut errors, code.0, &text),
        Novelty::New(Some(_))
    ));
    errors.clear();
    let failed = |reason| Failure {
        unknown: Unknown::new(Api::ListGroups, reason),
        subject: "broker 1".to_owned(),
    };
    errors.note_collection(&[failed(Reason::Timeout)]);
    assert_ne!(record(&mut errors, code.0, &text), Novelty::Known);
    errors.clear();
    errors.note_collection(&[failed(Reason::Authorization)]);
    assert_eq!(record(&mut errors, code.0, &text), Novelty::Known);
    errors.forget_success();
    assert_ne!(record(&mut errors, code.0, &text), Novelty::Known);
}

#[test]
fn log_lines_that_are_errors_too_or_have_no_cause_are_ignored() {
    assert_eq!(error_in_log(3, "FAIL", REFUSED), None);
    assert_eq!(error_in_log(7, "FAIL", HUNG_UP), None);
    assert_eq!(error_in_log(6, "FAIL", "kafka:9092/1: odd"), None);
    assert_eq!(error_in_log(4, "METADATA", HUNG_UP), None);
}

#[test]
fn the_coordinator_connection_is_ignored_as_the_broker_has_another_one() {
    let mut errors = ConnectionErrors::new();
    let text = "GroupCoordinator: kafka:9092: Failed to resolve 'kafka:9092'";
    assert_eq!(record(&mut errors, -193, text), Novelty::Known);
    assert_eq!(texts(&errors), [""; 0]);
    assert_eq!(errors.definite_reason(), None);
}

#[test]
fn many_brokers_with_one_error_are_a_short_list() {
    let mut errors = ConnectionErrors::new();
    for id in 0..100 {
        record(
            &mut errors,
            -195,
            &format!("kafka-{id}:9092/{id}: Connection refused"),
        );
    }
    assert_eq!(texts(&errors).len(), MAX_CONNECTIONS);
}
