//! Tests of every endpoint, through the router that the collector serves.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::time::Duration;

use axum::http::{StatusCode, header};
use collector::gate::{ClosedReason, Gate, Until};
use collector::leadership::Availability;
use shared::leadership::State;
use tokio::time::Instant;

use harness::{gzip, harness};

mod harness;
mod readers;

const OPENING: u64 = 2;
const OPEN: Gate = Gate::Open {
    until: Until::Forever,
    term: 7,
    opening: OPENING,
};
const STANDBY: Gate = Gate::Closed {
    reason: ClosedReason::Standby,
};
const EXPOSITION_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

#[tokio::test]
async fn a_standby_answers_a_scrape_with_nothing_of_the_usual_type() {
    let harness = harness(STANDBY);
    harness.publish("lag 1\n", OPENING);
    for accepts in ["gzip", "identity"] {
        let answer = harness.ask("GET", "/metrics", accepts).await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, ""));
        assert_eq!(answer.header(header::CONTENT_TYPE), Some(EXPOSITION_TYPE));
        assert_eq!(answer.header(header::CONTENT_ENCODING), None);
    }
}

#[tokio::test]
async fn a_leader_sends_the_stored_bytes_to_clients_that_accept_gzip() {
    let harness = harness(OPEN);
    harness.publish("lag 1\n", OPENING);
    let answer = harness.ask("GET", "/metrics", "gzip").await;
    assert_eq!(answer.body, gzip("lag 1\n"));
    assert_eq!(answer.header(header::CONTENT_ENCODING), Some("gzip"));
    assert_eq!(answer.header(header::CONTENT_TYPE), Some(EXPOSITION_TYPE));
    assert_eq!(answer.header(header::VARY), Some("accept-encoding"));
    assert_eq!(answer.header(header::CACHE_CONTROL), Some("no-store"));
}

#[tokio::test]
async fn a_leader_sends_text_to_clients_that_do_not_accept_gzip() {
    let harness = harness(OPEN);
    // The text is longer than one of the chunks in which it is inflated.
    let text = "kafka_consumergroup_group_lag{group=\"g\"} 1\n".repeat(10_000);
    harness.publish(&text, OPENING);
    let answer = harness.get("/metrics").await;
    assert!(answer.text() == text);
    assert_eq!(answer.header(header::CONTENT_ENCODING), None);
    assert_eq!(answer.header(header::VARY), Some("accept-encoding"));
    let length = text.len().to_string();
    let head = harness.ask("HEAD", "/metrics", "identity").await;
    assert_eq!(head.header(header::CONTENT_LENGTH), Some(length.as_str()));
    assert_eq!(answer.header(header::CONTENT_TYPE), Some(EXPOSITION_TYPE));
}

