//! Lag, computed from a snapshot. No I/O, no clock, no Kafka library.
//!
//! What was not read stays an [`Unknown`]: an unknown partition has no lag, and a group or topic with one has no sum. A maximum
//! over the known partitions is a true lower bound and is kept, so that an alert on it does not fall silent in an incident.
//!
//! A partition that a member is assigned and that has no commit has no lag either: the group may have started at its end, or be
//! stuck before its first record. It is [`Uncommitted`], and not part of any sum.
//!
//! A partition is *known* when both the commit and the end it is compared with were read. That end is the last stable offset
//! where the cluster is collected with `read_committed`, else the high watermark.
//!
//! The result owns its values and shares names and members with the snapshot, so it can outlive it.

mod assignments;
mod group;
mod partition;
mod totals;

use std::sync::Arc;
use std::time::Duration;

use shared::config;

use crate::snapshot::{
    Compaction, Failure, GroupState, Member, Name, Offset, Reading, Reason, Snapshot, Unknown,
};

/// What one collection of one cluster says about lag.
#[derive(Clone, Debug, PartialEq)]
pub struct Lag {
    /// Groups by name.
    pub groups: Vec<GroupLag>,
    /// What is odd about the answers, each once; to be counted beside the snapshot's failures.
    pub findings: Vec<Failure>,
}

/// The lag of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupLag {
    /// The group's name.
    pub group: Name,
    /// As the coordinator said.
    pub state: GroupState,
    /// Number of members.
    pub n_members: Reading<usize>,
    /// The members as far as they are known, else none.
    pub members: Arc<Vec<Member>>,
    /// The topics the group has commits on or its members are assigned partitions of, by name.
    pub topics: Vec<TopicLag>,
    /// Offset lag over all partitions the group has commits on; missing also while commits may be hidden.
    pub offset_lag: Sum,
    /// Whether nothing of the group is hidden: the lag of every partition with a commit is known, and so is which partitions
    /// its members are assigned, and what those without a commit hold. Else the first reason why not.
    pub complete: Reading<()>,
    /// The largest offset lag among the known partitions; `None` without any.
    pub max_offset_lag: Option<u64>,
    /// The largest time lag among the known ones; `None` without any, and where all that is known is that some partitions have
    /// nothing left to read.
    pub max_time_lag: Option<Duration>,
}

/// The lag of one group on one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicLag {
    /// The topic's name.
    pub topic: Name,
    /// Whether the topic's log is compacted.
    pub compaction: Reading<Compaction>,
    /// Partitions the group has commits on, by number.
    pub partitions: Vec<PartitionLag>,
    /// Offset lag over those partitions.
    pub offset_lag: Sum,
    /// What members are assigned of it without a commit; `None` where they are assigned nothing of it, or it is not known what.
    pub uncommitted: Option<Reading<Uncommitted>>,
}

/// Partitions that are assigned to a member, hold records and have no commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncommitted {
    /// Their number.
    pub partitions: u64,
    /// What their logs hold, in offsets from the log start to the end: no more can be hidden.
    pub records: u64,
}

/// The lag of one group on one partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartitionLag {
    /// The partition's number.
    pub partition: i32,
    /// The index in [`GroupLag::members`] of the member that is assigned the partition, where members are known and one is.
    pub member: Option<usize>,
    /// Next offset the group will read.
    pub committed: Reading<Offset>,
    /// Offsets between the commit and the end.
    pub offset_lag: Reading<u64>,
    /// Age of the oldest record not read.
    pub time_lag: TimeLag,
    /// How the commit stands to the log start.
    pub retention: Reading<Retention>,
    /// Offset lag in percent of the retained offsets: 0 when caught up, 100 at the log start, more when records were lost
    /// unread, infinite when nothing is retained any more of what the group has not read.
    pub unread_percent: Reading<f64>,
}

/// A sum of offset lag over partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// There is no partition to sum over.
    NoPartitions,
    /// Every partition is known.
    Of(u64),
    /// At least one partition is unknown, for this reason; a partial sum would be a false number.
    Missing(Unknown),
}

/// How old the oldest record is that a group has not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLag {
    /// Nothing is left to read.
    CaughtUp,
    /// The record was read.
    Known(Duration),
    /// It is at least this old: the record is gone, and this is the age of the oldest one that retention has left; or it was
    /// written before the partition was first observed, and this is how long ago that was.
    AtLeast(Duration),
    /// Interpolated from the observed high watermarks.
    Interpolated(Duration),
    /// Not known.
    Unknown(Unknown),
}

