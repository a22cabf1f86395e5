//! Tests of a session whose clients log in with a token.

use super::*;
use crate::kafka::oauth::tests::broker::broker;
use crate::kafka::oauth::tests::properties;
use crate::kafka::oauth::tests::provider::{Provider, granted};

#[test]
fn a_client_logs_in_with_the_token_and_a_refusal_by_the_broker_is_named() {
    let provider = Provider::start(|_| granted("S3CRETTOKEN", 300));
    let (servers, logins) = broker();
    let door =
        properties(&provider.url()) + "\"sasl.oauthbearer.extensions\" = \"logicalCluster=lkc-1\"";
    let (reason, told) = collect(&servers, &door);
    let login = logins.try_recv().unwrap();
    let login = String::from_utf8_lossy(&login);
    let expected = "n,,\u{1}auth=Bearer S3CRETTOKEN\u{1}logicalCluster=lkc-1\u{1}\u{1}";
    assert!(login.contains(expected), "{login}");
    assert_eq!(reason, Reason::Authentication, "{told:?}");
    let told = told.unwrap();
    assert_eq!(told.said_by, SaidBy::Librdkafka);
    assert!(told.text.contains("invalid_token"), "{told:?}");
    assert!(!told.text.contains("S3CRET"), "{told:?}");
    let advice = told.advice.unwrap();
    assert!(
        advice.contains("the broker does not take the token"),
        "{advice}"
    );
}

#[test]
fn without_a_token_a_collection_fails_at_once_with_the_provider_s_reason() {
    let provider = Provider::start(|_| (401, "{\"error\":\"invalid_client\"}".to_owned()));
    let (servers, logins) = broker();
    let (reason, told) = collect(&servers, &properties(&provider.url()));
    assert_eq!(reason, Reason::TokenRefused);
    let told = told.unwrap();
    assert_eq!(told.said_by, SaidBy::Login);
    assert!(told.text.contains("invalid_client"), "{told:?}");
    assert!(logins.try_recv().is_err());
}

#[test]
fn a_failed_renewal_is_counted_and_a_token_that_has_expired_is_then_the_reason_of_failures() {
    let provider = Provider::start(|n| match n {
        0 => granted("t", 2),
        _ => (503, String::new()),
    });
    let (servers, _logins) = broker();
    let mut session = open(&servers, &properties(&provider.url()));
    let (progress, _) = watch::channel(Progress::default());
    let mut seen = std::collections::BTreeSet::new();
    let began = tokio::time::Instant::now();
    let expired = (Api::Metadata, Reason::TokenExpired);
    while !seen.contains(&expired) && began.elapsed().as_secs() < 60 {
        let snapshot = session.collect(&progress);
        let failures = snapshot.failures.iter();
        seen.extend(failures.map(|it| (it.unknown.api, it.unknown.reason)));
    }
    for pair in [
        (Api::Metadata, Reason::Authentication),
        (Api::Token, Reason::Authentication),
        (Api::Token, Reason::TokenUnreachable),
        (Api::Token, Reason::TokenExpired),
        expired,
    ] {
        assert!(seen.contains(&pair), "{pair:?} {seen:?}");
    }
    let errors = session.connection_errors().borrow().clone();
    let of_login = errors.iter().filter(|it| it.said_by == SaidBy::Login);
    let texts: Vec<_> = of_login.map(|it| it.text.as_str()).collect();
    assert!(
        texts.iter().any(|text| text.contains("status 503")),
        "{texts:?}"
    );
    assert!(
        texts.iter().any(|text| text.contains("has expired")),
        "{texts:?}"
    );
}
