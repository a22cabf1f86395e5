//! Tests of what each granularity shows of the partitions of groups: series of their own, or sums, maxima and counts alone.

use std::collections::BTreeMap;

use collector::snapshot::OldestUnread;
use shared::config::Granularity;

use crate::clusters::{cluster, shop, text_of, view};
use crate::parse::{parse, value};
use crate::snapshot_builder::{NOW, SnapshotBuilder, UNKNOWN, log};

#[test]
fn topic_granularity_has_sums_and_no_partitions_of_groups() {
    let mut coarse = cluster("a");
    coarse.granularity = Granularity::Topic;
    let families = parse(&text_of(&[view(coarse, &shop())]));
    let sum = [("group", "billing"), ("topic", "orders")];
    let sum = value(&families, "kafka_consumergroup_group_topic_sum_lag", &sum);
    assert_eq!(sum, Some(130.0));
    let of = |group: &str, family: &str| {
        let labels = [("group", group), ("topic", "orders")];
        let labels = &labels[..=usize::from(family.starts_with("topic_"))];
        value(
            &families,
            &format!("kafka_consumergroup_group_{family}"),
            labels,
        )
    };
    assert_eq!(of("billing", "sum_messages_lost"), Some(30.0));
    assert_eq!(of("partly", "sum_messages_lost"), None);
    assert_eq!(of("billing", "topic_max_lag_seconds"), Some(86_400.0));
    assert_eq!(of("billing", "topic_min_retention_margin"), Some(-30.0));
    assert_eq!(
        of("partly", "topic_min_retention_margin"),
        Some(f64::INFINITY)
    );
    let by_partition: Vec<_> = families
        .iter()
        .filter(|family| {
            let has = |label| {
                family
                    .samples
                    .iter()
                    .any(|(labels, _)| labels.contains_key(label))
            };
            has("group") && has("partition")
        })
        .collect();
    assert_eq!(by_partition, Vec::<&crate::parse::Parsed>::new());
}

#[test]
fn both_granularities_show_uncommitted_and_unseen_partitions() {
    let builder = SnapshotBuilder::default()
        .topic("t", &[log(Some(0), Some(9)), log(Some(2), Some(9))])
        .unseen("secret", UNKNOWN)
        .group("g", &[("t", 0, Some(4))])
        .member("g", "one", &[("t", 0), ("t", 1)])
        .group("h", &[("t", 0, Some(4))])
        .member("h", "two", &[("t", 0), ("secret", 0)]);
    for granularity in [Granularity::Topic, Granularity::Partition] {
        let mut shown = cluster("a");
        shown.granularity = granularity;
        let families = parse(&text_of(&[view(shown, &builder)]));
        let of = |name: &str, group| {
            let name = format!("kafka_consumergroup_group_{name}");
            value(&families, &name, &[("group", group)])
        };
        assert_eq!(of("uncommitted_partitions", "g"), Some(1.0));
        assert_eq!(of("uncommitted_records", "g"), Some(7.0));
        assert_eq!(
            (of("complete", "g"), of("sum_lag", "g")),
            (Some(1.0), Some(5.0))
        );
        assert_eq!((of("complete", "h"), of("sum_lag", "h")), (Some(0.0), None));
        assert_eq!(of("topic_sum_lag", "h"), Some(5.0));
    }
}

#[test]
fn both_granularities_count_the_partitions_whose_age_is_not_known() {
    let end = log(Some(0), Some(9));
    let builder = SnapshotBuilder::default()
        .topic("t", &[end, end, end])
        .topic("u", &[end])
        .group(
            "g",
            &[("t", 0, Some(4)), ("t", 1, Some(5)), ("u", 0, Some(9))],
        )
        .unread("t", 0, 4, OldestUnread::Written(NOW - 7_000))
        .unread("t", 1, 5, OldestUnread::Written(NOW + 3_600_000));
    for granularity in [Granularity::Topic, Granularity::Partition] {
        let mut shown = cluster("a");
        shown.granularity = granularity;
        shown.labels = BTreeMap::from([("env".into(), "prod".into())]);
        let families = parse(&text_of(&[view(shown, &builder)]));
        let of = |topic| {
            let labels = [("env", "prod"), ("group", "g"), ("topic", topic)];
            let unknown = "kafka_consumergroup_group_unknown_time_lag_partitions";
            let oldest = "kafka_consumergroup_group_topic_max_lag_seconds";
            [unknown, oldest].map(|family| value(&families, family, &labels))
        };
        assert_eq!(of("t"), [Some(1.0), Some(7.0)]);
        assert_eq!(of("u"), [Some(0.0), Some(0.0)]);
    }
}
