//! Detection of tasks that block their thread.
//!
//! A future that blocks inside a poll, in a system call or in a lock, never returns to the runtime, so neither a timeout nor a
//! cancellation reaches it, while tasks on other threads go on. Each task therefore counts its polls, and the supervisor checks
//! whether the count moves.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// The time from one check of all tasks to the next.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// The number of checks in a row that may find a task in the same poll. A poll takes milliseconds on a machine that is not overloaded.
/// Checks are counted instead of time, since a process that was stopped for a while, for example with SIGSTOP, is not stuck.
pub(super) const MAX_UNCHANGED_CHECKS: u32 = 30;

/// The number of beginnings and ends of polls of one task, so it is odd during a poll. The thread that polls the task writes
/// the number.
#[derive(Clone, Debug, Default)]
pub(super) struct PollCounter(Arc<AtomicU64>);

/// A task whose polls are counted, for the supervisor to see whether it is stuck.
pub(super) struct CountedTask<F> {
    task: Pin<Box<F>>,
    polls: PollCounter,
}

/// The supervisor's view of one task's polls, from which it tells whether the task is stuck.
#[derive(Debug)]
pub(super) struct StuckDetector {
    polls: PollCounter,
    /// The number in the counter at the last check.
    seen: u64,
    /// The number of checks in a row that found the task in the same poll; 0 after a check that found another poll or none.
    n_unchanged: u32,
}

// === impl PollCounter ===

impl PollCounter {
    /// Wraps `task` so that this counter counts its polls.
    pub(super) fn counting<F: Future>(&self, task: F) -> CountedTask<F> {
        CountedTask {
            task: Box::pin(task),
            polls: self.clone(),
        }
    }
}

impl<F: Future> Future for CountedTask<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.polls.0.fetch_add(1, Ordering::Relaxed);
        let polled = self.task.as_mut().poll(context);
        self.polls.0.fetch_add(1, Ordering::Relaxed);
        polled
    }
}

// === impl StuckDetector ===

impl StuckDetector {
    /// Returns a detector that has not checked the task yet.
    pub(super) fn new(polls: PollCounter) -> Self {
        Self {
            polls,
            seen: 0,
            n_unchanged: 0,
        }
    }

    /// Checks once more, and returns whether the task is stuck.
    pub(super) fn check(&mut self) -> bool {
        let now = self.polls.0.load(Ordering::Relaxed);
        let is_same_poll = now % 2 == 1 && now == self.seen;
        self.n_unchanged = if is_same_poll {
            self.n_unchanged + 1
        } else {
            0
        };
        self.seen = now;
        self.n_unchanged >= MAX_UNCHANGED_CHECKS
    }
}
