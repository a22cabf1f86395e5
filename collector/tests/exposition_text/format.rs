//! Tests of the text of whole clusters, with every kind of label and number.

use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

use collector::collected::ClusterState;
use collector::exposition::{FAMILIES, Published, RenderedCluster};
use collector::lag::compute;
use flate2::bufread::GzDecoder;
use shared::config::{self, ExtraLabels};

use crate::clusters::{cluster, collected, rendered, shop, stale, text, text_of, view};
use crate::parse::{parse, value};
use crate::snapshot_builder::{NOW, SnapshotBuilder, log};

#[test]
fn two_clusters_read_like_this() {
    let mut shop_cluster = cluster("shop");
    shop_cluster.labels = BTreeMap::from([
        ("env".into(), "prod".into()),
        ("region".into(), "eu".into()),
    ]);
    insta::assert_snapshot!(text(&Published::render(
        vec![view(shop_cluster, &shop()), rendered(stale("old"))],
        4_821_377
    )));
}

#[test]
fn families_come_in_the_order_of_the_table() {
    let families = parse(&text_of(&[
        view(cluster("a"), &shop()),
        rendered(stale("b")),
    ]));
    let order: Vec<_> = families.iter().map(|family| &*family.name).collect();
    let table: Vec<_> = FAMILIES.iter().map(|family| family.name).collect();
    assert_eq!(order, table);
}

#[test]
fn the_stream_is_one_gzip_member_and_nothing_more() {
    let exposition = Published::render(
        vec![view(cluster("a"), &shop()), view(cluster("b"), &shop())],
        0,
    );
    let mut decoder = GzDecoder::new(&*exposition.gzip);
    decoder.read_to_end(&mut Vec::new()).unwrap();
    assert!(decoder.into_inner().is_empty());
}

