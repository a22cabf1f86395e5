//! Coordinators and partition leaders move; groups, topics and brokers come and go: no false value is shown in the meantime, no group that
//! exists is missing, and soon everything is complete again.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config};
use e2e::standin::verdict::{self, Verdict};
use e2e::standin::{Api, Fault, GroupSpec, PartitionSpec, StandIn, TopicSpec};
use tokio::runtime::Runtime;

const TOPICS: [&str; 3] = ["orders", "payments", "clicks"];
const PARTITIONS: usize = 6;
const GROUPS: usize = 12;
/// The poll interval: a collection may take five seconds, which is a third of the age that values may have.
const POLL: Duration = Duration::from_secs(2);
const LIMIT: Duration = Duration::from_secs(30);

/// The number of collections that may end before a change shows: one was under way, and one may find what has changed.
const SOON: u64 = 3;

struct Lab {
    runtime: Runtime,
    kafka: StandIn,
    collector: Collector,
}

fn name(group: usize) -> String {
    format!("group-{group:02}")
}

fn ending_at(end: i64) -> impl Fn(i32) -> PartitionSpec {
    move |p| PartitionSpec::ending_at(end + i64::from(p))
}

fn start(runtime: &Runtime) -> StandIn {
    let mut builder = StandIn::builder();
    for topic in TOPICS {
        builder = builder.topic(topic, PARTITIONS, ending_at(10_000));
    }
    for (index, node) in (0..GROUPS).zip([1, 2, 3].into_iter().cycle()) {
        let spec = (0..).take(PARTITIONS).zip(100..).fold(
            GroupSpec::classic().coordinated_by(node),
            |spec, (p, at)| spec.committed(TOPICS[index % 3], p, at),
        );
        builder = builder.group(&name(index), spec);
    }
    runtime.block_on(builder.start())
}

fn judge(kafka: &StandIn, (metrics, cluster): (&Exposition, &str)) -> Verdict {
    let written = |offset| 1_700_000_000_000 + offset * 1000;
    let now = lab::wall_seconds();
    verdict::judge((metrics, cluster), &kafka.expected(), (written, now))
}

fn n_collections(metrics: &Exposition, cluster: &str) -> u64 {
    metrics.count(
        "kafka_lag_exporter_collections_total",
        [("cluster_name", cluster)],
    )
}

// === impl Lab ===

impl Lab {
    fn start() -> Result<Self> {
        let runtime = Runtime::new()?;
        let kafka = start(&runtime);
        let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(POLL))?;
        collector.wait_until_complete(LIMIT)?;
        let lab = Self {
            runtime,
            kafka,
            collector,
        };
        let first = lab.look()?.1;
        ensure!(first.is_whole(), "{first:?}");
        Ok(lab)
    }

    /// Returns the number of collections that have ended, and the judgement of what is shown.
    fn look(&self) -> Result<(u64, Verdict)> {
        let metrics = self.collector.metrics()?;
        let cluster = lab::config::CLUSTER;
        let verdict = judge(&self.kafka, (&metrics, cluster));
        Ok((n_collections(&metrics, cluster), verdict))
    }

    /// Checks every exposition until `n` more collections have ended; none may be wrong or lack a group.
    fn watch(&self, what: &str, n: u64) -> Result<()> {
        let (begin, _) = self.look()?;
        loop {
            let (now, verdict) = self.look()?;
            ensure!(verdict.wrong.is_empty(), "{what}: {:?}", verdict.wrong);
            ensure!(verdict.absent.is_empty(), "{what}: {:?}", verdict.absent);
            if now >= begin + n {
                return Ok(());
            }
            lab::pause(Duration::from_millis(30));
        }
    }

    /// Waits until the exposition is right and complete, for [`SOON`] collections at most. Until then values may be out of date.
    fn until_whole(&self, what: &str) -> Result<()> {
        let (begin, _) = self.look()?;
        let n = lab::wait_for(what, LIMIT, || {
            let (now, verdict) = self.look()?;
            ensure!(verdict.is_whole(), "{verdict:?}");
            Ok(now - begin)
        })
        .with_context(|| self.collector.log().unwrap_or_default())?;
        lab::say(format_args!("{what}: whole when {n} collections had ended"));
        ensure!(n <= SOON, "{what}: whole only after {n} collections");
        self.watch(what, 2)
    }
}

#[test]
fn a_group_that_nobody_lists_while_its_coordinator_moves_stays_in_sight() -> Result<()> {
    let lab = Lab::start()?;
    for index in (0..GROUPS).step_by(3) {
        lab.kafka.begin_coordinator_move(&name(index), 2);
    }
    lab.watch("nobody lists them", 5)?;
    let (_, verdict) = lab.look()?;
    ensure!(verdict.incomplete.len() == 4, "{verdict:?}");
    for index in (0..GROUPS).step_by(3) {
        lab.kafka.move_coordinator(&name(index), 2);
    }
    lab.until_whole("the new coordinator has loaded")?;
    for round in 0..4 {
        for index in 0..GROUPS {
            lab.kafka.move_coordinator(&name(index), (round % 3) + 1);
        }
        lab.watch("coordinators change", 2)?;
    }
    lab.until_whole("coordinators have changed")
}

