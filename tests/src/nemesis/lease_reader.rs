//! A reader of the Lease: the administrator reads it five times a second, which shows who holds it and whether the API server works.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

use super::recording::{LeaseRead, Origin};
use crate::lab;
use crate::lab::kubernetes::Lease;

/// The pause after each read.
const PAUSE: Duration = Duration::from_millis(200);

/// The age up to which the last good read shows that the API server works.
const FRESH: Duration = Duration::from_millis(800);

/// The state that a reader shares with the thread that runs the schedule.
#[derive(Debug)]
pub(crate) struct LeaseReader {
    origin: Origin,
    /// The time of the last good answer, in microseconds after the origin.
    last_good: AtomicU64,
    is_over: AtomicBool,
}

// === impl LeaseReader ===

impl LeaseReader {
    /// Returns a reader that has read nothing yet.
    pub(crate) fn new(origin: Origin) -> Self {
        Self {
            origin,
            last_good: AtomicU64::new(0),
            is_over: AtomicBool::new(false),
        }
    }

    /// Reads the Lease until [`Self::end`] is called; returns all reads.
    pub(crate) fn run(&self, lease: &Lease) -> Vec<LeaseRead> {
        let mut reads = Vec::new();
        while !self.is_over.load(Ordering::Relaxed) {
            let sent = self.now();
            let read = lease.read();
            let answered = self.now();
            // A Lease that does not exist has no holder.
            let holder = read
                .ok()
                .map(|record| record.map_or_else(String::new, |it| it.holder));
            if holder.is_some() {
                self.last_good.store(answered, Ordering::Relaxed);
            }
            reads.push(LeaseRead {
                sent,
                answered,
                holder,
            });
            lab::pause(PAUSE);
        }
        reads
    }

    /// Lets [`Self::run`] return after the read that is under way.
    pub(crate) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// Returns true if the API server has answered just now.
    pub(super) fn is_api_up(&self) -> bool {
        let age = self
            .now()
            .saturating_sub(self.last_good.load(Ordering::Relaxed));
        Duration::from_micros(age) <= FRESH
    }

    fn now(&self) -> u64 {
        self.origin.micros(Instant::now())
    }
}
