//! Lag by plain arithmetic on integers, without any code of the crate.

use std::collections::{BTreeMap, BTreeSet};

/// The exclusive upper bound of the offsets in a case.
pub(crate) const OFFSETS: i64 = 12;
/// The instant of a case, Unix time in milliseconds.
pub(crate) const NOW: i64 = 1_000_000;

/// One partition's log; `None` is unknown.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) log_start: Option<i64>,
    pub(crate) high_watermark: Option<i64>,
    pub(crate) last_stable: Option<i64>,
}

/// The numbers of a topic and of its partition.
pub(crate) type PartitionId = (u8, i32);

/// The result of a collection as plain numbers, from which the oracle computes.
#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) read_committed: bool,
    pub(crate) logs: BTreeMap<PartitionId, Bounds>,
    /// The commits by group. `None` stands for unknown commits of a group, and for one unknown commit.
    pub(crate) groups: BTreeMap<u8, Option<BTreeMap<PartitionId, Option<i64>>>>,
}

/// The knowledge of the record at an offset. The knowledge is a function of partition and offset, so that a case need not list
/// it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Record {
    NotAsked,
    Unknown,
    NothingReadable,
    At(i64),
    AtLogStart(i64),
    Passed(i64),
    PassedBefore(i64),
    NoTimestamp,
}

/// The row that a group should have for a partition; `None` is no sample.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Row {
    pub(crate) committed: Option<i64>,
    pub(crate) lag: Option<i64>,
    pub(crate) age: Option<i64>,
    pub(crate) lost: Option<i64>,
    pub(crate) margin: Option<i64>,
    pub(crate) percent: Option<f64>,
}

pub(crate) fn record((topic, partition): PartitionId, offset: i64) -> Record {
    match (i64::from(topic) + i64::from(partition) + offset) % 10 {
        0 => Record::NotAsked,
        1 => Record::Unknown,
        2 => Record::NothingReadable,
        3 => Record::AtLogStart(NOW - 10 * offset),
        4 => Record::Passed(NOW - 100 * offset),
        5 => Record::At(NOW + 5),
        6 => Record::At(NOW + 61_000),
        7 => Record::NoTimestamp,
        8 => Record::PassedBefore(NOW - 50 * offset),
        _ => Record::At(NOW - 1_000 * offset),
    }
}

impl Case {
    fn end(&self, partition_id: PartitionId) -> Option<i64> {
        let bounds = self.logs.get(&partition_id)?;
        if self.read_committed {
            bounds.last_stable
        } else {
            bounds.high_watermark
        }
    }

    pub(crate) fn row(&self, partition_id: PartitionId, committed: Option<i64>) -> Row {
        let mut row = Row {
            committed,
            ..Row::default()
        };
        let Some(committed) = committed else {
            return row;
        };
        let end = self.end(partition_id);
        let log_start = self
            .logs
            .get(&partition_id)
            .and_then(|bounds| bounds.log_start);
        if let Some(end) = end {
            row.lag = Some(if end > committed { end - committed } else { 0 });
            row.age = self.age(partition_id, committed);
        }
        if let Some(log_start) = log_start {
            row.lost = Some(if log_start > committed {
                log_start - committed
            } else {
                0
            });
            row.margin = Some(committed - log_start);
        }
        if let (Some(log_start), Some(end)) = (log_start, end) {
            row.percent = Some(if end <= committed {
                0.0
            } else if end <= log_start {
                f64::INFINITY
            } else {
                float(end - committed) * 100.0 / float(end - log_start)
            });
        }
        row
    }

    /// Returns the margin of the row if records are unread and retention has begun to delete from the log, and infinity if not;
    /// `None` where that cannot be told.
    pub(crate) fn margin_at_risk(&self, partition_id: PartitionId, row: &Row) -> Option<f64> {
        row.committed?;
        let start = self.logs.get(&partition_id)?.log_start;
        match (row.lag, start) {
            (Some(0), _) | (_, Some(0)) => Some(f64::INFINITY),
            (Some(_), Some(_)) => row.margin.map(float),
            _ => None,
        }
    }

    /// Returns the age of the oldest unread record. Goes through the offsets from the commit on, up to the first that retention
    /// has left.
    fn age(&self, partition_id: PartitionId, committed: i64) -> Option<i64> {
        let end = self.end(partition_id)?;
        let log_start = self.logs[&partition_id].log_start.unwrap_or(0);
        let Some(oldest) = (committed..end).find(|offset| *offset >= log_start) else {
            return Some(0);
        };
        match record(partition_id, oldest) {
            Record::NotAsked | Record::Unknown | Record::NoTimestamp => None,
            Record::NothingReadable => Some(0),
            // A timestamp more than a minute in the future says nothing about the age: clocks may differ by a minute at most.
            Record::At(at) | Record::AtLogStart(at) if at > NOW + 60_000 => None,
            Record::At(at)
            | Record::AtLogStart(at)
            | Record::Passed(at)
            | Record::PassedBefore(at) => Some((NOW - at).max(0)),
        }
    }

    pub(crate) fn wanted(&self) -> BTreeSet<(PartitionId, i64)> {
        let mut wanted = BTreeSet::new();
        for (partition_id, committed) in self.groups.values().flatten().flatten() {
            let (Some(committed), Some(end)) = (*committed, self.end(*partition_id)) else {
                continue;
            };
            let log_start = self.logs[partition_id].log_start.unwrap_or(0);
            wanted.extend(
                (committed..end)
                    .find(|offset| *offset >= log_start)
                    .map(|offset| (*partition_id, offset)),
            );
        }
        wanted
    }

    /// Returns the number of rows whose oldest unread record was read and has no usable timestamp.
    pub(crate) fn undated(&self) -> usize {
        let commits = self.groups.values().flatten().flatten();
        let oldest = commits.filter_map(|(partition_id, committed)| {
            let start = self.logs.get(partition_id)?.log_start.unwrap_or(0);
            let mut left =
                ((*committed)?..self.end(*partition_id)?).filter(|offset| *offset >= start);
            Some(record(*partition_id, left.next()?))
        });
        let says_nothing = |record: &Record| match record {
            Record::NoTimestamp => true,
            Record::At(at) => *at > NOW + 60_000,
            _ => false,
        };
        oldest.filter(says_nothing).count()
    }

    pub(crate) fn beyond_end(&self) -> usize {
        let commits = self.groups.values().flatten().flatten();
        commits
            .filter(|(partition_id, committed)| {
                let high_watermark = self
                    .logs
                    .get(partition_id)
                    .and_then(|log| log.high_watermark);
                matches!((committed, high_watermark), (Some(c), Some(high)) if *c > high)
            })
            .count()
    }
}

/// Returns the sum; `None` if a value is missing, or if there are no values.
pub(crate) fn sum(lags: &[Option<i64>]) -> Option<i64> {
    let mut sum = 0;
    for lag in lags {
        sum += (*lag)?;
    }
    if lags.is_empty() { None } else { Some(sum) }
}

fn float(small: i64) -> f64 {
    i32::try_from(small)
        .expect("offsets of a case are small")
        .into()
}
