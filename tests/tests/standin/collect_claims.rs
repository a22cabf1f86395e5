//! Assignments that members claim: existing partitions are counted in the first exposition that shows the group; invented ones cost little
//! and do not affect other groups.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config};
use e2e::standin::{Api, GroupSpec, MemberSpec, PartitionSpec, StandIn, TopicSpec};
use tokio::runtime::Runtime;
use tokio::time::Instant;

const POLL: Duration = Duration::from_secs(1);
const LIMIT: Duration = Duration::from_secs(60);

/// The least time between two metadata refreshes that assigned topics or partitions cause. Seconds; as `REFRESH_INTERVAL` in the collector.
const REST: u64 = 10;

/// The number of topics and of partitions that a member invents.
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

/// Returns a group that has committed up to the end of all partitions of `orders`, with `member`, which claims other partitions.
fn hostile(member: MemberSpec) -> GroupSpec {
    (0..3).fold(GroupSpec::classic().member(member), |group, p| {
        group.committed("orders", p, 100)
    })
}

fn of(metrics: &Exposition, family: &str, group: &str) -> Option<f64> {
    let family = format!("kafka_consumergroup_group_{family}");
    metrics.value(&family, [("group", group)])
}

/// Checks that the group is 10 and 5 offsets behind on two partitions, and has a third one of a hundred records without a commit.
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

/// Checks every exposition until `n` more collections have ended; returns the last one.
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
        // The collector has not yet asked about most of the group's topics.
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
    // The collector sends, in each collection, one metadata request by name and one for the ids of topics with lag, and after
    // each `REST` two requests for all topics and their ids.
    let most = 2 * 9 + 2 * (began.elapsed().as_secs() / REST + 1);
    ensure!(asked <= most, "{asked} metadata requests, not {most}");
    let counted = metrics.count("kafka_lag_exporter_errors_total", []);
    ensure!(counted == 0, "{counted} errors");
    Ok(())
}

#[test]
fn megabytes_of_claims_in_many_groups_take_little_memory() -> Result<()> {
    const GROUPS: i32 = 12;
    /// As many partitions as fit into a megabyte, which is the largest assignment that a broker stores.
    const CLAIMED: i32 = 240_000;
    let runtime = Runtime::new()?;
    let kafka = start(&runtime);
    for group in 0..GROUPS {
        let first = 3 + group * CLAIMED;
        let member = MemberSpec::new("liar").assigned("orders", first..first + CLAIMED);
        // The stand-in need not make the bytes anew for each answer.
        let stored = member.assignment_bytes();
        let member = member.stored(stored);
        kafka.add_group(&format!("hostile-{group}"), hostile(member));
    }
    let config = Config::of(&kafka.bootstrap()).every(Duration::from_secs(10));
    let collector = Collector::start(&config)?;
    collector.wait_for("all groups", LIMIT, |metrics| {
        for group in 0..GROUPS {
            let complete = of(metrics, "complete", &format!("hostile-{group}"));
            ensure!(complete == Some(1.0), "hostile-{group}: {complete:?}");
        }
        is_whole(metrics)
    })?;
    watch(&collector, 2, is_whole)?;
    let usage = collector.usage()?;
    lab::say(format_args!(
        "{GROUPS} groups that claim a megabyte each: {:.0?} CPU so far, {} KiB at most",
        usage.cpu,
        usage.rss_peak / 1024
    ));
    let most = 100 * 1024 * 1024;
    ensure!(usage.rss_peak < most, "{} bytes at most", usage.rss_peak);
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
    // The first collection cannot know yet that the claimed partitions are not just newer than its metadata.
    let n = n_collections(&first);
    ensure!(n <= 2, "complete after {n} collections");
    kafka.reset_counters();
    let last = watch(&collector, 5, right)?;
    // Each collection asks once for the ids of topics with lag.
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
        // The group `young` is not complete until the collector has read the metadata again.
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
