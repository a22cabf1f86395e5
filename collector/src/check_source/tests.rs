use std::time::Duration;

use super::*;

const YES: &str = r#"{"is_leader":true,"identity":"pod-a","name":"pod-a","term":7,"valid_for_ms":4870,"state":"leading","reason":"renewed"}"#;

/// Returns the report on a source with these answers, each of which takes 3 ms.
fn report(identity: Option<&str>, answers: &[(u16, &str)]) -> String {
    let subject = Subject {
        url: "http://127.0.0.1:8001/leader".to_owned(),
        identity: identity.map(ToOwned::to_owned),
    };
    let asked_at = Instant::now();
    let now = asked_at + Duration::from_millis(3);
    let asked = answers.iter().map(|(status, body)| Exchange {
        times: Times { asked_at, now },
        answer: Answer::read(*status, body.as_bytes()),
    });
    let asked: Vec<Exchange> = asked.collect();
    let report = Report::of(&subject, election(&subject).unwrap(), &asked);
    assert_eq!(report.is_clean(), report.text.contains("no violation"));
    report.to_string()
}

#[test]
fn a_source_that_keeps_the_contract_reads_like_this() {
    insta::assert_snapshot!(report(Some("pod-a"), &[(200, YES), (200, YES)]), @r#"
    source: http://127.0.0.1:8001/leader
    asked 5 times as pod-a
    form: the whole contract
    judged as the collector of pod-a
    says: leading (renewed), identity "pod-a", leader "pod-a", term 7, valid for 4870 ms
    the collector would collect (granted), for 4867 ms from the answer, which took 3 ms
    no violation
    "#);
}

#[test]
fn the_classic_form_reads_like_this() {
    insta::assert_snapshot!(report(None, &[(200, r#"{"name":"pod-a"}"#)]), @r#"
    source: http://127.0.0.1:8001/leader
    asked 5 times as nobody, whom our elector grants nothing; --identity asks as a pod's collector
    form: {"name":".."}, as the classic leader-elector answers
    judged as the collector of pod-a
    the collector would collect (granted), for 1997 ms from the answer, which took 3 ms
    no violation
    "#);
}

#[test]
fn every_violation_is_shown_once() {
    let no = YES.replace("true", "false");
    let expired = YES.replace("leading", "lease-expired");
    let long = YES.replace("4870", "60000");
    let answers = [
        (500, YES),
        (500, YES),
        (302, YES),
        (200, "yes"),
        (200, r#"{"is_leader":true,"term":3}"#),
        (200, r#"{"is_leader":false,"is_leader":true}"#),
        (200, &no),
        (200, &expired),
        (200, &long),
        (200, YES),
        (200, &YES.replace('7', "6")),
        (200, &YES.replace("pod-a", "pod-b")),
    ];
    insta::assert_snapshot!(report(Some("pod-a"), &answers), @r#"
    source: http://127.0.0.1:8001/leader
    asked 5 times as pod-a
    form: the whole contract
    judged as the collector of pod-a
    violation: the source answers with status 500, which is neither 200 nor 503
    violation: the source redirects, with status 302; the source must answer itself
    violation: the source does not answer with JSON: expected value at line 1 column 1
    violation: the source answers with JSON that is no answer: missing field `identity`
    violation: the source contradicts itself: "is_leader" stands there twice at line 1 column 36
    says: leading (renewed), identity "pod-a", leader "pod-a", term 7, valid for 4870 ms
    the collector would stand by (contradiction); the answer took 3 ms
    violation: the source says no and names a time for which it is valid
    violation: the source says yes in state lease-expired
    violation: the source grants 60000 ms, more than a lease lasts, 15000 ms (lease_duration_secs)
    says: leading (renewed), identity "pod-a", leader "pod-a", term 7, valid for 4870 ms
    the collector would collect (granted), for 4867 ms from the answer, which took 3 ms
    says: leading (renewed), identity "pod-a", leader "pod-a", term 6, valid for 4860 ms
    the collector would stand by (lower_term); the answer took 3 ms
    violation: the source grants a lower term than a moment ago
    says: leading (renewed), identity "pod-b", leader "pod-b", term 7, valid for 4870 ms
    the collector would stand by (foreign_identity); the answer took 3 ms
    violation: the source answers for "pod-b", not for "pod-a"
    "#);
}

#[test]
fn an_invalid_address_is_an_error_that_says_what_to_write() {
    let subject = Subject {
        url: "https://pod/leader".to_owned(),
        identity: None,
    };
    let error = election(&subject).unwrap_err().to_string();
    assert!(
        error.contains("neither with http:// nor with unix:"),
        "{error}"
    );
}
