//! The rows of a family, without a text format: labels and a value each.

use shared::config::{ExtraLabels, Granularity};

use crate::collected::{ClusterDisplay, ClusterState, Collected};
use crate::lag::{GroupLag, PartitionLag, TopicLag};
use crate::snapshot::{Compaction, Log, Topic};

use super::Number;
use super::families::{Family, RowSource};

/// A receiver of the rows of one family.
///
/// Rows that follow each other mostly have their first labels in common, so labels form a stack: they are pushed before the rows
/// that have them, and truncated afterwards. A row has all labels that are on the stack, in order.
pub trait RowSink {
    /// Pushes a label whose value is a text.
    fn label(&mut self, name: &str, value: &str);
    /// Pushes a label whose value is a number.
    fn number_label(&mut self, name: &str, value: i32);
    /// Returns the number of labels on the stack.
    fn n_labels(&self) -> usize;
    /// Removes all labels but the first `n_labels`.
    fn truncate_labels(&mut self, n_labels: usize);
    /// Takes a row with all labels on the stack and this value.
    fn row(&mut self, value: Number);
}

/// Gives `sink` the rows of `family` in the data of one cluster: none for a family that is not about lag, or that the options of
/// `cluster` leave out.
pub fn of_lag(
    family: &Family,
    cluster: &ClusterDisplay,
    collected: &Collected,
    sink: &mut impl RowSink,
) {
    let n_labels = sink.n_labels();
    push_cluster(cluster, sink);
    match (family.rows, cluster.granularity) {
        (RowSource::Log(value), _) => logs(collected, value, sink),
        (RowSource::Topic(value), _) => topics(collected, value, sink),
        (RowSource::GroupTopic(value), _) => group_topics(collected, sink, |sink, _, topic| {
            row(value(topic), sink);
        }),
        (RowSource::Group(value), _) => groups(collected, value, sink),
        (RowSource::Unsupported, _) => unsupported(collected, sink),
        (RowSource::Total(value), _) => row(value(&collected.lag), sink),
        (RowSource::MemberPartition(value), Granularity::Partition) => {
            partitions(collected, value, sink, |sink, (group, _, row)| {
                push_member(cluster, group, row, sink);
            });
        }
        (RowSource::FlaggedPartition(value), Granularity::Partition) => {
            partitions(collected, value, sink, |sink, (group, topic, row)| {
                push_member(cluster, group, row, sink);
                push_flags(cluster, topic, row, sink);
            });
        }
        (RowSource::Partition(value), Granularity::Partition) => {
            partitions(collected, value, sink, |_, _| {});
        }
        (
            RowSource::MemberPartition(_)
            | RowSource::FlaggedPartition(_)
            | RowSource::Partition(_),
            Granularity::Topic,
        )
        | (
            RowSource::Cluster(_)
            | RowSource::Collections
            | RowSource::Errors
            | RowSource::Requests
            | RowSource::Reloads
            | RowSource::Phases
            | RowSource::Process(_),
            _,
        ) => {}
    }
    sink.truncate_labels(n_labels);
}

/// Gives `sink` the rows of `family` in the state of one cluster: none for a family about lag or the process.
pub fn of_state(family: &Family, state: &ClusterState, sink: &mut impl RowSink) {
    let n_labels = sink.n_labels();
    push_cluster(&state.cluster, sink);
    match family.rows {
        RowSource::Cluster(value) => row(value(state), sink),
        RowSource::Collections => {
            for (outcome, count) in state.counters.collections() {
                labelled([("result", outcome.label())], count.into(), sink);
            }
        }
        RowSource::Errors => {
            for ((api, reason), count) in state.counters.errors() {
                let labels = [("api", api.label()), ("reason", reason.label())];
                labelled(labels, count.into(), sink);
            }
        }
        RowSource::Requests => {
            for (api, count) in state.counters.requests() {
                labelled([("api", api.label())], count.into(), sink);
            }
        }
        RowSource::Reloads => {
            for (result, count) in state.counters.reloads() {
                labelled([("result", result.label())], count.into(), sink);
            }
        }
        RowSource::Phases => {
            for (phase, duration) in state.last_collection.iter().flat_map(|last| &last.phases) {
                let seconds = duration.as_secs_f64();
                labelled([("phase", phase.label())], seconds.into(), sink);
            }
        }
        RowSource::Log(_)
        | RowSource::Topic(_)
        | RowSource::MemberPartition(_)
        | RowSource::FlaggedPartition(_)
        | RowSource::Partition(_)
        | RowSource::GroupTopic(_)
        | RowSource::Group(_)
        | RowSource::Unsupported
        | RowSource::Total(_)
        | RowSource::Process(_) => {}
    }
    sink.truncate_labels(n_labels);
}

/// Gives `sink` the row of `family` if `family` is about this process; `term` is that of the leadership.
pub fn of_process(family: &Family, term: u64, sink: &mut impl RowSink) {
    if let RowSource::Process(value) = family.rows {
        row(value(term), sink);
    }
}

