//! Lag, computed from a snapshot. No I/O, no clock, no Kafka library.
//!
//! # Rows
//! A row is one group on one partition on which it has a commit. Its offset lag is *known* when the commit and the log end were
//! both read. The log end is the last stable offset where the cluster is collected with `read_committed`, else the high
//! watermark. A value that was not read is an [`Unknown`] with its reason, and everything that would need it is unknown for the
//! same reason. A commit on a partition that no longer exists makes no row.
//!
//! # Sums and maxima
//! A sum over a topic or a group covers all of its rows, or does not exist: one row with unknown lag takes the sum away, because
//! a partial sum would be a false number. A group's sum is also missing while a member is assigned a partition that this user
//! cannot see, where commits may be hidden. A maximum covers the known rows. It is a true lower bound and stays, so that an alert
//! on it is not silenced by an incident; except that a maximum time lag of zero is left out beside an unknown one, as it would
//! look like health. A minimum covers all rows or does not exist, as
//! an unknown value may be smaller. The number of unknown time lags says whether a maximum time lag is more than a bound.
//!
//! # Partitions without a commit
//! A partition that a member is assigned and that has no commit has no lag: the group may have started at its end, or be stuck
//! before its first record. It counts as [`Uncommitted`] with the number of records that its log holds, and is part of no sum.
//!
//! # `complete`
//! A group is complete when nothing of it is hidden: the lag of every row is known; its members and their assignments are known;
//! every assigned partition was read; and the number of records is known of each assigned partition without a commit. Otherwise
//! the group has the first reason why not.
//!
//! # Not promised
//! - A complete group may still have uncommitted partitions, and a group without any commit can be complete; it has no sum.
//! - Time lag is no part of completeness: it may be unknown in a complete group.
//! - Offset lag counts offsets, not records: on compacted topics and with transactions fewer records are left.
//! - Kafka hides commits on topics that this user may not see. Such commits are noticed only where a member is assigned such a
//!   topic.
//!
//! The result owns its values and shares names and members with the snapshot, so the result can outlive the snapshot.

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

/// The lag of all groups in one collection of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Lag {
    /// The groups, sorted by name.
    pub groups: Vec<GroupLag>,
    /// Commits beyond the log end, commits of which it cannot be told whether they have lost records, and records without a usable
    /// timestamp, one entry each. They count beside the snapshot's failures.
    pub findings: Vec<Failure>,
}

/// The lag of one group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupLag {
    /// The group's name.
    pub group: Name,
    /// The group's state, as listed or described by its coordinator.
    pub state: GroupState,
    /// The number of the group's members, or why it is unknown.
    pub n_members: Reading<usize>,
    /// The members; empty where they are unknown.
    pub members: Arc<Vec<Member>>,
    /// The topics that the group has commits on or that its members are assigned partitions of, by name.
    pub topics: Vec<TopicLag>,
    /// The sum of offset lag over all rows. Missing also while commits may be hidden from this user.
    pub offset_lag: Sum,
    /// `Ok` where nothing of the group is hidden, as the module explains; else the first reason why not.
    pub complete: Reading<()>,
    /// The largest known offset lag of any row; `None` where none is known.
    pub max_offset_lag: Option<u64>,
    /// The largest known time lag of any row. `None` where none is known, and where it would be zero while another one is
    /// unknown.
    pub max_time_lag: Option<Duration>,
}

/// The lag of one group on one topic.
#[derive(Clone, Debug, PartialEq)]
pub struct TopicLag {
    /// The topic's name.
    pub topic: Name,
    /// The topic's cleanup policy.
    pub compaction: Reading<Compaction>,
    /// The rows of the partitions that the group has commits on, by number.
    pub partitions: Vec<PartitionLag>,
    /// The sum of offset lag over the rows in `partitions`.
    pub offset_lag: Sum,
    /// The partitions that members are assigned without a commit. `None` where no existing partition of the topic is assigned, or
    /// assignments are unknown.
    pub uncommitted: Option<Reading<Uncommitted>>,
}

/// Partitions that are assigned to a member, hold records and have no commit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Uncommitted {
    /// The number of uncommitted partitions.
    pub partitions: u64,
    /// The offsets from log start to log end, summed up. This sum is the largest number of records that can be unread.
    pub records: u64,
}

