//! Exact time lag of a thousand partitions at once, whatever way their records are stored: five codecs, records of a
//! megabyte, times set by the broker, compacted, truncated, nothing but control records.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::expected::{self, World};
use e2e::lab::kafka::Plan;
use e2e::lab::programs::Program;
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config, Kafka, oracle};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);
const PARTITIONS: usize = 1000;

#[test]
fn a_thousand_time_lags_are_exact_in_the_first_collection() -> Result<()> {
    let _alone = lab::alone()?;
    // Built, if need be, before the clock starts.
    Program::Collector.path()?;
    let kafka = Kafka::start(&Plan::of(1))?;
    let asked = Instant::now();
    kafka.fixture("timelag", &[&PARTITIONS.to_string()])?;
    lab::say(format_args!("built after {:.1?}", asked.elapsed()));
    wait_for_the_cleaner(&kafka)?;
    lab::say(format_args!("cleaned after {:.1?}", asked.elapsed()));
    let asked = Instant::now();
    let world = World::ask(&kafka, &["tl-compact"])?;
    lab::say(format_args!(
        "the oracle answered in {:.1?}",
        asked.elapsed()
    ));
    ensure!(
        world.n_rows() == PARTITIONS,
        "the oracle has {} rows",
        world.n_rows()
    );
    let (wall, before, received) = (lab::wall_seconds(), Instant::now(), loopback_bytes()?);
    // There is no second collection within the test.
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(10 * MINUTE))?;
    let shown = collector.wait_until_complete(MINUTE)?;
    let (took, received) = (before.elapsed(), loopback_bytes()? - received);
    let wanted = world.expected()?;
    let differences = expected::differences(&wanted, &shown, (wall, lab::wall_seconds()));
    ensure!(differences.is_empty(), "{}", expected::digest(&differences));
    report(&collector, &shown)?;
    lab::say(format_args!(
        "cold, from the start of the process to the exposition {took:.1?}; {} MB over loopback, both ways and the broker's own included",
        received / 1_000_000
    ));
    Ok(())
}

fn report(collector: &Collector, shown: &Exposition) -> Result<()> {
    let lags = shown
        .series("kafka_consumergroup_group_lag_seconds")
        .count();
    let phase = |name| {
        shown.value(
            "kafka_lag_exporter_collection_phase_seconds",
            [("phase", name)],
        )
    };
    let fetches = shown.count("kafka_lag_exporter_requests_total", [("api", "fetch")]);
    let usage = collector.usage()?;
    lab::say(format_args!(
        "{lags} time lags, 0 wrong, {fetches} reads; timestamps phase {:?} s",
        phase("timestamps").context("no phase")?
    ));
    lab::say(format_args!(
        "CPU {:?}, RSS {} KiB, peak {} KiB (debug build)",
        usage.cpu,
        usage.rss / 1024,
        usage.rss_peak / 1024
    ));
    Ok(())
}

/// Until nothing of tl-compact before its active segment is left but the last record of each key.
fn wait_for_the_cleaner(kafka: &Kafka) -> Result<()> {
    let at: Vec<_> = (0..10)
        .map(|k| ("tl-compact".to_owned(), k, i64::from(k)))
        .collect();
    lab::wait_for("the log cleaner", 2 * MINUTE, || {
        for (at, record) in oracle::records(kafka, &at)? {
            let first = record.first.map(|(offset, _)| offset);
            ensure!(first == Some(90), "first of {at:?} is {first:?}");
        }
        Ok(())
    })
}

/// Bytes received by the loopback interface so far.
fn loopback_bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/net/dev")?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"));
    let bytes = line.and_then(|line| line.split_ascii_whitespace().next());
    Ok(bytes.context("no loopback interface")?.parse()?)
}