/// How a commit stands to the log start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `log_start - committed` when positive, else 0: messages that retention took before the group read them.
    pub lost: u64,
    /// `committed - log_start`: how far retention has to go before it takes unread messages; negative when it has.
    pub margin: i64,
}

/// The lag of every group of `snapshot` at `now_ms`, Unix time in milliseconds. With [`config::TimeLagMode::Off`] no time lag is known.
pub fn compute(snapshot: &Snapshot, time_lag: config::TimeLagMode, now_ms: i64) -> Lag {
    let clock = partition::TimeLagClock { time_lag, now_ms };
    let mut findings = Vec::new();
    let groups = snapshot
        .groups
        .iter()
        .map(|(name, group)| {
            findings.extend(partition::beyond_end(snapshot, name, group));
            let lag = group::lag(snapshot, name, group, clock);
            findings.extend(lag.records_without_age());
            lag
        })
        .collect();
    Lag { groups, findings }
}

// === impl Lag ===

impl Lag {
    /// How many (group, partition) pairs have a commit on a compacted topic, where offset lag overstates the records left.
    pub fn n_compacted(&self) -> usize {
        self.rows()
            .filter(|(topic, row)| {
                topic.compaction == Ok(Compaction::Compacted) && row.committed.is_ok()
            })
            .count()
    }

    /// How many (group, partition) pairs lost messages to retention before the group read them.
    pub fn n_lost(&self) -> usize {
        self.rows()
            .filter(|(_, row)| row.retention.is_ok_and(|retention| retention.lost > 0))
            .count()
    }

    fn rows(&self) -> impl Iterator<Item = (&TopicLag, &PartitionLag)> {
        let topics = self.groups.iter().flat_map(|group| &group.topics);
        topics.flat_map(|topic| topic.partitions.iter().map(move |row| (topic, row)))
    }
}

// === impl GroupLag ===

impl GroupLag {
    /// Returns the member that is assigned the partition of `row`, where members are known and one is.
    pub fn member_of(&self, row: &PartitionLag) -> Option<&Member> {
        self.members.get(row.member?)
    }

    /// A finding for every partition whose oldest unread record was read and has no usable timestamp.
    fn records_without_age(&self) -> impl Iterator<Item = Failure> {
        let rows = self
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(move |row| (&topic.topic, row)));
        rows.filter_map(|(topic, row)| match row.time_lag {
            TimeLag::Unknown(unknown)
                if matches!(
                    unknown.reason,
                    Reason::NoTimestamp | Reason::FutureTimestamp
                ) =>
            {
                let subject = format!("{}/{topic}/{}", self.group, row.partition);
                Some(Failure { unknown, subject })
            }
            _ => None,
        })
    }
}

// === impl Sum ===

impl Sum {
    /// The sum, if it is one.
    pub const fn known(self) -> Option<u64> {
        match self {
            Self::Of(sum) => Some(sum),
            Self::NoPartitions | Self::Missing(_) => None,
        }
    }

    /// Whether no partition is missing from it, or why one is.
    pub const fn completeness(self) -> Reading<()> {
        match self {
            Self::NoPartitions | Self::Of(_) => Ok(()),
            Self::Missing(unknown) => Err(unknown),
        }
    }

    fn over<'r>(rows: impl Iterator<Item = &'r PartitionLag>) -> Self {
        rows.fold(Self::NoPartitions, |sum, row| match (sum, row.offset_lag) {
            (Self::Missing(unknown), _) | (_, Err(unknown)) => Self::Missing(unknown),
            (Self::NoPartitions, Ok(lag)) => Self::Of(lag),
            (Self::Of(sum), Ok(lag)) => Self::Of(sum.saturating_add(lag)),
        })
    }
}

// === impl TimeLag ===

impl TimeLag {
    /// The value to export: 0 when caught up, `None` when unknown.
    pub const fn known(self) -> Option<Duration> {
        match self {
            Self::CaughtUp => Some(Duration::ZERO),
            Self::Known(age) | Self::AtLeast(age) | Self::Interpolated(age) => Some(age),
            Self::Unknown(_) => None,
        }
    }
}
