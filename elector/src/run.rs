//! Wires the parts of the elector together, and runs them until the process ends.
//!
//! ```text
//!   lease ◄── Desired / LeaseStatus ──► leadership_task ◄── Handle ── http
//! ```
//! Each part is a task under one supervisor. All tasks share one thread, because there is little to do and threads cost memory.
//! A signal makes the leadership task stop granting. When the Lease has been given back, the leadership task stops the others.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use shared::config::{ConfigError, ElectorServer, Exporter, Leadership};
use shared::http::BindError;
use shared::leadership::StateReason;
use shared::tasks::{self, SignalRuntime, TaskFailure, Tasks};
use shared::web::{Access, WebConfig};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::http::{self, AppState, LeadershipSource};
use crate::leadership_task;
use crate::single_instance::SingleInstance;
use crate::telemetry::Telemetry;

#[cfg(feature = "kubernetes")]
mod elected;

/// The longest time that an answer is held back, whatever the asker allows. Half of the longest grant is another limit.
const MAX_WAIT: Duration = Duration::from_secs(2);

/// The time that every task is given at the end beyond its own limits.
const SHUTDOWN_SLACK: Duration = Duration::from_secs(1);

/// The error of an elector that could not start, or whose tasks did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The elector cannot listen on a configured address.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The web configuration cannot be used.
    #[error(transparent)]
    Web(#[from] ConfigError),
    /// The operating system refuses a runtime or signal handlers.
    #[error("cannot start")]
    Start(#[from] io::Error),
    /// A metric family cannot be made or registered, which is a bug.
    #[error("cannot register metrics")]
    Telemetry(#[from] prometheus::Error),
    /// A task ended unexpectedly, or did not end in time.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

/// The names of this pod and this process.
#[derive(Clone, Debug)]
pub struct Names {
    /// The word that tells this pod from another of the same identity.
    pub instance: String,
    /// The identity in the answers where there is no election.
    pub hostname: String,
}

/// Runs the elector until `signal_runtime` sees a signal, or until a task ends unexpectedly.
///
/// # Errors
/// Returns an error if the elector cannot start, or a task fails; see [`Error`].
pub fn run(signal_runtime: SignalRuntime, exporter: Exporter, names: Names) -> Result<(), Error> {
    let SignalRuntime {
        runtime,
        mut signals,
    } = signal_runtime;
    let ended = runtime.block_on(async {
        let (tasks, supervisor) = tasks::supervise(runtime.handle().clone());
        let server = exporter.elector_server;
        start(&tasks, exporter, names).await?;
        let grace =
            server.max_valid + leadership_task::RELEASE + leadership_task::CLOSING + SHUTDOWN_SLACK;
        supervisor.run(async || signals.next().await, grace).await?;
        Ok(())
    });
    // Another thread may still be looking up a host name. That look-up cannot be interrupted, so the end of the process does
    // not wait for it.
    runtime.shutdown_background();
    ended
}

/// Reads the web configuration, which holds for `telemetry_listen`; `None` if `[exporter.web]` names none, or `telemetry_listen` is unset.
///
/// # Errors
/// A file cannot be read, or its content cannot be used.
pub fn web_config(exporter: &Exporter) -> Result<Option<WebConfig>, ConfigError> {
    match exporter.elector_server.telemetry_listen {
        Some(_) => WebConfig::of(exporter),
        None => Ok(None),
    }
}

/// Begins to listen on `listen`, for the collector of the pod, and on `telemetry_listen` if it is set, for probes and scrapes.
async fn listen(server: &ElectorServer) -> Result<(TcpListener, Option<TcpListener>), BindError> {
    let listener = shared::http::bind(server.listen, "exporter.leadership.listen").await?;
    let telemetry_listener = match server.telemetry_listen {
        Some(address) => {
            Some(shared::http::bind(address, "exporter.leadership.telemetry_listen").await?)
        }
        None => None,
    };
    Ok((listener, telemetry_listener))
}

async fn start(tasks: &Tasks, exporter: Exporter, names: Names) -> Result<(), Error> {
    let max_valid = exporter.elector_server.max_valid;
    let (listener, telemetry_listener) = listen(&exporter.elector_server).await?;
    let web = web_config(&exporter)?;
    let telemetry = Arc::new(Telemetry::new()?);
    let max_wait = MAX_WAIT.min(max_valid / 2);
    let shutdown = tasks.shutdown();
    let single = |identity: String, reason| SingleInstance {
        identity,
        max_valid,
        reason,
        max_wait,
        answers: telemetry.answers(),
        shutdown: shutdown.clone(),
    };
    let (source, end) = match exporter.leadership {
        Leadership::SingleInstance => {
            info!("Running in single-instance mode - leader election is disabled");
            let source =
                LeadershipSource::SingleInstance(single(names.hostname, StateReason::Disabled));
            (source, shutdown)
        }
        #[cfg(feature = "kubernetes")]
        Leadership::Elected(election) => {
            let limits = elected::AnswerLimits {
                max_valid,
                max_wait,
            };
            elected::start(tasks, *election, names.instance, limits, &telemetry)?
        }
        #[cfg(not(feature = "kubernetes"))]
        Leadership::Elected(election) => {
            tracing::warn!(
                "Kubernetes leadership is enabled in config but the 'kubernetes' feature is not compiled in. \
                 Falling back to single-instance mode."
            );
            let source = LeadershipSource::SingleInstance(single(
                election.identity,
                StateReason::FeatureMissing,
            ));
            (source, shutdown)
        }
    };
    let access = match web {
        Some(web) => web.restrict(tasks, &end, &http::OPEN_PATHS, telemetry.web()?),
        None => Access::Everybody,
    };
    serve(
        tasks,
        AppState { source, telemetry },
        (
            listener,
            telemetry_listener.map(|listener| (listener, access)),
        ),
        &end,
    );
    Ok(())
}

fn serve(
    tasks: &Tasks,
    state: AppState,
    (listener, telemetry): (TcpListener, Option<(TcpListener, Access)>),
    end: &CancellationToken,
) {
    let grace = leadership_task::CLOSING;
    if let Some((listener, access)) = telemetry {
        let router = http::telemetry_router(state.clone());
        let served = shared::http::serve(listener, router, access, end.clone(), grace);
        tasks.spawn("telemetry", served);
    }
    let router = http::router(state);
    let served = shared::http::serve(listener, router, Access::Everybody, end.clone(), grace);
    tasks.spawn("http", served);
}