fn logs(collected: &Collected, value: fn(&Log) -> Option<Number>, sink: &mut impl RowSink) {
    let of_cluster = sink.n_labels();
    for (name, topic) in &collected.topics {
        sink.label("topic", name);
        let of_topic = sink.n_labels();
        for (partition, log) in topic.logs() {
            sink.number_label("partition", partition);
            row(value(log), sink);
            sink.truncate_labels(of_topic);
        }
        sink.truncate_labels(of_cluster);
    }
}

fn topics(collected: &Collected, value: fn(&Topic) -> Option<Number>, sink: &mut impl RowSink) {
    let of_cluster = sink.n_labels();
    for (name, topic) in &collected.topics {
        sink.label("topic", name);
        row(value(topic), sink);
        sink.truncate_labels(of_cluster);
    }
}

fn groups(collected: &Collected, value: fn(&GroupLag) -> Option<Number>, sink: &mut impl RowSink) {
    let of_cluster = sink.n_labels();
    for group in &collected.lag.groups {
        sink.label("group", &group.group);
        row(value(group), sink);
        sink.truncate_labels(of_cluster);
    }
}

fn group_topics<S: RowSink>(
    collected: &Collected,
    sink: &mut S,
    rows: impl Fn(&mut S, &GroupLag, &TopicLag),
) {
    let of_cluster = sink.n_labels();
    for group in &collected.lag.groups {
        sink.label("group", &group.group);
        let of_group = sink.n_labels();
        for topic in &group.topics {
            sink.label("topic", &topic.topic);
            rows(sink, group, topic);
            sink.truncate_labels(of_group);
        }
        sink.truncate_labels(of_cluster);
    }
}

fn partitions<S: RowSink>(
    collected: &Collected,
    value: fn(&PartitionLag) -> Option<Number>,
    sink: &mut S,
    more_labels: impl Fn(&mut S, (&GroupLag, &TopicLag, &PartitionLag)),
) {
    group_topics(collected, sink, |sink, group, topic| {
        let of_topic = sink.n_labels();
        for row in &topic.partitions {
            if let Some(value) = value(row) {
                sink.number_label("partition", row.partition);
                more_labels(sink, (group, topic, row));
                sink.row(value);
                sink.truncate_labels(of_topic);
            }
        }
    });
}

fn unsupported(collected: &Collected, sink: &mut impl RowSink) {
    for (kind, &n) in &collected.unsupported {
        if let Ok(n) = u64::try_from(n) {
            labelled([("type", kind.label())], n.into(), sink);
        }
    }
}

/// Gives `sink` a row with the labels on the stack, unless `value` is absent.
fn row(value: Option<Number>, sink: &mut impl RowSink) {
    if let Some(value) = value {
        sink.row(value);
    }
}

/// Gives `sink` a row that has `labels` after those on the stack.
fn labelled<const N: usize>(labels: [(&str, &str); N], value: Number, sink: &mut impl RowSink) {
    let n_labels = sink.n_labels();
    for (name, value) in labels {
        sink.label(name, value);
    }
    sink.row(value);
    sink.truncate_labels(n_labels);
}

fn push_cluster(cluster: &ClusterDisplay, sink: &mut impl RowSink) {
    sink.label("cluster_name", &cluster.name);
    for (name, value) in &cluster.labels {
        sink.label(name, value);
    }
}

/// Pushes the labels of the member that is assigned the partition, if the option for them is on. Their values are empty where no
/// member is assigned the partition.
fn push_member(
    cluster: &ClusterDisplay,
    group: &GroupLag,
    row: &PartitionLag,
    sink: &mut impl RowSink,
) {
    match cluster.compatibility.member_labels {
        ExtraLabels::Present => {
            let member = group.member_of(row);
            sink.label("member_host", member.map_or("", |member| &member.host));
            let consumer_id = member.map_or("", |member| &member.consumer_id);
            sink.label("consumer_id", consumer_id);
            sink.label("client_id", member.map_or("", |member| &member.client_id));
        }
        ExtraLabels::Absent => {}
    }
}

/// Pushes klag-exporter's two flags, if the option for them is on. As in klag-exporter, a flag is "false" where the truth is not
/// known.
fn push_flags(
    cluster: &ClusterDisplay,
    topic: &TopicLag,
    row: &PartitionLag,
    sink: &mut impl RowSink,
) {
    match cluster.compatibility.state_labels {
        ExtraLabels::Present => {
            let compacted = topic.compaction == Ok(Compaction::Compacted);
            let compacted = if compacted { "true" } else { "false" };
            sink.label("compaction_detected", compacted);
            let lost = row.retention.is_ok_and(|retention| retention.lost > 0);
            sink.label("data_loss_detected", if lost { "true" } else { "false" });
        }
        ExtraLabels::Absent => {}
    }
}
