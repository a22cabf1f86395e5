//! The loop of one leadership: from the opening of the gate to its closing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Worker;
use super::collection_result::CollectionResult;
use crate::collected::Outcome;
use crate::gate;
use crate::gate::client_slot::ClientGuard;
use crate::kafka::Kafka;
use crate::progress::Step;
use crate::snapshot::{Api, Failure, Snapshot};

/// The largest number of failures of one collection that are logged. The counters count every failure.
const MAX_LOGGED_FAILURES: usize = 5;

/// The events that the loop waits for.
enum LoopEvent {
    Shutdown,
    GateClosed(gate::ClosedReason),
    /// The next collection is due.
    Due,
    /// The clients have read a snapshot; `None` if their thread has ended instead.
    SnapshotRead(Option<Snapshot>),
    Rendered(Result<CollectionResult, JoinError>),
    /// The Kafka thread has not answered within twice the time limit of a collection.
    Wedged,
    /// The data on show is older than `staleness_threshold`.
    Stale,
}

/// The loop of one leadership, with its Kafka clients and the collection that is in progress.
pub(super) struct LeaderLoop<'w> {
    worker: &'w mut Worker,
    kafka: Kafka,
    /// The opening of the gate in which the clients were made.
    opening: u64,
    due: Interval,
    /// The collection whose snapshot is being read.
    reading: Option<Reading>,
    /// The collection whose result is being rendered.
    rendering: Option<Rendering>,
    /// The instant at which the data on show becomes stale; `None` while no data is on show.
    stale_at: Option<Instant>,
}

struct Reading {
    began: Instant,
    answer: oneshot::Receiver<Snapshot>,
}

struct Rendering {
    /// The time that reading the snapshot took.
    duration: Duration,
    result: JoinHandle<CollectionResult>,
}

// === impl LeaderLoop ===

impl<'w> LeaderLoop<'w> {
    /// Makes the Kafka clients. The first collection is due at once.
    ///
    /// # Errors
    /// librdkafka refuses the configuration, or the operating system a thread.
    pub(super) fn begin(worker: &'w mut Worker, client_guard: ClientGuard) -> anyhow::Result<Self> {
        let opening = client_guard.permit.opening;
        let kafka = Kafka::open(
            Arc::clone(&worker.cluster),
            Arc::clone(&worker.exporter),
            worker.progress.clone(),
            client_guard,
        )?;
        let mut due = interval_at(Instant::now(), worker.exporter.poll_interval);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            worker,
            kafka,
            opening,
            due,
            reading: None,
            rendering: None,
            stale_at: None,
        })
    }

    /// Collects until the gate closes or the process shuts down. All connections to Kafka are closed on return; the returned
    /// token is cancelled later, when the clients have been freed.
    ///
    /// # Errors
    /// The thread of the clients ends or hangs, or the rendering of a collection panics.
    pub(super) async fn run(
        mut self,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<CancellationToken> {
        loop {
            match self.next(shutdown).await {
                LoopEvent::Shutdown => {
                    self.abandon();
                    return Ok(self.kafka.ended());
                }
                LoopEvent::GateClosed(reason) => {
                    debug!(reason = reason.label(), "The gate has closed");
                    self.abandon();
                    self.withdraw();
                    self.reset_progress();
                    return Ok(self.kafka.ended());
                }
                LoopEvent::Due => self.start(),
                LoopEvent::SnapshotRead(Some(snapshot)) => self.render(snapshot),
                LoopEvent::Rendered(result) => self.show(result.context("rendering failed")?),
                LoopEvent::SnapshotRead(None) => bail!(
                    "the Kafka thread of cluster {} has ended",
                    self.worker.cluster.name
                ),
                LoopEvent::Wedged => bail!(
                    "the Kafka thread of cluster {} does not answer",
                    self.worker.cluster.name
                ),
                LoopEvent::Stale => {
                    warn!("No collection gave data for too long, withdrawing the cluster's series");
                    self.withdraw();
                }
            }
        }
    }

    async fn next(&mut self, shutdown: &CancellationToken) -> LoopEvent {
        let wedged = self
            .reading
            .as_ref()
            .map(|reading| reading.began + 2 * self.worker.deadline());
        let busy = self.reading.is_some() || self.rendering.is_some();
        tokio::select! { biased;
        () = shutdown.cancelled() => LoopEvent::Shutdown,
        reason = gate::wait::closed(&mut self.worker.gate) => LoopEvent::GateClosed(reason),
        snapshot = read(&mut self.reading) => LoopEvent::SnapshotRead(snapshot),
        result = rendered(&mut self.rendering) => LoopEvent::Rendered(result),
        () = at(wedged) => LoopEvent::Wedged,
        () = at(self.stale_at) => LoopEvent::Stale,
        _ = self.due.tick(), if !busy => LoopEvent::Due }
    }

    fn start(&mut self) {
        let answer = self.kafka.collect();
        self.reading = Some(Reading {
            began: Instant::now(),
            answer,
        });
    }

    /// Drops the collection in progress, if there is one, and counts it as abandoned.
    fn abandon(&mut self) {
        let rendering = self.rendering.take();
        if self.reading.take().is_some() || rendering.is_some() {
            self.worker.rendered.send_modify(|shown| {
                shown.state.counters.count_collection(Outcome::Abandoned);
            });
        }
    }

    fn withdraw(&mut self) {
        self.stale_at = None;
        self.worker
            .rendered
            .send_modify(crate::exposition::RenderedCluster::withdraw);
    }

    /// Sets the progress of the first collection back to waiting, unless that collection was published already.
    fn reset_progress(&self) {
        self.worker.progress.send_if_modified(|progress| {
            let under_way = progress.step != Step::Published;
            if under_way {
                progress.step = Step::Waiting;
            }
            under_way
        });
    }

    /// Begins to compute and render the result of `snapshot`, without blocking the loop.
    fn render(&mut self, snapshot: Snapshot) {
        let Some(reading) = self.reading.take() else {
            return;
        };
        let duration = reading.began.elapsed();
        let cluster = Arc::clone(&self.worker.rendered.borrow().state.cluster);
        let time_lag = self.worker.exporter.time_lag;
        let result =
            tokio::task::spawn_blocking(move || CollectionResult::of(snapshot, &cluster, time_lag));
        self.rendering = Some(Rendering { duration, result });
    }

    /// Logs a result and writes it into the cluster's state. New data is fresh for `staleness_threshold` from now.
    fn show(&mut self, result: CollectionResult) {
        let Some(Rendering { duration, .. }) = self.rendering.take() else {
            return;
        };
        log(&result, duration);
        let gave_data = result.outcome.gave_data();
        if gave_data {
            self.stale_at = Some(Instant::now() + self.worker.exporter.staleness_threshold);
        }
        let opening = self.opening;
        self.worker
            .rendered
            .send_modify(|shown| result.apply(shown, opening, duration));
        // A collection without data is not the first published one, so the progress stays as it is.
        if gave_data {
            let progress = &self.worker.progress;
            progress.send_modify(|progress| progress.step = Step::Published);
        }
    }
}

