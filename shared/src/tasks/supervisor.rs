//! The supervisor: waits for a cause to end the process, and ends its tasks.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::event::TaskEvent;
use super::failure::TaskFailure;
use super::signals::Signal;
use super::stuck::{CHECK_INTERVAL, StuckDetector};
use crate::telemetry;

/// The supervisor of the tasks that its [`super::Tasks`] start.
#[derive(Debug)]
pub struct Supervisor {
    shutdown: CancellationToken,
    events: mpsc::UnboundedReceiver<TaskEvent>,
    running: BTreeMap<tokio::task::Id, Running>,
}

#[derive(Debug)]
struct Running {
    task: Arc<str>,
    detector: StuckDetector,
}

/// An event for which the supervisor waits.
enum Wakeup {
    Signal(Signal),
    TaskEvent(TaskEvent),
    CheckStuck,
}

// === impl Supervisor ===

impl Supervisor {
    pub(super) fn new(
        shutdown: CancellationToken,
        events: mpsc::UnboundedReceiver<TaskEvent>,
    ) -> Self {
        Self {
            shutdown,
            events,
            running: BTreeMap::new(),
        }
    }

    /// Waits for a signal or for the first task that ends or blocks its thread, then cancels the others and returns when they
    /// have ended, at the latest `grace` after that moment; a further signal makes it return at once.
    ///
    /// # Errors
    /// Returns the first task that ended before shutdown, failed, panicked or is stuck; or the tasks that were still running
    /// when `grace` was over.
    pub async fn run(
        mut self,
        mut signal: impl AsyncFnMut() -> Signal,
        grace: Duration,
    ) -> Result<(), TaskFailure> {
        let cause = self.wait_for_cause(&mut signal).await;
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

    async fn wait_for_cause(
        &mut self,
        signal: &mut impl AsyncFnMut() -> Signal,
    ) -> Result<(), TaskFailure> {
        loop {
            match self.next_wakeup(signal).await {
                Wakeup::Signal(signal) => {
                    info!(signal = signal.name(), "Shutting down");
                    return Ok(());
                }
                Wakeup::TaskEvent(event) => {
                    if let Some((task, result)) = self.record(event) {
                        return Err(result.err().unwrap_or(TaskFailure::Ended { task }));
                    }
                }
                Wakeup::CheckStuck => {
                    if let Some(task) = self.find_stuck() {
                        return Err(TaskFailure::Stuck { task });
                    }
                }
            }
        }
    }

    async fn drain(
        &mut self,
        signal: &mut impl AsyncFnMut() -> Signal,
        grace: Duration,
    ) -> Result<(), TaskFailure> {
        let deadline = Instant::now() + grace;
        let mut failure = None;
        while !(self.running.is_empty() && self.events.is_empty()) {
            let Ok(event) = tokio::time::timeout_at(deadline, self.next_wakeup(signal)).await
            else {
                return Err(failure.unwrap_or(TaskFailure::Wedged {
                    tasks: self.names(),
                    grace,
                }));
            };
            match event {
                Wakeup::Signal(signal) => {
                    let tasks = self.names();
                    warn!(signal = signal.name(), tasks, "Leaving at once");
                    break;
                }
                Wakeup::TaskEvent(event) => {
                    if let Some((task, result)) = self.record(event) {
                        debug!(%task, "Task ended");
                        failure = failure.or(result.err());
                    }
                }
                // A task that blocks now is left behind when the grace is over.
                Wakeup::CheckStuck => {}
            }
        }
        failure.map_or(Ok(()), Err)
    }

    async fn next_wakeup(&mut self, signal: &mut impl AsyncFnMut() -> Signal) -> Wakeup {
        tokio::select! { biased;
            signal = signal() => Wakeup::Signal(signal),
            Some(event) = self.events.recv() => Wakeup::TaskEvent(event),
            () = tokio::time::sleep(CHECK_INTERVAL) => Wakeup::CheckStuck,
        }
    }

    /// Updates the list of running tasks; returns the task that has ended and its result.
    fn record(&mut self, event: TaskEvent) -> Option<(Arc<str>, Result<(), TaskFailure>)> {
        match event {
            TaskEvent::Started { id, task, polls } => {
                let detector = StuckDetector::new(polls);
                self.running.insert(id, Running { task, detector });
                None
            }
            TaskEvent::Ended { id, result } => {
                let task = self.running.remove(&id)?.task;
                let result = match result {
                    Ok(Ok(())) => Ok(()),
                    Ok(Err(error)) => Err(TaskFailure::Failed {
                        task: Arc::clone(&task),
                        source: error.into(),
                    }),
                    Err(error) if error.is_panic() => Err(TaskFailure::Panicked {
                        task: Arc::clone(&task),
                        message: telemetry::panic_message(&*error.into_panic()).to_owned(),
                    }),
                    Err(_) => Err(TaskFailure::Ended {
                        task: Arc::clone(&task),
                    }),
                };
                Some((task, result))
            }
        }
    }

    /// Checks every task, and returns the first that is stuck.
    fn find_stuck(&mut self) -> Option<Arc<str>> {
        let mut stuck = None;
        for running in self.running.values_mut() {
            if running.detector.check() {
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
