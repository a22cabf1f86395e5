//! The frame around every task of a program: each has a name, none may end unseen, and all of them are out in bounded time.
//!
//! [`Tasks`] starts tasks; [`Supervisor`] waits for the first thing that ends the process (a signal, a task that ended though
//! nobody had asked it to, or one that blocks its thread), cancels the rest and gives it a bounded time. The supervisor belongs
//! on a thread of its own (the main thread, with a small runtime), so that its bound holds even where a task blocks every
//! worker thread.
//!
//! Deliberately absent: restarting. A task that fails is a bug or a wedge, and the process ends so that it is seen.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::JoinError;
use tokio_util::sync::CancellationToken;

mod signals;
mod stuck;
mod supervisor;
#[cfg(test)]
mod tests;

pub use signals::{Signal, SignalRuntime, Signals};
use stuck::{CHECK_INTERVAL, MAX_UNCHANGED_CHECKS, PollCounter};
pub use supervisor::Supervisor;

/// Starts tasks. Clones start tasks under the same supervisor.
#[derive(Clone, Debug)]
pub struct Tasks {
    runtime: Handle,
    shutdown: CancellationToken,
    events: mpsc::UnboundedSender<TaskEvent>,
}

/// Why the tasks of a program could not go on, or not be ended in order.
#[derive(Debug, thiserror::Error)]
pub enum TaskFailure {
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
    /// A task has not come back from being polled, so it blocks its thread.
    #[error("task {task} has blocked its thread for {:?}", CHECK_INTERVAL * MAX_UNCHANGED_CHECKS)]
    Stuck {
        /// Its name.
        task: Arc<str>,
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
pub trait TaskResult: Send + 'static {
    /// This outcome as a result.
    fn into_result(self) -> anyhow::Result<()>;
}

#[derive(Debug)]
enum TaskEvent {
    Started {
        id: tokio::task::Id,
        task: Arc<str>,
        polls: PollCounter,
    },
    Ended {
        id: tokio::task::Id,
        result: Result<anyhow::Result<()>, JoinError>,
    },
}

/// Tasks that run on `runtime`, and the supervisor that watches them.
pub fn supervise(runtime: Handle) -> (Tasks, Supervisor) {
    let (sender, events) = mpsc::unbounded_channel();
    let shutdown = CancellationToken::new();
    let tasks = Tasks {
        runtime,
        shutdown: shutdown.clone(),
        events: sender,
    };
    (tasks, Supervisor::new(shutdown, events))
}

// === impl Tasks ===

impl Tasks {
    /// Starts `task`, which has to run until [`Tasks::shutdown`] is cancelled: if it ends before, or panics, the process ends with
    /// a message that has this `name`.
    pub fn spawn<F>(&self, name: impl Into<Arc<str>>, task: F)
    where
        F: Future<Output: TaskResult> + Send + 'static,
    {
        let polls = PollCounter::default();
        let counted = polls.count(async move { task.await.into_result() });
        let running = self.runtime.spawn(counted);
        let id = running.id();
        let events = self.events.clone();
        // Nobody receives once the supervisor has given up, and then nobody needs to know.
        events
            .send(TaskEvent::Started {
                id,
                task: name.into(),
                polls,
            })
            .ok();
        self.runtime.spawn(async move {
            let result = running.await;
            events.send(TaskEvent::Ended { id, result }).ok();
        });
    }

    /// Cancelled when the process is to end. Every task ends soon after.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }
}

// === impl Outcome ===

impl TaskResult for () {
    fn into_result(self) -> anyhow::Result<()> {
        Ok(())
    }
}

impl TaskResult for anyhow::Result<()> {
    fn into_result(self) -> anyhow::Result<()> {
        self
    }
}
