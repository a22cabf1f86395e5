//! A test of the size of the exposition for a large cluster.

use collector::exposition::{LagText, Published};
use tokio::time::Instant;

use crate::clusters::{cluster, collected, text, view};
use crate::parse::parse;
use crate::snapshot_builder::{SnapshotBuilder, lag_of, log};

/// Returns a snapshot with 40 topics of 20 partitions. Each of `n_groups` groups reads all of them, by members with 40 partitions
/// each.
fn large(n_groups: i64) -> SnapshotBuilder {
    let topics: Vec<_> = (0..40)
        .map(|i| format!("shop.eu-west-1.orders-{i}.v1"))
        .collect();
    let builder =
        topics
            .iter()
            .zip(1_000..)
            .fold(SnapshotBuilder::default(), |builder, (topic, high)| {
                let logs: Vec<_> = (0..20)
                    .map(|p| log(Some(17 * p), Some(1_000_000 + high * (p + 3))))
                    .collect();
                builder.topic(topic, &logs)
            });
    (0..n_groups).fold(builder, |builder, i| {
        let group = format!("billing-service-{i}");
        let places = || {
            topics
                .iter()
                .flat_map(|topic| (0..20).map(move |p| (topic.as_str(), p)))
        };
        let commits: Vec<_> = places()
            .map(|(topic, p)| (topic, p, Some(1_000_000 - i * 1_000 + i64::from(p))))
            .collect();
        let assignment: Vec<_> = places().collect();
        let mut builder = builder.group(&group, &commits);
        for (k, partitions) in assignment.chunks(40).enumerate() {
            let name = format!("consumer-{group}-{k}-8f14e45f-ceea-467f-a8d4-{k:04}");
            builder = builder.member(&group, &name, partitions);
        }
        builder
    })
}

#[test]
fn a_series_costs_a_dozen_bytes_on_the_wire() {
    let builder = large(2);
    let collected = collected(&builder, lag_of(&builder));
    let begin = Instant::now();
    drop(LagText::of(&cluster("prod"), &collected));
    let sections_took = begin.elapsed();
    let clusters = vec![
        view(cluster("prod"), &builder),
        view(cluster("test"), &builder),
    ];
    let begin = Instant::now();
    let exposition = Published::render(clusters, 1);
    let render_took = begin.elapsed();
    let text = text(&exposition);
    let n_series: usize = parse(&text).iter().map(|family| family.samples.len()).sum();
    let n_bytes = exposition.gzip.len();
    println!(
        "{n_series} series of two clusters: sections of one {sections_took:?}, render {render_took:?}, {} bytes, {n_bytes} as gzip",
        text.len()
    );
    assert!(n_series > 15_000, "{n_series}");
    assert!(n_bytes < 12 * n_series, "{n_bytes} of {n_series}");
}
