//! A stand-in with one group for each topic, and the values that a collector shows of it.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config};
use e2e::standin::{GroupSpec, PartitionSpec, Records, Slot, StandIn, TopicSpec};
use tokio::runtime::Runtime;

pub(crate) const LIMIT: Duration = Duration::from_secs(60);
pub(crate) const SECOND: i64 = 1_000;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;
pub(crate) const AGE: &str = "kafka_consumergroup_group_lag_seconds";
pub(crate) const OLDEST: &str = "kafka_consumergroup_group_max_lag_seconds";
const ERRORS: &str = "kafka_lag_exporter_errors_total";

/// Returns the time now, as Unix time in milliseconds.
pub(crate) fn now() -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit")]
    let now = (lab::wall_seconds() * 1e3) as i64;
    now
}

/// Returns records that were all written at `at`.
pub(crate) fn written(at: i64) -> Records {
    Records::by(move |_| Slot::at(at))
}

pub(crate) fn topic(name: &str, records: Records) -> TopicSpec {
    let spec = move |_| PartitionSpec::ending_at(10);
    TopicSpec::new(name, 1).partitions(spec).records(records)
}

pub(crate) fn start(
    runtime: &Runtime,
    topics: Vec<TopicSpec>,
    groups: &[(&str, &str, i64)],
) -> StandIn {
    let mut builder = StandIn::builder();
    for topic in topics {
        builder = builder.topic_with(topic);
    }
    for (group, topic, at) in groups {
        builder = builder.group(group, GroupSpec::classic().committed(topic, 0, *at));
    }
    runtime.block_on(builder.start())
}

pub(crate) fn config(kafka: &StandIn) -> Config {
    Config::of(&kafka.bootstrap()).every(Duration::from_secs(1))
}

/// Waits until one more collection has both begun and ended; returns the exposition.
pub(crate) fn next(collector: &Collector) -> Result<Exposition> {
    let ended = |metrics: &Exposition| metrics.count("kafka_lag_exporter_collections_total", []);
    let before = ended(&collector.metrics()?);
    collector.wait_for("the next collection but one", LIMIT, |metrics| {
        ensure!(ended(metrics) >= before + 2, "not yet");
        Ok(())
    })
}

pub(crate) fn age(metrics: &Exposition, group: &str) -> Option<f64> {
    metrics.value(AGE, [("group", group)])
}

pub(crate) fn is_about(value: Option<f64>, milliseconds: i64) -> Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "ages of a test are small")]
    let right = milliseconds as f64 / 1e3;
    let value = value.context("no sample")?;
    ensure!((value - right).abs() < 10.0, "{value} s, not {right}");
    Ok(())
}

pub(crate) fn n_errors(metrics: &Exposition, reason: &str) -> u64 {
    metrics.count(ERRORS, [("api", "fetch"), ("reason", reason)])
}
