//! Many readers that take no gzip, some of which read slowly.

use std::time::Duration;

use axum::body::to_bytes;
use axum::http::{StatusCode, header};
use axum::response::Response;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::harness::{Harness, harness};
use crate::{OPEN, OPENING, STANDBY};

/// Readers that are served at a time.
const PLACES: usize = 8;

/// How long one may keep others waiting.
const TURN: Duration = Duration::from_secs(5);

/// How long others wait.
const LINE: Duration = Duration::from_secs(8);

/// Several chunks.
fn text() -> String {
    "kafka_consumergroup_group_lag{group=\"g\"} 1\n".repeat(30_000)
}

/// A leader, and as many answers as there are places, none of which is read.
async fn full() -> (Harness, Vec<Response>) {
    let harness = harness(OPEN);
    harness.publish(&text(), OPENING);
    let mut unread = Vec::new();
    for _ in 0..PLACES {
        unread.push(harness.begin("GET", "/metrics", "identity").await);
    }
    (harness, unread)
}

/// How many of the answers can still be read whole; the others break off.
async fn whole(answers: Vec<Response>) -> usize {
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
async fn whoever_reads_slowly_keeps_its_place_while_nobody_wants_it() {
    let (_world, unread) = full().await;
    tokio::time::sleep(100 * TURN).await;
    assert_eq!(whole(unread).await, PLACES);
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_is_given_the_place_of_one_that_has_had_its_turn() {
    let (harness, unread) = full().await;
    let began = Instant::now();
    let answer = harness.get("/metrics").await;
    let took = began.elapsed();
    assert!(answer.text() == text());
    assert!(
        (TURN..TURN + Duration::from_secs(1)).contains(&took),
        "{took:?}"
    );
    assert_eq!(whole(unread).await, PLACES - 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_served_in_time_is_told_when_to_come_again() {
    let (harness, unread) = full().await;
    let began = Instant::now();
    let mut waiting = JoinSet::new();
    for _ in 0..PLACES + 2 {
        waiting.spawn(harness.begin("GET", "/metrics", "identity"));
    }
    let answers = waiting.join_all().await;
    let took = began.elapsed();
    assert!(
        (LINE..LINE + Duration::from_secs(1)).contains(&took),
        "{took:?}"
    );
    let (served, told): (Vec<_>, Vec<_>) = answers
        .into_iter()
        .partition(|answer| answer.status() == StatusCode::OK);
    assert_eq!((served.len(), told.len()), (PLACES, 2));
    for answer in told {
        assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(answer.headers()[header::RETRY_AFTER], "5");
    }
    assert_eq!(whole(unread).await, 0);
}

#[tokio::test(start_paused = true)]
async fn whoever_takes_gzip_or_only_the_head_and_every_probe_waits_for_nobody() {
    let (harness, _unread) = full().await;
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
async fn an_answer_that_is_given_up_gives_its_place_to_the_next_at_once() {
    let (harness, mut unread) = full().await;
    let began = Instant::now();
    unread.pop();
    assert!(harness.get("/metrics").await.text() == text());
    assert!(began.elapsed() < TURN);
    assert_eq!(whole(unread).await, PLACES - 1);
}

#[tokio::test(start_paused = true)]
async fn whoever_waited_while_the_gate_closed_is_shown_nothing() {
    let (harness, unread) = full().await;
    let close = async {
        tokio::time::sleep(TURN / 2).await;
        harness.gate.send_replace(STANDBY);
    };
    let (answer, ()) = tokio::join!(harness.get("/metrics"), close);
    assert_eq!((answer.status, answer.text()), (StatusCode::OK, ""));
    assert_eq!(whole(unread).await, PLACES - 1);
}
