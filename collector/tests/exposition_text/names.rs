//! The names of families and labels in klag-exporter 0.1.29, which dashboards rely on.

use std::collections::BTreeSet;

use collector::exposition::FAMILIES;
use shared::config::ExtraLabels;

use crate::clusters::{cluster, shop, text_of, view};
use crate::parse::parse;

const CLUSTER: &[&str] = &["cluster_name"];
const PARTITION: &[&str] = &["cluster_name", "topic", "partition"];
const GROUP: &[&str] = &["cluster_name", "group"];
const GROUP_TOPIC: &[&str] = &["cluster_name", "group", "topic"];
const GROUP_PARTITION: &[&str] = &["cluster_name", "group", "topic", "partition"];
const MEMBER: &[&str] = &[
    "cluster_name",
    "group",
    "topic",
    "partition",
    "member_host",
    "consumer_id",
    "client_id",
];
/// The labels of the family of time lag with `state_labels = true`. Without that option its labels are those in [`MEMBER`].
const FLAGGED: &[&str] = &[
    "cluster_name",
    "group",
    "topic",
    "partition",
    "member_host",
    "consumer_id",
    "client_id",
    "compaction_detected",
    "data_loss_detected",
];

/// The families of klag-exporter, all gauges. Two of them have no label `cluster_name` in klag-exporter's text; here they have
/// one, as klag-exporter's documentation says.
const KLAG_EXPORTER: [(&str, &[&str]); 19] = [
    ("kafka_partition_latest_offset", PARTITION),
    ("kafka_partition_earliest_offset", PARTITION),
    ("kafka_consumergroup_group_offset", MEMBER),
    ("kafka_consumergroup_group_lag", MEMBER),
    ("kafka_consumergroup_group_lag_seconds", FLAGGED),
    ("kafka_consumergroup_group_messages_lost", GROUP_PARTITION),
    (
        "kafka_consumergroup_group_retention_margin",
        GROUP_PARTITION,
    ),
    (
        "kafka_consumergroup_group_lag_retention_ratio",
        GROUP_PARTITION,
    ),
    ("kafka_consumergroup_group_max_lag", GROUP),
    ("kafka_consumergroup_group_sum_lag", GROUP),
    ("kafka_consumergroup_group_topic_sum_lag", GROUP_TOPIC),
    ("kafka_consumergroup_group_max_lag_seconds", GROUP),
    ("kafka_consumergroup_group_state", GROUP),
    ("kafka_consumergroup_poll_time_ms", CLUSTER),
    ("kafka_lag_exporter_compaction_detected_total", CLUSTER),
    ("kafka_lag_exporter_data_loss_partitions_total", CLUSTER),
    ("kafka_lag_exporter_scrape_duration_seconds", CLUSTER),
    ("kafka_lag_exporter_up", CLUSTER),
    ("kafka_lag_exporter_last_update_timestamp_seconds", CLUSTER),
];

/// The families that klag-exporter does not have, each with its type and labels.
const OURS: [(&str, &str, &[&str]); 17] = [
    ("kafka_consumergroup_group_complete", "gauge", GROUP),
    (
        "kafka_consumergroup_group_uncommitted_partitions",
        "gauge",
        GROUP_TOPIC,
    ),
    (
        "kafka_consumergroup_group_uncommitted_records",
        "gauge",
        GROUP_TOPIC,
    ),
    ("kafka_consumergroup_group_members", "gauge", GROUP),
    (
        "kafka_consumergroup_group_sum_messages_lost",
        "gauge",
        GROUP,
    ),
    (
        "kafka_consumergroup_group_topic_max_lag_seconds",
        "gauge",
        GROUP_TOPIC,
    ),
    (
        "kafka_consumergroup_group_unknown_time_lag_partitions",
        "gauge",
        GROUP_TOPIC,
    ),
    (
        "kafka_consumergroup_group_topic_min_retention_margin",
        "gauge",
        GROUP_TOPIC,
    ),
    ("kafka_topic_compacted", "gauge", &["cluster_name", "topic"]),
    ("kafka_partition_last_stable_offset", "gauge", PARTITION),
    (
        "kafka_lag_exporter_unsupported_groups",
        "gauge",
        &["cluster_name", "type"],
    ),
    (
        "kafka_lag_exporter_collections_total",
        "counter",
        &["cluster_name", "result"],
    ),
    (
        "kafka_lag_exporter_errors_total",
        "counter",
        &["cluster_name", "api", "reason"],
    ),
    (
        "kafka_lag_exporter_requests_total",
        "counter",
        &["cluster_name", "api"],
    ),
    (
        "kafka_lag_exporter_credential_reloads_total",
        "counter",
        &["cluster_name", "result"],
    ),
    (
        "kafka_lag_exporter_collection_phase_seconds",
        "gauge",
        &["cluster_name", "phase"],
    ),
    ("kafka_lag_exporter_leader_term", "gauge", &[]),
];

#[test]
fn every_family_has_the_type_and_exactly_the_labels_promised() {
    let mut flagged = cluster("a");
    flagged.compatibility.state_labels = ExtraLabels::Present;
    let families = parse(&text_of(&[view(flagged, &shop())]));
    let klag_exporter = KLAG_EXPORTER
        .iter()
        .map(|(name, labels)| (*name, "gauge", *labels));
    let promised: Vec<_> = klag_exporter.chain(OURS).collect();
    assert_eq!(promised.len(), FAMILIES.len());
    for (name, kind, labels) in promised {
        let family = families
            .iter()
            .find(|family| family.name == name)
            .expect(name);
        assert_eq!(family.kind, kind, "{name}");
        let labels: BTreeSet<_> = labels.iter().copied().collect();
        for (has, _) in &family.samples {
            let has: BTreeSet<_> = has.keys().map(String::as_str).collect();
            assert_eq!(has, labels, "{name}");
        }
    }
}
