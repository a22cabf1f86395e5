//! Tests of the HTTP status, headers and bodies, as the contract defines them.

use axum::http::{StatusCode, header};
use elector::lease_status::{LeaseStatus, Problem};
use shared::leadership::{State, StateReason};

use crate::fixture::{CLOSED, OPEN, POD, TaskFixture, ask};

#[tokio::test(start_paused = true)]
async fn the_own_consumer_of_a_leader_is_granted() {
    let mut fixture = TaskFixture::leading().await;
    let path = fixture.path(CLOSED, 200);
    let answer = fixture.get(&path).await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.header(header::CACHE_CONTROL), Some("no-store"));
    assert_eq!(
        answer.header(header::CONTENT_TYPE),
        Some("application/json")
    );
    assert_eq!(
        answer.text,
        concat!(
            r#"{"is_leader":true,"identity":"pod-a","name":"pod-a","term":4711,"#,
            r#""valid_for_ms":5000,"state":"leading","reason":"renewed"}"#
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_request_without_a_query_gets_the_report_at_both_paths() {
    let fixture = TaskFixture::leading().await;
    for path in ["/", "/leader", "/leader?"] {
        let answer = fixture.get(path).await;
        let report = answer.report();
        assert_eq!(answer.status, StatusCode::OK, "{path}");
        assert_eq!(
            (report.is_leader, report.valid_for_ms),
            (false, 0),
            "{path}"
        );
        assert_eq!((report.name.as_str(), report.state), (POD, State::Leading));
    }
    let poll = "/?consumer=pod-b&instance=x&seq=1&healthy=true&gate=open";
    assert!(!fixture.get(poll).await.report().is_leader);
}

#[tokio::test(start_paused = true)]
async fn an_unknown_leader_is_a_503_with_the_same_body() {
    let mut fixture = TaskFixture::new();
    let path = fixture.path(OPEN, 0);
    let answer = fixture.get(&path).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(answer.report().state, State::Starting);
    assert_eq!(answer.header(header::CACHE_CONTROL), Some("no-store"));

    fixture.lease_status.send_replace(LeaseStatus {
        problem: Some(Problem {
            reason: StateReason::Forbidden,
            cause: "patch",
            detail: "patch on leases".to_owned(),
        }),
        ..LeaseStatus::default()
    });
    let path = fixture.path(OPEN, 0);
    let answer = fixture.get(&path).await;
    assert_eq!(answer.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(
        answer.text,
        concat!(
            r#"{"is_leader":false,"identity":"pod-a","name":"","term":0,"valid_for_ms":0,"#,
            r#""state":"blocked","reason":"forbidden","detail":"patch on leases"}"#
        )
    );
}

#[tokio::test(start_paused = true)]
async fn a_bad_query_is_refused_with_a_text_that_says_what_to_write() {
    let fixture = TaskFixture::leading().await;
    let good = "consumer=a&instance=b&seq=1&healthy=true&gate=open&wait_ms=0";
    assert_eq!(
        fixture.get(&format!("/leader?{good}")).await.status,
        StatusCode::OK
    );
    for (from, to, said) in [
        ("seq=1", "seq=-1", "seq"),
        ("seq=1", "seq=99999999999999999999", "seq"),
        ("seq=1&", "", "missing field `seq`"),
        (
            "gate=open",
            "gate=ajar",
            "unknown variant `ajar`, expected `open` or `closed`",
        ),
        ("healthy=true", "healthy=yes", "healthy"),
        ("wait_ms=0", "wait_ms=soon", "wait_ms"),
        ("wait_ms=0", "wait_ms=1e3", "wait_ms"),
        ("wait_ms=0", "wait=0", "unknown field `wait`"),
        (
            "instance=b",
            "instance=b&instance=c",
            "duplicate field `instance`",
        ),
    ] {
        let query = good.replace(from, to);
        let answer = fixture.get(&format!("/leader?{query}")).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(answer.text.starts_with("bad query: "), "{}", answer.text);
        assert!(answer.text.contains(said), "{}", answer.text);
        assert!(
            answer.text.contains("write consumer=NAME&instance="),
            "{}",
            answer.text
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_telemetry_router_does_not_serve_the_leader() {
    let fixture = TaskFixture::leading().await;
    for path in ["/", "/leader"] {
        let answer = ask(fixture.outside.clone(), "GET", path).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}");
    }
    for path in ["/health", "/metrics"] {
        for router in [&fixture.outside, &fixture.router] {
            let answer = ask(router.clone(), "GET", path).await;
            assert_eq!(answer.status, StatusCode::OK, "{path}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn only_get_is_allowed() {
    let fixture = TaskFixture::leading().await;
    for method in ["POST", "PUT", "DELETE"] {
        let answer = ask(fixture.router.clone(), method, "/leader").await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
    }
}
