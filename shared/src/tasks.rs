//! The frame around all tasks of a program: each has a name, none ends unnoticed, and all have ended in bounded time.
//!
//! A task that dies inside a running process is worse than a process that dies: the pod still answers its probes, and does not do its
//! work. Nothing here restarts a task, since a task that fails is a bug or waits for something that will not come. The process ends
//! instead, with a message that names the task, and is restarted from outside.
//!
//! A program makes a [`SignalRuntime`] first of all, so that a signal during the start is not lost, and calls [`supervise`] for a
//! [`Tasks`] and a [`Supervisor`]. Every task is started with [`Tasks::spawn`] and has to run until [`Tasks::shutdown`] is cancelled.
//! [`Supervisor::run`] waits for the first of these causes:
//!
//! - one of the signals of [`Signals`];
//! - a task that returns, fails or panics before shutdown has begun;
//! - a task that blocks its thread: its future has been inside one and the same poll in each of 30 checks, one a second (`stuck`).
//!
//! Then it cancels the token and waits until all tasks have ended, for the given grace at most. A further signal ends the wait at
//! once. The first failure is returned. A task that ends after the cancellation without an error is no failure.
//!
//! The supervisor belongs on the main thread with a runtime of its own, and the tasks of a program with several threads on another
//! runtime: so its bounds hold even where tasks block all worker threads. In a program with a single thread, such as the elector, a task
//! that blocks its thread blocks the supervisor too, and the third cause is never seen.
//!
//! Not promised: that a task which is left behind stops. The process has to exit after [`Supervisor::run`] has returned.

use std::sync::Arc;

use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

mod event;
mod failure;
mod signals;
mod stuck;
mod supervisor;
#[cfg(test)]
mod tests;

use event::TaskEvent;
pub use failure::TaskFailure;
pub use signals::{Signal, SignalRuntime, Signals};
use stuck::PollCounter;
pub use supervisor::Supervisor;

/// The starter of tasks. All clones start tasks under the same supervisor.
#[derive(Clone, Debug)]
pub struct Tasks {
    /// The runtime on which tasks run.
    runtime: Handle,
    /// The token that the supervisor cancels when shutdown begins.
    shutdown: CancellationToken,
    /// The channel that tells the supervisor of tasks that start and end.
    events: mpsc::UnboundedSender<TaskEvent>,
}

/// The type that a task returns: nothing, or an error that ends the process.
pub trait TaskResult: Send + 'static {
    /// Converts this value to a result, which is an error only where the task failed.
    fn into_result(self) -> anyhow::Result<()>;
}

/// Returns the starter of tasks, which run on `runtime`, and the supervisor that watches them.
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
    /// Starts `task`, which has to run until [`Tasks::shutdown`] is cancelled. If the task ends earlier or panics, the process
    /// ends with a message that has this `name`.
    pub fn spawn<F>(&self, name: impl Into<Arc<str>>, task: F)
    where
        F: Future<Output: TaskResult> + Send + 'static,
    {
        let polls = PollCounter::default();
        let counted = polls.counting(async move { task.await.into_result() });
        let running = self.runtime.spawn(counted);
        let id = running.id();
        let events = self.events.clone();
        // Sending fails once the supervisor has returned, and then the process is about to exit.
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

    /// Returns the token that is cancelled when shutdown begins. Every task has to end soon after that.
    pub fn shutdown(&self) -> CancellationToken {
        self.shutdown.clone()
    }
}

// === impl TaskResult ===

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
