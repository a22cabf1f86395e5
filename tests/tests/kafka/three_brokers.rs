//! Brokers restart, die and stall under a collector that reads every two seconds. The collector shows true values or says that it cannot,
//! it loses no group silently, it answers its probes, and its exposition is complete again as soon as Kafka is well.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::kafka::Plan;
use e2e::lab::prom::Exposition;
use e2e::lab::scale::{Scale, ScaleFindings};
use e2e::lab::{self, Collector, Config, Kafka, Length};
use tokio::time::Instant;

const SCALE: Scale = Scale {
    topics: 20,
    partitions: 30,
    records: 20,
    groups: 200,
    width: 3,
};
const SECOND: Duration = Duration::from_secs(1);
const RESULTS: [&str; 4] = ["complete", "partial", "failed", "abandoned"];

/// The judgement of one scrape of `/metrics`, with the collector's use of CPU and its collections.
struct Scrape {
    at: Instant,
    verdict: ScaleFindings,
    /// The CPU time that the collector had used before the scrape.
    cpu: Duration,
    /// The number of collections that had ended before the scrape, by result.
    collections: BTreeMap<&'static str, u64>,
}

/// The observations of the collector until `over` is set: the judged scrapes of `/metrics`, the response times of `/health`, and the
/// answers that were errors.
#[derive(Default)]
struct Watch {
    scrapes: Mutex<Vec<Scrape>>,
    health: Mutex<Vec<Duration>>,
    broken: Mutex<Vec<String>>,
    over: AtomicBool,
}

#[test]
fn no_group_is_lost_and_no_value_is_wrong_while_brokers_come_and_go() -> Result<()> {
    let _reservation = lab::reserve()?;
    let mut kafka = Kafka::start(&Plan::of(3))?;
    SCALE.build(&kafka)?;
    let mut collector = Collector::start(&Config::of(&kafka.bootstrap()))?;
    collector.wait_until_complete(60 * SECOND)?;
    let watch = Watch::default();
    let events = thread::scope(|scope| {
        scope.spawn(|| watch.scrape(&collector));
        scope.spawn(|| watch.probe(&collector));
        let events = events(&mut kafka, &watch);
        watch.over.store(true, Ordering::Relaxed);
        events
    });
    let events = events.with_context(|| collector.log().unwrap_or_default())?;
    let ended = collector.ended()?;
    ensure!(
        ended.is_none(),
        "the collector ended: {ended:?}\n{}",
        collector.log()?
    );
    watch.report(&events)?;
    let usage = collector.usage()?;
    lab::say(format_args!(
        "CPU {:?}, RSS {} KiB, peak {} KiB (debug build)",
        usage.cpu,
        usage.rss / 1024,
        usage.rss_peak / 1024
    ));
    watch
        .verdict()
        .with_context(|| collector.log().unwrap_or_default())
}

/// Restarts, kills and stalls brokers, and checks that the collector recovers each time. Returns the name and the time of each
/// event.
fn events(kafka: &mut Kafka, watch: &Watch) -> Result<Vec<(Instant, String)>> {
    let length = Length::from_env();
    let mut events = Vec::new();
    let mut note = |what: String| events.push((Instant::now(), what));
    for round in 1..=length.pick(3, 1) {
        for node in 1..=3 {
            note(format!("restart of node {node}, round {round}"));
            kafka.stop_node(node)?;
            kafka.start_node(node)?;
            watch.whole_again(&format!("the restart of node {node}"))?;
            lab::pause(length.pick(12 * SECOND, 4 * SECOND));
        }
    }
    note("kill -9 of node 2".to_owned());
    kafka.kill_node(2)?;
    lab::pause(length.pick(60 * SECOND, 14 * SECOND));
    note("return of node 2".to_owned());
    kafka.start_node(2)?;
    watch.whole_again("the kill of node 2")?;
    note("SIGSTOP of node 3".to_owned());
    kafka.pause_node(3)?;
    lab::pause(length.pick(40 * SECOND, 16 * SECOND));
    note("SIGCONT of node 3".to_owned());
    kafka.resume_node(3)?;
    watch.whole_again("the stall of node 3")?;
    lab::pause(length.pick(30 * SECOND, 6 * SECOND));
    Ok(events)
}

// === impl Watch ===

impl Watch {
    /// Scrapes and judges `/metrics` twice a second, until `over` is set.
    fn scrape(&self, collector: &Collector) {
        while !self.over.load(Ordering::Relaxed) {
            let asked = lab::wall_seconds();
            let judged = collector.metrics().and_then(|shown| {
                let verdict = SCALE.judge(&shown, asked)?;
                Ok(Scrape {
                    at: Instant::now(),
                    verdict,
                    cpu: collector.usage()?.cpu,
                    collections: collections(&shown),
                })
            });
            match judged {
                Ok(scrape) => locked(&self.scrapes).push(scrape),
                Err(error) => locked(&self.broken).push(format!("/metrics: {error:#}")),
            }
            lab::pause(SECOND / 2);
        }
    }

