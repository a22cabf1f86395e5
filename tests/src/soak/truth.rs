//! The truth about topics and groups over time, from the journal of the load: what was attempted, and what was confirmed.
//!
//! The load prints each step before it begins it and after it is confirmed. So at every moment a value lies between what had been
//! confirmed before it and what had been attempted before it. All times are milliseconds since 1970, of the wall clock that the
//! programs use too. This module reads no clock.

mod groups;
mod lines;
mod monotone;
mod topics;

use std::collections::BTreeMap;

pub(super) use self::groups::{Group, Life};
pub(super) use self::monotone::{Bounds, Monotone, number};
pub(super) use self::topics::{Incarnation, Topic};

/// A stretch of time, in milliseconds since 1970.
pub(super) type Window = (u64, u64);

/// The longest time between two answers about the replicas, in milliseconds, while all is well.
const REPLICAS_EVERY: u64 = 6_000;

/// Everything that the journal has said so far.
#[derive(Debug, Default)]
pub(super) struct Truth {
    pub(super) topics: BTreeMap<String, Topic>,
    pub(super) groups: BTreeMap<String, Group>,
    /// The times at which the load began to ask for the replicas, and the answers: true if all were in sync.
    pub(super) replicas: Vec<(u64, Replicas)>,
    /// The number of steps that failed and were tried again, by their first word.
    pub(super) retries: BTreeMap<String, u64>,
    /// The number of lines.
    pub(super) n_lines: u64,
}

/// The state of all replicas of the topics that exist throughout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Replicas {
    /// Every replica is in sync, and every partition is led by its preferred broker.
    Whole,
    /// Some replica lags behind, or some partition is led by another broker or by none.
    Lame,
}

// === impl Truth ===

impl Truth {
    /// Returns the time since which all answers said that the replicas are whole; `None` if the last one did not.
    pub(super) fn whole_since(&self) -> Option<u64> {
        let whole = self.replicas.iter().rev();
        let whole = whole.take_while(|(_, replicas)| *replicas == Replicas::Whole);
        whole.last().map(|(at, _)| *at)
    }

    /// Returns true if the replicas were whole throughout: by every answer, of which there was one every few seconds.
    pub(super) fn were_whole(&self, (from, to): Window) -> bool {
        let first = self.replicas.partition_point(|(at, _)| *at <= from);
        let Some(before) = first.checked_sub(1) else {
            return false;
        };
        let mut last = from.saturating_sub(REPLICAS_EVERY);
        let within = self.replicas[before..].iter();
        for (at, replicas) in within.take_while(|(at, _)| *at <= to) {
            if *replicas == Replicas::Lame || at.saturating_sub(last) > REPLICAS_EVERY {
                return false;
            }
            last = *at;
        }
        to.saturating_sub(last) <= REPLICAS_EVERY
    }
}
