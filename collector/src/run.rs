//! The tasks of the collector, and the channels between them.
//!
//! ```text
//!  leadership::Source ─► GateWriter ─► Gate ──┬─► cluster workers, publisher ──► Published ─┐
//!                           ▲                 │           │                                 │
//!                           └── ClientState ──┼───────────┤                                 │
//!                                             │           └─► Progress ─► ProgressReporter  │
//!                                             └─► http::router ◄────────────────────────────┘
//! ```
//!
//! The arrows are values in watch channels. Leadership, each worker, the publisher, the progress reporter and the HTTP server are
//! tasks under one supervisor. The supervisor runs on the main thread and everything else on two worker threads, so that the time
//! limit on shutdown holds even while a worker thread is blocked.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use shared::config::{Config, ConfigError};
use shared::http::BindError;
use shared::tasks::{self, SignalRuntime, TaskFailure, Tasks};
use shared::telemetry::LiveLine;
use shared::web::{Access, WebConfig};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::{self, Worker};
use crate::exposition::Published;
use crate::gate::Gate;
use crate::gate::client_slot::{ClientSlot, ClientState};
use crate::http::{HttpState, OPEN_PATHS, router};
use crate::leadership::{GateWriter, InvalidSource, SetupError, Source};
use crate::progress::{Progress, ProgressReporter};
use crate::publisher;
use crate::snapshot::Name;
use crate::telemetry::Telemetry;

/// The time that tasks have from the signal to their end. The process exits well within 2 s.
const GRACE: Duration = Duration::from_millis(1500);

/// The time that answers that have begun may take after the signal.
const HTTP_GRACE: Duration = Duration::from_secs(1);

/// A task, with its name for the log.
pub type NamedTask = (
    Arc<str>,
    Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>,
);

/// The channels and settings for the tasks that collect.
#[derive(Debug)]
pub struct Wiring {
    /// The whole configuration, as it was loaded.
    pub config: Arc<Config>,
    /// The permission to collect, which the leadership task writes.
    pub gate: watch::Receiver<Gate>,
    /// The channel for the published state and its exposition.
    pub publish: watch::Sender<Option<Published>>,
    /// The channels of each cluster, in the order of the configuration.
    pub cluster_reports: Vec<ClusterReports>,
    /// The token that is cancelled when the process is to end.
    pub shutdown: CancellationToken,
}

/// The channels by which one cluster's worker reports.
#[derive(Debug)]
pub struct ClusterReports {
    /// The slot in which the worker records that it has Kafka clients.
    pub client_slot: ClientSlot,
    /// The channel for the progress of the worker's first collection.
    pub progress: watch::Sender<Progress>,
}

type ClientsSeen = watch::Receiver<ClientState>;
type ProgressSeen = (Name, watch::Receiver<Progress>);

