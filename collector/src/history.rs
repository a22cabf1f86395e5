//! The history of high watermarks, which dates records without reading them (`timestamp_sampling.mode = "rate"`). No I/O; the
//! time is passed in.
//!
//! The record at offset `c` was written when the high watermark rose from `c` to beyond it. Between two observations the high
//! watermark is taken to have risen evenly. The result is an estimate of the time of writing, not a quotient of lag and speed, so
//! a producer that has stopped does not make it wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use crate::snapshot::{Api, Name, Offset, OldestUnread, Reason, Snapshot, TopicPartition, Unknown};

/// The limits of the history of each partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// The largest number of observations of one partition, at least two.
    pub samples: usize,
    /// The age at which an observation is dropped. The newest one beyond that age is kept, as the start of the interval to the
    /// next one.
    pub max_age: Duration,
}

/// The observations of the partitions of one cluster.
#[derive(Clone, Debug)]
pub struct History {
    limits: HistoryLimits,
    partitions: HashMap<TopicPartition, PartitionHistory>,
    /// The time of the last observation, Unix time in milliseconds.
    observed_at: i64,
}

/// The observations of one partition. Their times rise, and their offsets never fall.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionHistory {
    samples: VecDeque<Sample>,
}

/// The effect of recording an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// The observation was added as the newest.
    Inserted,
    /// The high watermark has not risen for the second time in a row, so the newest observation was moved to this time.
    Extended,
    /// The high watermark or the clock went back: the log was truncated, the topic was created again, or the clock was set.
    /// Earlier observations do not belong to this log and were dropped.
    Reset,
    /// There is an observation of the same instant already, which stays.
    Ignored,
}

/// The time at which the high watermark passed an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// The offset was passed at about this time, Unix time in milliseconds.
    At(i64),
    /// The offset was passed before the first observation that is kept, whose time this is, Unix time in milliseconds.
    Before(i64),
    /// The offset was not passed by the time of the last observation, or the partition has no observation.
    NotYet,
}

/// One observation. The time is Unix time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    at: i64,
    high_watermark: Offset,
}

// === impl History ===

impl History {
    /// Returns a history without observations.
    pub fn new(limits: HistoryLimits) -> Self {
        Self {
            limits,
            partitions: HashMap::new(),
            observed_at: i64::MIN,
        }
    }

    /// Records the high watermarks in `snapshot`, which were read at `now_ms`, Unix time in milliseconds. The history of a
    /// partition that was not seen for the largest age is dropped.
    pub fn observe(&mut self, snapshot: &Snapshot, now_ms: i64) {
        self.observed_at = now_ms;
        for (name, topic) in &snapshot.topics {
            for (partition, log) in topic.logs() {
                if let Ok(high_watermark) = log.high_watermark {
                    let tp = TopicPartition::of(name, partition);
                    self.partitions
                        .entry(tp)
                        .or_default()
                        .record(high_watermark, now_ms);
                }
            }
        }
        let cutoff = now_ms.saturating_sub_unsigned(self.limits.max_age_ms());
        self.partitions.retain(|_, observed| {
            observed.trim(self.limits.samples.max(2), cutoff);
            observed
                .samples
                .back()
                .is_some_and(|newest| newest.at >= cutoff)
        });
    }

    /// Drops the observations of these topics, which were deleted and created again, so that the observations are about other
    /// logs.
    pub fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.partitions.retain(|tp, _| !topics.contains(&tp.topic));
    }

    /// Returns the estimated time at which each of the `wanted` records was written.
    pub fn oldest_unread(
        &self,
        wanted: &BTreeMap<TopicPartition, BTreeSet<Offset>>,
    ) -> HashMap<(TopicPartition, Offset), OldestUnread> {
        let unknown = |reason| OldestUnread::Unknown(Unknown::new(Api::ListOffsets, reason));
        let answer = |tp: &TopicPartition, offset| {
            let seen = self.partitions.get(tp);
            let passed = seen.map_or(Passed::NotYet, |seen| seen.passed(offset));
            match passed {
                Passed::At(at) => OldestUnread::Passed(at),
                // The only observation of the partition was made just now, so its time says nothing about the age of the record.
                Passed::Before(at) if at >= self.observed_at => unknown(Reason::OlderThanHistory),
                Passed::Before(at) => OldestUnread::PassedBefore(at),
                Passed::NotYet => unknown(Reason::NotAsked),
            }
        };
        // Most partitions have one wanted offset, so the map hardly has to grow.
        let mut answers = HashMap::with_capacity(wanted.len());
        for (tp, offsets) in wanted {
            answers.extend(offsets.iter().map(|&at| ((tp.clone(), at), answer(tp, at))));
        }
        answers
    }
}

// === impl PartitionHistory ===

impl PartitionHistory {
    /// Records that the high watermark was `high_watermark` at `at`, Unix time in milliseconds.
    pub fn record(&mut self, high_watermark: Offset, at: i64) -> Recorded {
        let sample = Sample { at, high_watermark };
        let Some(newest) = self.samples.back().copied() else {
            self.samples.push_back(sample);
            return Recorded::Inserted;
        };
        if newest.at == at && newest.high_watermark <= high_watermark {
            return Recorded::Ignored;
        }
        if at < newest.at || high_watermark < newest.high_watermark {
            self.samples.clear();
            self.samples.push_back(sample);
            return Recorded::Reset;
        }
        let before = self.samples.iter().nth_back(1).copied();
        // Two observations suffice for an interval without records: its start and its end.
        if before.is_some_and(|before| before.high_watermark == high_watermark) {
            self.samples.pop_back();
            self.samples.push_back(sample);
            return Recorded::Extended;
        }
        self.samples.push_back(sample);
        Recorded::Inserted
    }

    /// Returns the time at which the high watermark rose above `offset`, which is when the record at `offset` was written.
    pub fn passed(&self, offset: Offset) -> Passed {
        let n_not_above = self
            .samples
            .partition_point(|sample| sample.high_watermark <= offset);
        let Some(above) = self.samples.get(n_not_above) else {
            return Passed::NotYet;
        };
        match n_not_above.checked_sub(1).and_then(|i| self.samples.get(i)) {
            None => Passed::Before(above.at),
            Some(below) => Passed::At(between(*below, *above, offset)),
        }
    }

    fn trim(&mut self, samples: usize, cutoff: i64) {
        while self.samples.len() > samples
            || self
                .samples
                .get(1)
                .is_some_and(|second| second.at <= cutoff)
        {
            self.samples.pop_front();
        }
    }
}

// === impl HistoryLimits ===

impl HistoryLimits {
    fn max_age_ms(self) -> u64 {
        u64::try_from(self.max_age.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Returns the time at which an even rise from `below` to `above` passes `offset`.
fn between(below: Sample, above: Sample, offset: Offset) -> i64 {
    let grown = u128::from(above.high_watermark.distance_from(below.high_watermark));
    let needed = u128::from(offset.distance_from(below.high_watermark)) + 1;
    let took = u128::from(above.at.abs_diff(below.at));
    // The quotient is at most `took`, which has 64 bits, because `needed` is at most `grown`.
    let after = u64::try_from(took * needed / grown).unwrap_or(u64::MAX);
    below.at.saturating_add_unsigned(after)
}
