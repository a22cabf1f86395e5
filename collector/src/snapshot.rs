//! The snapshot: everything that one collection read from one cluster, as plain values.
//!
//! No I/O, no clock, no Kafka library. A value that was not read is an [`Unknown`] with its reason, never a zero, so that code
//! which computes from a snapshot has to decide about it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

mod phase;
mod reload;
mod topic_partition;
mod unknown;
mod unread;

pub use phase::Phase;
pub use reload::ReloadResult;
pub use topic_partition::TopicPartition;
pub use unknown::{Api, Failure, Reason, Unknown};
pub use unread::PartitionLookup;

/// A name shared by many rows: topic, group, member.
pub type Name = Arc<str>;

/// A value, or the reason why this collection does not have it.
pub type Reading<T> = Result<T, Unknown>;

/// A position in a partition's log. It cannot hold the protocol's negative sentinels, such as -1 and -1001.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Offset(u64);

/// Everything that one collection of one cluster read, or failed to read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Snapshot {
    /// The time at which all log ends had been read, Unix time in milliseconds, to which all ages are relative.
    pub read_at_ms: i64,
    /// The topics that the filter lets through, by name.
    pub topics: BTreeMap<Name, Topic>,
    /// Partitions whose log start was read after the commits. A commit below such a log start need not have lost records: the group
    /// may have committed beyond it before the records were purged.
    pub late_log_starts: BTreeSet<TopicPartition>,
    /// Topics with partitions that members are assigned and that this collection could not see, and why. An assigned topic that
    /// is neither here nor in `topics` is left out by the filter or does not exist.
    pub unseen: BTreeMap<Name, Unknown>,
    /// Groups that the filter lets through, also those whose commits could not be read.
    pub groups: BTreeMap<Name, Group>,
    /// The number of groups that the filter lets through and that cannot be shown, by type; empty while unknown.
    pub unsupported: BTreeMap<Unsupported, usize>,
    /// The oldest unread record for each (partition, offset) of [`Snapshot::oldest_unread_offsets`] that was asked about.
    pub oldest_unread: HashMap<(TopicPartition, Offset), OldestUnread>,
    /// Each failure of this collection, once.
    pub failures: Vec<Failure>,
    /// The number of requests that were sent to brokers, by kind.
    pub requests: BTreeMap<Api, u64>,
    /// The time that each phase took.
    pub phases: BTreeMap<Phase, Duration>,
    /// Reloads of files with credentials since the last collection, by result.
    pub reloads: BTreeMap<ReloadResult, u64>,
}

/// A topic and the bounds of its partitions' logs.
#[derive(Clone, Debug, PartialEq)]
pub struct Topic {
    /// The topic's cleanup policy.
    pub compaction: Reading<Compaction>,
    /// The partitions that were seen, by number, with their logs.
    pub partitions: BTreeMap<i32, PartitionState>,
}

/// The cleanup policy of a topic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compaction {
    /// `cleanup.policy` has `compact`: offsets may have gaps.
    Compacted,
    /// `cleanup.policy` is `delete`: records leave only by retention.
    Deleted,
}

/// The state of a partition that the collection has seen. A partition that was not seen has no entry in its topic.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PartitionState {
    /// The partition exists and has a log, with bounds that may be unknown.
    Exists(Log),
    /// The partition no longer exists: fresh metadata lacks it. Commits on such a partition are left out of their groups.
    Gone,
}

/// The bounds of one partition's log: the log start was read before the commits, unless it is one of
/// [`Snapshot::late_log_starts`], and the ends after them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Log {
    /// The first offset that retention has left.
    pub log_start: Reading<Offset>,
    /// The end of the records that consumers may read.
    pub high_watermark: Reading<Offset>,
    /// The end of what `read_committed` consumers may read; `None` if the cluster is collected with `read_uncommitted`.
    pub last_stable: Option<Reading<Offset>>,
}

/// A consumer group: its state, its members and its commits.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The state, as listed or described by the coordinator.
    pub state: GroupState,
    /// The members and their assignments; unknown until the group is described.
    pub members: Reading<Arc<Vec<Member>>>,
    /// Committed offsets of the topics that the filter lets through.
    pub committed: Reading<BTreeMap<TopicPartition, Reading<Offset>>>,
}

