//! The verdict on a recording, by what the pods did: requests to Kafka, and answers with series.
//!
//! Two pods must never act at the same time, and no gap without a leader may be longer than the faults excuse ([`super::gap`]).

use std::fmt;
use std::time::Duration;

use serde::Serialize;
use tokio::time::Instant;

use super::gap::{self, Conditions, Gap};
use super::recording::{Origin, Recording, Stretch};
use crate::lab::history::{History, LeadInterval};

/// The verdict on one recording. Times are microseconds after the beginning of the schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// The time for which two pods certainly acted at once.
    pub overlap: u64,
    /// The time for which two pods may have acted at once, as far as observations are inexact.
    pub possible_overlap: u64,
    /// The stretches in which two pods certainly acted at once.
    pub overlaps: Vec<Stretch>,
    /// The stretches in which each pod acted, from the first act to the last.
    pub acted: [Vec<Stretch>; 2],
    /// The number of times that another pod began to act.
    pub moves: usize,
    /// The gaps in which no pod led.
    pub gaps: Vec<Gap>,
    /// The number of requests to Kafka that were begun before a stop and sent after it.
    pub leftover: usize,
    /// The reasons for which the recording fails; empty if it does not.
    pub failures: Vec<String>,
}

// === impl Verdict ===

impl Verdict {
    /// Judges a recording.
    pub fn of(recording: &Recording) -> Self {
        // The history is computed with instants, of which only the differences matter.
        let origin = Origin(Instant::now());
        let observations = recording
            .pods
            .each_ref()
            .map(|pod| pod.observations(origin));
        let history = History::of(&observations);
        let overlap = history.overlap();
        let of_pod = |pod: usize| {
            let intervals = history.intervals.iter();
            intervals
                .filter(|interval| interval.pod == pod)
                .map(|interval| {
                    (
                        origin.micros(interval.first.from),
                        origin.micros(interval.last.to),
                    )
                })
                .collect::<Vec<_>>()
        };
        let acted = [of_pod(0), of_pod(1)];
        let ends = acted
            .each_ref()
            .map(|of_pod| of_pod.iter().map(|(_, to)| *to).collect());
        let conditions = Conditions::of(recording, ends);
        let gaps = gap::gaps(recording);
        let mut verdict = Self {
            overlap: micros(overlap.certain),
            possible_overlap: micros(overlap.possible),
            overlaps: overlaps(&history, origin),
            acted,
            moves: history.moves(),
            gaps: gaps
                .into_iter()
                .map(|stretch| conditions.judge(stretch))
                .collect(),
            leftover: recording.pods.iter().map(|pod| pod.leftover).sum(),
            failures: Vec::new(),
        };
        verdict.failures = verdict
            .broken()
            .chain(recording.crashes.iter().cloned())
            .collect();
        verdict
    }

    /// Returns true if the recording fails.
    pub fn is_failure(&self) -> bool {
        !self.failures.is_empty()
    }

    /// Returns the longest gap in which no pod led.
    pub fn longest_gap(&self) -> Duration {
        self.gaps.iter().map(Gap::length).max().unwrap_or_default()
    }

    /// Returns the gap that comes closest to its bound, of those that are not wholly excused.
    pub fn tightest_gap(&self) -> Option<&Gap> {
        let counted = self.gaps.iter().filter(|gap| gap.counted > 0);
        counted.max_by(|one, other| {
            let left = u128::from(one.counted) * u128::from(other.bound);
            left.cmp(&(u128::from(other.counted) * u128::from(one.bound)))
        })
    }

    fn broken(&self) -> impl Iterator<Item = String> {
        let overlap = (self.overlap > 0).then(|| {
            let at = self
                .overlaps
                .first()
                .map_or(0.0, |(from, _)| seconds(*from));
            format!(
                "two pods acted for {} ms, first at {at:.3} s",
                self.overlap.div_ceil(1000)
            )
        });
        let gaps = self.gaps.iter().filter(|gap| gap.is_too_long());
        let gaps = gaps.map(|gap| {
            format!(
                "nobody led from {:.3} to {:.3} s, of which {:.1} s count and {:.1} s are allowed",
                seconds(gap.stretch.0),
                seconds(gap.stretch.1),
                seconds(gap.counted),
                seconds(gap.bound)
            )
        });
        let all: Vec<_> = overlap.into_iter().chain(gaps).collect();
        all.into_iter()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gap = self.longest_gap().as_secs_f64();
        let two = self.overlap.div_ceil(1000);
        write!(
            f,
            "{two} ms of two, {} moves, longest gap {gap:.1} s",
            self.moves
        )?;
        if let Some(gap) = self.tightest_gap() {
            let (counted, bound) = (seconds(gap.counted), seconds(gap.bound));
            write!(f, ", closest to its bound {counted:.1} of {bound:.1} s")?;
        }
        if self.leftover > 0 {
            write!(f, ", {} requests left over from stops", self.leftover)?;
        }
        Ok(())
    }
}

/// Returns the stretches in which two pods certainly acted at once, in order.
fn overlaps(history: &History, origin: Origin) -> Vec<Stretch> {
    let mut overlaps = Vec::new();
    for (n, one) in history.intervals.iter().enumerate() {
        let others = history.intervals[n + 1..].iter();
        let of_another_pod = others.filter(|other| other.pod != one.pod);
        overlaps.extend(of_another_pod.filter_map(|other| common(one, other, origin)));
    }
    overlaps.sort_unstable();
    overlaps
}

fn common(one: &LeadInterval, other: &LeadInterval, origin: Origin) -> Option<Stretch> {
    let from = one.first.to.max(other.first.to);
    let to = one.last.from.min(other.last.from);
    (from < to).then(|| (origin.micros(from), origin.micros(to)))
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Returns microseconds as seconds, for a person.
pub(super) fn seconds(micros: u64) -> f64 {
    Duration::from_micros(micros).as_secs_f64()
}

#[cfg(test)]
mod tests;
