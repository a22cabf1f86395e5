//! Time lag is exact for a thousand partitions at once, however their logs are stored: with five codecs, with records of a
//! megabyte, with times set by the broker, compacted, truncated, or with nothing but control records. No time lag is shown for
//! records that mislead: those of an earlier topic of the same name, aborted ones, those with a future date, and those that the
//! group itself has purged.

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
    let _reservation = lab::reserve()?;
    // The program is built, if necessary, before the time is measured.
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
    // At this interval there is no second collection within the test.
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

/// Waits until tl-compact has, before its active segment, only the last record of each key.
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

/// Returns the number of bytes that the loopback interface has received so far.
fn loopback_bytes() -> Result<u64> {
    let text = fs::read_to_string("/proc/net/dev")?;
    let line = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("lo:"));
    let bytes = line.and_then(|line| line.split_ascii_whitespace().next());
    Ok(bytes.context("no loopback interface")?.parse()?)
}

#[test]
fn records_that_are_not_what_they_seem_are_not_told_of() -> Result<()> {
    let _reservation = lab::reserve()?;
    Program::Collector.path()?;
    let mut kafka = Kafka::start(&Plan::of(1))?;
    kafka.fixture("ages", &[])?;
    // After a restart the leader's epoch is higher than that of a topic that is made anew.
    kafka.stop_node(1)?;
    kafka.start_node(1)?;
    let config = Config::of(&kafka.bootstrap()).read_committed();
    // A collection may last as long as the interval, and at least 5 s; three times that is enough on a busy machine. Only a reader
    // that waits for records in vain needs longer.
    let patient = config.clone().every(Duration::from_secs(15));
    let collector = Collector::start(&patient.sampling("fetch_timeout", "15s"))?;
    let rate = Collector::start(&config.sampling("mode", "rate"))?;
    // A broker that has just started lists no group before it has read the committed offsets.
    let first = collector.wait_for("the groups", MINUTE, |metrics| {
        let lag = metrics.value("kafka_consumergroup_group_lag", [("group", "g-anew")]);
        ensure!(lag.is_some(), "g-anew is not shown");
        Ok(())
    })?;
    age_is_that_of(&kafka, &first)?;
    // The group `g-aborted` has only aborted records to read, which readers of committed records skip.
    let aborted = age(&first, "g-aborted");
    ensure!(aborted == Some(0.0), "aborted: {aborted:?}");
    let lag = first.value("kafka_consumergroup_group_lag", [("group", "g-far")]);
    let far = age(&first, "g-far");
    ensure!((lag, far) == (Some(2.0), None), "{lag:?} behind, {far:?} s");
    let unknown = "kafka_consumergroup_group_unknown_time_lag_partitions";
    for (group, n_unknown) in [("g-far", 1.0), ("g-aborted", 0.0)] {
        let counted = first.value(unknown, [("group", group)]);
        ensure!(counted == Some(n_unknown), "{group}: {counted:?}");
    }
    let counted = first.count(
        "kafka_lag_exporter_errors_total",
        [("api", "fetch"), ("reason", "future_timestamp")],
    );
    ensure!(counted >= 1, "{counted} records of a date to come");
    purged_is_not_lost(&kafka, &rate)?;
    lab::pause(Duration::from_secs(8));
    let watched = age(&rate.metrics()?, "g-anew").context("rate: no bound")?;
    ensure!(watched >= 6.0, "rate: {watched} s");

    let asked = Instant::now();
    kafka.fixture("anew", &[])?;
    let begun = collections(&collector.metrics()?);
    let begun_rate = collections(&rate.metrics()?);
    let shown = collector.wait_for("a collection that began since", MINUTE, |metrics| {
        ensure!(collections(metrics) >= begun + 2, "not yet");
        Ok(())
    })?;
    age_is_that_of(&kafka, &shown)?;
    let late = shown.count(
        "kafka_lag_exporter_errors_total",
        [("api", "fetch"), ("reason", "deadline")],
    );
    ensure!(late == 0, "{late} collections waited for records in vain");
    let shown = rate.wait_for("a collection that began since", MINUTE, |metrics| {
        ensure!(collections(metrics) >= begun_rate + 2, "not yet");
        Ok(())
    })?;
    let (bound, since) = (age(&shown, "g-anew").unwrap_or_default(), asked.elapsed());
    ensure!(
        bound <= since.as_secs_f64(),
        "rate: {bound} s of a topic made {since:.1?} ago"
    );
    Ok(())
}

fn age(metrics: &Exposition, group: &str) -> Option<f64> {
    metrics.value("kafka_consumergroup_group_lag_seconds", [("group", group)])
}

fn collections(metrics: &Exposition) -> u64 {
    metrics.count("kafka_lag_exporter_collections_total", [])
}

/// Checks that the age shown for g-anew is that of the record that Kafka's own consumer finds there.
fn age_is_that_of(kafka: &Kafka, metrics: &Exposition) -> Result<()> {
    let at = ("ag-anew".to_owned(), 0, 4);
    let records = oracle::records(kafka, std::slice::from_ref(&at))?;
    let (_, written) = records[&at].first.context("no record")?;
    #[expect(
        clippy::cast_precision_loss,
        reason = "milliseconds are far below 2^52"
    )]
    let right = lab::wall_seconds() - written as f64 / 1e3;
    let shown = age(metrics, "g-anew").with_context(|| {
        let failures = metrics.series("kafka_lag_exporter_errors_total");
        let failures: Vec<_> = failures.filter(|(_, n)| *n > 0.0).collect();
        format!("no age; {failures:?}")
    })?;
    lab::say(format_args!(
        "{shown} s shown, {right:.1} s by Kafka's consumer"
    ));
    // The oracle takes seconds to answer, and a collection is up to 15 s old.
    ensure!(
        right - 33.0 <= shown && shown <= right,
        "{shown} s, not {right} s"
    );
    Ok(())
}

fn purged_is_not_lost(kafka: &Kafka, collector: &Collector) -> Result<()> {
    let begun = collections(&collector.metrics()?);
    std::thread::scope(|scope| {
        let purging = scope.spawn(|| kafka.fixture("purge", &["10"]));
        while !purging.is_finished() {
            let metrics = collector.metrics()?;
            let lost = metrics.value(
                "kafka_consumergroup_group_messages_lost",
                [("group", "g-purges")],
            );
            ensure!(lost == Some(0.0), "{lost:?} lost");
            lab::pause(Duration::from_millis(50));
        }
        purging.join().expect("the fixture does not panic")?;
        let n = collections(&collector.metrics()?) - begun;
        lab::say(format_args!(
            "nothing lost in {n} collections beside a purging application"
        ));
        ensure!(n >= 3, "{n} collections");
        Ok(())
    })
}
