//! Property tests: a reader of the text gets the values and names that were put in, whatever the names.

use std::collections::BTreeMap;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use crate::clusters::{cluster, text_of, view};
use crate::parse::{Parsed, parse};
use crate::snapshot_builder::{SnapshotBuilder, log};

/// The pairs of log start and high watermark, by topic and partition.
type Logs = BTreeMap<String, Vec<(i64, i64)>>;
/// The commits, by group, topic and partition.
type Commits = BTreeMap<String, BTreeMap<(String, i32), i64>>;

/// Generates names of few characters, most of which have to be escaped.
fn name() -> impl Strategy<Value = String> {
    prop_oneof![r#"[ab"\\\n{},= ]{0,4}"#, ".{0,8}"]
}

fn offset() -> impl Strategy<Value = i64> {
    prop_oneof![0..100i64, 0..i64::MAX]
}

fn contents() -> impl Strategy<Value = (Logs, Commits)> {
    let logs = btree_map(name(), vec((offset(), offset()), 0..4), 0..4);
    logs.prop_flat_map(|logs| {
        let places: Vec<_> = logs
            .iter()
            .flat_map(|(topic, logs)| (0..).zip(logs).map(move |(p, _)| (topic.clone(), p)))
            .collect();
        let n_most = if places.is_empty() { 0 } else { 6 };
        let partition_id = any::<prop::sample::Index>().prop_map(move |i| i.get(&places).clone());
        let commits = btree_map(name(), btree_map(partition_id, offset(), 0..=n_most), 0..4);
        (Just(logs), commits)
    })
}

fn builder(logs: &Logs, commits: &Commits) -> SnapshotBuilder {
    let with_topics = logs
        .iter()
        .fold(SnapshotBuilder::default(), |builder, (topic, logs)| {
            let logs: Vec<_> = logs
                .iter()
                .map(|(start, high)| log(Some(*start), Some(*high)))
                .collect();
            builder.topic(topic, &logs)
        });
    commits
        .iter()
        .fold(with_topics, |builder, (group, commits)| {
            let commits = commits
                .iter()
                .map(|((topic, p), at)| (topic.as_str(), *p, Some(*at)));
            builder.group(group, &commits.collect::<Vec<_>>())
        })
}

/// Returns the samples of a family, sorted, each with the values of `labels` in that order.
fn samples(families: &[Parsed], family: &str, labels: &[&str]) -> Vec<(Vec<String>, f64)> {
    let family = families.iter().find(|parsed| parsed.name == family);
    let samples = family.into_iter().flat_map(|family| &family.samples);
    let mut samples: Vec<_> = samples
        .map(|(has, value)| {
            (
                labels.iter().map(|label| has[*label].clone()).collect(),
                *value,
            )
        })
        .collect();
    samples.sort_by(|a: &(Vec<String>, f64), b| a.0.cmp(&b.0));
    samples
}

fn sorted(samples: impl Iterator<Item = (Vec<String>, i64)>) -> Vec<(Vec<String>, f64)> {
    let mut samples: Vec<_> = samples
        .map(|(labels, value)| (labels, real(value)))
        .collect();
    samples.sort_by(|a: &(Vec<String>, f64), b| a.0.cmp(&b.0));
    samples
}

/// Returns the value as a reader of the text gets it: parsed from decimal digits.
fn real(value: i64) -> f64 {
    value.to_string().parse().expect("an integer is a number")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn a_reader_gets_the_values_back(
        clusters in btree_map(name(), contents(), 0..4)
    ) {
        let views: Vec<_> = clusters
            .iter()
            .map(|(name, (logs, commits))| view(cluster(name), &builder(logs, commits)))
            .collect();
        let families = parse(&text_of(&views));
        let highs = clusters.iter().flat_map(|(cluster, (logs, _))| {
            logs.iter().flat_map(move |(topic, logs)| {
                (0..).zip(logs).map(move |(p, (_, high))| (vec![cluster.clone(), topic.clone(), i32::to_string(&p)], *high))
            })
        });
        let labels = ["cluster_name", "topic", "partition"];
        prop_assert_eq!(samples(&families, "kafka_partition_latest_offset", &labels), sorted(highs));
        let commits = || clusters.iter().flat_map(|(cluster, (logs, groups))| {
            groups.iter().flat_map(move |(group, commits)| commits.iter().map(move |((topic, p), at)| {
                let (_, high) = logs[topic][usize::try_from(*p).expect("small")];
                (vec![cluster.clone(), group.clone(), topic.clone(), p.to_string()], *at, high)
            }))
        });
        let labels = ["cluster_name", "group", "topic", "partition"];
        let offsets = samples(&families, "kafka_consumergroup_group_offset", &labels);
        prop_assert_eq!(offsets, sorted(commits().map(|(labels, at, _)| (labels, at))));
        let lags = samples(&families, "kafka_consumergroup_group_lag", &labels);
        prop_assert_eq!(lags, sorted(commits().map(|(labels, at, high)| (labels, (high - at).max(0)))));
    }
}