#[tokio::test]
async fn data_from_before_the_gate_last_closed_is_not_shown() {
    let harness = harness(OPEN);
    harness.publish("lag 1\n", OPENING - 1);
    assert_eq!(harness.get("/metrics").await.text(), "");
    let ready = harness.get("/ready").await;
    assert_eq!(ready.status, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test(start_paused = true)]
async fn the_series_are_withdrawn_at_the_deadline_without_any_further_event() {
    let end = Instant::now() + Duration::from_secs(5);
    let harness = harness(Gate::Open {
        until: Until::At(end),
        term: 7,
        opening: OPENING,
    });
    harness.publish("lag 1\n", OPENING);
    tokio::time::advance(Duration::from_millis(4999)).await;
    assert_eq!(harness.get("/metrics").await.text(), "lag 1\n");
    tokio::time::advance(Duration::from_millis(1)).await;
    assert_eq!(harness.get("/metrics").await.text(), "");
    assert_eq!(
        harness.get("/leader").await.text(),
        r#"{"is_leader":false}"#
    );
}

#[tokio::test]
async fn a_leadership_that_goes_on_under_another_term_keeps_its_data() {
    let harness = harness(OPEN);
    harness.publish("lag 1\n", OPENING);
    harness.gate.send_replace(Gate::Open {
        until: Until::Forever,
        term: 8,
        opening: OPENING,
    });
    assert_eq!(harness.get("/metrics").await.text(), "lag 1\n");
}

#[tokio::test]
async fn each_answer_depends_on_the_gate_at_its_time() {
    let harness = harness(OPEN);
    harness.publish("lag 1\n", OPENING);
    assert_eq!(harness.get("/metrics").await.text(), "lag 1\n");
    harness.gate.send_replace(STANDBY);
    assert_eq!(harness.get("/metrics").await.text(), "");
}

#[tokio::test]
async fn probes_answer_rightly_in_every_role() {
    let unavailable = StatusCode::SERVICE_UNAVAILABLE;
    for (gate, leader) in [
        (OPEN, r#"{"is_leader":true}"#),
        (STANDBY, r#"{"is_leader":false}"#),
    ] {
        let harness = harness(gate);
        assert_eq!(harness.get("/health").await.status, StatusCode::OK);
        assert_eq!(harness.get("/ready").await.status, unavailable, "{gate:?}");
        let answer = harness.get("/leader").await;
        assert_eq!((answer.status, answer.text()), (StatusCode::OK, leader));
        let content_type = answer.header(header::CONTENT_TYPE);
        assert_eq!(content_type, Some("application/json"));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pod_that_leads_or_could_lead_is_available() {
    let ending = Gate::Closed {
        reason: ClosedReason::ShuttingDown,
    };
    let until = Instant::now() + Duration::from_secs(5);
    let fit = Availability::Available { until };
    let parked = Availability::Unavailable {
        state: State::Parked,
    };
    for (gate, availability, said) in [
        (OPEN, Availability::Pending, "available"),
        (OPEN, parked, "available"),
        (STANDBY, fit, "available: standby"),
        (STANDBY, parked, "not available: parked"),
        (
            STANDBY,
            Availability::Pending,
            "not available: the source of leadership has not answered yet",
        ),
        (ending, fit, "not available: shutting_down"),
    ] {
        let harness = harness(gate);
        harness.availability.send_replace(availability);
        let answer = harness.get("/available").await;
        assert_eq!(answer.text().trim_end(), said);
        assert_eq!(answer.status.is_success(), said.starts_with("available"));
    }
    let harness = harness(STANDBY);
    harness.availability.send_replace(fit);
    tokio::time::advance(Duration::from_secs(5)).await;
    let answer = harness.get("/available").await;
    assert_eq!(
        answer.text(),
        "not available: the source of leadership does not answer\n"
    );
}

#[tokio::test]
async fn a_leader_is_ready_once_its_first_collection_is_published() {
    let harness = harness(OPEN);
    assert_eq!(
        harness.get("/ready").await.text(),
        "not ready: no collection yet\n"
    );
    harness.publish("lag 1\n", OPENING);
    assert_eq!(harness.get("/ready").await.status, StatusCode::OK);
    harness.gate.send_replace(STANDBY);
    assert_eq!(harness.get("/ready").await.text(), "not ready: standby\n");
}

/// Returns the gate of a leader in an election.
fn leading() -> Gate {
    Gate::Open {
        until: Until::At(Instant::now() + Duration::from_secs(3600)),
        term: 7,
        opening: OPENING,
    }
}

#[tokio::test(start_paused = true)]
async fn the_prestop_hook_delays_the_end_of_a_leader_only() {
    let began = Instant::now();
    let leader = harness(leading());
    assert_eq!(leader.get("/prestop").await.status, StatusCode::OK);
    let held = began.elapsed();
    assert!(
        held >= Duration::from_secs(20) && held < Duration::from_secs(21),
        "{held:?}"
    );

    // Without an election the gate is open for ever, and no other pod takes over.
    let began = Instant::now();
    for gate in [STANDBY, OPEN] {
        assert_eq!(harness(gate).get("/prestop").await.status, StatusCode::OK);
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_prestop_hook_ends_with_the_leadership() {
    let began = Instant::now();
    let harness = harness(leading());
    let lose = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        harness.gate.send_replace(STANDBY);
    };
    tokio::join!(harness.get("/prestop"), lose);
    assert!(began.elapsed() < Duration::from_secs(4));
}

#[tokio::test]
async fn head_answers_like_get_without_a_body() {
    let harness = harness(OPEN);
    harness.publish("lag 1\n", OPENING);
    for path in [
        "/metrics",
        "/telemetry",
        "/health",
        "/ready",
        "/leader",
        "/",
    ] {
        let answer = harness.ask("HEAD", path, "gzip").await;
        assert_eq!(
            (answer.status, answer.text()),
            (StatusCode::OK, ""),
            "{path}"
        );
    }
}

#[tokio::test]
async fn other_paths_and_other_methods_are_refused() {
    let harness = harness(OPEN);
    assert_eq!(harness.get("/nowhere").await.status, StatusCode::NOT_FOUND);
    assert_eq!(harness.get("/metrics/").await.status, StatusCode::NOT_FOUND);
    let post = harness.ask("POST", "/metrics", "gzip").await;
    assert_eq!(post.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn the_first_page_links_every_endpoint() {
    let harness = harness(STANDBY);
    let page = harness.get("/").await;
    let links: Vec<&str> = page.text().split("href=\"").skip(1).collect();
    assert_eq!(links.len(), 7);
    for link in links {
        let path = link.split('"').next().unwrap();
        assert_ne!(
            harness.get(path).await.status,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
}

#[tokio::test]
async fn telemetry_is_served_in_both_roles_and_counts_requests() {
    for (gate, leader) in [(OPEN, "1"), (STANDBY, "0")] {
        let harness = harness(gate);
        harness.get("/ready").await;
        harness.get("/nowhere/at/all").await;
        let answer = harness.get("/telemetry").await;
        assert_eq!(answer.header(header::CONTENT_TYPE), Some(EXPOSITION_TYPE));
        for sample in [
            format!("kafka_lag_exporter_leader {leader}"),
            "kafka_lag_exporter_http_requests_total{path=\"/ready\",status=\"503\"} 1".to_owned(),
            "kafka_lag_exporter_http_requests_total{path=\"other\",status=\"404\"} 1".to_owned(),
        ] {
            assert!(answer.text().lines().any(|line| line == sample), "{sample}");
        }
        #[cfg(target_os = "linux")]
        assert!(answer.text().contains("\nprocess_resident_memory_bytes "));
    }
}
