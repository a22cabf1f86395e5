//! The time of one leadership: from the gate's opening to its closing.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use tokio::sync::oneshot;
use tokio::task::{JoinError, JoinHandle};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

use super::Worker;
use super::made::Made;
use crate::exposition::Outcome;
use crate::gate;
use crate::gate::hold::Held;
use crate::kafka::Kafka;
use crate::progress::Phase as Step;
use crate::snapshot::{Failure, Snapshot};

/// How many failures of one collection the log names; the counters have all.
const NAMED: usize = 5;

/// What a leading worker waits for.
enum Event {
    Shutdown,
    Closed(gate::Reason),
    Due,
    Collected(Option<Snapshot>),
    Made(Result<Made, JoinError>),
    Overdue,
    Stale,
}

/// A worker that may collect.
pub(super) struct Leading<'w> {
    worker: &'w mut Worker,
    kafka: Kafka,
    opening: u64,
    due: Interval,
    /// The collection in progress.
    running: Option<Running>,
    /// What is being made of the one that has just ended, and how long that one took. No reason to miss the gate's closing.
    making: Option<(JoinHandle<Made>, Duration)>,
    /// When what is shown becomes stale.
    stale_at: Option<Instant>,
}

struct Running {
    began: Instant,
    answer: oneshot::Receiver<Snapshot>,
}

// === impl Leading ===

impl<'w> Leading<'w> {
    /// Makes the clients.
    ///
    /// # Errors
    /// When they cannot be made.
    pub(super) fn begin(worker: &'w mut Worker, held: Held) -> anyhow::Result<Self> {
        let opening = held.permit.opening;
        let kafka = Kafka::open(
            Arc::clone(&worker.cluster),
            Arc::clone(&worker.exporter),
            worker.progress.clone(),
            held,
        )?;
        let mut due = interval_at(Instant::now(), worker.exporter.poll_interval);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            worker,
            kafka,
            opening,
            due,
            running: None,
            making: None,
            stale_at: None,
        })
    }

    /// Collects until the gate closes or shutdown. All connections are gone then; returns what is cancelled when the clients
    /// are, too.
    ///
    /// # Errors
    /// When their thread ends or hangs.
    pub(super) async fn run(
        mut self,
        shutdown: &CancellationToken,
    ) -> anyhow::Result<CancellationToken> {
        loop {
            match self.next(shutdown).await {
                Event::Shutdown => {
                    self.abandon();
                    return Ok(self.kafka.ended());
                }
                Event::Closed(reason) => {
                    debug!(reason = reason.label(), "The gate has closed");
                    self.abandon();
                    self.withdraw();
                    self.wait_again();
                    return Ok(self.kafka.ended());
                }
                Event::Due => self.start(),
                Event::Collected(Some(snapshot)) => self.make(snapshot),
                Event::Made(made) => self.show(made.context("rendering failed")?),
                Event::Collected(None) => bail!(
                    "the Kafka thread of cluster {} has ended",
                    self.worker.cluster.name
                ),
                Event::Overdue => bail!(
                    "the Kafka thread of cluster {} does not answer",
                    self.worker.cluster.name
                ),
                Event::Stale => {
                    warn!("No collection gave data for too long, withdrawing the cluster's series");
                    self.withdraw();
                }
            }
        }
    }

    async fn next(&mut self, shutdown: &CancellationToken) -> Event {
        let wedged = self
            .running
            .as_ref()
            .map(|running| running.began + 2 * self.worker.deadline());
        let busy = self.running.is_some() || self.making.is_some();
        tokio::select! { biased;
        () = shutdown.cancelled() => Event::Shutdown,
        reason = gate::wait::closed(&mut self.worker.gate) => Event::Closed(reason),
        snapshot = answer(&mut self.running) => Event::Collected(snapshot),
        made = made(&mut self.making) => Event::Made(made),
        () = at(wedged) => Event::Overdue,
        () = at(self.stale_at) => Event::Stale,
        _ = self.due.tick(), if !busy => Event::Due }
    }

    fn start(&mut self) {
        let answer = self.kafka.collect();
        self.running = Some(Running {
            began: Instant::now(),
            answer,
        });
    }

    fn abandon(&mut self) {
        let making = self.making.take();
        if self.running.take().is_some() || making.is_some() {
            self.worker
                .shown
                .send_modify(|shown| shown.view.counters.count_collection(Outcome::Abandoned));
        }
    }

    fn withdraw(&mut self) {
        self.stale_at = None;
        self.worker.shown.send_modify(|shown| shown.view.lag = None);
    }

    /// Whoever may not collect is not on its way to a first collection.
    fn wait_again(&self) {
        self.worker.progress.send_if_modified(|progress| {
            let under_way = progress.phase != Step::Published;
            if under_way {
                progress.phase = Step::Waiting;
            }
            under_way
        });
    }

    /// Begins to turn a snapshot into what is shown.
    fn make(&mut self, snapshot: Snapshot) {
        let Some(running) = self.running.take() else {
            return;
        };
        let duration = running.began.elapsed();
        let cluster = Arc::clone(&self.worker.shown.borrow().view.cluster);
        let time_lag = self.worker.exporter.time_lag;
        let made = tokio::task::spawn_blocking(move || Made::of(snapshot, &cluster, time_lag));
        self.making = Some((made, duration));
    }

    fn show(&mut self, made: Made) {
        let Some((_, duration)) = self.making.take() else {
            return;
        };
        log(&made, duration);
        let gave_data = made.outcome.gave_data();
        if gave_data {
            self.stale_at = Some(Instant::now() + self.worker.exporter.staleness_threshold);
        }
        let opening = self.opening;
        self.worker.shown.send_modify(|shown| {
            shown.opening = opening;
            made.show(&mut shown.view, duration);
        });
        // After a collection without data there is still a first one to wait for.
        if gave_data {
            let progress = &self.worker.progress;
            progress.send_modify(|progress| progress.phase = Step::Published);
        }
    }
}

async fn answer(running: &mut Option<Running>) -> Option<Snapshot> {
    match running {
        Some(running) => (&mut running.answer).await.ok(),
        None => std::future::pending().await,
    }
}

async fn made(making: &mut Option<(JoinHandle<Made>, Duration)>) -> Result<Made, JoinError> {
    match making {
        Some((made, _)) => made.await,
        None => std::future::pending().await,
    }
}

async fn at(moment: Option<Instant>) {
    match moment {
        Some(moment) => tokio::time::sleep_until(moment).await,
        None => std::future::pending().await,
    }
}

fn log(made: &Made, duration: Duration) {
    let seconds = duration.as_secs_f64();
    debug!(
        result = made.outcome.label(),
        seconds,
        groups = made.n_groups,
        "Collected"
    );
    if made.outcome == Outcome::Complete {
        return;
    }
    let n_failures = made.failures.len();
    for Failure { unknown, subject } in made.failures.iter().take(NAMED) {
        warn!(
            result = made.outcome.label(),
            api = unknown.api.label(),
            reason = unknown.reason.label(),
            subject,
            n_failures,
            "Collection is not complete"
        );
    }
}
