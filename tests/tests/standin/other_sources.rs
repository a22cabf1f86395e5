//! The collector with a source of leadership other than klag-exporter's elector: it collects everything while it leads, exports nothing and
//! is connected to no broker while it does not, and never acts on an answer that the source no longer gives.

use std::ops::Range;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::{self, Collector, Config};
use e2e::sources::{self, Source};
use e2e::standin::verdict;
use e2e::standin::{GroupSpec, PartitionSpec, StandIn};
use tokio::runtime::Runtime;
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_secs(1);

/// The time within which a collector that lost leadership must have neither series nor connections: one request of 200 ms, and slack.
const SOON: Duration = Duration::from_secs(1);

fn kafka(runtime: &Runtime) -> StandIn {
    let builder = StandIn::builder()
        .topic("orders", 6, |p| {
            PartitionSpec::ending_at(1000 + i64::from(p))
        })
        .group("billing", GroupSpec::classic().committed("orders", 0, 900))
        .group("audit", GroupSpec::classic().committed("orders", 3, 1003));
    runtime.block_on(builder.start())
}

fn collector(kafka: &StandIn, source: &Source, identity: &str) -> Result<Collector> {
    let config = Config::of(&kafka.bootstrap()).every(POLL);
    Collector::start(&config.led_by(&source.url(), identity))
}

fn is_silent(collector: &Collector) -> Result<bool> {
    Ok(collector.get("/metrics")?.text()?.is_empty())
}

/// Waits until the collector shows everything that is in Kafka.
fn until_whole(collector: &Collector, kafka: &StandIn) -> Result<()> {
    collector.wait_until_complete(LIMIT)?;
    let metrics = collector.metrics()?;
    let written = |offset| 1_700_000_000_000 + offset * 1000;
    let now = lab::wall_seconds();
    let cluster = lab::config::CLUSTER;
    let verdict = verdict::judge((&metrics, cluster), &kafka.expected(), (written, now));
    ensure!(verdict.is_whole(), "{verdict:?}");
    Ok(())
}

fn n_arrivals(kafka: &StandIn) -> usize {
    kafka.arrivals().len()
}

#[test]
fn a_source_that_says_yes_for_ever_makes_it_collect_and_one_that_says_no_keeps_it_from_kafka()
-> Result<()> {
    let runtime = Runtime::new()?;
    let kafka = kafka(&runtime);
    let (yes, no) = (sources::constant("true")?, sources::constant("false")?);
    let standby = collector(&kafka, &no, "pod-b")?;
    lab::wait_for("its word", LIMIT, || {
        ensure!(
            no.last_request().contains("gate=closed"),
            "{}",
            no.last_request()
        );
        Ok(())
    })?;
    lab::pause(POLL);
    ensure!(
        n_arrivals(&kafka) == 0 && kafka.n_connections() == 0,
        "{:?}",
        kafka.requests()
    );
    ensure!(is_silent(&standby)?);
    ensure!(standby.get("/ready")?.status == 503 && standby.get("/available")?.status == 200);

    let leader = collector(&kafka, &yes, "pod-a")?;
    until_whole(&leader, &kafka)?;
    ensure!(leader.get("/ready")?.status == 200);
    ensure!(is_silent(&standby)?);
    Ok(())
}

#[test]
fn the_classic_form_hands_over_between_two_pods_and_never_are_both_connected() -> Result<()> {
    let runtime = Runtime::new()?;
    // Each collector has a Kafka of its own, so that each request shows which collector sent it.
    let kafkas = [kafka(&runtime), kafka(&runtime)];
    let source = sources::classic("pod-0")?;
    let pods = [
        collector(&kafkas[0], &source, "pod-0")?,
        collector(&kafkas[1], &source, "pod-1")?,
    ];
    for round in 0..4 {
        let (here, there) = (round % 2, (round + 1) % 2);
        until_whole(&pods[here], &kafkas[here])?;
        ensure!(is_silent(&pods[there])? && kafkas[there].n_connections() == 0);
        let told = Instant::now();
        source.name("");
        lab::wait_for("silence", SOON, || {
            ensure!(is_silent(&pods[here])?);
            ensure!(kafkas[here].n_connections() == 0, "connected");
            Ok(())
        })?;
        lab::say(format_args!(
            "silent and disconnected after {:.0?}",
            told.elapsed()
        ));
        let n = n_arrivals(&kafkas[here]);
        source.name(&format!("pod-{there}"));
        let told = Instant::now();
        lab::wait_for("the other pod", LIMIT, || {
            ensure!(!is_silent(&pods[there])?);
            Ok(())
        })?;
        lab::say(format_args!(
            "the other pod shows series after {:.0?}",
            told.elapsed()
        ));
        ensure!(n_arrivals(&kafkas[here]) == n, "asked Kafka after the end");
    }
    Ok(())
}

