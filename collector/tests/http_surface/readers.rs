//! Many readers that do not accept gzip, some of which read slowly.

use std::time::Duration;

use axum::body::to_bytes;
use axum::http::{StatusCode, header};
use axum::response::Response;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::harness::{Harness, harness};
use crate::{OPEN, OPENING, STANDBY};

/// The number of readers without gzip that are served at the same time; `N_SLOTS` in the collector.
const MAX_READERS: usize = 8;

/// The time after which a reader loses its place to a waiting reader; `SLOT_TIME` in the collector.
const MAX_READ_TIME: Duration = Duration::from_secs(5);

/// The longest time that a reader waits for a place; `QUEUE_TIMEOUT` in the collector.
const MAX_WAIT: Duration = Duration::from_secs(8);

/// Returns a text of several chunks.
fn text() -> String {
    "kafka_consumergroup_group_lag{group=\"g\"} 1\n".repeat(30_000)
}

/// Returns a leader, and one unread answer for each place, so that all places are taken.
async fn all_places_taken() -> (Harness, Vec<Response>) {
    let harness = harness(OPEN);
    harness.publish(&text(), OPENING);
    let mut unread = Vec::new();
    for _ in 0..MAX_READERS {
        unread.push(harness.begin("GET", "/metrics", "identity").await);
    }
    (harness, unread)
}

/// Reads the answers. Returns the number of those that are whole; the others break off.
async fn n_whole_answers(answers: Vec<Response>) -> usize {
    let mut n_whole = 0;
    for answer in answers {
        assert_eq!(answer.status(), StatusCode::OK);
        if let Ok(body) = to_bytes(answer.into_body(), usize::MAX).await {
            assert!(body == text());
            n_whole += 1;
        }
    }
    n_whole
}

#[tokio::test(start_paused = true)]
async fn a_slow_reader_keeps_its_place_while_no_other_reader_waits() {
    let (_harness, unread) = all_places_taken().await;
    tokio::time::sleep(100 * MAX_READ_TIME).await;
    assert_eq!(n_whole_answers(unread).await, MAX_READERS);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_reader_gets_the_place_of_one_whose_time_is_over() {
    let (harness, unread) = all_places_taken().await;
    let began = Instant::now();
    let answer = harness.get("/metrics").await;
    let took = began.elapsed();
    assert!(answer.text() == text());
    assert!(
        (MAX_READ_TIME..MAX_READ_TIME + Duration::from_secs(1)).contains(&took),
        "{took:?}"
    );
    assert_eq!(n_whole_answers(unread).await, MAX_READERS - 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_is_not_served_in_time_is_told_when_to_retry() {
    let (harness, unread) = all_places_taken().await;
    let began = Instant::now();
    let mut waiting = JoinSet::new();
    for _ in 0..MAX_READERS + 2 {
        waiting.spawn(harness.begin("GET", "/metrics", "identity"));
    }
    let answers = waiting.join_all().await;
    let took = began.elapsed();
    assert!(
        (MAX_WAIT..MAX_WAIT + Duration::from_secs(1)).contains(&took),
        "{took:?}"
    );
    let (served, told): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status() == StatusCode::OK);
    assert_eq!((served.len(), told.len()), (MAX_READERS, 2));
    for answer in told {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "5");
    }
    assert_eq!(n_whole_answers(unread).await, 0);
}

#[tokio::test(start_paused = true)]
async fn gzip_readers_head_requests_and_probes_never_wait() {
    let (harness, _unread) = all_places_taken().await;
    let began = Instant::now();
    for (method, path, accepts) in [
        ("GET", "/metrics", "gzip"),
        ("HEAD", "/metrics", "identity"),
        ("GET", "/health", ""),
        ("GET", "/ready", ""),
        ("GET", "/telemetry", ""),
    ] {
        let answer = harness.ask(method, path, accepts).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn an_abandoned_answer_frees_its_place_at_once() {
    let (harness, mut unread) = all_places_taken().await;
    let began = Instant::now();
    unread.pop();
    assert!(harness.get("/metrics").await.text() == text());
    assert!(began.elapsed() < MAX_READ_TIME);
    assert_eq!(n_whole_answers(unread).await, MAX_READERS - 1);
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_waited_while_the_gate_closed_gets_no_data() {
    let (harness, unread) = all_places_taken().await;
    let close = async {
        tokio::time::sleep(MAX_READ_TIME / 2).await;
        harness.gate.send_replace(STANDBY);
    };
    let (answer, ()) = tokio::join!(harness.get("/metrics"), close);
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, ""));
    assert_eq!(n_whole_answers(unread).await, MAX_READERS - 1);
}
