//! The table of the families of `/metrics`, in the order of the exposition: name, type, help, and the source of the rows.

use crate::collected::ClusterState;
use crate::lag::{GroupLag, Lag, PartitionLag, TopicLag};
use crate::snapshot::{Compaction, Log, Topic};

use super::Number;

/// A metric family, as a row of [`FAMILIES`].
#[derive(Debug)]
pub struct Family {
    /// The metric name that all series of the family have.
    pub name: &'static str,
    /// The type in the header line `# TYPE`.
    pub kind: Kind,
    /// The text of the header line `# HELP`: a sentence that defines the value.
    pub help: &'static str,
    pub(super) rows: RowSource,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A value that only grows while the process runs.
    Counter,
}

/// The source of a family's rows: what there is one row for, and the function that gives the value of a row. A row without a
/// value is left out.
#[derive(Clone, Copy, Debug)]
pub(super) enum RowSource {
    /// One row for each partition of each topic.
    Log(fn(&Log) -> Option<Number>),
    /// One row for each topic.
    Topic(fn(&Topic) -> Option<Number>),
    /// One row for each partition that a group has a commit on, with the labels of the member that is assigned the partition.
    MemberPartition(fn(&PartitionLag) -> Option<Number>),
    /// One row for each partition that a group has a commit on, with the labels of the assigned member and with klag-exporter's
    /// flags about compaction and data loss, where the compatibility switches ask for them.
    FlaggedPartition(fn(&PartitionLag) -> Option<Number>),
    /// One row for each partition that a group has a commit on, without further labels.
    Partition(fn(&PartitionLag) -> Option<Number>),
    /// One row for each topic of each group.
    GroupTopic(fn(&TopicLag) -> Option<Number>),
    /// One row for each group.
    Group(fn(&GroupLag) -> Option<Number>),
    /// One row for each type of groups that have no series.
    Unsupported,
    /// One row for each cluster, from the data of its last collection.
    Total(fn(&Lag) -> Option<Number>),
    /// One row for each cluster, from its state, which exists also while the cluster has no data.
    Cluster(fn(&ClusterState) -> Option<Number>),
    /// One row for each outcome of collections (label `result`), from the counters.
    Collections,
    /// One row for each pair of API and reason of failures, from the counters.
    Errors,
    /// One row for each API, from the counters of requests.
    Requests,
    /// One row for each result of reloads (label `result`), from the counters.
    Reloads,
    /// One row for each phase of the last collection.
    Phases,
    /// One row for this process, from the term of its leadership.
    Process(fn(u64) -> Option<Number>),
}

