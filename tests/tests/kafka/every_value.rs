//! Every number of a collection is Kafka's own: for one broker of every version and a group for every situation, the whole exposition is
//! compared with Kafka's tools, in both directions.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::expected::{self, World};
use e2e::lab::kafka::{Plan, Version};
use e2e::lab::programs::Program;
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config, Kafka};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The offset of the first record that the cleaner leaves in fx-compact: before the active segment it leaves the last record of each of 10
/// keys.
const CLEANED: i64 = 140;

#[test]
fn every_value_is_kafkas_own_and_no_series_is_too_many_or_missing() -> Result<()> {
    compare(Version::from_env()?)
}

#[test]
fn so_it_is_with_the_oldest_kafka() -> Result<()> {
    compare(Version::V3_9)
}

#[test]
fn so_it_is_with_the_newest_kafka() -> Result<()> {
    compare(Version::V4_3)
}

fn compare(version: Version) -> Result<()> {
    let _reservation = lab::reserve()?;
    let kafka = Kafka::start(&Plan::of(1).with(version))?;
    kafka.fixture("build", &[])?;
    let _members = kafka.hold()?;
    let world = lab::wait_for("the log cleaner", MINUTE, || {
        let world = World::ask(&kafka, &["fx-compact"])?;
        let first = world
            .record("fx-compact", 0, 5)
            .and_then(|record| record.first);
        ensure!(
            first.is_some_and(|(offset, _)| offset == CLEANED),
            "first record: {first:?}"
        );
        Ok(world)
    })?;
    // The program is built, if necessary, before the time is measured.
    Program::Collector.path()?;
    let started = Instant::now();
    let before = lab::wall_seconds();
    let collector = Collector::start(&Config::of(&kafka.bootstrap()))?;
    let first = collector.wait_until_complete(MINUTE)?;
    let cold = started.elapsed();
    let wanted = world.expected()?;
    let differences = expected::differences(&wanted, &first, (before, lab::wall_seconds()));
    ensure!(
        differences.is_empty(),
        "cold: {}",
        expected::digest(&differences)
    );
    steady(&collector, &world)?;
    let n_wanted: usize = wanted.values().map(BTreeMap::len).sum();
    lab::say(format_args!(
        "Kafka {version}: {} groups, {} rows, {n_wanted} series compared: 0 differences; first exposition {cold:.1?} after the \
         start",
        world.n_groups(),
        world.n_rows(),
    ));
    let usage = collector.usage()?;
    lab::say(format_args!(
        "CPU {:?}, RSS {} KiB (debug build)",
        usage.cpu,
        usage.rss / 1024
    ));
    Ok(())
}

/// Checks that collections that find nothing new say the same as the first, and read no record a second time.
fn steady(collector: &Collector, world: &World) -> Result<()> {
    let fetched = |metrics| requests(metrics, "fetch");
    let second = later(collector, 2)?;
    let seen = lab::wall_seconds() - 2.0;
    let fourth = later(collector, 4)?;
    let wanted = world.expected()?;
    let differences = expected::differences(&wanted, &fourth, (seen, lab::wall_seconds()));
    ensure!(
        differences.is_empty(),
        "warm: {}",
        expected::digest(&differences)
    );
    let (before, after) = (fetched(&second), fetched(&fourth));
    ensure!(before == after, "{} records are read again", after - before);
    let beyond = [("api", "offset_fetch"), ("reason", "committed_beyond_end")];
    let found = fourth.count("kafka_lag_exporter_errors_total", beyond);
    let errors = fourth.count("kafka_lag_exporter_errors_total", []);
    ensure!(
        found >= 1,
        "nobody said that g-above has committed beyond the end"
    );
    ensure!(
        errors == found,
        "{errors} errors, of which {found} were to be"
    );
    Ok(())
}

fn later(collector: &Collector, collections: u64) -> Result<Exposition> {
    collector.wait_for("later collections", MINUTE, |metrics| {
        let complete = Collector::collections(metrics, "complete");
        ensure!(complete >= collections, "{complete} so far");
        Ok(())
    })
}

fn requests(metrics: &Exposition, api: &str) -> u64 {
    metrics.count("kafka_lag_exporter_requests_total", [("api", api)])
}
