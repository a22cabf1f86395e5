//! The requests that the stand-in answers, their versions, and the parts of an answer that can carry an error.

use kafka_protocol::protocol::StrBytes;

/// A Kafka request that the stand-in answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Api {
    /// Appends records.
    Produce,
    /// Reads records.
    Fetch,
    /// Reads the log start, the high watermark, the last stable offset, or the offset at a time.
    ListOffsets,
    /// Names brokers, topics and partition leaders.
    Metadata,
    /// Stores committed offsets.
    OffsetCommit,
    /// Reads committed offsets.
    OffsetFetch,
    /// Says which broker coordinates a group.
    FindCoordinator,
    /// Describes the members of classic groups.
    DescribeGroups,
    /// Lists the groups that one broker coordinates.
    ListGroups,
    /// Lists the requests and versions that a broker takes.
    ApiVersions,
    /// Creates topics.
    CreateTopics,
    /// Reads the end of the log in a leader's epoch.
    OffsetForLeaderEpoch,
    /// Reads the settings of topics.
    DescribeConfigs,
    /// Describes the members of KIP-848 groups.
    ConsumerGroupDescribe,
}

/// The part of an answer that carries the error code if a fault names no narrower target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    /// The answer as a whole.
    Answer,
    /// Each group in the answer.
    Group,
    /// Each topic in the answer.
    Topic,
    /// Each partition in the answer.
    Partition,
}

/// One request in the table: its key on the wire, the versions of Kafka 4.1 that are implemented, and the place of its error
/// codes.
struct Line {
    api: Api,
    key: i16,
    versions: (i16, i16),
    unit: Unit,
}

const fn line(api: Api, key: i16, versions: (i16, i16), unit: Unit) -> Line {
    Line {
        api,
        key,
        versions,
        unit,
    }
}

/// The requests, ordered by key as a broker lists them.
const TABLE: [Line; 14] = [
    line(Api::Produce, 0, (0, 13), Unit::Partition),
    line(Api::Fetch, 1, (4, 16), Unit::Partition),
    line(Api::ListOffsets, 2, (1, 7), Unit::Partition),
    line(Api::Metadata, 3, (0, 13), Unit::Topic),
    line(Api::OffsetCommit, 8, (2, 9), Unit::Partition),
    line(Api::OffsetFetch, 9, (1, 9), Unit::Group),
    line(Api::FindCoordinator, 10, (0, 6), Unit::Group),
    line(Api::DescribeGroups, 15, (0, 6), Unit::Group),
    line(Api::ListGroups, 16, (0, 5), Unit::Answer),
    line(Api::ApiVersions, 18, (0, 4), Unit::Answer),
    line(Api::CreateTopics, 19, (2, 7), Unit::Topic),
    line(Api::OffsetForLeaderEpoch, 23, (2, 4), Unit::Partition),
    line(Api::DescribeConfigs, 32, (1, 4), Unit::Topic),
    line(Api::ConsumerGroupDescribe, 69, (0, 1), Unit::Group),
];

/// Returns `value` as a string of the protocol library.
pub(crate) fn text(value: &str) -> StrBytes {
    StrBytes::from_string(value.to_owned())
}

// === impl Api ===

impl Api {
    /// Returns all requests, ordered by their key on the wire.
    pub fn all() -> impl Iterator<Item = Self> {
        TABLE.iter().map(|line| line.api)
    }

    /// Returns the key of the request on the wire.
    pub fn key(self) -> i16 {
        self.line().key
    }

    /// Returns the oldest and the newest version of the request that the stand-in answers.
    pub fn versions(self) -> (i16, i16) {
        self.line().versions
    }

    pub(crate) fn from_key(key: i16) -> Option<Self> {
        TABLE
            .iter()
            .find(|line| line.key == key)
            .map(|line| line.api)
    }

    pub(crate) fn unit(self) -> Unit {
        self.line().unit
    }

    fn line(self) -> &'static Line {
        TABLE
            .iter()
            .find(|line| line.api == self)
            .expect("every request has its line")
    }
}
