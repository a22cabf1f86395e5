//! The collector as a process, led by a source that a test scripts.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use process::{Collector, path, pause, until};
use source::{Reply, Source, contract, no};

mod process;
mod promises;
mod refusals;
mod source;

/// Nobody listens there. A collection that fails is published as well.
const NO_KAFKA: &str = "127.0.0.1:1";

fn yes() -> Reply {
    Reply::Now(200, contract(json!({})))
}

fn standby() -> Reply {
    Reply::Now(200, no())
}

#[test]
fn each_of_the_three_forms_lets_it_collect_and_the_same_with_a_no_does_not() {
    let flag = |is_leader| json!({ "is_leader": is_leader }).to_string();
    let name = |name| json!({ "name": name }).to_string();
    for (form, yes, no) in [
        ("contract", contract(json!({})), no()),
        ("flag", flag(true), flag(false)),
        ("name", name("pod-a"), name("pod-b")),
    ] {
        let source = Source::tcp(Reply::Now(200, no.clone()));
        let collector = Collector::start(&format!("form_{form}"), &source.url, NO_KAFKA);
        collector.until_polled("not_leader");
        assert!(!collector.leads(), "{form}");
        assert_eq!(collector.get("/available").0, 200, "{form}");
        source.say(Reply::Now(200, yes));
        collector.until_leads();
        source.say(Reply::Now(200, no));
        collector.until_stands_by();
        for line in [
            " INFO klag_exporter::cluster::manager: Starting in standby mode - waiting for leadership cluster=\"orders\"\n",
            " INFO klag_exporter::cluster::manager: Acquired leadership - starting collection cluster=\"orders\"\n",
            " INFO klag_exporter::cluster::manager: Lost leadership - pausing collection cluster=\"orders\"\n",
        ] {
            collector.until_logged(line);
        }
    }
}

#[test]
fn a_source_behind_a_unix_socket_is_asked_like_any_other() {
    let source = Source::unix(&path("source.sock"), yes());
    let collector = Collector::start("unix", &source.url, NO_KAFKA);
    collector.until_leads();
    assert!(source.asked()[0].is("consumer", "pod-a"));
}

#[test]
fn no_doubt_opens_or_closes_the_gate() {
    let elsewhere = Source::tcp(yes());
    let large = format!("{{\"is_leader\":true,\"pad\":\"{}\"}}", "x".repeat(20_000));
    let half = json!({ "is_leader": true, "term": 9 }).to_string();
    let doubts = [
        ("redirect", Reply::Redirect(elsewhere.url.clone())),
        ("status", Reply::Now(500, contract(json!({})))),
        ("too_large", Reply::Now(200, large)),
        ("not_json", Reply::Now(200, "yes".to_owned())),
        ("malformed", Reply::Now(200, half)),
        ("cannot_know", Reply::Now(503, contract(json!({})))),
        ("cannot_know", Reply::Now(503, no())),
    ];
    let source = Source::tcp(standby());
    let collector = Collector::start("doubts", &source.url, NO_KAFKA);
    for (result, doubt) in &doubts {
        source.say(doubt.clone());
        collector.until_polled(result);
        assert!(!collector.leads(), "{result}");
    }
    for (result, doubt) in doubts {
        // Long enough for whatever comes until the next yes.
        source.say(Reply::Now(200, contract(json!({ "valid_for_ms": 15_000 }))));
        collector.until_polled("granted");
        source.say(doubt);
        collector.until_polled(result);
        collector.until_polled(result);
        assert!(collector.leads(), "{result}");
    }
    assert_eq!(elsewhere.asked().len(), 0, "a redirect was followed");
    let gained = "kafka_lag_exporter_leader_transitions_total{reason=\"granted\",to=\"leader\"}";
    assert!((collector.sample(gained) - 1.0).abs() < f64::EPSILON);
}

#[test]
fn another_pods_answer_and_a_lower_term_close_the_gate_at_once() {
    let source = Source::tcp(yes());
    let collector = Collector::start("at_once", &source.url, NO_KAFKA);
    for (result, more) in [
        ("foreign_identity", json!({ "identity": "pod-b" })),
        ("lower_term", json!({ "term": 6 })),
    ] {
        source.say(yes());
        collector.until_leads();
        source.say(Reply::Now(200, contract(more)));
        collector.until_stands_by();
        assert!(collector.polls(result) >= 1.0);
        let log = collector.log();
        assert!(log.contains(&format!("result=\"{result}\"")), "{log}");
    }
}