    /// Sends `/health` requests, ten a second, until `over` is set.
    fn probe(&self, collector: &Collector) {
        while !self.over.load(Ordering::Relaxed) {
            match collector.get("/health") {
                Ok(answer) if answer.status == 200 => locked(&self.health).push(answer.took),
                Ok(answer) => locked(&self.broken).push(format!("/health: {}", answer.status)),
                Err(error) => locked(&self.broken).push(format!("/health: {error:#}")),
            }
            lab::pause(SECOND / 10);
        }
    }

    /// Waits for a scrape with every group complete, and checks that it took three collections at most: the one that was under
    /// way when the broker returned, and two more.
    fn whole_again(&self, after: &str) -> Result<()> {
        let since = Instant::now();
        let total = |scrape: &Scrape| scrape.collections.values().sum::<u64>();
        let before = locked(&self.scrapes).last().map_or(0, total);
        let needed = lab::wait_for("a whole scrape", 60 * SECOND, || {
            let scrapes = locked(&self.scrapes);
            let mut new = scrapes.iter().filter(|scrape| scrape.at > since);
            let whole = new
                .find(|scrape| scrape.verdict.complete == SCALE.groups && total(scrape) > before);
            Ok(total(whole.context("not yet")?) - before)
        })?;
        let took = since.elapsed();
        lab::say(format_args!(
            "whole {took:.1?} after {after}: {needed} collections"
        ));
        ensure!(
            needed <= 3,
            "{needed} collections until whole after {after}"
        );
        Ok(())
    }

    fn report(&self, events: &[(Instant, String)]) -> Result<()> {
        let scrapes = locked(&self.scrapes);
        for (n, (at, what)) in events.iter().enumerate() {
            let until = events.get(n + 1).map(|(at, _)| *at);
            let during: Vec<_> = scrapes
                .iter()
                .filter(|scrape| scrape.at > *at && until.is_none_or(|until| scrape.at <= until))
                .collect();
            let partial = during
                .iter()
                .filter(|scrape| scrape.verdict.incomplete > 0)
                .count();
            let worst = during.iter().map(|scrape| scrape.verdict.incomplete).max();
            let cpu = during
                .last()
                .map(|last| last.cpu.saturating_sub(during[0].cpu));
            lab::say(format_args!(
                "{what}: {} scrapes, {partial} with incomplete groups, at most {} of {}; CPU {:?}",
                during.len(),
                worst.unwrap_or(0),
                SCALE.groups,
                cpu.unwrap_or_default()
            ));
        }
        let last = scrapes.last().context("no scrape")?;
        let mut health = locked(&self.health).clone();
        health.sort_unstable();
        let slowest = health.last().context("no probe")?;
        let p99 = health[health.len() * 99 / 100];
        let down = scrapes.iter().filter(|scrape| scrape.verdict.down).count();
        lab::say(format_args!(
            "{} scrapes, of which {down} say that the cluster is down; collections {:?}",
            scrapes.len(),
            last.collections
        ));
        lab::say(format_args!(
            "{} probes of /health, 99 % within {p99:.1?}, slowest {slowest:.1?}",
            health.len()
        ));
        Ok(())
    }

    fn verdict(&self) -> Result<()> {
        let broken = locked(&self.broken);
        ensure!(
            broken.is_empty(),
            "{} broken answers: {:?}",
            broken.len(),
            broken.first()
        );
        let scrapes = locked(&self.scrapes);
        let wrong: Vec<_> = scrapes
            .iter()
            .flat_map(|scrape| &scrape.verdict.wrong)
            .collect();
        ensure!(
            wrong.is_empty(),
            "{} wrong values, first {:?}",
            wrong.len(),
            wrong.first()
        );
        let silent = scrapes
            .iter()
            .filter(|scrape| scrape.verdict.silent > 0)
            .count();
        ensure!(
            silent == 0,
            "{silent} scrapes without a word about some group"
        );
        for pair in scrapes.windows(2) {
            let new = |result: &str| pair[1].collections[result] - pair[0].collections[result];
            let lied =
                new("complete") == 1 && RESULTS.iter().map(|result| new(result)).sum::<u64>() == 1;
            ensure!(
                !lied || pair[1].verdict.incomplete == 0,
                "a collection with incomplete groups was counted as complete"
            );
        }
        let slowest = locked(&self.health)
            .iter()
            .max()
            .copied()
            .unwrap_or_default();
        let limit = Length::from_env().slack(SECOND / 10);
        ensure!(slowest <= limit, "/health took {slowest:?}");
        Ok(())
    }
}

fn collections(shown: &Exposition) -> BTreeMap<&'static str, u64> {
    RESULTS
        .map(|result| (result, Collector::collections(shown, result)))
        .into()
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().expect("no observer panics")
}
