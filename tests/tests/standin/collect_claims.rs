//! Assignments that members claim: those of partitions that exist are accounted for in the very exposition that shows the
//! group; those that are made up cost little and do not affect other groups.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config};
use e2e::standin::{Api, GroupSpec, MemberSpec, PartitionSpec, StandIn, TopicSpec};
use tokio::runtime::Runtime;
use tokio::time::Instant;

const POLL: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(60);

/// The seconds for which the collector does not read metadata again for the sake of claims.
const REST: u64 = 10;

/// Topics and partitions that a member makes up.
const MANY: i32 = 20_000;

fn start(runtime: &Runtime) -> StandIn {
    let honest = GroupSpec::classic()
        .committed("orders", 0, 90)
        .committed("orders", 1, 95)
        .member(MemberSpec::new("reader").assigned("orders", 0..3));
    let builder = StandIn::builder()
        .topic("orders", 3, |_| PartitionSpec::ending_at(100))
        .group("honest", honest);
    runtime.block_on(builder.start())
}

/// A group that has committed all there is of `orders`, with a member that claims more.
fn hostile(member: MemberSpec) -> GroupSpec {
    (0..3).fold(GroupSpec::classic().member(member), |group, p| {
        group.committed("orders", p, 100)
    })
}

fn of(metrics: &Exposition, family: &str, group: &str) -> Option<f64> {
    let family = format!("kafka_consumergroup_group_{family}");
    metrics.value(&family, [("group", group)])
}

/// 10 and 5 offsets behind on two partitions, and a third one of a hundred records without a commit.
fn is_whole(metrics: &Exposition) -> Result<()> {
    let families = [
        "complete",
        "sum_lag",
        "uncommitted_partitions",
        "uncommitted_records",
    ];
    let shown = families.map(|family| of(metrics, family, "honest"));
    let right = [1.0, 15.0, 1.0, 100.0].map(Some);
    ensure!(shown == right, "the other group: {shown:?}");
    Ok(())
}

fn n_collections(metrics: &Exposition) -> u64 {
    metrics.count("kafka_lag_exporter_collections_total", [])
}

/// Checks every exposition until `n` more collections have ended; the last one.
fn watch(
    collector: &Collector,
    n: u64,
    right: impl Fn(&Exposition) -> Result<()>,
) -> Result<Exposition> {
    let until = n_collections(&collector.metrics()?) + n;
    let begin = Instant::now();
    loop {
        let metrics = collector.metrics()?;
        right(&metrics)?;
        if n_collections(&metrics) >= until {
            return Ok(metrics);
        }
        ensure!(begin.elapsed() < LIMIT, "{n} collections take too long");
        lab::pause(Duration::from_millis(50));
    }
}

#[test]
fn thousands_of_made_up_claims_cost_little_and_are_nobody_elses_trouble() -> Result<()> {
    let runtime = Runtime::new()?;
    let kafka = start(&runtime);
    let member = (0..MANY).fold(MemberSpec::new("liar"), |member, i| {
        member.assigned(&format!("made-up-{i:05}"), [0])
    });
    let member = member.assigned("orders", 0..MANY);
    kafka.add_group("hostile", hostile(member));
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(POLL))?;
    collector.wait_for("both groups", LIMIT, |metrics| {
        ensure!(of(metrics, "complete", "hostile").is_some(), "not shown");
        is_whole(metrics)
    })?;
    kafka.reset_counters();
    let began = Instant::now();
    let metrics = watch(&collector, 8, |metrics| {
        // Most of its topics were not asked about yet.
        let complete = of(metrics, "complete", "hostile");
        ensure!(complete == Some(0.0), "hostile: {complete:?}");
        is_whole(metrics)
    })?;
    let asked = kafka.n_requests(Api::Metadata);
    let usage = collector.usage()?;
    lab::say(format_args!(
        "{MANY} made-up topics and partitions: {asked} metadata requests in 8 collections of {:.1?}; {:.0?} CPU so far, {} KiB",
        began.elapsed(),
        usage.cpu,
        usage.rss / 1024
    ));
    // By name, and for the ids of topics with lag, one in each collection; the whole metadata, with all ids, after its rest.
    let most = 2 * 9 + 2 * (began.elapsed().as_secs() / REST + 1);
    ensure!(asked <= most, "{asked} metadata requests, not {most}");
    let counted = metrics.count("kafka_lag_exporter_errors_total", []);
    ensure!(counted == 0, "{counted} errors");
    Ok(())
}

#[test]
fn what_is_known_not_to_be_there_is_not_asked_about_again_and_hides_nothing() -> Result<()> {
    let runtime = Runtime::new()?;
    let kafka = start(&runtime);
    let member = MemberSpec::new("late")
        .assigned("orders", 0..7)
        .assigned("deleted", [0, 1]);
    kafka.add_group("stale", hostile(member));
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(POLL))?;
    let right = |metrics: &Exposition| {
        let complete = of(metrics, "complete", "stale");
        ensure!(complete == Some(1.0), "stale: {complete:?}");
        ensure!(of(metrics, "uncommitted_partitions", "stale") == Some(0.0));
        is_whole(metrics)
    };
    let first = collector.wait_until_complete(LIMIT)?;
    right(&first)?;
    // The first cannot know yet that what is claimed is not just younger than the metadata.
    let n = n_collections(&first);
    ensure!(n <= 2, "complete after {n} collections");
    kafka.reset_counters();
    let last = watch(&collector, 5, right)?;
    // One in each collection for the ids of topics with lag.
    let asked = kafka.n_requests(Api::Metadata);
    lab::say(format_args!("{asked} metadata requests in 5 collections"));
    ensure!(asked <= 6, "{asked} metadata requests");
    ensure!(last.count("kafka_lag_exporter_errors_total", []) == 0);
    Ok(())
}

#[test]
fn a_topic_that_is_younger_than_the_metadata_never_passes_for_health() -> Result<()> {
    let runtime = Runtime::new()?;
    let kafka = start(&runtime);
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(POLL))?;
    is_whole(&collector.wait_until_complete(LIMIT)?)?;
    kafka.add_topic(TopicSpec::new("fresh", 2));
    kafka.set_high_watermark("fresh", 1, 7);
    let member = MemberSpec::new("early").assigned("fresh", [0, 1]);
    kafka.add_group("young", GroupSpec::classic().member(member));
    let last = watch(&collector, 4, |metrics| {
        let shown = of(metrics, "complete", "young").map(|complete| {
            let records = of(metrics, "uncommitted_records", "young");
            (complete, records)
        });
        // Not complete until the metadata was read again for it.
        let right = [None, Some((0.0, None)), Some((1.0, Some(7.0)))];
        ensure!(right.contains(&shown), "{shown:?}");
        is_whole(metrics)
    })?;
    ensure!(
        of(&last, "complete", "young") == Some(1.0),
        "never complete"
    );
    Ok(())
}
