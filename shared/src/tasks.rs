//! The frame around every task of a program: each has a name, none may end unseen, and all of them are out in bounded time.
//!
//! [`Tasks`] starts tasks; [`Supervisor`] waits for the first thing that ends the process (a signal, or a task that ended though
//! nobody had asked it to), cancels the rest and gives it a bounded time. The supervisor belongs on a thread of its own (the
//! main thread, with a small runtime), so that its bound holds even where a task blocks every worker thread.
//!
//! Deliberately absent: restarting. A task that fails is a bug or a wedge, and the process ends so that it is seen.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use crate::telemetry;

mod signals;
#[cfg(test)]
mod tests;

pub use signals::{Signal, Signals, Watch};

/// Starts tasks. Clones start tasks under the same supervisor.
#[derive(Clone, Debug)]
pub struct Tasks {
    runtime: Handle,
    shutdown: CancellationToken,
    changes: mpsc::UnboundedSender<Change>,
}

/// Watches the tasks that its [`Tasks`] started, and ends them.
#[derive(Debug)]
pub struct Supervisor {
    shutdown: CancellationToken,
    changes: mpsc::UnboundedReceiver<Change>,
    running: BTreeMap<tokio::task::Id, Arc<str>>,
}

/// Why the tasks of a program could not go on, or not be ended in order.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A task returned though shutdown had not begun.
    #[error("task {task} ended although nothing had asked it to")]
    Ended {
        /// Its name.
        task: Arc<str>,
    },
    /// A task returned an error.
    #[error("task {task} failed")]
    Failed {
        /// Its name.
        task: Arc<str>,
        /// What it returned.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A task panicked.
    #[error("task {task} panicked: {message}")]
    Panicked {
        /// Its name.
        task: Arc<str>,
        /// What the panic said.
        message: String,
    },
    /// Tasks were still running when the time they had been given to end was over.
    #[error("still running {grace:?} after shutdown began: {tasks}")]
    Wedged {
        /// Their names, comma-separated.
        tasks: String,
        /// The time they had been given.
        grace: Duration,
    },
}

/// What a task may return: nothing, or an error that ends the process.
pub trait Outcome: Send + 'static {
    /// This outcome as a result.
    fn into_result(self) -> anyhow::Result<()>;
}

#[derive(Debug)]
enum Change {
    Started {
        id: tokio::task::Id,
        task: Arc<str>,
    },
    Ended {
        id: tokio::task::Id,
        result: Result<anyhow::Result<()>, JoinError>,
    },
}

enum Event {
    Signal(Signal),
    Change(Change),
}

/// Tasks that run on `runtime`, and the supervisor that watches them.
pub fn supervised(runtime: Handle) -> (Tasks, Supervisor) {
    let (sender, changes) = mpsc::unbounded_channel();
    let shutdown = CancellationToken::new();
    let tasks = Tasks {
        runtime,
        shutdown: shutdown.clone(),
        changes: sender,
    };
    (
        tasks,
        Supervisor {
            shutdown,
            changes,
            running: BTreeMap::new(),
        },
    )
}

// === impl Tasks ===

impl Tasks {
    /// Starts `task`, which has to run until [`Tasks::shutdown`] is cancelled: if it ends before, or panics, the process ends with
    /// a message that has this `name`.
    pub fn spawn<F>(&self, name: impl Into<Arc<str>>, task: F)
    where
        F: Future<Output: Outcome> + Send + 'static,
    {
        let running = self.runtime.spawn(async move { task.await.into_result() });
        let id = running.id();
        let changes = self.changes.clone();
        // Nobody receives once the supervisor has given up, and then nobody needs to know.
        changes
            .send(Change::Started {
                id,
                task: name.into(),
            })
            .ok();
        self.runtime.spawn(async move {
            let result = running.await;
            changes.send(Change::Ended { id, result }).ok();
        });
    }

    /// Cancelled when the process is to end. Every task ends soon after.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }
}

// === impl Supervisor ===

impl Supervisor {
    /// Waits for a signal or for the first task that ends, then cancels the others and returns when they have ended, at the
    /// latest `grace` after that moment; a further signal makes it return at once.
    ///
    /// # Errors
    /// The first task that ended unasked, failed or panicked; or the tasks that were still running when `grace` was over.
    pub async fn run(
        mut self,
        mut signal: impl AsyncFnMut() -> Signal,
        grace: Duration,
    ) -> Result<(), Failure> {
        let cause = self.until_the_end_begins(&mut signal).await;
        self.shutdown.cancel();
        let drained = self.drain(&mut signal, grace).await;
        match (cause, drained) {
            (Ok(()), drained) => drained,
            (Err(cause), Ok(())) => Err(cause),
            (Err(cause), Err(later)) => {
                warn!(error = %later, "Shutdown was not clean either");
                Err(cause)
            }
        }
    }

    async fn until_the_end_begins(
        &mut self,
        signal: &mut impl AsyncFnMut() -> Signal,
    ) -> Result<(), Failure> {
        loop {
            match self.event(signal).await {
                Event::Signal(signal) => {
                    info!(signal = signal.name(), "Shutting down");
                    return Ok(());
                }
                Event::Change(change) => {
                    if let Some((task, result)) = self.note(change) {
                        return Err(result.err().unwrap_or(Failure::Ended { task }));
                    }
                }
            }
        }
    }

    async fn drain(
        &mut self,
        signal: &mut impl AsyncFnMut() -> Signal,
        grace: Duration,
    ) -> Result<(), Failure> {
        let deadline = Instant::now() + grace;
        let mut failure = None;
        while !(self.running.is_empty() && self.changes.is_empty()) {
            let Ok(event) = tokio::time::timeout_at(deadline, self.event(signal)).await else {
                return Err(failure.unwrap_or(Failure::Wedged {
                    tasks: self.names(),
                    grace,
                }));
            };
            match event {
                Event::Signal(signal) => {
                    let tasks = self.names();
                    warn!(signal = signal.name(), tasks, "Leaving at once");
                    break;
                }
                Event::Change(change) => {
                    if let Some((task, result)) = self.note(change) {
                        debug!(%task, "Task ended");
                        failure = failure.or(result.err());
                    }
                }
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn event(&mut self, signal: &mut impl AsyncFnMut() -> Signal) -> Event {
        tokio::select! { biased;
            signal = signal() => Event::Signal(signal),
            Some(change) = self.changes.recv() => Event::Change(change),
        }
    }

    /// Keeps the books; returns the task that has ended, and how.
    fn note(&mut self, change: Change) -> Option<(Arc<str>, Result<(), Failure>)> {
        match change {
            Change::Started { id, task } => {
                self.running.insert(id, task);
                None
            }
            Change::Ended { id, result } => {
                let task = self.running.remove(&id)?;
                let result = match result {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(Failure::Failed {
                        task: Arc::clone(&task),
                        source: error.into(),
                    }),
                    Err(error) if error.is_panic() => Err(Failure::Panicked {
                        task: Arc::clone(&task),
                        message: telemetry::said(&*error.into_panic()).to_owned(),
                    }),
                    Err(_) => Err(Failure::Ended {
                        task: Arc::clone(&task),
                    }),
                };
                Some((task, result))
            }
        }
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.running.values().map(|name| &**name).collect();
        names.join(", ")
    }
}

// === impl Outcome ===

impl Outcome for () {
    fn into_result(self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl Outcome for anyhow::Result<()> {
    fn into_result(self) -> anyhow::Result<()> {
        self
    }
}
