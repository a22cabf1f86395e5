//! The parts of the elector, wired together.
//!
//! ```text
//!   lease ◄── Wish / Standing ──► desk ◄── Inquiries ── http
//! ```
//! Each is a task under one supervisor, all on one thread: there is little to do, and memory counts. A signal ends the desk's
//! granting; the desk ends the rest when the Lease is given back.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use shared::config::{ElectorServer, Exporter, Leadership};
use shared::http::BindError;
use shared::leadership::Reason;
use shared::tasks::{self, SignalRuntime, TaskFailure, Tasks};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::desk;
use crate::http::{self, Source, Surface};
use crate::single::Single;
use crate::telemetry::Telemetry;

#[cfg(feature = "kubernetes")]
mod elected;

/// Longest time that an answer is held, whatever the asker wants; never more than half a grant.
const LONGEST_WAIT: Duration = Duration::from_secs(2);

/// What every task has beyond its own bounds to end.
const SLACK: Duration = Duration::from_secs(1);

/// Why the elector could not begin, or did not end in order.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A configured address cannot be listened on.
    #[error(transparent)]
    Listen(#[from] BindError),
    /// The operating system refuses a runtime or signal handlers.
    #[error("cannot start")]
    Start(#[from] io::Error),
    /// A metric family about the process is wrong.
    #[error("cannot register metrics")]
    Telemetry(#[from] prometheus::Error),
    /// A task ended, or would not end.
    #[error(transparent)]
    Task(#[from] TaskFailure),
}

/// This pod and this process.
#[derive(Clone, Debug)]
pub struct Names {
    /// Tells this pod from another of the same identity.
    pub instance: String,
    /// Who answers where there is no election.
    pub hostname: String,
}

/// Runs in `signal_runtime` until it sees a signal, or until a task ends unasked.
///
/// # Errors
/// Where the elector cannot begin, or a task fails; see [`Error`].
pub fn run(signal_runtime: SignalRuntime, exporter: Exporter, names: Names) -> Result<(), Error> {
    let SignalRuntime {
        runtime,
        mut signals,
    } = signal_runtime;
    let ended = runtime.block_on(async {
        let (tasks, supervisor) = tasks::supervise(runtime.handle().clone());
        let server = exporter.elector_server;
        start(&tasks, exporter, names).await?;
        let grace = server.max_valid + desk::RELEASE + desk::CLOSING + SLACK;
        supervisor.run(async || signals.next().await, grace).await?;
        Ok(())
    });
    // A lookup of a name may still be under way on a thread that cannot be ended.
    runtime.shutdown_background();
    ended
}

async fn start(tasks: &Tasks, exporter: Exporter, names: Names) -> Result<(), Error> {
    let ElectorServer {
        listen,
        telemetry_listen,
        max_valid,
    } = exporter.elector_server;
    let listener = shared::http::bind(listen, "exporter.leadership.listen").await?;
    let telemetry_listener = match telemetry_listen {
        Some(address) => {
            Some(shared::http::bind(address, "exporter.leadership.telemetry_listen").await?)
        }
        None => None,
    };
    let telemetry = Arc::new(Telemetry::new()?);
    let shutdown = tasks.shutdown();
    let single = |identity: String, reason| Single {
        identity,
        max_valid,
        reason,
        longest_wait: longest_wait(max_valid),
        answers: telemetry.answers(),
        shutdown: shutdown.clone(),
    };
    let (source, end) = match exporter.leadership {
        Leadership::SingleInstance => {
            info!("Running in single-instance mode - leader election is disabled");
            let source = Source::Single(single(names.hostname, Reason::Disabled));
            (source, shutdown)
        }
        #[cfg(feature = "kubernetes")]
        Leadership::Elected(election) => {
            elected::start(tasks, *election, (names.instance, max_valid), &telemetry)?
        }
        #[cfg(not(feature = "kubernetes"))]
        Leadership::Elected(election) => {
            tracing::warn!(
                "Kubernetes leadership is enabled in config but the 'kubernetes' feature is not compiled in. \
                 Falling back to single-instance mode."
            );
            let source = Source::Single(single(election.identity, Reason::FeatureMissing));
            (source, shutdown)
        }
    };
    serve(
        tasks,
        Surface { source, telemetry },
        (listener, telemetry_listener),
        &end,
    );
    Ok(())
}

fn serve(
    tasks: &Tasks,
    surface: Surface,
    (listener, telemetry_listener): (TcpListener, Option<TcpListener>),
    end: &CancellationToken,
) {
    if let Some(listener) = telemetry_listener {
        let router = http::telemetry_router(surface.clone());
        let served = shared::http::serve(listener, router, end.clone(), desk::CLOSING);
        tasks.spawn("telemetry", served);
    }
    let router = http::router(surface);
    let served = shared::http::serve(listener, router, end.clone(), desk::CLOSING);
    tasks.spawn("http", served);
}

fn longest_wait(max_valid: Duration) -> Duration {
    LONGEST_WAIT.min(max_valid / 2)
}