#[test]
fn what_is_deleted_goes_and_what_is_created_anew_is_shown_as_it_is() -> Result<()> {
    let lab = Lab::start()?;
    lab.kafka.delete_group(&name(4));
    lab.until_whole("a group is deleted")?;
    let metrics = lab.collector.metrics()?;
    let gone = metrics.value("kafka_consumergroup_group_complete", [("group", &*name(4))]);
    ensure!(gone.is_none(), "the group is still there");
    lab.kafka.delete_topic("clicks");
    lab.until_whole("a topic is deleted")?;
    let topic = TopicSpec::new("clicks", PARTITIONS).partitions(ending_at(500));
    lab.kafka.add_topic(topic);
    for p in (0..).take(PARTITIONS) {
        lab.kafka.commit(&name(2), "clicks", (p, 250));
    }
    lab.until_whole("the topic is created anew, and a group commits")?;
    lab.kafka
        .add_group(&name(4), GroupSpec::classic().committed("orders", 1, 77));
    lab.until_whole("the group is back")
}

#[test]
fn partition_leaders_move_and_refuse_without_a_false_value() -> Result<()> {
    let lab = Lab::start()?;
    for round in 0..3 {
        for p in (0..).take(PARTITIONS) {
            lab.kafka
                .move_partition_leader("orders", p, (p + round) % 3 + 1);
        }
        lab.watch("leaders move", 2)?;
    }
    lab.until_whole("leaders have moved")?;
    lab.kafka
        .inject(Fault::error(Api::ListOffsets, 74).every(2));
    lab.watch("leaders are fenced", 4)?;
    lab.kafka.clear_faults();
    lab.kafka.take_partition_leader("orders", 0);
    lab.watch("nobody leads", 4)?;
    let (_, verdict) = lab.look()?;
    ensure!(verdict.incomplete.len() == 4, "{verdict:?}");
    lab.kafka.move_partition_leader("orders", 0, 2);
    lab.until_whole("the fence is gone, and all have leaders")
}

#[test]
fn a_broker_that_is_removed_hands_over_its_groups_and_partitions() -> Result<()> {
    let lab = Lab::start()?;
    lab.runtime.block_on(lab.kafka.stop_node(3));
    lab.watch("a broker is down", 2)?;
    lab.kafka.fence_node(3);
    lab.until_whole("the broker is removed")?;
    lab.runtime.block_on(lab.kafka.start_node(3));
    for p in (0..).take(PARTITIONS) {
        lab.kafka.move_partition_leader("orders", p, 3);
    }
    lab.until_whole("the broker is back")
}

#[test]
fn a_broker_that_is_back_is_found_where_only_coordinators_move_to_it() -> Result<()> {
    let lab = Lab::start()?;
    lab.runtime.block_on(lab.kafka.stop_node(3));
    lab.kafka.fence_node(3);
    lab.watch("the broker is removed", SOON)?;
    lab.until_whole("the broker is removed")?;
    lab.runtime.block_on(lab.kafka.start_node(3));
    for index in 0..GROUPS {
        lab.kafka.move_coordinator(&name(index), 3);
    }
    // The first collection may have begun before.
    lab.watch("the broker is back", 2)?;
    let (_, verdict) = lab.look()?;
    ensure!(verdict.is_whole(), "{verdict:?}");
    Ok(())
}

#[test]
fn clusters_do_not_touch_each_other() -> Result<()> {
    let runtime = Runtime::new()?;
    let (calm, troubled) = (start(&runtime), start(&runtime));
    let config = Config::of(&calm.bootstrap())
        .every(POLL)
        .and_cluster("troubled", &troubled.bootstrap());
    let collector = Collector::start(&config)?;
    let calm_name = lab::config::CLUSTER;
    collector.wait_for("both clusters", LIMIT, |metrics| {
        let verdicts = [
            judge(&calm, (metrics, calm_name)),
            judge(&troubled, (metrics, "troubled")),
        ];
        ensure!(verdicts.iter().all(Verdict::is_whole), "{verdicts:?}");
        Ok(())
    })?;
    for node in 1..=3 {
        troubled.stall_node(node);
    }
    let before = collector.metrics()?;
    let begin = tokio::time::Instant::now();
    let mut after = before.clone();
    while begin.elapsed() < Duration::from_secs(10) {
        after = collector.metrics()?;
        let verdict = judge(&calm, (&after, calm_name));
        ensure!(verdict.is_whole(), "{verdict:?}");
        let verdict = judge(&troubled, (&after, "troubled"));
        ensure!(verdict.wrong.is_empty(), "{:?}", verdict.wrong);
        lab::pause(Duration::from_millis(50));
    }
    let n = n_collections(&after, calm_name) - n_collections(&before, calm_name);
    lab::say(format_args!("{n} collections of the calm cluster in 10 s"));
    ensure!(n >= 4, "{n} collections, not 5");
    for node in 1..=3 {
        troubled.resume_node(node);
    }
    collector.wait_for("the troubled cluster", LIMIT, |metrics| {
        let verdict = judge(&troubled, (metrics, "troubled"));
        ensure!(verdict.is_whole(), "{verdict:?}");
        Ok(())
    })?;
    Ok(())
}
