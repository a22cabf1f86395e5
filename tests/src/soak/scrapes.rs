//! The scrapes of both pods, once a second, as Prometheus makes them; one in ten is not compressed.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Sender;
use std::time::Duration;

use tokio::time::Instant;

use super::args::Plant;
use super::judge::Message;
use super::spoiled;
use crate::lab;
use crate::lab::http::{self, Coding};

/// The time from the beginning of one scrape to the beginning of the next.
const EVERY: Duration = Duration::from_secs(1);
/// The time limit of one scrape.
const LIMIT: Duration = Duration::from_secs(10);
/// The number of scrapes of which one is not compressed.
const PLAIN: u64 = 10;
/// The number of scrapes of which one asks for the metrics about the process too.
const TELEMETRY: u64 = 10;

/// One scrape of a pod.
#[derive(Debug)]
pub(super) struct Scrape {
    /// The pod, 0 or 1.
    pub(super) pod: usize,
    /// The time before the request for `/metrics` was sent, in milliseconds since 1970.
    pub(super) sent: u64,
    /// The time at which the answer was there.
    pub(super) answered: u64,
    /// The text of `/metrics`, or the words of the failure.
    pub(super) metrics: Result<String, String>,
    /// The collector's answer to `/leader`, right after `/metrics`; `None` where there was none.
    pub(super) is_leader: Option<bool>,
    /// The status of `/ready`.
    pub(super) ready: Option<u16>,
    /// The text of `/telemetry`, where it was asked.
    pub(super) telemetry: Option<String>,
}

/// Scrapes the pod with this number and port until `stop` is set, and sends what was answered.
pub(super) fn scrape(
    (pod, port): (usize, u16),
    plant: Option<Plant>,
    messages: &Sender<Message>,
    stop: &AtomicBool,
) {
    let begun = Instant::now();
    let mut n: u64 = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut scrape = one(pod, port, n);
        scrape.metrics = scrape.metrics.map(|text| spoiled::text(text, n, plant));
        if messages.send(Message::Scrape(scrape)).is_err() {
            return;
        }
        n += 1;
        // A scrape that takes longer leaves the ones out that were due meanwhile.
        let passed = begun.elapsed();
        let next = u32::try_from(passed.as_secs() + 1).unwrap_or(u32::MAX);
        lab::pause((EVERY * next).saturating_sub(passed));
    }
}

fn one(pod: usize, port: u16, n: u64) -> Scrape {
    let coding = if n % PLAIN == PLAIN - 1 {
        Coding::Plain
    } else {
        Coding::Gzip
    };
    let sent = now();
    let metrics = text(port, "/metrics", coding);
    let answered = now();
    let status = |path| http::get(port, path, Coding::Plain, LIMIT).ok();
    let leader = status("/leader").and_then(|answer| answer.text().ok());
    Scrape {
        pod,
        sent,
        answered,
        metrics,
        is_leader: leader.map(|text| text.contains("true")),
        ready: status("/ready").map(|answer| answer.status),
        telemetry: n
            .is_multiple_of(TELEMETRY)
            .then(|| text(port, "/telemetry", Coding::Gzip).ok())
            .flatten(),
    }
}

fn text(port: u16, path: &str, coding: Coding) -> Result<String, String> {
    let answer = http::get(port, path, coding, LIMIT).map_err(|error| format!("{error:#}"))?;
    if answer.status != 200 {
        return Err(format!("status {}", answer.status));
    }
    answer.text().map_err(|error| format!("{error:#}"))
}

/// Returns the time of the wall clock, in milliseconds since 1970.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "milliseconds since 1970 are positive and far below 2^52"
)]
pub(super) fn now() -> u64 {
    (lab::wall_seconds() * 1000.0) as u64
}
