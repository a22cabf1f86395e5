//! Every family of `/metrics`, in the order of the exposition: name, type, help, and where its rows come from.

use crate::lag::{GroupLag, Lag, PartitionLag, TopicLag};
use crate::snapshot::{Compaction, Log, Topic};

use super::ClusterView;
use super::text::Number;

/// A metric family.
#[derive(Debug)]
pub struct Family {
    /// The name of its series.
    pub name: &'static str,
    /// The type that Prometheus is told.
    pub kind: Kind,
    /// A sentence that defines the number.
    pub help: &'static str,
    pub(super) rows: Rows,
}

/// The type of a family.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Goes up and down.
    Gauge,
    /// Only grows, until the process ends.
    Counter,
}

/// What a family has one row for, and the row's value; a row without a value is not written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rows {
    /// Each partition of each topic.
    Log(fn(&Log) -> Option<Number>),
    /// Each topic.
    Topic(fn(&Topic) -> Option<Number>),
    /// Each partition a group has a commit on, labelled with the member that reads it.
    MemberPartition(fn(&PartitionLag<'_>) -> Option<Number>),
    /// The same, where the compatibility switch adds what klag-exporter's time lag carried.
    FlaggedPartition(fn(&PartitionLag<'_>) -> Option<Number>),
    /// Each partition a group has a commit on.
    Partition(fn(&PartitionLag<'_>) -> Option<Number>),
    /// Each topic a group has a commit on.
    GroupTopic(fn(&TopicLag<'_>) -> Option<Number>),
    /// Each group.
    Group(fn(&GroupLag<'_>) -> Option<Number>),
    /// Each type of groups that are not shown.
    Unsupported,
    /// The cluster, from what it was read.
    Total(fn(&Lag<'_>) -> Option<Number>),
    /// The cluster, whether or not there is anything to show of it.
    Cluster(fn(&ClusterView) -> Option<Number>),
    /// Each result of a collection.
    Collections,
    /// Each (api, reason).
    Errors,
    /// Each api.
    Requests,
    /// Each phase of the last collection.
    Phases,
    /// This process.
    Process(fn(u64) -> Option<Number>),
}

/// The families, in order.
pub static FAMILIES: [Family; 34] = [
    gauge(
        "kafka_partition_latest_offset",
        "High watermark of the partition: the end of what consumers may read.",
        Rows::Log(|log| log.high_watermark.ok().map(Number::from)),
    ),
    gauge(
        "kafka_partition_earliest_offset",
        "Log start offset of the partition: the first offset that retention has left.",
        Rows::Log(|log| log.log_start.ok().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_offset",
        "Committed offset: the next offset the group will read in the partition.",
        Rows::MemberPartition(|row| row.committed.ok().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_lag",
        "Offsets between the committed offset and the end of the partition.",
        Rows::MemberPartition(|row| row.offset_lag.ok().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_lag_seconds",
        "Age of the oldest record in the partition that the group has not read; 0 when it has read all.",
        Rows::FlaggedPartition(|row| seconds(row.time_lag.known()?)),
    ),
    gauge(
        "kafka_consumergroup_group_messages_lost",
        "Offsets from the committed offset to the log start when retention has passed it, else 0.",
        Rows::Partition(|row| row.retention.ok().map(|retention| retention.lost.into())),
    ),
    gauge(
        "kafka_consumergroup_group_retention_margin",
        "Committed offset minus log start offset: negative when records were deleted unread.",
        Rows::Partition(|row| row.retention.ok().map(|retention| retention.margin.into())),
    ),
    gauge(
        "kafka_consumergroup_group_lag_retention_ratio",
        "Offset lag in percent of the retained offsets: 100 at the log start, more when records were deleted unread.",
        Rows::Partition(|row| row.unread_percent.ok().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_max_lag",
        "Largest offset lag among the partitions of the group whose lag is known.",
        Rows::Group(|group| group.max_offset_lag.map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_sum_lag",
        "Sum of the offset lag of all partitions of the group with a commit; absent while one is unknown.",
        Rows::Group(|group| group.offset_lag.known().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_topic_sum_lag",
        "Sum of the offset lag of all partitions of the topic with a commit of the group; absent while one is unknown.",
        Rows::GroupTopic(|topic| topic.offset_lag.known().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_max_lag_seconds",
        "Largest age of an oldest unread record among the partitions of the group for which it is known.",
        Rows::Group(|group| seconds(group.max_time_lag?)),
    ),
    gauge(
        "kafka_consumergroup_group_state",
        "State of the group: 0 Unknown, 1 PreparingRebalance, 2 CompletingRebalance, 3 Stable, 4 Dead, 5 Empty, 6 Assigning, 7 Reconciling.",
        Rows::Group(|group| Some((group.state as u64).into())),
    ),
    gauge(
        "kafka_consumergroup_poll_time_ms",
        "Duration of the last collection in milliseconds.",
        Rows::Cluster(|view| milliseconds(view.last_collection.as_ref()?.duration)),
    ),
    gauge(
        "kafka_lag_exporter_compaction_detected_total",
        "Number of partitions of groups on compacted topics, where offset lag overstates the records left.",
        Rows::Total(|lag| Some((lag.n_compacted() as u64).into())),
    ),
    gauge(
        "kafka_lag_exporter_data_loss_partitions_total",
        "Number of partitions of groups whose committed offset is below the log start.",
        Rows::Total(|lag| Some((lag.n_lost() as u64).into())),
    ),
    gauge(
        "kafka_lag_exporter_scrape_duration_seconds",
        "Duration of the last collection.",
        Rows::Cluster(|view| seconds(view.last_collection.as_ref()?.duration)),
    ),
    gauge(
        "kafka_lag_exporter_up",
        "1 if the last collection of the cluster gave data, else 0.",
        Rows::Cluster(|view| Some(u64::from(view.is_up()).into())),
    ),
    gauge(
        "kafka_lag_exporter_last_update_timestamp_seconds",
        "Unix time at which the last collection that gave data ended.",
        Rows::Cluster(|view| view.last_update.map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_complete",
        "1 if the lag of every partition with a commit is known, and all that members are assigned is accounted for, else 0.",
        Rows::Group(|group| Some(u64::from(group.complete.is_ok()).into())),
    ),
    gauge(
        "kafka_consumergroup_group_uncommitted_partitions",
        "Number of partitions of the topic that are assigned to a member, hold records and have no commit of the group.",
        Rows::GroupTopic(|topic| Some(topic.uncommitted?.ok()?.partitions.into())),
    ),
    gauge(
        "kafka_consumergroup_group_uncommitted_records",
        "Offsets from the log start to the end of those partitions: the most that the group can have left unread in them.",
        Rows::GroupTopic(|topic| Some(topic.uncommitted?.ok()?.records.into())),
    ),
    gauge(
        "kafka_consumergroup_group_members",
        "Number of members of the group.",
        Rows::Group(|group| {
            group
                .n_members
                .ok()
                .map(|n_members| (n_members as u64).into())
        }),
    ),
    gauge(
        "kafka_consumergroup_group_sum_messages_lost",
        "Sum over the partitions of the group of the offsets from the committed offset to the log start, where retention has passed it; absent while one is unknown.",
        Rows::Group(|group| group.lost().map(Number::from)),
    ),
    gauge(
        "kafka_consumergroup_group_topic_max_lag_seconds",
        "Largest age of an oldest unread record among the partitions of the topic for which it is known.",
        Rows::GroupTopic(|topic| seconds(topic.max_time_lag()?)),
    ),
    gauge(
        "kafka_consumergroup_group_topic_min_retention_margin",
        "Smallest number of offsets that retention has to go before it deletes unread records, among the known partitions of the topic with unread and with deleted records; +Inf without any.",
        Rows::GroupTopic(|topic| topic.min_margin().map(Number::from)),
    ),
    gauge(
        "kafka_topic_compacted",
        "1 for a topic whose cleanup.policy has compact.",
        Rows::Topic(|topic| (topic.compaction == Ok(Compaction::Compacted)).then_some(1u64.into())),
    ),
    gauge(
        "kafka_partition_last_stable_offset",
        "Last stable offset of the partition: the end of what a read_committed consumer may read.",
        Rows::Log(|log| log.last_stable?.ok().map(Number::from)),
    ),
    gauge(
        "kafka_lag_exporter_unsupported_groups",
        "Number of groups that cannot be shown, by type; absent while not known.",
        Rows::Unsupported,
    ),
    counter(
        "kafka_lag_exporter_collections_total",
        "Collections of the cluster by how they ended.",
        Rows::Collections,
    ),
    counter(
        "kafka_lag_exporter_errors_total",
        "Questions to the cluster without an answer, and findings about answers, by the question and the reason.",
        Rows::Errors,
    ),
    counter(
        "kafka_lag_exporter_requests_total",
        "Requests sent to the brokers of the cluster.",
        Rows::Requests,
    ),
    gauge(
        "kafka_lag_exporter_collection_phase_seconds",
        "Duration of each phase of the last collection.",
        Rows::Phases,
    ),
    gauge(
        "kafka_lag_exporter_leader_term",
        "Fencing number of the leadership under which this process collects; 0 when it runs alone.",
        Rows::Process(|term| Some(term.into())),
    ),
];

// === impl Kind ===

impl Kind {
    /// The word of the text format.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Gauge => "gauge",
            Self::Counter => "counter",
        }
    }
}

const fn gauge(name: &'static str, help: &'static str, rows: Rows) -> Family {
    Family {
        name,
        kind: Kind::Gauge,
        help,
        rows,
    }
}

const fn counter(name: &'static str, help: &'static str, rows: Rows) -> Family {
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