#[test]
fn a_process_without_clusters_shows_its_term_alone() {
    insta::assert_snapshot!(text(&Published::render(Vec::new(), 7)), @r"
    # HELP kafka_lag_exporter_leader_term Fencing token (term) of the leadership under which this process collects; 0 without leader election.
    # TYPE kafka_lag_exporter_leader_term gauge
    kafka_lag_exporter_leader_term 7
    ");
}

#[test]
fn a_stale_cluster_keeps_its_counters_and_is_down() {
    let families = parse(&text_of(&[rendered(stale("old"))]));
    let of_old = [("cluster_name", "old")];
    assert_eq!(
        value(&families, "kafka_lag_exporter_up", &of_old),
        Some(0.0)
    );
    let failed = [("cluster_name", "old"), ("result", "failed")];
    assert_eq!(
        value(&families, "kafka_lag_exporter_collections_total", &failed),
        Some(2.0)
    );
    let lag_families = [
        "kafka_partition",
        "kafka_topic",
        "kafka_consumergroup_group",
    ];
    for family in &families {
        assert!(
            !lag_families
                .iter()
                .any(|prefix| family.name.starts_with(prefix)),
            "{}",
            family.name
        );
    }
}

#[test]
fn a_cluster_whose_data_was_withdrawn_is_down_whatever_its_last_collection_was() {
    let mut hung = view(cluster("hung"), &shop());
    hung.withdraw();
    assert_eq!(
        value(&parse(&text_of(&[hung])), "kafka_lag_exporter_up", &[]),
        Some(0.0)
    );
}

#[test]
fn a_cluster_that_was_never_collected_is_down() {
    let fresh = rendered(ClusterState {
        last_collection: None,
        last_update: None,
        ..stale("new")
    });
    let families = parse(&text_of(&[fresh]));
    assert_eq!(value(&families, "kafka_lag_exporter_up", &[]), Some(0.0));
    assert_eq!(
        value(&families, "kafka_consumergroup_poll_time_ms", &[]),
        None
    );
}

#[test]
fn without_time_lag_there_is_no_family_of_it() {
    let builder = shop();
    let without = collected(
        &builder,
        compute(&builder.snapshot, config::TimeLagMode::Off, NOW),
    );
    let RenderedCluster { state, .. } = view(cluster("a"), &builder);
    let text = text_of(&[rendered(ClusterState {
        collected: Some(Arc::new(without)),
        ..state
    })]);
    assert!(text.contains("group_max_lag"));
    assert!(!text.contains("lag_seconds"));
    assert!(!text.contains("time_lag"));
}

#[test]
fn the_compatibility_switches_remove_and_add_labels() {
    let mut switched = cluster("a");
    switched.compatibility.member_labels = ExtraLabels::Absent;
    switched.compatibility.state_labels = ExtraLabels::Present;
    let families = parse(&text_of(&[view(switched, &shop())]));
    let seconds = families
        .iter()
        .find(|f| f.name == "kafka_consumergroup_group_lag_seconds")
        .unwrap();
    for (labels, _) in &seconds.samples {
        let (compacted, lost) = match (&*labels["topic"], &*labels["partition"]) {
            ("orders", "1") => ("false", "true"),
            ("prices", _) => ("true", "false"),
            _ => ("false", "false"),
        };
        assert_eq!(labels["compaction_detected"], compacted, "{labels:?}");
        assert_eq!(labels["data_loss_detected"], lost, "{labels:?}");
        assert!(!labels.contains_key("consumer_id"), "{labels:?}");
    }
    assert_eq!(seconds.samples.len(), 5);
}

#[test]
fn names_are_escaped() {
    let builder = SnapshotBuilder::default()
        .topic("t", &[log(Some(0), Some(9))])
        .group("a \"quoted\" \\ back\nslash", &[("t", 0, Some(4))]);
    let mut odd = cluster("c\\");
    odd.labels = BTreeMap::from([("note".into(), "\"\n".into())]);
    let text = text_of(&[view(odd, &builder)]);
    let line = text
        .lines()
        .find(|line| line.starts_with("kafka_consumergroup_group_sum_lag{"));
    insta::assert_snapshot!(line.unwrap(), @r#"kafka_consumergroup_group_sum_lag{cluster_name="c\\",note="\"\n",group="a \"quoted\" \\ back\nslash"} 5"#);
}

#[test]
fn numbers_are_exact_or_the_shortest_that_read_back() {
    let far = i64::MAX - 1;
    let builder = SnapshotBuilder::default()
        .topic(
            "t",
            &[
                log(Some(0), Some(far)),
                log(Some(9), Some(9)),
                log(Some(0), Some(3)),
            ],
        )
        .group(
            "g",
            &[("t", 0, Some(0)), ("t", 1, Some(4)), ("t", 2, Some(2))],
        );
    let text = text_of(&[view(cluster("c"), &builder)]);
    let rows = |family: &str| {
        let rows = text
            .lines()
            .filter(|line| line.starts_with(&format!("{family}{{")));
        rows.map(|line| line.rsplit_once(' ').unwrap().1)
            .collect::<Vec<_>>()
            .join(" ")
    };
    assert_eq!(
        rows("kafka_consumergroup_group_lag"),
        "9223372036854775806 5 1"
    );
    assert_eq!(rows("kafka_consumergroup_group_retention_margin"), "0 -5 2");
    assert_eq!(
        rows("kafka_consumergroup_group_lag_retention_ratio"),
        "100 +Inf 33.333333333333336"
    );
    assert_eq!(
        rows("kafka_lag_exporter_scrape_duration_seconds"),
        "0.14725"
    );
}

#[test]
fn an_empty_name_is_a_name() {
    let builder = SnapshotBuilder::default()
        .topic("", &[log(Some(0), Some(9))])
        .group("", &[("", 0, Some(4))]);
    let families = parse(&text_of(&[view(cluster(""), &builder)]));
    assert_eq!(
        value(
            &families,
            "kafka_consumergroup_group_sum_lag",
            &[("group", "")]
        ),
        Some(5.0)
    );
}