async fn read(reading: &mut Option<Reading>) -> Option<Snapshot> {
    match reading {
        Some(reading) => (&mut reading.answer).await.ok(),
        None => std::future::pending().await,
    }
}

async fn rendered(rendering: &mut Option<Rendering>) -> Result<CollectionResult, JoinError> {
    match rendering {
        Some(rendering) => (&mut rendering.result).await,
        None => std::future::pending().await,
    }
}

async fn at(instant: Option<Instant>) {
    match instant {
        Some(instant) => tokio::time::sleep_until(instant).await,
        None => std::future::pending().await,
    }
}

/// Returns the failures without troubles with tokens, which the session logs once for each change of their state.
fn failures_to_log(failures: &[Failure]) -> Vec<&Failure> {
    let failures = failures.iter();
    failures
        .filter(|failure| failure.unknown.api != Api::Token)
        .collect()
}

fn log(result: &CollectionResult, duration: Duration) {
    let seconds = duration.as_secs_f64();
    let render_seconds = result.rendering().as_secs_f64();
    debug!(
        result = result.outcome.label(),
        seconds,
        render_seconds,
        groups = result.n_groups,
        "Collected"
    );
    if result.outcome == Outcome::Complete {
        return;
    }
    let failures = failures_to_log(&result.failures);
    let n_failures = failures.len();
    for Failure { unknown, subject } in failures.into_iter().take(MAX_LOGGED_FAILURES) {
        warn!(
            result = result.outcome.label(),
            api = unknown.api.label(),
            reason = unknown.reason.label(),
            subject,
            n_failures,
            "Collection is not complete"
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::{Reason, Unknown};

    #[test]
    fn a_trouble_with_tokens_is_not_logged_by_every_collection() {
        let failure = |api| Failure {
            unknown: Unknown::new(api, Reason::TokenUnreachable),
            subject: String::new(),
        };
        let failures = [Api::Token, Api::Metadata, Api::Token].map(failure);
        assert_eq!(failures_to_log(&failures), [&failures[1]]);
    }
}
