//! One cluster's worker: collects while the gate is open, and keeps what is shown of the cluster.

mod made;

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, bail};
use shared::config::{self, Exporter};
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, debug, info, info_span, warn};

use crate::exposition::{self, ClusterView, Counters, Outcome};
use crate::gate::{self, Gate};
use crate::kafka::Kafka;
use crate::progress::{Phase as Step, Progress};
use crate::snapshot::{Failure, Snapshot};

use self::made::Made;

/// The log target of the guide's messages; operators filter on it.
const TARGET: &str = "klag_exporter::cluster::manager";

/// How many failures of one collection the log names; the counters have all.
const NAMED: usize = 5;

/// What is shown of a cluster, and under which term it was collected.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Name, options, lag, counters.
    pub view: ClusterView,
    /// The term of the collection that the lag is of.
    pub term: u64,
}

/// Collects from one cluster.
#[derive(Debug)]
pub struct Worker {
    /// The cluster's part of the configuration.
    pub cluster: Arc<config::Cluster>,
    /// What holds for all clusters.
    pub exporter: Arc<Exporter>,
    /// The permission to collect.
    pub gate: watch::Receiver<Gate>,
    /// Where what is shown goes.
    pub shown: watch::Sender<Shown>,
    /// Where the first collection tells how far it is.
    pub progress: watch::Sender<Progress>,
}

/// What a leading worker waits for.
enum Event {
    Shutdown,
    Closed(gate::Reason),
    Due,
    Collected(Option<Snapshot>),
    Overdue,
    Stale,
}

/// The time of one leadership: from the gate's opening to its closing.
struct Leading<'w> {
    worker: &'w mut Worker,
    kafka: Kafka,
    term: u64,
    due: Interval,
    /// The collection in progress.
    running: Option<Running>,
    /// When what is shown becomes stale.
    stale_at: Option<Instant>,
}

struct Running {
    began: Instant,
    stop: CancellationToken,
    answer: oneshot::Receiver<Snapshot>,
}

// === impl Shown ===

impl Shown {
    /// A cluster of which nothing was collected yet.
    pub fn nothing(cluster: &config::Cluster, exporter: &Exporter) -> Self {
        let cluster = exposition::Cluster {
            name: Arc::clone(&cluster.name),
            labels: cluster.labels.clone(),
            granularity: exporter.granularity,
            compatibility: exporter.compatibility,
        };
        let view = ClusterView {
            cluster: Arc::new(cluster),
            lag: None,
            last_collection: None,
            last_update: None,
            counters: Counters::default(),
        };
        Self { view, term: 0 }
    }
}

// === impl Worker ===

impl Worker {
    /// Runs until shutdown.
    ///
    /// # Errors
    /// When the clients cannot be made, or their thread ends or hangs.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let span = info_span!("cluster", cluster = %self.cluster.name);
        async {
            if !self.gate.borrow().is_open(Instant::now()) {
                info!(target: TARGET, "Starting in standby mode - waiting for leadership");
            }
            loop {
                let permit = tokio::select! { biased;
                () = shutdown.cancelled() => return Ok(()),
                permit = gate::wait::opened(&mut self.gate) => permit };
                if permit.until != gate::Until::Forever {
                    info!(target: TARGET, "Acquired leadership - starting collection");
                }
                let leading = Leading::begin(&mut self, permit.term)?;
                leading.run(&shutdown).await?;
                if shutdown.is_cancelled() {
                    return Ok(());
                }
                info!(target: TARGET, "Lost leadership - pausing collection");
            }
        }
        .instrument(span)
        .await
    }
}

// === impl Leading ===

impl<'w> Leading<'w> {
    fn begin(worker: &'w mut Worker, term: u64) -> anyhow::Result<Self> {
        let kafka = Kafka::open(
            Arc::clone(&worker.cluster),
            Arc::clone(&worker.exporter),
            worker.progress.clone(),
        )?;
        let mut due = interval_at(Instant::now(), worker.exporter.poll_interval);
        due.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Ok(Self {
            worker,
            kafka,
            term,
            due,
            running: None,
            stale_at: None,
        })
    }

    /// Collects until the gate closes or shutdown; the clients go with `self`.
    async fn run(mut self, shutdown: &CancellationToken) -> anyhow::Result<()> {
        loop {
            match self.next(shutdown).await {
                Event::Shutdown => {
                    self.abandon();
                    return Ok(());
                }
                Event::Closed(reason) => {
                    debug!(reason = reason.label(), "The gate has closed");
                    self.abandon();
                    self.withdraw();
                    return Ok(());
                }
                Event::Due => self.start(),
                Event::Collected(Some(snapshot)) => self.finish(snapshot).await?,
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
        let collecting = self.running.is_some();
        tokio::select! { biased;
        () = shutdown.cancelled() => Event::Shutdown,
        reason = gate::wait::closed(&mut self.worker.gate) => Event::Closed(reason),
        snapshot = answer(&mut self.running) => Event::Collected(snapshot),
        () = at(wedged) => Event::Overdue,
        () = at(self.stale_at) => Event::Stale,
        _ = self.due.tick(), if !collecting => Event::Due }
    }

    fn start(&mut self) {
        let stop = CancellationToken::new();
        let answer = self.kafka.collect(stop.clone());
        self.running = Some(Running {
            began: Instant::now(),
            stop,
            answer,
        });
    }

    fn abandon(&mut self) {
        if let Some(running) = self.running.take() {
            running.stop.cancel();
            self.worker
                .shown
                .send_modify(|shown| shown.view.counters.count_collection(Outcome::Abandoned));
        }
    }

    fn withdraw(&mut self) {
        self.stale_at = None;
        self.worker.shown.send_modify(|shown| shown.view.lag = None);
    }

    /// Turns a snapshot into what is shown.
    async fn finish(&mut self, snapshot: Snapshot) -> anyhow::Result<()> {
        let Some(running) = self.running.take() else {
            return Ok(());
        };
        let duration = running.began.elapsed();
        let cluster = Arc::clone(&self.worker.shown.borrow().view.cluster);
        let time_lag = self.worker.exporter.time_lag;
        let made = tokio::task::spawn_blocking(move || Made::of(snapshot, &cluster, time_lag));
        let made = made.await.context("rendering failed")?;
        log(&made, duration);
        let gave_data = made.outcome.gave_data();
        if gave_data {
            self.stale_at = Some(Instant::now() + self.worker.exporter.staleness_threshold);
        }
        let term = self.term;
        self.worker.shown.send_modify(|shown| {
            shown.term = term;
            made.show(&mut shown.view, duration);
        });
        // After a collection without data there is still a first one to wait for.
        if gave_data {
            let progress = &self.worker.progress;
            progress.send_modify(|progress| progress.phase = Step::Published);
        }
        Ok(())
    }
}

impl Worker {
    /// How long a collection may take at most; twice that is a wedge.
    fn deadline(&self) -> Duration {
        crate::kafka::deadline(&self.exporter)
    }
}

async fn answer(running: &mut Option<Running>) -> Option<Snapshot> {
    match running {
        Some(running) => (&mut running.answer).await.ok(),
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
