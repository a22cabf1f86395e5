//! Waits for what ends the process, and ends it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::polls::{LOOK, Watched};
use super::{Change, Failure, Signal};
use crate::telemetry;

/// Watches the tasks that its [`super::Tasks`] started, and ends them.
#[derive(Debug)]
pub struct Supervisor {
    shutdown: CancellationToken,
    changes: mpsc::UnboundedReceiver<Change>,
    running: BTreeMap<tokio::task::Id, Running>,
}

#[derive(Debug)]
struct Running {
    task: Arc<str>,
    polls: Watched,
}

enum Event {
    Signal(Signal),
    Change(Change),
    Look,
}

// === impl Supervisor ===

impl Supervisor {
    pub(super) fn new(
        shutdown: CancellationToken,
        changes: mpsc::UnboundedReceiver<Change>,
    ) -> Self {
        Self {
            shutdown,
            changes,
            running: BTreeMap::new(),
        }
    }

    /// Waits for a signal or for the first task that ends or blocks its thread, then cancels the others and returns when they have
    /// ended, at the latest `grace` after that moment; a further signal makes it return at once.
    ///
    /// # Errors
    /// The first task that ended unasked, failed, panicked or is stuck; or the tasks that were still running when `grace` was
    /// over.
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
                Event::Look => {
                    if let Some(task) = self.stuck() {
                        return Err(Failure::Stuck { task });
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
                // Whatever blocks now is left behind when the grace is over.
                Event::Look => {}
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn event(&mut self, signal: &mut impl AsyncFnMut() -> Signal) -> Event {
        tokio::select! { biased;
            signal = signal() => Event::Signal(signal),
            Some(change) = self.changes.recv() => Event::Change(change),
            () = tokio::time::sleep(LOOK) => Event::Look,
        }
    }

    /// Keeps the books; returns the task that has ended, and how.
    fn note(&mut self, change: Change) -> Option<(Arc<str>, Result<(), Failure>)> {
        match change {
            Change::Started { id, task, polls } => {
                let polls = Watched::of(polls);
                self.running.insert(id, Running { task, polls });
                None
            }
            Change::Ended { id, result } => {
                let task = self.running.remove(&id)?.task;
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

    /// Looks at every task; the first that is stuck.
    fn stuck(&mut self) -> Option<Arc<str>> {
        let mut stuck = None;
        for running in self.running.values_mut() {
            if running.polls.is_stuck() {
                stuck.get_or_insert_with(|| Arc::clone(&running.task));
            }
        }
        stuck
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self
            .running
            .values()
            .map(|running| &*running.task)
            .collect();
        names.join(", ")
    }
}