/// The lag of one group on one partition.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PartitionLag {
    /// The partition's number.
    pub partition: i32,
    /// The index in [`GroupLag::members`] of the member that the partition is assigned to; `None` where no member is assigned the
    /// partition, or members are unknown.
    pub member: Option<usize>,
    /// The next offset that the group will read.
    pub committed: Reading<Offset>,
    /// The number of offsets between the commit and the log end.
    pub offset_lag: Reading<u64>,
    /// The age of the oldest unread record.
    pub time_lag: TimeLag,
    /// The distance of the commit from the log start.
    pub retention: Reading<Retention>,
    /// Offset lag in percent of the retained offsets: 0 when caught up, 100 when the commit is at the log start, more when
    /// records were lost unread, infinite when there are unread offsets and nothing is retained.
    pub unread_percent: Reading<f64>,
}

/// A sum of offset lag over partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sum {
    /// There is no partition to sum over.
    NoPartitions,
    /// The sum; the lag of every partition is known.
    Of(u64),
    /// The lag of at least one partition is unknown, for this reason.
    Missing(Unknown),
}

/// The age of the oldest record that a group has not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLag {
    /// Nothing is left to read.
    CaughtUp,
    /// The age by the record's timestamp.
    Known(Duration),
    /// A lower bound of the age. Either the record is gone, and this is the age of the oldest one that retention has left; or the
    /// record is older than the observation of the partition, and this is the age of the first observation.
    AtLeast(Duration),
    /// The age as interpolated from observed high watermarks.
    Interpolated(Duration),
    /// The age is unknown, for this reason.
    Unknown(Unknown),
    /// The age was not asked for, because the configuration switches time lag off.
    Off,
}

/// The distance of a commit from the log start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// `log_start - committed` when positive, else 0: the number of messages that retention has taken before the group read them.
    pub lost: u64,
    /// `committed - log_start`: the number of offsets that retention can still take before unread messages are lost; negative
    /// when some are.
    pub margin: i64,
}

/// Computes the lag of every group in `snapshot` at `now_ms`, Unix time in milliseconds. With [`config::TimeLagMode::Off`] no time
/// lag is computed.
pub fn compute(snapshot: &Snapshot, time_lag: config::TimeLagMode, now_ms: i64) -> Lag {
    let clock = partition::TimeLagClock {
        mode: time_lag,
        now_ms,
    };
    let mut findings = Vec::new();
    let groups = snapshot
        .groups
        .iter()
        .map(|(name, group)| {
            findings.extend(partition::beyond_end(snapshot, name, group));
            findings.extend(partition::untold_losses(snapshot, name, group));
            let lag = group::lag(snapshot, name, group, clock);
            findings.extend(lag.records_without_age());
            lag
        })
        .collect();
    Lag { groups, findings }
}

// === impl Lag ===

impl Lag {
    /// Returns the number of (group, partition) pairs with a commit on a topic that is known to be compacted, where offset lag
    /// overstates the number of records left. `None` instead of zero where the policy of another topic is unknown.
    pub fn n_compacted(&self) -> Option<usize> {
        let committed = || self.rows().filter(|(_, row)| row.committed.is_ok());
        let compacted =
            committed().filter(|(topic, _)| topic.compaction == Ok(Compaction::Compacted));
        let n_compacted = compacted.count();
        let all_known = || committed().all(|(topic, _)| topic.compaction.is_ok());
        (n_compacted > 0 || all_known()).then_some(n_compacted)
    }

    /// Returns the number of (group, partition) pairs that are known to have lost messages to retention before the group read
    /// them. A number always exists, as the recording rules of `manifests/alerts` see by it that a cluster has data.
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
    /// Returns the member that the partition of `row` is assigned to; `None` where no member is assigned the partition, or
    /// members are unknown.
    pub fn member_of(&self, row: &PartitionLag) -> Option<&Member> {
        self.members.get(row.member?)
    }

    /// Returns a finding for every partition whose oldest unread record was read and has no usable timestamp.
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
    /// Returns the sum; `None` where there is no partition, or the lag of one is unknown.
    pub const fn known(self) -> Option<u64> {
        match self {
            Self::Of(sum) => Some(sum),
            Self::NoPartitions | Self::Missing(_) => None,
        }
    }

    /// Returns `Ok` if the lag of no partition is missing from the sum, else the reason.
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
    /// Returns the age to export: zero when caught up, `None` when unknown or switched off.
    pub const fn known(self) -> Option<Duration> {
        match self {
            Self::CaughtUp => Some(Duration::ZERO),
            Self::Known(age) | Self::AtLeast(age) | Self::Interpolated(age) => Some(age),
            Self::Unknown(_) | Self::Off => None,
        }
    }
}
