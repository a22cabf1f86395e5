//! Answers that contradict each other or come too late: what cannot be told has no sample and is counted, and everything else is shown.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{Collector, Config};
use e2e::standin::{Builder, GroupSpec, PartitionSpec, StandIn};
use tokio::runtime::Runtime;

const LIMIT: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_millis(500);
const GROUP: &str = "kafka_consumergroup_group_";

fn start(builder: Builder) -> Result<(Runtime, StandIn, Collector)> {
    let runtime = Runtime::new()?;
    let kafka = runtime.block_on(builder.start());
    let collector = Collector::start(&config(&kafka))?;
    Ok((runtime, kafka, collector))
}

fn config(kafka: &StandIn) -> Config {
    Config::of(&kafka.bootstrap()).every(EVERY)
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
