//! Sources that contradict themselves, in one answer or from one to the next.

use std::time::Duration;

use serde_json::json;
use tokio::time::Instant;

use crate::process::{Collector, pause, until};
use crate::source::{Reply, Source, contract, no};
use crate::{NO_KAFKA, standby, yes};

#[test]
fn an_answer_that_contradicts_itself_closes_the_gate_at_once_and_is_told_with_what_is_wrong() {
    let source = Source::tcp(yes());
    let collector = Collector::start("contradiction", &source.url, NO_KAFKA);
    for (answer, said) in [
        (
            r#"{"is_leader":false,"is_leader":true}"#.to_owned(),
            "stands there twice",
        ),
        (
            contract(json!({ "state": "fenced" })),
            "says yes in state fenced",
        ),
        (
            contract(json!({ "name": "pod-b" })),
            "says yes, but names another leader",
        ),
    ] {
        source.say(yes());
        collector.until_leads();
        source.say(Reply::Now(200, answer));
        collector.until_stands_by();
        collector.until_logged(said);
        collector.until_polled("contradiction");
        assert!(!collector.leads());
    }
}

#[test]
fn a_source_that_gives_and_takes_all_the_time_is_followed_ever_more_slowly_and_told_of_once() {
    let source = Source::tcp(standby());
    let collector = Collector::start("flapping", &source.url, NO_KAFKA);
    collector.until_polled("not_leader");
    source.say(Reply::InTurn(vec![contract(json!({})), no()]));
    let began = Instant::now();
    until("a refusal", || {
        (collector.get("/ready").1 == "not ready: held_off\n").then_some(())
    });
    collector.until_polled("held_off");
    pause(Duration::from_secs(8).saturating_sub(began.elapsed()));
    let gained = "kafka_lag_exporter_leader_transitions_total{reason=\"granted\",to=\"leader\"}";
    let n_openings = collector.sample(gained);
    // Followed at once it would be twenty by now.
    assert!((6.0..=9.0).contains(&n_openings), "{n_openings}");
    let log = collector.log();
    let n_told = log
        .matches("Leadership is given and taken too often")
        .count();
    assert_eq!(n_told, 1, "{log}");
    let n_lines = log.matches("klag_exporter::leadership").count();
    assert!(n_lines < 20, "{log}");
}
