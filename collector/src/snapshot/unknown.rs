//! Unknown values: the request that would have brought them, and the reason why it did not.

/// The reason why a value is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Unknown {
    /// The kind of request that would have brought the value.
    pub api: Api,
    /// The reason why the request did not bring the value.
    pub reason: Reason,
}

/// One failure of one collection, as it is counted and logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// The kind of request, and the reason of its failure.
    pub unknown: Unknown,
    /// The broker, group, topic or partition that the request was about, for logs.
    pub subject: String,
}

/// The kinds of requests. There is one value of the label `api` for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// Requests for brokers, topics, partition leaders and topic ids.
    Metadata,
    /// Requests for the groups that one broker coordinates.
    ListGroups,
    /// Requests for the members of groups.
    DescribeGroups,
    /// Requests for the committed offsets of a group.
    OffsetFetch,
    /// Requests for log starts, high watermarks and last stable offsets.
    ListOffsets,
    /// Requests for the `cleanup.policy` of topics.
    DescribeConfigs,
    /// Requests for records, whose timestamps give exact time lag.
    Fetch,
    /// The request for a token, to an identity provider or from a file. No request to Kafka.
    Token,
}

/// The reason of a failure, or a finding about an answer. There is one value of the label `reason` for each that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reason {
    /// No answer came within the request's timeout, or a broker answered with error 7, `REQUEST_TIMED_OUT`.
    Timeout,
    /// The connection could not be made, or was lost.
    Transport,
    /// The broker refused the credentials or the SASL mechanism.
    Authentication,
    /// The identity provider refused the login.
    TokenRefused,
    /// The identity provider gave no answer, or TLS with it failed.
    TokenUnreachable,
    /// The identity provider's answer, or the file, has no token that can be used, or the file cannot be read.
    TokenUnusable,
    /// The token has expired.
    TokenExpired,
    /// A finding: the clocks of this machine and of the identity provider differ.
    ClockSkew,
    /// The TLS handshake failed.
    Tls,
    /// The host name of a broker did not resolve.
    Resolve,
    /// A right is missing (errors 29, 30, 31).
    Authorization,
    /// Error 14: the coordinator is loading.
    CoordinatorLoading,
    /// Error 15: the group has no coordinator at the moment.
    CoordinatorNotAvailable,
    /// Error 16: the group's coordinator is another broker.
    NotCoordinator,
    /// Error 5, or the partition has no leader in the metadata.
    LeaderNotAvailable,
    /// Error 6: the partition's leader is another broker.
    NotLeader,
    /// Errors 74 and 75: the leader epoch is not the current one.
    LeaderEpoch,
    /// Error 3: the broker knows no such topic or partition.
    UnknownTopicOrPartition,
    /// Error 69: the broker knows no such group.
    GroupNotFound,
    /// Error 56: the broker cannot read its disk.
    StorageError,
    /// Error 88: a transaction holds the group's offsets.
    UnstableOffsetCommit,
    /// The answer could not be parsed.
    BadAnswer,
    /// The collection's own deadline passed before the request could be sent.
    Deadline,
    /// The request was not sent, because the partition's leader had not answered before in this collection.
    GivenUp,
    /// The request was not made in this collection: the answer is not due, or was not needed.
    NotAsked,
    /// The record is older than the observed history.
    OlderThanHistory,
    /// A record does not fit in an answer that the client takes, or its batch becomes too large when it is decompressed.
    RecordTooLarge,
    /// A finding: the record has no timestamp, so its age is not known.
    NoTimestamp,
    /// A finding: the record is dated farther ahead than clocks may differ, so its age is not known.
    FutureTimestamp,
    /// A finding, not a failure: the group has committed beyond the end of the log.
    CommittedBeyondEnd,
    /// A finding: this user sees no group at all, or a group with members and none of its offsets.
    NothingVisible,
    /// A cause for which there is no other reason, such as a code that this program does not know.
    Other,
}

// === impl Unknown ===

impl Unknown {
    /// Returns the reason for a value that a request of the kind `api` did not bring because of `reason`.
    pub const fn new(api: Api, reason: Reason) -> Self {
        Self { api, reason }
    }
}

// === impl Api ===

impl Api {
    /// Every kind, in the order of the exposition.
    pub const ALL: [Self; 8] = [
        Self::Metadata,
        Self::ListGroups,
        Self::DescribeGroups,
        Self::OffsetFetch,
        Self::ListOffsets,
        Self::DescribeConfigs,
        Self::Fetch,
        Self::Token,
    ];

    /// Returns the value of the label `api`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Metadata => "metadata",
            Self::ListGroups => "list_groups",
            Self::DescribeGroups => "describe_groups",
            Self::OffsetFetch => "offset_fetch",
            Self::ListOffsets => "list_offsets",
            Self::DescribeConfigs => "describe_configs",
            Self::Fetch => "fetch",
            Self::Token => "token",
        }
    }
}

// === impl Reason ===

impl Reason {
    /// Every reason under which a failure can be counted, in the order of the exposition.
    pub const ALL: [Self; 29] = [
        Self::Timeout,
        Self::Transport,
        Self::Authentication,
        Self::TokenRefused,
        Self::TokenUnreachable,
        Self::TokenUnusable,
        Self::TokenExpired,
        Self::ClockSkew,
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

    /// Returns the value of the label `reason`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Transport => "transport",
            Self::Authentication => "authentication",
            Self::TokenRefused => "token_refused",
            Self::TokenUnreachable => "token_unreachable",
            Self::TokenUnusable => "token_unusable",
            Self::TokenExpired => "token_expired",
            Self::ClockSkew => "clock_skew",
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