/// The state of a consumer group; the numbers are those of `kafka_consumergroup_group_state`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupState {
    /// The state was not read, or this program does not know it.
    Unknown = 0,
    /// Members of a classic group are joining.
    PreparingRebalance = 1,
    /// Members of a classic group wait for their assignment.
    CompletingRebalance = 2,
    /// Members hold their partitions.
    Stable = 3,
    /// The group is being removed.
    Dead = 4,
    /// The group has no members.
    Empty = 5,
    /// The coordinator of a KIP-848 group is computing an assignment.
    Assigning = 6,
    /// Members of a KIP-848 group are moving to a new assignment.
    Reconciling = 7,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The member id that the coordinator gave (`consumer_id`). This text and the next two are cut where they are too long for
    /// labels.
    pub consumer_id: Name,
    /// The client's own `client.id`.
    pub client_id: Name,
    /// The address from which the member connected.
    pub host: Name,
    /// The partitions that the member is assigned.
    pub assignment: Vec<TopicPartition>,
}

/// A type of groups that are not shown. There is one value of the label `type` for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Unsupported {
    /// Kafka Connect's workers, which commit nothing in their group.
    Connect,
    /// Share groups, and Streams groups (KIP-1071) that have committed nothing: librdkafka cannot tell one from the other.
    ShareOrStreams,
    /// Groups with a NUL byte in their name. librdkafka cuts the name there, so it may be the name of another group.
    NameWithNul,
    /// Groups of consumers whose name is longer than a label of many series should be.
    NameTooLong,
    /// Groups of anything else, such as a schema registry's.
    Other,
}

/// The time of writing of the oldest record that a group has not read. All times are Unix time in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum OldestUnread {
    /// The timestamp of the first record at or after the commit.
    Written(i64),
    /// The timestamp of the first record at the log start. The commit is below the log start, so the lag is a lower bound.
    WrittenAtLogStart(i64),
    /// The time at which the high watermark passed the commit, interpolated from observations.
    Passed(i64),
    /// The time of the first observation, by which the high watermark had passed the commit, so the lag is a lower bound.
    PassedBefore(i64),
    /// The first record at or after the commit has no timestamp: it is of message format 0, or its producer gave it none.
    NoTimestamp,
    /// No record after the commit can be read: only control records are left, or all records were compacted away.
    NothingReadable,
    /// The time is unknown, for this reason.
    Unknown(Unknown),
}

// === impl Offset ===

impl Offset {
    /// Returns the offset that a broker sent; `None` for the protocol's negative sentinels.
    pub fn from_wire(offset: i64) -> Option<Self> {
        u64::try_from(offset).ok().map(Self)
    }

    /// Returns the offset as a plain number.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the offset as the protocol has it, a signed number.
    pub fn to_wire(self) -> i64 {
        i64::try_from(self.0).unwrap_or(i64::MAX)
    }

    /// Returns the number of offsets from `behind` to this offset; 0 if `behind` is not below this offset.
    pub const fn distance_from(self, behind: Self) -> u64 {
        self.0.saturating_sub(behind.0)
    }
}

// === impl Topic ===

impl Topic {
    /// Returns the partitions that exist, by number, with their logs.
    pub fn logs(&self) -> impl Iterator<Item = (i32, &Log)> {
        let partitions = self.partitions.iter();
        partitions.filter_map(|(number, partition)| Some((*number, partition.log()?)))
    }
}

// === impl PartitionState ===

impl PartitionState {
    /// Returns the log; `None` for a partition that is gone.
    pub const fn log(&self) -> Option<&Log> {
        match self {
            Self::Exists(log) => Some(log),
            Self::Gone => None,
        }
    }
}

impl From<Log> for PartitionState {
    fn from(log: Log) -> Self {
        Self::Exists(log)
    }
}

// === impl Log ===

impl Log {
    /// Returns the end of what a group may read, at the isolation level with which the cluster is collected.
    pub fn end(&self) -> Reading<Offset> {
        self.last_stable.unwrap_or(self.high_watermark)
    }
}

// === impl Unsupported ===

impl Unsupported {
    /// Every value, in the order of the exposition.
    pub const ALL: [Self; 5] = [
        Self::Connect,
        Self::ShareOrStreams,
        Self::NameWithNul,
        Self::NameTooLong,
        Self::Other,
    ];

    /// Returns the value of the label `type`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::ShareOrStreams => "share_or_streams",
            Self::NameWithNul => "name_with_nul",
            Self::NameTooLong => "name_too_long",
            Self::Other => "other",
        }
    }
}
