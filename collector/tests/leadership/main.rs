//! The collector as a process, led by a source that a test scripts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use process::{Collector, path, sleep, wait_until};
use source::{Reply, Source, contract, not_leader};

mod contradictions;
mod process;
mod self_reports;
#[path = "../../../shared/tests/support/served_addresses.rs"]
mod served_addresses;
mod source;

/// An address without a listener. The collector's collections fail then, and are published all the same.
const NO_KAFKA: &str = "127.0.0.1:1";

fn leader_answer() -> Reply {
    Reply::Now(200, contract(json!({})))
}

fn standby_answer() -> Reply {
    Reply::Now(200, not_leader())
}

#[test]
fn each_of_the_three_answer_forms_starts_and_ends_the_collection() {
    let flag = |is_leader| json!({ "is_leader": is_leader }).to_string();
    let name = |name| json!({ "name": name }).to_string();
    for (form, yes, no) in [
        ("contract", contract(json!({})), not_leader()),
        ("flag", flag(true), flag(false)),
        ("name", name("pod-a"), name("pod-b")),
    ] {
        let source = Source::tcp(Reply::Now(200, no.clone()));
        let collector = Collector::start(&format!("form_{form}"), &source.url, NO_KAFKA);
        collector.wait_for_poll("not_leader");
        assert!(!collector.leads(), "{form}");
        assert_eq!(collector.get("/available").0, 200, "{form}");
        source.answer_with(Reply::Now(200, yes));
        collector.wait_until_leader();
        source.answer_with(Reply::Now(200, no));
        collector.wait_until_standby();
        for line in [
            " INFO klag_exporter::cluster::manager: Starting in standby mode - waiting for leadership cluster=\"orders\"\n",
            " INFO klag_exporter::cluster::manager: Acquired leadership - starting collection cluster=\"orders\"\n",
            " INFO klag_exporter::cluster::manager: Lost leadership - pausing collection cluster=\"orders\"\n",
        ] {
            collector.wait_for_log(line);
        }
    }
}

#[test]
fn a_source_behind_a_unix_socket_is_asked_like_any_other() {
    let source = Source::unix(&path("source.sock"), leader_answer());
    let collector = Collector::start("unix", &source.url, NO_KAFKA);
    collector.wait_until_leader();
    assert!(source.requests()[0].is("consumer", "pod-a"));
}

