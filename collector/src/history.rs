//! When the high watermark of a partition passed an offset, from what was observed of it (`timestamp_sampling.mode = "rate"`).
//! No I/O; the time is passed in.
//!
//! A record's age is known without reading it: the record at offset `c` was written when the high watermark went from `c` to
//! beyond it. Between two observations the high watermark is taken to have grown evenly. This is an estimate of *when*, not a
//! quotient of lag and speed, so a producer that has stopped does not make it wrong.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use crate::snapshot::{Api, Name, Offset, OldestUnread, Reason, Snapshot, TopicPartition, Unknown};

/// How much is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HistoryLimits {
    /// Observations of one partition; fewer than two are taken as two.
    pub samples: usize,
    /// Age at which an observation is dropped, except for the newest that is older: it is where the others begin.
    pub max_age: Duration,
}

/// What was observed of the partitions of one cluster.
#[derive(Clone, Debug)]
pub struct History {
    limits: HistoryLimits,
    partitions: HashMap<TopicPartition, PartitionHistory>,
    /// The moment at which partitions were last observed, Unix time in milliseconds.
    observed_at: i64,
}

/// What was observed of one partition: never empty once something was recorded, rising in time, never falling in offset.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionHistory {
    samples: VecDeque<Sample>,
}

/// What became of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recorded {
    /// It is the newest now.
    Inserted,
    /// The high watermark stands still; the newest observation was moved to this time.
    Extended,
    /// The high watermark or the clock went back (a truncated log, a re-created topic, a clock set anew): what was known before
    /// does not belong to this log, and history begins here.
    Reset,
    /// There is one of this very instant.
    Ignored,
}

/// When the high watermark passed an offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// At about this time; Unix time in milliseconds.
    At(i64),
    /// Before the first observation that is kept, which was at this time; Unix time in milliseconds.
    Before(i64),
    /// Not by the last observation, or there is none.
    NotYet,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Sample {
    at: i64,
    high_watermark: Offset,
}

// === impl History ===

impl History {
    /// Nothing observed yet.
    pub fn new(limits: HistoryLimits) -> Self {
        Self {
            limits,
            partitions: HashMap::new(),
            observed_at: i64::MIN,
        }
    }

    /// Records the high watermarks of `snapshot`, read at `now_ms` (Unix time in milliseconds). A partition that has not been
    /// seen for the age bound is forgotten.
    pub fn observe(&mut self, snapshot: &Snapshot, now_ms: i64) {
        self.observed_at = now_ms;
        for (topic, partitions) in snapshot
            .topics
            .iter()
            .map(|(name, topic)| (name, &topic.partitions))
        {
            for (partition, log) in partitions {
                if let Ok(high_watermark) = log.high_watermark {
                    let tp = TopicPartition::of(topic, *partition);
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

    /// Forgets what was observed of these topics: they are others by now.
    pub fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.partitions.retain(|tp, _| !topics.contains(&tp.topic));
    }

    /// When each of the `wanted` records was written.
    pub fn oldest_unread(
        &self,
        wanted: &BTreeMap<TopicPartition, BTreeSet<Offset>>,
    ) -> HashMap<(TopicPartition, Offset), OldestUnread> {
        let pairs = wanted
            .iter()
            .flat_map(|(tp, offsets)| offsets.iter().map(move |at| (tp, *at)));
        let unknown = |reason| OldestUnread::Unknown(Unknown::new(Api::ListOffsets, reason));
        pairs
            .map(|(tp, offset)| {
                let passed = self
                    .partitions
                    .get(tp)
                    .map_or(Passed::NotYet, |seen| seen.passed(offset));
                let answer = match passed {
                    Passed::At(at) => OldestUnread::Passed(at),
                    // The one observation there is was made just now: that bounds nothing.
                    Passed::Before(at) if at >= self.observed_at => {
                        unknown(Reason::OlderThanHistory)
                    }
                    Passed::Before(at) => OldestUnread::PassedBefore(at),
                    Passed::NotYet => unknown(Reason::NotAsked),
                };
                ((tp.clone(), offset), answer)
            })
            .collect()
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
        // Of a time without records, only its begin and its end say something.
        if before.is_some_and(|before| before.high_watermark == high_watermark) {
            self.samples.pop_back();
            self.samples.push_back(sample);
            return Recorded::Extended;
        }
        self.samples.push_back(sample);
        Recorded::Inserted
    }

    /// The first time at which the high watermark was above `offset`: when the record at `offset` had been written.
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

/// Where an even growth from `below` to `above` has the record at `offset` behind it.
fn between(below: Sample, above: Sample, offset: Offset) -> i64 {
    let grown = u128::from(above.high_watermark.distance_from(below.high_watermark));
    let needed = u128::from(offset.distance_from(below.high_watermark)) + 1;
    let took = u128::from(above.at.abs_diff(below.at));
    // At most `took`, which fits: `needed` is at most `grown`.
    let after = u64::try_from(took * needed / grown).unwrap_or(u64::MAX);
    below.at.saturating_add_unsigned(after)
}