#[test]
fn leadership_that_comes_and_goes_leaves_nothing_behind() -> Result<()> {
    // A process follows five changes of leadership without backing off, so each process gets five.
    for first in (0..30).step_by(5) {
        leadership_comes_and_goes(first..first + 5)?;
    }
    Ok(())
}

fn leadership_comes_and_goes(rounds: Range<u64>) -> Result<()> {
    let runtime = Runtime::new()?;
    let kafka = kafka(&runtime);
    let source = sources::classic("pod-a")?;
    let collector = collector(&kafka, &source, "pod-a")?;
    until_whole(&collector, &kafka)?;
    let n_threads = collector.usage()?.threads;
    for round in rounds {
        source.name("pod-b");
        lab::wait_for("no connection", SOON, || {
            ensure!(!collector.get("/leader")?.text()?.contains("true"), "leads");
            ensure!(kafka.n_connections() == 0, "connected");
            Ok(())
        })?;
        let n = n_arrivals(&kafka);
        lab::pause(Duration::from_millis(10 * round));
        let late = n_arrivals(&kafka) - n;
        ensure!(late == 0, "round {round}: {late} requests after the end");
        source.name("pod-a");
        lab::wait_for("a question to Kafka", LIMIT, || {
            ensure!(n_arrivals(&kafka) > n);
            Ok(())
        })?;
    }
    until_whole(&collector, &kafka)?;
    lab::wait_for("threads to end", LIMIT, || {
        let now = collector.usage()?.threads;
        ensure!(now <= n_threads + 2, "{now} threads, {n_threads} before");
        Ok(())
    })?;
    Ok(())
}

#[test]
fn stalled_brokers_keep_nobody_from_letting_go() -> Result<()> {
    let runtime = Runtime::new()?;
    let kafka = kafka(&runtime);
    let source = sources::classic("pod-a")?;
    let mut collector = collector(&kafka, &source, "pod-a")?;
    for round in 0..3 {
        source.name("pod-a");
        until_whole(&collector, &kafka)?;
        for node in 1..=3 {
            kafka.stall_node(node);
        }
        // At the end of this pause the next collection is under way.
        lab::pause(POLL + Duration::from_millis(100 * round));
        let told = Instant::now();
        source.name("pod-b");
        lab::wait_for("its promise", SOON, || {
            ensure!(
                source.last_request().contains("gate=closed"),
                "{}",
                source.last_request()
            );
            Ok(())
        })?;
        let said = told.elapsed();
        lab::wait_for("no connection", SOON, || {
            ensure!(
                kafka.n_connections() == 0,
                "{} connections",
                kafka.n_connections()
            );
            Ok(())
        })?;
        lab::say(format_args!("gate=closed said after {said:.0?}"));
        ensure!(is_silent(&collector)?);
        for node in 1..=3 {
            kafka.resume_node(node);
        }
        let n = n_arrivals(&kafka);
        lab::pause(POLL);
        ensure!(n_arrivals(&kafka) == n, "asked Kafka after the end");
    }
    source.name("pod-a");
    until_whole(&collector, &kafka)?;
    for node in 1..=3 {
        kafka.stall_node(node);
    }
    lab::pause(POLL);
    let (took, status) = collector.stop(LIMIT)?;
    ensure!(
        status.success() && took < Duration::from_secs(2),
        "{status} {took:?}"
    );
    let last = source.last_request();
    lab::say(format_args!("gone after {took:.0?}, its last word {last}"));
    ensure!(last.contains("healthy=false&gate=closed"), "{last}");
    Ok(())
}
