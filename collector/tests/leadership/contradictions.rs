//! Sources that contradict themselves, in one answer or from one to the next.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::process::{Collector, sleep, wait_until};
use crate::source::{Reply, Source, contract, not_leader};
use crate::{NO_KAFKA, leader_answer, standby_answer};

#[test]
fn an_answer_that_contradicts_itself_closes_the_gate_at_once_and_is_logged_with_the_contradiction()
{
    let source = Source::tcp(leader_answer());
    let collector = Collector::start("contradiction", &source.url, NO_KAFKA);
    for (answer, said) in [
        (
            r#"{"is_leader":false,"is_leader":true}"#.to_owned(),
            "stands there twice",
        ),
        (
            contract(json!({ "state": "lease-expired" })),
            "says yes in state lease-expired",
        ),
        (
            contract(json!({ "name": "pod-b" })),
            "says yes, but names another leader",
        ),
    ] {
        source.answer_with(leader_answer());
        collector.wait_until_leader();
        source.answer_with(Reply::Now(200, answer));
        collector.wait_until_standby();
        collector.wait_for_log(said);
        collector.wait_for_poll("contradiction");
        assert!(!collector.leads());
    }
}

#[test]
fn a_source_that_keeps_changing_its_answer_is_followed_more_and_more_slowly_and_logged_once() {
    let source = Source::tcp(standby_answer());
    let collector = Collector::start("flapping", &source.url, NO_KAFKA);
    collector.wait_for_poll("not_leader");
    source.answer_with(Reply::InTurn(vec![contract(json!({})), not_leader()]));
    let began = Instant::now();
    wait_until("a refusal", || {
        (collector.get("/ready").1 == "not ready: held_off\n").then_some(())
    });
    collector.wait_for_poll("held_off");
    sleep(Duration::from_secs(8).saturating_sub(began.elapsed()));
    let gained = "kafka_lag_exporter_leader_transitions_total{reason=\"granted\",to=\"leader\"}";
    let n_openings = collector.sample(gained);
    // Following each answer at once would have made twenty openings in this time.
    assert!((6.0..=9.0).contains(&n_openings), "{n_openings}");
    let log = collector.log();
    let n_warnings = log
        .matches("Leadership is given and taken too often")
        .count();
    assert_eq!(n_warnings, 1, "{log}");
    let n_lines = log.matches("klag_exporter::leadership").count();
    assert!(n_lines < 20, "{log}");
}
