//! One broker of three stops answering: the values of the other brokers stay fresh, and its own values are reported as unknown.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config, Length};
use e2e::standin::{GroupSpec, PartitionSpec, StandIn};
use tokio::time::Instant;

const PARTITIONS: i32 = 6;
const GROUPS: i32 = 12;
const STALLED: i32 = 3;
const TICK: Duration = Duration::from_millis(100);
const LIMIT: Duration = Duration::from_secs(30);

/// The committed offset of every partition at tick 0; like the end of each log it grows by one at each tick.
const COMMITTED: i64 = 1_000;
const END: i64 = 1_000_000;

/// A stand-in cluster whose offsets all grow by one at each tick, so an offset shows when it was read.
struct Clock {
    kafka: StandIn,
    ticks: Vec<Instant>,
}

/// The findings over a number of scrapes.
#[derive(Default)]
struct Look {
    /// The age of the oldest value of the brokers that answer.
    oldest: Duration,
    /// The number of groups that need the stalled broker and are shown as complete.
    pretending: usize,
    n_complete: usize,
}

/// Returns the broker that coordinates the group, and the broker that leads the partitions of the group's topic.
fn brokers(group: i32) -> (i32, i32) {
    let leader = group % 3 + 1;
    let apart = group / 9;
    ((group + apart) % 3 + 1, leader)
}

fn topic(leader: i32) -> String {
    format!("topic-{leader}")
}

fn name(group: i32) -> String {
    format!("group-{group:02}")
}

fn start() -> Result<StandIn> {
    let mut builder = StandIn::builder();
    for leader in 1..=3 {
        builder = builder.topic(&topic(leader), usize::try_from(PARTITIONS)?, move |_| {
            PartitionSpec::ending_at(END).led_by(leader)
        });
    }
    for group in 0..GROUPS {
        let (coordinator, leader) = brokers(group);
        let spec = GroupSpec::classic().coordinated_by(coordinator);
        let spec =
            (0..PARTITIONS).fold(spec, |spec, p| spec.committed(&topic(leader), p, COMMITTED));
        builder = builder.group(&name(group), spec);
    }
    Ok(tokio::runtime::Runtime::new()?.block_on(builder.start()))
}

#[test]
fn a_stalled_broker_makes_nothing_of_the_others_old() -> Result<()> {
    let _reservation = lab::reserve()?;
    stall(Duration::from_secs(2))?;
    if Length::from_env() == Length::Full {
        stall(Duration::from_secs(5))?;
    }
    Ok(())
}

fn stall(poll: Duration) -> Result<()> {
    let long = Length::from_env().pick(Duration::from_secs(180), Duration::from_secs(20));
    let kafka = start()?;
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(poll))?;
    collector.wait_until_complete(LIMIT)?;
    let mut clock = Clock {
        kafka,
        ticks: vec![Instant::now()],
    };
    // A value may be as old as one poll interval and the time that a collection may take.
    let limit = poll + Length::from_env().slack(poll / 2);
    let calm = clock.watch(&collector, poll * 3, poll * 2)?;
    ensure!(calm.n_complete == 12, "{} complete", calm.n_complete);
    let before = collector.metrics()?;
    clock.kafka.stall_node(STALLED);
    let onset = clock.watch(&collector, poll * 2, Duration::ZERO)?;
    let during = clock.watch(&collector, long.saturating_sub(poll * 2), Duration::ZERO)?;
    let after = collector.metrics()?;
    let n_errors = count(&after, "errors") - count(&before, "errors");
    let n = count(&after, "collections") - count(&before, "collections");
    clock.kafka.resume_node(STALLED);
    let n_whole = clock.until_whole(&collector)?;
    lab::say(format_args!(
        "poll {poll:?}: oldest value {:?} before, {:?} at the onset, {:?} during {long:?}; {n} collections, {n_errors} errors; whole at the end of collection {n_whole} after",
        calm.oldest, onset.oldest, during.oldest
    ));
    let oldest = onset.oldest.max(during.oldest);
    ensure!(oldest <= limit, "a value was {oldest:?} old, not {limit:?}");
    ensure!(during.pretending == 0, "groups pretend to be complete");
    ensure!(n_errors >= n - 1, "{n_errors} errors in {n} collections");
    // Of the collections until then, one was under way when the broker came back.
    ensure!(n_whole <= 3, "whole only after {n_whole} collections");
    Ok(())
}

fn count(metrics: &Exposition, what: &str) -> u64 {
    metrics.count(&format!("kafka_lag_exporter_{what}_total"), [])
}

