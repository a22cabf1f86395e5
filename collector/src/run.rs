//! The parts of the collector, wired together.
//!
//! ```text
//!  leadership::Source ─► Gatekeeper ─► Gate ──┬─► parts (cluster workers, publisher) ──► Published ─┐
//!                           ▲                │           │                                         │
//!                           └──── Clients ───┼───────────┤                                         │
//!                                             │           └─► Progress ─► progress::Reporter        │
//!                                             └─► http::router ◄────────────────────────────────────┘
//! ```
//! Every arrow is a watch channel; every box is a task under one supervisor. The supervisor lives on the main thread, everything
//! else on two worker threads, so that the bound on leaving holds whatever a worker thread is doing.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use shared::config::Config;
use shared::http::BindError;
use shared::tasks::{self, SignalRuntime, TaskFailure, Tasks};
use shared::telemetry::LiveLine;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cluster::{Shown, Worker};
use crate::gate::Gate;
use crate::gate::hold::{Clients, Hold};
use crate::http::{Published, Surface, router};
use crate::leadership::{BadSource, Gatekeeper, Source};
use crate::progress::{Progress, Reporter};
use crate::publisher;
use crate::snapshot::Name;
use crate::telemetry::Telemetry;

/// How long the tasks have from the signal to their end. The process is out well within 2 s.
const GRACE: Duration = Duration::from_millis(1500);

/// How long answers that have begun may take after the signal.
const HTTP_GRACE: Duration = Duration::from_secs(1);

/// A task of the part of the program that collects: its name, and what it does until shutdown.
pub type Part = (
    Arc<str>,
    Pin<Box<dyn Future<Output = anyhow::Result<()>> + Send>>,
);

/// What the part of the program that collects is given.
#[derive(Debug)]
pub struct Wiring {
    /// The configuration.
    pub config: Arc<Config>,
    /// The permission to collect.
    pub gate: watch::Receiver<Gate>,
    /// Where the exposition goes.
    pub publish: watch::Sender<Option<Published>>,
    /// What each cluster tells, in the order of the configuration.
    pub tellers: Vec<Teller>,
    /// Cancelled when the process is to end.
    pub shutdown: CancellationToken,
}

/// Where one cluster's part tells what it does.
#[derive(Debug)]
pub struct Teller {
    /// Whether it has clients.
    pub hold: Hold,
    /// How far its first collection is.
    pub progress: watch::Sender<Progress>,
}

type ClientsSeen = watch::Receiver<Clients>;
type ProgressSeen = (Name, watch::Receiver<Progress>);

/// Why the collector could not begin, or did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The configured address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The configured source of leadership cannot be asked.
    #[error(transparent)]
    Source(#[from] BadSource),
    /// The operating system refuses threads or signal handlers.
    #[error("cannot start")]
    Start(#[from] io::Error),
    /// A metric family about the process is wrong.
    #[error("cannot register metrics")]
    Telemetry(#[from] prometheus::Error),
    /// A task ended, or would not end.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

/// Runs until `signal_runtime` sees a signal, or until a task ends unasked. `parts` are the tasks that collect; `live` shows the first collection.
///
/// # Errors
/// Where the collector cannot begin, or a task fails; see [`Error`].
pub fn run(
    mut signal_runtime: SignalRuntime,
    config: Config,
    live: Option<LiveLine>,
    parts: impl FnOnce(Wiring) -> Vec<Part>,
) -> Result<(), Error> {
    let workers = workers()?;
    let listener = workers.block_on(shared::http::bind(
        config.exporter.http,
        "exporter.http_port",
    ))?;

    let (tasks, supervisor) = tasks::supervise(workers.handle().clone());
    start(&tasks, Arc::new(config), (listener, live), parts)?;
    let next = async || signal_runtime.signals.next().await;
    let ended = signal_runtime.runtime.block_on(supervisor.run(next, GRACE));
    workers.shutdown_background();
    Ok(ended?)
}

/// A worker for each cluster, and the publisher that puts together what they show.
pub fn parts(wiring: Wiring) -> Vec<Part> {
    let Wiring {
        config,
        gate,
        publish,
        tellers,
        shutdown,
    } = wiring;
    let exporter = Arc::new(config.exporter.clone());
    let mut shown = Vec::new();
    let mut parts: Vec<Part> = Vec::new();
    for (cluster, Teller { hold, progress }) in config.clusters.iter().zip(tellers) {
        let (sender, receiver) = watch::channel(Shown::nothing(cluster, &exporter));
        shown.push(receiver);
        let worker = Worker {
            cluster: Arc::new(cluster.clone()),
            exporter: Arc::clone(&exporter),
            gate: gate.clone(),
            hold,
            shown: sender,
            progress,
        };
        let name = format!("cluster {}", cluster.name).into();
        parts.push((name, Box::pin(worker.run(shutdown.clone()))));
    }
    let publisher = publisher::run(shown, gate, publish, shutdown);
    parts.push((
        "publisher".into(),
        Box::pin(async {
            publisher.await;
            Ok(())
        }),
    ));
    parts
}

fn workers() -> io::Result<Runtime> {
    Builder::new_multi_thread()
        .worker_threads(2)
        .thread_name("collector")
        .enable_all()
        .build()
}

fn start(
    tasks: &Tasks,
    config: Arc<Config>,
    (listener, live): (TcpListener, Option<LiveLine>),
    parts: impl FnOnce(Wiring) -> Vec<Part>,
) -> Result<(), Error> {
    let shutdown = tasks.shutdown();
    let telemetry = Arc::new(Telemetry::new()?);
    let now = Instant::now();
    let polls = || telemetry.polls();
    let (source, outlook) = Source::of(&config.exporter.leadership, polls, now)?;
    let names = config
        .clusters
        .iter()
        .map(|cluster| Arc::clone(&cluster.name));
    let (tellers, holds, told) = tellers(names);
    let (mut keeper, gate) = Gatekeeper::new(holds, telemetry.transitions(), now);
    source.begin(&mut keeper, now);
    tasks.spawn("leadership", source.run(keeper, shutdown.clone()));

    let (publish, published) = watch::channel(None);
    let surface = Surface {
        gate: gate.clone(),
        published,
        telemetry,
        outlook,
        handover_delay: config.exporter.handover_delay,
    };
    let router = router(surface);
    tasks.spawn(
        "http",
        shared::http::serve(listener, router, shutdown.clone(), HTTP_GRACE),
    );

    tasks.spawn(
        "progress",
        Reporter::new(told, live, now).run(shutdown.clone()),
    );

    for (name, part) in parts(Wiring {
        config,
        gate,
        publish,
        tellers,
        shutdown,
    }) {
        tasks.spawn(name, part);
    }
    Ok(())
}

/// What the clusters of these names are given to tell by, and what others hear of them.
fn tellers(
    names: impl Iterator<Item = Name>,
) -> (Vec<Teller>, Vec<ClientsSeen>, Vec<ProgressSeen>) {
    let (mut tellers, mut holds, mut told) = (Vec::new(), Vec::new(), Vec::new());
    for name in names {
        let (hold, clients) = Hold::new();
        let (progress, seen) = watch::channel(Progress::default());
        tellers.push(Teller { hold, progress });
        holds.push(clients);
        told.push((name, seen));
    }
    (tellers, holds, told)
}
