//! The cost of a collection of 20,000 partitions and 1,000 groups to brokers and to the collector.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config};
use e2e::standin::{Api, GroupSpec, MemberSpec, PartitionSpec, StandIn};

const TOPICS: usize = 100;
const PARTITIONS: usize = 200;
const GROUPS: usize = 1_000;
const NODES: usize = 3;
const COLLECTIONS: u64 = 3;
/// The time between collections: long enough that the end of one is seen, and the counts are read, before the next one begins.
const PAUSE: Duration = Duration::from_secs(15);
const LIMIT: Duration = Duration::from_secs(120);

/// The kinds of requests that make up a steady collection, and their labels.
const ASKED: [(Api, &str); 7] = [
    (Api::Metadata, "metadata"),
    (Api::ListGroups, "list_groups"),
    (Api::OffsetFetch, "offset_fetch"),
    (Api::ListOffsets, "list_offsets"),
    (Api::DescribeGroups, "describe_groups"),
    (Api::DescribeConfigs, "describe_configs"),
    (Api::Fetch, "fetch"),
];

fn start() -> Result<StandIn> {
    let mut builder = StandIn::builder();
    for topic in 0..TOPICS {
        let bounds = |_| PartitionSpec::ending_at(1_000);
        builder = builder.topic(&format!("topic-{topic:03}"), PARTITIONS, bounds);
    }
    for group in 0..GROUPS {
        let topic = format!("topic-{:03}", group % TOPICS);
        let first = i32::try_from(group / TOPICS * 20).expect("few partitions");
        // One partition of each group lags; a partition without lag has no record to read.
        let committed = |p| if p == first { 900 } else { 1_000 };
        let spec = (first..first + 20).fold(GroupSpec::classic(), |spec, p| {
            spec.committed(&topic, p, committed(p))
        });
        let halves = [first..first + 10, first + 10..first + 20];
        let spec = halves.into_iter().fold(spec, |spec, half| {
            spec.member(MemberSpec::new("reader").assigned(&topic, half))
        });
        builder = builder.group(&format!("group-{group:04}"), spec);
    }
    Ok(tokio::runtime::Runtime::new()?.block_on(builder.start()))
}

fn requests(metrics: &Exposition) -> u64 {
    metrics.count("kafka_lag_exporter_requests_total", [])
}

/// Waits until one more collection has ended; the time between two such moments holds whole collections.
fn ended(collector: &Collector) -> Result<Exposition> {
    let n = Collector::collections(&collector.metrics()?, "complete");
    collector.wait_for("the end of a collection", LIMIT, |metrics| {
        let now = Collector::collections(metrics, "complete");
        ensure!(now > n, "{now} complete");
        Ok(())
    })
}

#[test]
fn a_steady_collection_asks_once_per_group_and_little_else() -> Result<()> {
    steady("topic", |config| config.by_topic().every(PAUSE))
}

#[test]
fn a_steady_collection_of_partitions_asks_no_more_than_one_of_topics() -> Result<()> {
    // Parsing this many series takes the test longer, so the interval is longer too.
    steady("partition", |config| config.every(2 * PAUSE))
}

fn steady(granularity: &str, by: impl FnOnce(Config) -> Config) -> Result<()> {
    lab::say(format_args!("granularity {granularity}"));
    let kafka = start()?;
    let config = by(Config::of(&kafka.bootstrap()));
    let collector = Collector::start(&config)?;
    let first = collector.wait_until_complete(LIMIT)?;
    let cold = requests(&first);
    let before = ended(&collector)?;
    kafka.reset_counters();
    let usage_before = collector.usage()?;
    let mut after = before.clone();
    let n = |metrics: &Exposition| Collector::collections(metrics, "complete");
    while n(&after) < n(&before) + COLLECTIONS {
        after = ended(&collector)?;
    }
    let usage = collector.usage()?;
    let told = requests(&after) - requests(&before);
    let mut seen = 0;
    for (api, label) in ASKED {
        let asked = kafka.n_requests(api);
        let told = |metrics: &Exposition| {
            metrics.count("kafka_lag_exporter_requests_total", [("api", label)])
        };
        lab::say(format_args!(
            "{label}: {asked} asked, {} told",
            told(&after) - told(&before)
        ));
        seen += asked;
    }
    let most = (GROUPS + 2 * NODES + 2 * (TOPICS * PARTITIONS).div_ceil(500)) * 11 / 10;
    let (each, most) = (seen / COLLECTIONS, u64::try_from(most)?);
    let cpu = usage.cpu.saturating_sub(usage_before.cpu) / u32::try_from(COLLECTIONS)?;
    let seconds = after.value("kafka_consumergroup_poll_time_ms", []);
    lab::say(format_args!(
        "{each} requests per collection, at most {most}; {cold} in the first; CPU {cpu:?} per collection, RSS {} KiB, at most {} KiB; {seconds:?} ms",
        usage.rss / 1024,
        usage.rss_peak / 1024
    ));
    let sum = after.count("kafka_consumergroup_group_sum_lag", []);
    let right = u64::try_from(GROUPS * 100)?;
    ensure!(sum == right, "all lag is {sum}, not {right}");
    ensure!(each <= most, "{each} requests per collection, not {most}");
    ensure!(seen == told, "{seen} requests came, {told} were told");
    Ok(())
}