/// The reasons why the collector could not start, or did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configured address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The web configuration cannot be used.
    #[error(transparent)]
    Web(#[from] ConfigError),
    /// The configured source of leadership is not usable.
    #[error(transparent)]
    Source(#[from] InvalidSource),
    /// The operating system refuses threads or signal handlers.
    #[error("cannot start")]
    Start(#[from] io::Error),
    /// A metric family about the process cannot be registered.
    #[error("cannot register metrics")]
    Telemetry(#[from] prometheus::Error),
    /// A task ended unexpectedly, or did not end in time.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

impl From<SetupError> for Error {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Source(error) => Self::Source(error),
            SetupError::Telemetry(error) => Self::Telemetry(error),
        }
    }
}

/// Runs until `signal_runtime` sees a signal, or until a task ends unexpectedly. `collection_tasks` makes the tasks that collect;
/// `live` is the line that shows the first collection.
///
/// # Errors
/// The collector cannot start, or a task fails; see [`Error`].
pub fn run(
    mut signal_runtime: SignalRuntime,
    config: Config,
    live: Option<LiveLine>,
    collection_tasks: impl FnOnce(Wiring) -> Vec<NamedTask>,
) -> Result<(), Error> {
    let web = WebConfig::of(&config.exporter)?;
    let workers = worker_runtime()?;
    let listener = workers.block_on(shared::http::bind(
        config.exporter.http,
        "exporter.http_port",
    ))?;

    let (tasks, supervisor) = tasks::supervise(workers.handle().clone());
    let edges = (listener, web, live);
    start(&tasks, Arc::new(config), edges, collection_tasks)?;
    let next = async || signal_runtime.signals.next().await;
    let ended = signal_runtime.runtime.block_on(supervisor.run(next, GRACE));
    workers.shutdown_background();
    Ok(ended?)
}

/// Makes a worker for each cluster, and the publisher that puts their states together.
pub fn collection_tasks(wiring: Wiring) -> Vec<NamedTask> {
    let Wiring {
        config,
        gate,
        publish,
        cluster_reports,
        shutdown,
    } = wiring;
    let exporter = Arc::new(config.exporter.clone());
    let mut rendered = Vec::new();
    let mut tasks: Vec<NamedTask> = Vec::new();
    for (
        cluster,
        ClusterReports {
            client_slot,
            progress,
        },
    ) in config.clusters.iter().zip(cluster_reports)
    {
        let (sender, receiver) = watch::channel(cluster::not_collected(cluster, &exporter));
        rendered.push(receiver);
        let worker = Worker {
            cluster: Arc::new(cluster.clone()),
            exporter: Arc::clone(&exporter),
            gate: gate.clone(),
            client_slot,
            rendered: sender,
            progress,
        };
        let name = format!("cluster {}", cluster.name).into();
        tasks.push((name, Box::pin(worker.run(shutdown.clone()))));
    }
    let publisher = publisher::run(rendered, gate, publish, shutdown);
    tasks.push((
        "publisher".into(),
        Box::pin(async {
            publisher.await;
            Ok(())
        }),
    ));
    tasks
}

fn worker_runtime() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("collector")
        .enable_all()
        .build()
}

fn start(
    tasks: &Tasks,
    config: Arc<Config>,
    (listener, web, live): (TcpListener, Option<WebConfig>, Option<LiveLine>),
    collection_tasks: impl FnOnce(Wiring) -> Vec<NamedTask>,
) -> Result<(), Error> {
    let shutdown = tasks.shutdown();
    let telemetry = Arc::new(Telemetry::new()?);
    let now = Instant::now();
    let polls = || telemetry.polls();
    let (source, availability) = Source::of(&config.exporter.leadership, polls, now)?;
    let names = config
        .clusters
        .iter()
        .map(|cluster| Arc::clone(&cluster.name));
    let (cluster_reports, clients_seen, progress_seen) = cluster_reports(names);
    let (mut gate_writer, gate) = GateWriter::new(clients_seen, telemetry.transitions(), now);
    source.begin(&mut gate_writer, now);
    tasks.spawn("leadership", source.run(gate_writer, shutdown.clone()));

    let (publish, published) = watch::channel(None);
    let access = match web {
        Some(web) => web.restrict(tasks, &shutdown, &OPEN_PATHS, telemetry.web()?),
        None => Access::Everybody,
    };
    let http_state = HttpState {
        gate: gate.clone(),
        published,
        telemetry,
        availability,
        handover_delay: config.exporter.handover_delay,
    };
    let router = router(http_state);
    tasks.spawn(
        "http",
        shared::http::serve(listener, router, access, shutdown.clone(), HTTP_GRACE),
    );

    tasks.spawn(
        "progress",
        ProgressReporter::new(progress_seen, live, now).run(shutdown.clone()),
    );

    for (name, task) in collection_tasks(Wiring {
        config,
        gate,
        publish,
        cluster_reports,
        shutdown,
    }) {
        tasks.spawn(name, task);
    }
    Ok(())
}

/// Makes the channels of the named clusters: the senders for the workers, and the receivers.
fn cluster_reports(
    names: impl Iterator<Item = Name>,
) -> (Vec<ClusterReports>, Vec<ClientsSeen>, Vec<ProgressSeen>) {
    let (mut cluster_reports, mut clients_seen, mut progress_seen) =
        (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        let (client_slot, clients) = ClientSlot::new();
        let (progress, seen) = watch::channel(Progress::default());
        cluster_reports.push(ClusterReports {
            client_slot,
            progress,
        });
        clients_seen.push(clients);
        progress_seen.push((name, seen));
    }
    (cluster_reports, clients_seen, progress_seen)
}
