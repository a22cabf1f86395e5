//! Topics from creation to deletion: how many partitions they had, what was written when, and where their logs began.

use std::collections::BTreeMap;

use super::{Bounds, Monotone, Window};

/// The time after which a reading of a log start is certainly no longer true the other way round: a broker that has just become
/// leader may show a start from before the last deletion by age, until it has deleted as well.
const AGED: u64 = 15_000;

/// All topics that had the same name, one after the other.
#[derive(Debug, Default)]
pub(in crate::soak) struct Topic {
    pub(in crate::soak) incarnations: Vec<Incarnation>,
}

/// A topic from its creation to its deletion.
#[derive(Debug)]
pub(in crate::soak) struct Incarnation {
    pub(in crate::soak) number: u64,
    /// The time at which its creation was begun.
    pub(in crate::soak) begun: u64,
    /// The time at which it certainly existed.
    pub(in crate::soak) made: Option<u64>,
    /// The time at which its deletion was begun.
    pub(in crate::soak) ending: Option<u64>,
    /// The time at which it was certainly deleted.
    pub(in crate::soak) ended: Option<u64>,
    /// The number of its partitions.
    pub(in crate::soak) partitions: Monotone,
    pub(in crate::soak) ends: BTreeMap<u64, Monotone>,
    /// The log starts that the load caused by deleting records.
    starts: BTreeMap<u64, Monotone>,
    /// The log starts that were read, where the brokers delete by age: the time before the request, that after the answer, and the
    /// starts.
    read_starts: Vec<(Window, BTreeMap<u64, u64>)>,
    /// The records of each partition, as ranges of offsets with the same timestamp: first offset, end, timestamp.
    written: BTreeMap<u64, Vec<(u64, u64, u64)>>,
}

// === impl Topic ===

impl Topic {
    /// Returns the only incarnation that can have been seen within the window, and was there all the time; `None` where the topic
    /// was being made or deleted.
    pub(in crate::soak) fn steady(&self, (from, to): Window) -> Option<&Incarnation> {
        let mut seen = self.incarnations.iter().filter(|one| {
            let over = one.ended.is_some_and(|ended| ended < from);
            one.begun <= to && !over
        });
        let one = seen.next()?;
        let made = one.made.is_some_and(|made| made <= from);
        let ending = one.ending.is_some_and(|ending| ending <= to);
        (seen.next().is_none() && made && !ending).then_some(one)
    }

    /// Returns true if no incarnation can have existed since `from`.
    pub(in crate::soak) fn is_gone(&self, (from, to): Window) -> bool {
        self.incarnations.iter().all(|one| {
            let over = one.ended.is_some_and(|ended| ended < from);
            over || one.begun > to
        })
    }
}

// === impl Incarnation ===

impl Incarnation {
    pub(super) fn new(number: u64, begun: u64, n_partitions: u64) -> Self {
        let mut partitions = Monotone::default();
        partitions.attempt(begun, n_partitions);
        Self {
            number,
            begun,
            made: None,
            ending: None,
            ended: None,
            partitions,
            ends: BTreeMap::new(),
            starts: BTreeMap::new(),
            read_starts: Vec::new(),
            written: BTreeMap::new(),
        }
    }

    pub(super) fn attempt_end(&mut self, at: u64, partition: u64, end: u64) {
        self.ends.entry(partition).or_default().attempt(at, end);
    }

    pub(super) fn confirm_end(&mut self, at: u64, partition: u64, range: (u64, u64, u64)) {
        self.ends.entry(partition).or_default().confirm(at, range.1);
        self.written.entry(partition).or_default().push(range);
    }

    pub(super) fn start(&mut self, partition: u64) -> &mut Monotone {
        self.starts.entry(partition).or_default()
    }

    pub(super) fn read_starts(&mut self, window: Window, starts: BTreeMap<u64, u64>) {
        self.read_starts.push((window, starts));
    }

    /// Returns the bounds of the log end of a partition.
    pub(in crate::soak) fn end(&self, partition: u64, window: Window) -> Bounds {
        let end = self.ends.get(&partition);
        end.map_or(Bounds { least: 0, most: 0 }, |end| end.bounds(window))
    }

    /// Returns the bounds of the log start of a partition. Where the brokers delete by age, they follow from the readings before
    /// and after the window, and there are none while there is no reading after it.
    pub(in crate::soak) fn log_start(&self, partition: u64, window: Window) -> Option<Bounds> {
        if self.read_starts.is_empty() {
            let start = self.starts.get(&partition);
            return Some(start.map_or(Bounds { least: 0, most: 0 }, |start| start.bounds(window)));
        }
        let value = |reading: Option<&(Window, BTreeMap<u64, u64>)>| {
            reading.and_then(|(_, starts)| starts.get(&partition).copied())
        };
        let early = window.0.saturating_sub(AGED);
        let before = self.read_starts.partition_point(|(at, _)| at.1 <= early);
        let after = self.read_starts.partition_point(|(at, _)| at.0 < window.1);
        Some(Bounds {
            least: before
                .checked_sub(1)
                .and_then(|n| value(self.read_starts.get(n)))
                .unwrap_or(0),
            most: value(self.read_starts.get(after))?,
        })
    }

    /// Returns the timestamp of the record at an offset of a partition, in milliseconds since 1970.
    pub(in crate::soak) fn timestamp(&self, partition: u64, offset: u64) -> Option<u64> {
        let ranges = self.written.get(&partition)?;
        let after = ranges.partition_point(|(first, _, _)| *first <= offset);
        let (_, end, at) = ranges[after.checked_sub(1)?];
        (offset < end).then_some(at)
    }
}
