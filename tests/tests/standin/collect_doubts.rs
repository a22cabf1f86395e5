//! Answers that contradict each other or come too late: what cannot be told has no sample and is counted, and everything else is shown.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{Collector, Config};
use e2e::standin::{Api, Builder, Fault, GroupSpec, PartitionSpec, StandIn, TopicSpec};
use tokio::runtime::Runtime;

const LIMIT: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_millis(500);
const GROUP: &str = "kafka_consumergroup_group_";

fn start(builder: Builder) -> Result<(Runtime, StandIn, Collector)> {
    let runtime = Runtime::new()?;
    let kafka = runtime.block_on(builder.start());
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(EVERY))?;
    Ok((runtime, kafka, collector))
}

/// Returns the value of the only series of the family in group `g`.
fn of_group(metrics: &Exposition, family: &str) -> Option<f64> {
    metrics.value(&format!("{GROUP}{family}"), [("group", "g")])
}

fn n_errors(metrics: &Exposition, (api, reason): (&str, &str)) -> u64 {
    let labels = [("api", api), ("reason", reason)];
    metrics.count("kafka_lag_exporter_errors_total", labels)
}

fn ended(metrics: &Exposition) -> u64 {
    metrics.count("kafka_lag_exporter_collections_total", [])
}

#[test]
fn a_log_start_beyond_the_log_end_shows_no_loss() -> Result<()> {
    // The log start is that of a topic that was deleted, and the end that of its successor.
    let builder = StandIn::builder()
        .topic("t", 1, |_| {
            PartitionSpec::ending_at(10).starting_at(1_000_000)
        })
        .group("g", GroupSpec::classic().committed("t", 0, 5));
    let (_runtime, _kafka, collector) = start(builder)?;
    let metrics = collector.wait_for("a collection", LIMIT, |metrics| {
        ensure!(ended(metrics) >= 1, "none");
        Ok(())
    })?;
    ensure!(
        of_group(&metrics, "lag") == Some(5.0),
        "{:?}",
        of_group(&metrics, "lag")
    );
    for family in ["messages_lost", "retention_margin", "sum_messages_lost"] {
        let shown = of_group(&metrics, family);
        ensure!(shown.is_none(), "{family} {shown:?}");
    }
    let start = metrics.value("kafka_partition_earliest_offset", [("topic", "t")]);
    ensure!(start.is_none(), "{start:?}");
    let counted = n_errors(&metrics, ("list_offsets", "other"));
    ensure!(counted == ended(&metrics), "{counted} errors");
    Ok(())
}

#[test]
fn metadata_that_cannot_be_read_a_second_time_is_counted() -> Result<()> {
    let builder = StandIn::builder()
        .topic("t", 1, |_| PartitionSpec::ending_at(10))
        .group("g", GroupSpec::classic().committed("t", 0, 10));
    let (_runtime, kafka, collector) = start(builder)?;
    collector.wait_until_complete(LIMIT)?;
    kafka.inject(Fault::close(Api::Metadata));
    kafka.add_topic(TopicSpec::new("young", 1).partitions(|_| PartitionSpec::ending_at(7)));
    kafka.commit("g", "young", (0, 1));
    let metrics = collector.wait_for("the commit on an unknown topic", LIMIT, |metrics| {
        ensure!(of_group(metrics, "complete") == Some(0.0), "complete");
        Ok(())
    })?;
    ensure!(of_group(&metrics, "sum_lag").is_none(), "a sum");
    let counted = metrics.count("kafka_lag_exporter_errors_total", [("api", "metadata")]);
    ensure!(counted >= 1, "no failure");
    ensure!(Collector::collections(&metrics, "partial") >= 1, "complete");
    kafka.clear_faults();
    collector.wait_for("the sum", LIMIT, |metrics| {
        ensure!(of_group(metrics, "sum_lag") == Some(6.0), "no sum");
        Ok(())
    })?;
    Ok(())
}
