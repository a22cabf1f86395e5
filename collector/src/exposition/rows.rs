//! The rows of a family.

use shared::config::{ExtraLabels, Granularity};

use crate::lag::{GroupLag, Lag, PartitionLag, TopicLag};
use crate::snapshot::{Compaction, Log, Topic};

use super::families::{Family, Rows};
use super::stream::Pieces;
use super::text::{Labels, Number, write_sample};
use super::{Cluster, ClusterView};

/// Writes the rows that `family` has in the lag of one cluster; none for a family that is not about lag.
pub(super) fn write_lag(family: &Family, cluster: &Cluster, lag: &Lag<'_>, out: &mut Pieces) {
    let labels = cluster.as_labels();
    let mut rows = LagRows {
        name: family.name,
        labels,
        out,
    };
    match (family.rows, cluster.granularity) {
        (Rows::Log(value), _) => rows.logs(lag, value),
        (Rows::Topic(value), _) => rows.topics(lag, value),
        (Rows::GroupTopic(value), _) => rows.group_topics(lag, value),
        (Rows::Group(value), _) => rows.groups(lag, value),
        (Rows::Unsupported, _) => rows.unsupported(lag),
        (Rows::Total(value), _) => rows.write(value(lag)),
        (Rows::MemberPartition(value), Granularity::Partition) => {
            rows.partitions(lag, value, |labels, _, row| {
                push_member(labels, cluster, row);
            });
        }
        (Rows::FlaggedPartition(value), Granularity::Partition) => {
            rows.partitions(lag, value, |labels, topic, row| {
                push_member(labels, cluster, row);
                push_flags(labels, cluster, topic, row);
            });
        }
        (Rows::Partition(value), Granularity::Partition) => {
            rows.partitions(lag, value, |_, _, _| {});
        }
        (
            Rows::MemberPartition(_) | Rows::FlaggedPartition(_) | Rows::Partition(_),
            Granularity::Topic,
        )
        | (
            Rows::Cluster(_)
            | Rows::Collections
            | Rows::Errors
            | Rows::Requests
            | Rows::Phases
            | Rows::Process(_),
            _,
        ) => {}
    }
}

/// Writes the rows that `family` has in the state of one cluster; none for a family about lag or the process.
pub(super) fn write_state(family: &Family, view: &ClusterView, out: &mut Vec<u8>) {
    let mut labels = view.cluster.as_labels();
    let bare = labels.mark();
    let mut write = |pairs: &[(&str, &str)], value: Number| {
        labels.back_to(bare);
        for (name, value) in pairs {
            labels.push(name, value);
        }
        write_sample(out, family.name, &labels, value);
    };
    match family.rows {
        Rows::Cluster(value) => {
            if let Some(value) = value(view) {
                write(&[], value);
            }
        }
        Rows::Collections => {
            for (outcome, count) in view.counters.collections() {
                write(&[("result", outcome.label())], count.into());
            }
        }
        Rows::Errors => {
            for ((api, reason), count) in view.counters.errors() {
                write(
                    &[("api", api.label()), ("reason", reason.label())],
                    count.into(),
                );
            }
        }
        Rows::Requests => {
            for (api, count) in view.counters.requests() {
                write(&[("api", api.label())], count.into());
            }
        }
        Rows::Phases => {
            for (phase, duration) in view.last_collection.iter().flat_map(|last| &last.phases) {
                write(&[("phase", phase.label())], duration.as_secs_f64().into());
            }
        }
        Rows::Log(_)
        | Rows::Topic(_)
        | Rows::MemberPartition(_)
        | Rows::FlaggedPartition(_)
        | Rows::Partition(_)
        | Rows::GroupTopic(_)
        | Rows::Group(_)
        | Rows::Unsupported
        | Rows::Total(_)
        | Rows::Process(_) => {}
    }
}

struct LagRows<'o> {
    name: &'static str,
    labels: Labels,
    out: &'o mut Pieces,
}

// === impl LagRows ===