#[test]
fn the_series_are_gone_at_the_deadline_without_a_word_from_the_source() {
    let source = Source::tcp(Reply::Now(200, contract(json!({ "valid_for_ms": 2500 }))));
    let collector = Collector::start("deadline", &source.url, NO_KAFKA);
    until("series", || {
        (!collector.get("/metrics").1.is_empty()).then_some(())
    });
    source.say(Reply::Silence);
    source.until_asked(1);
    let asked = source.asked();
    // The last one that was answered, or the one before it.
    let (granted, silent) = (asked[asked.len() - 2].at, asked[asked.len() - 1].at);
    collector.until_stands_by();
    let closed = Instant::now();
    assert!(
        closed >= granted + Duration::from_secs(2),
        "{:?}",
        closed - granted
    );
    assert!(
        closed <= silent + Duration::from_millis(2600),
        "{:?}",
        closed - silent
    );
    assert_eq!(collector.get("/metrics"), (200, String::new()));
    assert_eq!(collector.get("/ready").0, 503);
    collector.until_logged("Lost leadership");
    // No longer open, and nothing is left of it: that is told even to a source that does not answer.
    source.until_said("gate", "closed");
}

#[test]
fn a_higher_term_without_a_gap_relabels_what_is_shown_and_nothing_else() {
    let source = Source::tcp(yes());
    let collector = Collector::start("relabel", &source.url, NO_KAFKA);
    until("series", || {
        (!collector.get("/metrics").1.is_empty()).then_some(())
    });
    source.say(Reply::Now(200, contract(json!({ "term": 8 }))));
    until("the new term", || {
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
fn a_slow_source_is_given_more_time_and_its_answer_counts_from_the_question() {
    let slow = Duration::from_millis(1500);
    let source = Source::tcp(Reply::After(slow, 200, contract(json!({}))));
    let collector = Collector::start("slow", &source.url, NO_KAFKA);
    collector.until_leads();
    assert!(collector.polls("timeout") >= 1.0);
    let left = collector.sample("kafka_lag_exporter_leadership_valid_seconds ");
    assert!(left <= 3.5, "{left}");
    // As slow as what it says is worth: nothing.
    source.say(Reply::After(
        slow,
        200,
        json!({ "is_leader": true }).to_string(),
    ));
    collector.until_stands_by();
}

#[test]
fn a_blocked_source_is_a_warning_that_says_what_is_missing() {
    let blocked = json!({
        "is_leader": false, "valid_for_ms": 0, "state": "blocked", "reason": "forbidden", "detail": "patch",
    });
    let source = Source::tcp(Reply::Now(503, contract(blocked)));
    let collector = Collector::start("blocked", &source.url, NO_KAFKA);
    let line = until("a warning", || {
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
    pause(Duration::from_millis(500));
    assert_eq!(collector.log().matches("Leadership is blocked").count(), 1);
}

#[test]
fn a_source_that_is_gone_is_a_warning_once_it_stays_away() {
    let source = Source::tcp(yes());
    let url = source.url.clone();
    let collector = Collector::start("gone", &url, NO_KAFKA);
    collector.until_leads();
    drop(source);
    until("a warning", || {
        let log = collector.log();
        log.contains("The source of leadership gives no usable answer")
            .then_some(())
    });
    assert!(collector.polls("unreachable") >= 5.0);
}

#[test]
fn a_source_can_be_checked_before_anything_relies_on_it() {
    let check = |url: &str| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_collector"));
        command.args(["--check-source", url, "--identity", "pod-a"]);
        let output = command.output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        (output.status.code(), text)
    };
    let source = Source::tcp(yes());
    let (status, text) = check(&source.url);
    assert_eq!(status, Some(0), "{text}");
    assert!(text.contains("the collector would collect"), "{text}");
    let asked = source.asked();
    assert!(asked.iter().all(|it| it.is("gate", "open")), "{asked:?}");
    source.say(Reply::Now(200, contract(json!({ "identity": "pod-b" }))));
    let (status, text) = check(&source.url);
    assert_eq!(status, Some(69), "{text}");
    let (status, text) = check("unix:/there/is/none");
    assert_eq!(status, Some(69), "{text}");
    assert!(text.contains("cannot be asked"), "{text}");
    assert_eq!(check("https://elsewhere").0, Some(64));
}
