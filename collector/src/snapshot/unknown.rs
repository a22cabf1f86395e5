//! Unknown values: the request that would have brought them, and the reason why it did not.

/// The reason why a value is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unknown {
    /// The kind of request that would have brought the value.
    pub api: Api,
    /// The reason why it did not.
    pub reason: Reason,
}

/// One failure of one collection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of request, and the reason of its failure.
    pub unknown: Unknown,
    /// The broker, group, topic or partition that the request was about, for logs.
    pub subject: String,
}

/// The kinds of requests; the values of the label `api`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// Brokers, topics, partition leaders.
    Metadata,
    /// The groups that one broker coordinates.
    ListGroups,
    /// Members of a group.
    DescribeGroups,
    /// Committed offsets of a group.
    OffsetFetch,
    /// Log start, high watermark, last stable offset.
    ListOffsets,
    /// `cleanup.policy` of topics.
    DescribeConfigs,
    /// Records, for exact time lag.
    Fetch,
}

/// The reason of a failure, or the oddity of an answer; the values of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No answer within the time the request was given, or error 7.
    Timeout,
    /// The connection could not be made, or was lost.
    Transport,
    /// The broker refused the credentials.
    Authentication,
    /// The TLS handshake failed.
    Tls,
    /// A host name did not resolve.
    Resolve,
    /// A right is missing (errors 29, 30, 31).
    Authorization,
    /// Error 14: the coordinator is loading.
    CoordinatorLoading,
    /// Error 15: no coordinator.
    CoordinatorNotAvailable,
    /// Error 16: the group's coordinator is another broker.
    NotCoordinator,
    /// Error 5, or a partition without a leader in the metadata.
    LeaderNotAvailable,
    /// Error 6: the partition's leader is another broker.
    NotLeader,
    /// Errors 74 and 75: the leader epoch is not the current one.
    LeaderEpoch,
    /// Error 3: no such topic or partition.
    UnknownTopicOrPartition,
    /// Error 69: no such group.
    GroupNotFound,
    /// Error 56: the broker cannot read its disk.
    StorageError,
    /// Error 88: a transaction holds the group's offsets.
    UnstableOffsetCommit,
    /// The answer could not be parsed.
    BadAnswer,
    /// The collection's own deadline passed before the request could be sent.
    Deadline,
    /// A leader that timed out once is not asked again in the same collection.
    GivenUp,
    /// The request was not made in this collection: the answer is not due, or was not needed.
    NotAsked,
    /// The record is older than the observed history.
    OlderThanHistory,
    /// A record does not fit in an answer that the client takes.
    RecordTooLarge,
    /// A finding: the record has no timestamp, so its age is not known.
    NoTimestamp,
    /// A finding: the record is dated farther ahead than clocks may differ, so its age is not known.
    FutureTimestamp,
    /// A finding, not a failure: the group has committed beyond the end of the log.
    CommittedBeyondEnd,
    /// A finding: this user sees no group at all, or a group with members and none of its offsets.
    NothingVisible,
    /// A code that this program does not know.
    Other,
}

// === impl Unknown ===

impl Unknown {
    /// `api` was not answered because of `reason`.
    pub const fn new(api: Api, reason: Reason) -> Self {
        Self { api, reason }
    }
}

// === impl Api ===

impl Api {
    /// Every value of the label, in order.
    pub const ALL: [Self; 7] = [
        Self::Metadata,
        Self::ListGroups,
        Self::DescribeGroups,
        Self::OffsetFetch,
        Self::ListOffsets,
        Self::DescribeConfigs,
        Self::Fetch,
    ];

    /// The value of the label `api`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::ListGroups => "list_groups",
            Self::DescribeGroups => "describe_groups",
            Self::OffsetFetch => "offset_fetch",
            Self::ListOffsets => "list_offsets",
            Self::DescribeConfigs => "describe_configs",
            Self::Fetch => "fetch",
        }
    }
}

// === impl Reason ===

impl Reason {
    /// Every reason a failure can be counted under, in the order of the exposition.
    pub const ALL: [Self; 24] = [
        Self::Timeout,
        Self::Transport,
        Self::Authentication,
        Self::Tls,
        Self::Resolve,
        Self::Authorization,
        Self::CoordinatorLoading,
        Self::CoordinatorNotAvailable,
        Self::NotCoordinator,
        Self::LeaderNotAvailable,
        Self::NotLeader,
        Self::LeaderEpoch,
        Self::UnknownTopicOrPartition,
        Self::GroupNotFound,
        Self::StorageError,
        Self::UnstableOffsetCommit,
        Self::BadAnswer,
        Self::Deadline,
        Self::RecordTooLarge,
        Self::NoTimestamp,
        Self::FutureTimestamp,
        Self::CommittedBeyondEnd,
        Self::NothingVisible,
        Self::Other,
    ];

    /// The value of the label `reason`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::Authentication => "authentication",
            Self::Tls => "tls",
            Self::Resolve => "resolve",
            Self::Authorization => "authorization",
            Self::CoordinatorLoading => "coordinator_loading",
            Self::CoordinatorNotAvailable => "coordinator_not_available",
            Self::NotCoordinator => "not_coordinator",
            Self::LeaderNotAvailable => "leader_not_available",
            Self::NotLeader => "not_leader",
            Self::LeaderEpoch => "leader_epoch",
            Self::UnknownTopicOrPartition => "unknown_topic_or_partition",
            Self::GroupNotFound => "group_not_found",
            Self::StorageError => "storage_error",
            Self::UnstableOffsetCommit => "unstable_offset_commit",
            Self::BadAnswer => "bad_answer",
            Self::Deadline => "deadline",
            Self::GivenUp => "given_up",
            Self::NotAsked => "not_asked",
            Self::OlderThanHistory => "older_than_history",
            Self::RecordTooLarge => "record_too_large",
            Self::NoTimestamp => "no_timestamp",
            Self::FutureTimestamp => "future_timestamp",
            Self::CommittedBeyondEnd => "committed_beyond_end",
            Self::NothingVisible => "nothing_visible",
            Self::Other => "other",
        }
    }
}
