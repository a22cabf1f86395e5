//! Sees tasks that never come back. A task that blocks its thread, in a system call or a lock, goes on with nothing and answers
//! nothing, while others on other threads do as if nothing were wrong.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

/// How often is looked.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_secs(1);

/// Looks in a row that may find a task in the same poll. A poll takes milliseconds where the machine has time for it, and is
/// counted in looks and not by the clock, since a process that is stopped for a while is not stuck.
pub(super) const MAX_UNCHANGED_CHECKS: u32 = 30;

/// How often a task was polled: odd while it is.
#[derive(Clone, Debug, Default)]
pub(super) struct PollCounter(Arc<AtomicU64>);

/// A task whose polls are counted.
pub(super) struct CountedTask<F> {
    task: Pin<Box<F>>,
    polls: PollCounter,
}

/// What was seen of a task's polls.
#[derive(Debug)]
pub(super) struct StuckDetector {
    polls: PollCounter,
    seen: u64,
    /// Looks in a row since it was another poll, or none.
    n_unchanged: u32,
}

// === impl Polls ===

impl PollCounter {
    pub(super) fn count<F: Future>(&self, task: F) -> CountedTask<F> {
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

// === impl Watched ===

impl StuckDetector {
    pub(super) fn of(polls: PollCounter) -> Self {
        Self {
            polls,
            seen: 0,
            n_unchanged: 0,
        }
    }

    /// Looks once more; whether the task is stuck.
    pub(super) fn is_stuck(&mut self) -> bool {
        let now = self.polls.0.load(Ordering::Relaxed);
        let same = now % 2 == 1 && now == self.seen;
        self.n_unchanged = if same { self.n_unchanged + 1 } else { 0 };
        self.seen = now;
        self.n_unchanged >= MAX_UNCHANGED_CHECKS
    }
}