/// All families, in the order of the exposition.
pub static FAMILIES: [Family; 36] = [
    gauge(
        "kafka_partition_latest_offset",
        "High watermark of the partition: the end of what consumers may read.",
        RowSource::Log(|log| log.high_watermark.ok().map(Number::from)),
    ),
    gauge(
        "kafka_partition_earliest_offset",
        "Log start offset of the partition: the first offset that retention has left.",
        RowSource::Log(|log| log.log_start.ok().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_offset",
        "Committed offset of the group: the offset of the next record that it will read in the partition.",
        RowSource::MemberPartition(|row| row.committed.ok().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_lag",
        "Offset lag: log end offset of the partition minus the committed offset of the group.",
        RowSource::MemberPartition(|row| row.offset_lag.ok().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_lag_seconds",
        "Age in seconds of the oldest record of the partition that the group has not read; 0 when it has read all.",
        RowSource::FlaggedPartition(|row| seconds(row.time_lag.known()?)),
    ),
    gauge(
        "kafka_consumergroup_group_messages_lost",
        "Offsets from the committed offset to the log start when retention has passed it, else 0.",
        RowSource::Partition(|row| row.retention.ok().map(|retention| retention.lost.into())),
    ),
    gauge(
        "kafka_consumergroup_group_retention_margin",
        "Committed offset minus log start offset: negative when records were deleted unread.",
        RowSource::Partition(|row| row.retention.ok().map(|retention| retention.margin.into())),
    ),
    gauge(
        "kafka_consumergroup_group_lag_retention_ratio",
        "Offset lag in percent of the retained offsets: 100 at the log start, more when records were deleted unread.",
        RowSource::Partition(|row| row.unread_percent.ok().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_max_lag",
        "Largest offset lag among the partitions of the group whose lag is known.",
        RowSource::Group(|group| group.max_offset_lag.map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_sum_lag",
        "Sum of the offset lag of all partitions of the group with a commit; absent while one is unknown.",
        RowSource::Group(|group| group.offset_lag.known().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_topic_sum_lag",
        "Sum of the offset lag of all partitions of the topic with a commit of the group; absent while one is unknown.",
        RowSource::GroupTopic(|topic| topic.offset_lag.known().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_max_lag_seconds",
        "Largest kafka_consumergroup_group_lag_seconds among the partitions of the group for which it is known.",
        RowSource::Group(|group| seconds(group.max_time_lag?)),
    ),
    gauge(
        "kafka_consumergroup_group_state",
        "State of the group: 0 Unknown, 1 PreparingRebalance, 2 CompletingRebalance, 3 Stable, 4 Dead, 5 Empty, 6 Assigning, 7 Reconciling.",
        RowSource::Group(|group| Some((group.state as u64).into())),
    ),
    gauge(
        "kafka_consumergroup_poll_time_ms",
        "Duration of the last collection in milliseconds.",
        RowSource::Cluster(|state| milliseconds(state.last_collection.as_ref()?.duration)),
    ),
    gauge(
        "kafka_lag_exporter_compaction_detected_total",
        "Number of partitions of groups on topics known to be compacted, where offset lag overstates the records left; absent instead of 0 while a policy is unknown.",
        RowSource::Total(|lag| Some((lag.n_compacted()? as u64).into())),
    ),
    gauge(
        "kafka_lag_exporter_data_loss_partitions_total",
        "Number of partitions of groups whose committed offset is known to be below the log start.",
        RowSource::Total(|lag| Some((lag.n_lost() as u64).into())),
    ),
    gauge(
        "kafka_lag_exporter_scrape_duration_seconds",
        "Duration of the last collection.",
        RowSource::Cluster(|state| seconds(state.last_collection.as_ref()?.duration)),
    ),
    gauge(
        "kafka_lag_exporter_up",
        "1 if the last collection of the cluster gave data, else 0.",
        RowSource::Cluster(|state| Some(u64::from(state.is_up()).into())),
    ),
    gauge(
        "kafka_lag_exporter_last_update_timestamp_seconds",
        "Unix time at which the last collection that gave data ended.",
        RowSource::Cluster(|state| state.last_update.map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_complete",
        "1 if the lag of every partition with a commit is known and every assigned partition has a commit, is counted as uncommitted or is empty, else 0.",
        RowSource::Group(|group| Some(u64::from(group.complete.is_ok()).into())),
    ),
    gauge(
        "kafka_consumergroup_group_uncommitted_partitions",
        "Number of partitions of the topic that are assigned to a member, hold records and have no commit of the group.",
        RowSource::GroupTopic(|topic| Some(topic.uncommitted?.ok()?.partitions.into())),
    ),
    gauge(
        "kafka_consumergroup_group_uncommitted_records",
        "Number of records in the uncommitted partitions, from log start to log end: the most that the group can have left unread in them.",
        RowSource::GroupTopic(|topic| Some(topic.uncommitted?.ok()?.records.into())),
    ),
    gauge(
        "kafka_consumergroup_group_members",
        "Number of members of the group.",
        RowSource::Group(|group| {
            group
                .n_members
                .ok()
                .map(|n_members| (n_members as u64).into())
        }),
    ),
    gauge(
        "kafka_consumergroup_group_sum_messages_lost",
        "Sum over the partitions of the group of the offsets from the committed offset to the log start, where retention has passed it; absent while one is unknown.",
        RowSource::Group(|group| group.lost().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_topic_max_lag_seconds",
        "Largest kafka_consumergroup_group_lag_seconds among the partitions of the topic for which it is known.",
        RowSource::GroupTopic(|topic| seconds(topic.max_time_lag()?)),
    ),
    gauge(
        "kafka_consumergroup_group_unknown_time_lag_partitions",
        "Number of partitions of the topic in which records are unread and kafka_consumergroup_group_lag_seconds is unknown; absent instead of 0 while an offset lag is unknown.",
        RowSource::GroupTopic(|topic| Some((topic.n_unknown_time_lag()? as u64).into())),
    ),
    gauge(
        "kafka_consumergroup_group_topic_min_retention_margin",
        "Smallest kafka_consumergroup_group_retention_margin among the partitions of the topic from which retention deletes and of which records are unread; +Inf without any, absent while one is unknown.",
        RowSource::GroupTopic(|topic| topic.min_margin().map(Number::from)),
    ),
    gauge(
        "kafka_topic_compacted",
        "1 for a topic whose cleanup.policy has compact.",
        RowSource::Topic(|topic| {
            (topic.compaction == Ok(Compaction::Compacted)).then_some(1u64.into())
        }),
    ),
    gauge(
        "kafka_partition_last_stable_offset",
        "Last stable offset of the partition: the end of what a read_committed consumer may read.",
        RowSource::Log(|log| log.last_stable?.ok().map(Number::from)),
    ),
    gauge(
        "kafka_lag_exporter_unsupported_groups",
        "Number of groups that have no series because librdkafka cannot describe them, by type; absent while unknown.",
        RowSource::Unsupported,
    ),
    counter(
        "kafka_lag_exporter_collections_total",
        "Collections of the cluster, by result.",
        RowSource::Collections,
    ),
    counter(
        "kafka_lag_exporter_errors_total",
        "Requests to the cluster that failed, and values that could not be told from the answers, by API and reason.",
        RowSource::Errors,
    ),
    counter(
        "kafka_lag_exporter_requests_total",
        "Requests sent to the brokers of the cluster, by API.",
        RowSource::Requests,
    ),
    counter(
        "kafka_lag_exporter_credential_reloads_total",
        "Changes of the files that consumer_properties name, by result: success is in use, failure left the last ones in use, each attempt counts.",
        RowSource::Reloads,
    ),
    gauge(
        "kafka_lag_exporter_collection_phase_seconds",
        "Duration of each phase of the last collection.",
        RowSource::Phases,
    ),
    gauge(
        "kafka_lag_exporter_leader_term",
        "Fencing token (term) of the leadership under which this process collects; 0 without leader election.",
        RowSource::Process(|term| Some(term.into())),
    ),
];

// === impl Kind ===

impl Kind {
    /// Returns the word for the type in Prometheus' text format.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

const fn gauge(name: &'static str, help: &'static str, rows: RowSource) -> Family {
    Family {
        name,
        kind: Kind::Gauge,
        help,
        rows,
    }
}

const fn counter(name: &'static str, help: &'static str, rows: RowSource) -> Family {
    Family {
        name,
        kind: Kind::Counter,
        help,
        rows,
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the shape of a row's value")]
fn seconds(duration: std::time::Duration) -> Option<Number> {
    Some(duration.as_secs_f64().into())
}

fn milliseconds(duration: std::time::Duration) -> Option<Number> {
    u64::try_from(duration.as_millis()).ok().map(Number::from)
}