// === impl Clock ===

impl Clock {
    fn tick(&mut self) {
        self.ticks.push(Instant::now());
        let n = i64::try_from(self.ticks.len() - 1).expect("few ticks");
        for leader in 1..=3 {
            for p in 0..PARTITIONS {
                self.kafka.set_high_watermark(&topic(leader), p, END + n);
            }
        }
        for group in 0..GROUPS {
            for p in 0..PARTITIONS {
                let topic = topic(brokers(group).1);
                self.kafka.commit(&name(group), &topic, (p, COMMITTED + n));
            }
        }
    }

    /// Looks at the exposition after each tick, for the time `long`; ages count after `settled`.
    fn watch(&mut self, collector: &Collector, long: Duration, settled: Duration) -> Result<Look> {
        let begin = Instant::now();
        let mut worst = Look::default();
        while begin.elapsed() < long {
            let look = self.look(collector)?;
            if begin.elapsed() >= settled {
                worst.oldest = worst.oldest.max(look.oldest);
            }
            worst.pretending = worst.pretending.max(look.pretending);
            worst.n_complete = look.n_complete;
        }
        Ok(worst)
    }

    /// Returns the number of collections until every group is complete again.
    fn until_whole(&mut self, collector: &Collector) -> Result<u64> {
        let begin = Instant::now();
        let before = count(&collector.metrics()?, "collections");
        loop {
            let look = self.look(collector)?;
            if look.n_complete == 12 {
                return Ok(count(&collector.metrics()?, "collections") - before);
            }
            ensure!(begin.elapsed() < LIMIT, "{} complete", look.n_complete);
        }
    }

    fn look(&mut self, collector: &Collector) -> Result<Look> {
        self.tick();
        lab::pause(TICK);
        let health = collector.get("/health")?;
        ensure!(
            health.status == 200
                && health.took < Length::from_env().slack(Duration::from_millis(100)),
            "/health says {} after {:?}",
            health.status,
            health.took
        );
        let metrics = collector.metrics()?;
        let now = Instant::now();
        let mut look = Look::default();
        for group in 0..GROUPS {
            let complete = [("group", &*name(group))];
            let complete = metrics.value("kafka_consumergroup_group_complete", complete);
            let (coordinator, leader) = brokers(group);
            let needs_stalled = coordinator == STALLED || leader == STALLED;
            ensure!(complete.is_some(), "{} is missing", name(group));
            look.n_complete += usize::from(complete == Some(1.0));
            look.pretending += usize::from(needs_stalled && complete == Some(1.0));
            if !needs_stalled {
                ensure!(complete == Some(1.0), "{} is incomplete", name(group));
                look.oldest = look.oldest.max(self.age(&metrics, group, now)?);
            }
        }
        Ok(look)
    }

    /// Returns the age of the oldest value of a group; fails if a value is missing or wrong.
    fn age(&self, metrics: &Exposition, group: i32, now: Instant) -> Result<Duration> {
        let (group, topic) = (name(group), topic(brokers(group).1));
        let mut oldest = Duration::ZERO;
        for p in 0..PARTITIONS {
            let p = p.to_string();
            let row = [("group", &*group), ("topic", &*topic), ("partition", &*p)];
            let of_group = |family: &str| whole(metrics.value(family, row));
            let committed = of_group("kafka_consumergroup_group_offset")?;
            let lag = of_group("kafka_consumergroup_group_lag")?;
            let log = [("topic", &*topic), ("partition", &*p)];
            let end = whole(metrics.value("kafka_partition_latest_offset", log))?;
            ensure!(
                lag == end - committed,
                "{group}: {end} - {committed} is not {lag}"
            );
            oldest = oldest.max(self.since(committed - COMMITTED, now)?);
            oldest = oldest.max(self.since(end - END, now)?);
        }
        Ok(oldest)
    }

    /// Returns the time since the value of a tick was replaced by the next one; zero for the value of the last tick.
    fn since(&self, tick: i64, now: Instant) -> Result<Duration> {
        let tick = usize::try_from(tick)?;
        ensure!(tick < self.ticks.len(), "a value that never was");
        let replaced = self.ticks.get(tick + 1);
        Ok(replaced.map_or(Duration::ZERO, |at| now.saturating_duration_since(*at)))
    }
}

#[expect(clippy::cast_possible_truncation, reason = "offsets here are small")]
fn whole(value: Option<f64>) -> Result<i64> {
    value
        .map(|value| value as i64)
        .ok_or_else(|| anyhow::anyhow!("a value is missing"))
}
