//! SIGTERM and SIGINT.

use std::io;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{self, SignalKind};

/// A signal that ends the process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, as the kubelet sends it.
    Terminate,
    /// SIGINT, as a terminal sends it.
    Interrupt,
}

/// Receives SIGTERM and SIGINT in place of their default effect.
#[derive(Debug)]
pub struct Signals {
    terminate: unix::Signal,
    interrupt: unix::Signal,
}

/// A runtime of the main thread, and the signals that are received in it from its making on. A process that makes it first of
/// all can be stopped in order as soon as it is started.
#[derive(Debug)]
pub struct Watch {
    /// Has one thread: the one that blocks on it.
    pub runtime: Runtime,
    /// What to ask in it for signals.
    pub signals: Signals,
}

// === impl Watch ===

impl Watch {
    /// Begins to receive signals in place of their default effect.
    ///
    /// # Errors
    /// Where the operating system refuses.
    pub fn begin() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let signals = runtime.block_on(async { Signals::install() })?;
        Ok(Self { runtime, signals })
    }
}

// === impl Signals ===

impl Signals {
    /// From now on the signals are kept for [`Signals::next`]. Needs a runtime, which has to be the one that calls `next`.
    ///
    /// # Errors
    /// Where the operating system refuses the handler.
    pub fn install() -> io::Result<Self> {
        Ok(Self {
            terminate: unix::signal(SignalKind::terminate())?,
            interrupt: unix::signal(SignalKind::interrupt())?,
        })
    }

    /// The next signal. Cancel-safe.
    pub async fn next(&mut self) -> Signal {
        tokio::select! { biased;
            Some(()) = self.terminate.recv() => Signal::Terminate,
            Some(()) = self.interrupt.recv() => Signal::Interrupt,
            else => std::future::pending().await,
        }
    }
}

// === impl Signal ===

impl Signal {
    /// The name that `kill -l` prints, with its prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Terminate => "SIGTERM",
            Self::Interrupt => "SIGINT",
        }
    }
}