impl LagRows<'_> {
    fn logs(&mut self, lag: &Lag<'_>, value: fn(&Log) -> Option<Number>) {
        let bare = self.labels.mark();
        for (name, topic) in lag.topics {
            self.labels.push("topic", name);
            let of_topic = self.labels.mark();
            for (partition, log) in &topic.partitions {
                self.labels.push_number("partition", *partition);
                self.write(value(log));
                self.labels.back_to(of_topic);
            }
            self.labels.back_to(bare);
        }
    }

    fn topics(&mut self, lag: &Lag<'_>, value: fn(&Topic) -> Option<Number>) {
        let bare = self.labels.mark();
        for (name, topic) in lag.topics {
            self.labels.push("topic", name);
            self.write(value(topic));
            self.labels.back_to(bare);
        }
    }

    fn groups(&mut self, lag: &Lag<'_>, value: fn(&GroupLag<'_>) -> Option<Number>) {
        let bare = self.labels.mark();
        for group in &lag.groups {
            self.labels.push("group", group.group);
            self.write(value(group));
            self.labels.back_to(bare);
        }
    }

    fn group_topics(&mut self, lag: &Lag<'_>, value: fn(&TopicLag<'_>) -> Option<Number>) {
        self.each_group_topic(lag, |rows, topic| rows.write(value(topic)));
    }

    fn partitions(
        &mut self,
        lag: &Lag<'_>,
        value: fn(&PartitionLag<'_>) -> Option<Number>,
        more_labels: impl Fn(&mut Labels, &TopicLag<'_>, &PartitionLag<'_>),
    ) {
        self.each_group_topic(lag, |rows, topic| {
            let of_topic = rows.labels.mark();
            for row in &topic.partitions {
                let value = value(row);
                if value.is_some() {
                    rows.labels.push_number("partition", row.partition);
                    more_labels(&mut rows.labels, topic, row);
                    rows.write(value);
                    rows.labels.back_to(of_topic);
                }
            }
        });
    }

    fn each_group_topic(&mut self, lag: &Lag<'_>, write: impl Fn(&mut Self, &TopicLag<'_>)) {
        let bare = self.labels.mark();
        for group in &lag.groups {
            self.labels.push("group", group.group);
            let of_group = self.labels.mark();
            for topic in &group.topics {
                self.labels.push("topic", topic.topic);
                write(self, topic);
                self.labels.back_to(of_group);
            }
            self.labels.back_to(bare);
        }
    }

    fn unsupported(&mut self, lag: &Lag<'_>) {
        let bare = self.labels.mark();
        for (kind, &n) in lag.unsupported {
            self.labels.push("type", kind.label());
            self.write(u64::try_from(n).ok().map(Number::from));
            self.labels.back_to(bare);
        }
    }

    fn write(&mut self, value: Option<Number>) {
        if let Some(value) = value {
            write_sample(self.out.text(), self.name, &self.labels, value);
            self.out.drain();
        }
    }
}

/// Who reads the partition; empty for one that nobody does.
fn push_member(labels: &mut Labels, cluster: &Cluster, row: &PartitionLag<'_>) {
    match cluster.compatibility.member_labels {
        ExtraLabels::Present => {
            labels.push("member_host", row.member.map_or("", |member| &member.host));
            labels.push(
                "consumer_id",
                row.member.map_or("", |member| &member.consumer_id),
            );
            labels.push(
                "client_id",
                row.member.map_or("", |member| &member.client_id),
            );
        }
        ExtraLabels::Absent => {}
    }
}

/// As klag-exporter has it, what is not known to be so reads "false".
fn push_flags(
    labels: &mut Labels,
    cluster: &Cluster,
    topic: &TopicLag<'_>,
    row: &PartitionLag<'_>,
) {
    match cluster.compatibility.state_labels {
        ExtraLabels::Present => {
            let compacted = topic.compaction == Ok(Compaction::Compacted);
            let lost = row.retention.is_ok_and(|retention| retention.lost > 0);
            labels.push(
                "compaction_detected",
                if compacted { "true" } else { "false" },
            );
            labels.push("data_loss_detected", if lost { "true" } else { "false" });
        }
        ExtraLabels::Absent => {}
    }
}