#[test]
fn an_answer_that_cannot_be_used_neither_opens_nor_closes_the_gate() {
    let elsewhere = Source::tcp(leader_answer());
    let large = format!("{{\"is_leader\":true,\"pad\":\"{}\"}}", "x".repeat(20_000));
    let half = json!({ "is_leader": true, "term": 9 }).to_string();
    let doubts = [
        ("redirect", Reply::Redirect(elsewhere.url.clone())),
        ("status", Reply::Now(500, contract(json!({})))),
        ("too_large", Reply::Now(200, large)),
        ("not_json", Reply::Now(200, "yes".to_owned())),
        ("malformed", Reply::Now(200, half)),
        ("cannot_know", Reply::Now(503, contract(json!({})))),
        ("cannot_know", Reply::Now(503, not_leader())),
    ];
    let source = Source::tcp(standby_answer());
    let collector = Collector::start("doubts", &source.url, NO_KAFKA);
    for (result, doubt) in &doubts {
        source.answer_with(doubt.clone());
        collector.wait_for_poll(result);
        assert!(!collector.leads(), "{result}");
    }
    for (result, doubt) in doubts {
        // This grant outlasts the unusable answer that follows.
        source.answer_with(Reply::Now(200, contract(json!({ "valid_for_ms": 15_000 }))));
        collector.wait_for_poll("granted");
        source.answer_with(doubt);
        collector.wait_for_poll(result);
        collector.wait_for_poll(result);
        assert!(collector.leads(), "{result}");
    }
    assert_eq!(elsewhere.requests().len(), 0, "a redirect was followed");
    let gained = "kafka_lag_exporter_leader_transitions_total{reason=\"granted\",to=\"leader\"}";
    assert!((collector.sample(gained) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn another_pods_answer_and_a_lower_term_close_the_gate_at_once() {
    let source = Source::tcp(leader_answer());
    let collector = Collector::start("at_once", &source.url, NO_KAFKA);
    for (result, more) in [
        ("foreign_identity", json!({ "identity": "pod-b" })),
        ("lower_term", json!({ "term": 6 })),
    ] {
        source.answer_with(leader_answer());
        collector.wait_until_leader();
        source.answer_with(Reply::Now(200, contract(more)));
        // A poll is counted after its answer has been applied, so the gate must be closed as soon as the count is there.
        collector.wait_for_poll(result);
        assert!(!collector.leads(), "{result}");
        let log = collector.log();
        assert!(log.contains(&format!("result=\"{result}\"")), "{log}");
    }
}

#[test]
fn the_series_are_withdrawn_at_the_deadline_without_any_answer_from_the_source() {
    let source = Source::tcp(Reply::Now(200, contract(json!({ "valid_for_ms": 2500 }))));
    let collector = Collector::start("deadline", &source.url, NO_KAFKA);
    wait_until("series", || {
        (!collector.get("/metrics").1.is_empty()).then_some(())
    });
    source.answer_with(Reply::Silence);
    source.wait_for_requests(1);
    let requests = source.requests();
    // `granted` is the time of the last request that was answered, or of the one before it.
    let (granted, silent) = (
        requests[requests.len() - 2].at,
        requests[requests.len() - 1].at,
    );
    let closed = wait_until("the end of leadership", || {
        let asked = Instant::now();
        let leads = collector.leads();
        // The grant counts from its own request, which came before the one that gets no answer.
        let passed = asked > silent + Duration::from_millis(2500);
        assert!(!(leads && passed), "{:?}", asked - silent);
        (!leads).then(Instant::now)
    });
    assert!(
        closed >= granted + Duration::from_secs(2),
        "{:?}",
        closed - granted
    );
    assert_eq!(collector.get("/metrics"), (200, String::new()));
    assert_eq!(collector.get("/ready").0, 503);
    collector.wait_for_log("Lost leadership");
    // The collector reports the closed gate even to a source that does not answer.
    source.wait_for_request_with("gate", "closed");
}

#[test]
fn a_higher_term_without_a_gap_changes_only_the_published_term() {
    let source = Source::tcp(leader_answer());
    let collector = Collector::start("relabel", &source.url, NO_KAFKA);
    wait_until("series", || {
        (!collector.get("/metrics").1.is_empty()).then_some(())
    });
    source.answer_with(Reply::Now(200, contract(json!({ "term": 8 }))));
    wait_until("the new term", || {
        let (_, text) = collector.get("/metrics");
        assert!(!text.is_empty(), "a gap");
        text.contains("\nkafka_lag_exporter_leader_term 8\n")
            .then_some(())
    });
    assert!((collector.sample("kafka_lag_exporter_leadership_term ") - 8.0).abs() < f64::EPSILON);
    let log = collector.log();
    assert!(!log.contains("Lost leadership"), "{log}");
    assert_eq!(log.matches("Acquired leadership").count(), 1, "{log}");
}

#[test]
fn a_slow_source_gets_more_time_and_its_answer_counts_from_the_request() {
    let slow = Duration::from_millis(1500);
    let source = Source::tcp(Reply::After(slow, 200, contract(json!({}))));
    let collector = Collector::start("slow", &source.url, NO_KAFKA);
    collector.wait_until_leader();
    assert!(collector.n_polls("timeout") >= 1.0);
    let left = collector.sample("kafka_lag_exporter_leadership_valid_seconds ");
    assert!(left <= 3.5, "{left}");
    // An answer of this form counts for `max_staleness`, 2 s, from its request on, and takes 1.5 s, so the gate closes before the
    // next answer has come.
    source.answer_with(Reply::After(
        slow,
        200,
        json!({ "is_leader": true }).to_string(),
    ));
    collector.wait_until_standby();
}

#[test]
fn a_blocked_source_is_logged_as_a_warning_with_what_is_missing() {
    let blocked = json!({
        "is_leader": false, "valid_for_ms": 0, "state": "blocked", "reason": "forbidden", "detail": "patch",
    });
    let source = Source::tcp(Reply::Now(503, contract(blocked)));
    let collector = Collector::start("blocked", &source.url, NO_KAFKA);
    let line = wait_until("a warning", || {
        let log = collector.log();
        let line = log
            .lines()
            .find(|line| line.contains("Leadership is blocked"));
        line.map(ToOwned::to_owned)
    });
    for word in ["WARN", "klag_exporter::leadership", "forbidden", "patch"] {
        assert!(line.contains(word), "{line}");
    }
    assert_eq!(
        collector.get("/available"),
        (503, "not available: blocked\n".to_owned())
    );
    sleep(Duration::from_millis(500));
    assert_eq!(collector.log().matches("Leadership is blocked").count(), 1);
}

#[test]
fn a_source_that_stays_away_is_logged_as_a_warning_once() {
    let source = Source::tcp(leader_answer());
    let url = source.url.clone();
    let collector = Collector::start("gone", &url, NO_KAFKA);
    collector.wait_until_leader();
    drop(source);
    wait_until("a warning", || {
        let log = collector.log();
        log.contains("The source of leadership gives no usable answer")
            .then_some(())
    });
    assert!(collector.n_polls("unreachable") >= 5.0);
}

#[test]
fn a_source_can_be_checked_before_it_is_used() {
    let check = |url: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_collector"));
        command.args(["--check-source", url, "--identity", "pod-a"]);
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let source = Source::tcp(leader_answer());
    let (status, text) = check(&source.url);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("the collector would collect"), "{text}");
    let requests = source.requests();
    assert!(
        requests.iter().all(|it| it.is("gate", "open")),
        "{requests:?}"
    );
    source.answer_with(Reply::Now(200, contract(json!({ "identity": "pod-b" }))));
    let (status, text) = check(&source.url);
    assert_eq!(status, Some(69), "{text}");
    let (status, text) = check("unix:/there/is/none");
    assert_eq!(status, Some(69), "{text}");
    assert!(text.contains("cannot be asked"), "{text}");
    assert_eq!(check("https://elsewhere").0, Some(64));
}
