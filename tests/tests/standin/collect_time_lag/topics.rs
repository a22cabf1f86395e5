//! A topic that was deleted and created again is a different topic, and nothing is known about the time before it was first observed.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector};
use e2e::standin::{Api, Fault, Slot};
use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::world::{
    AGE, DAY, HOUR, LIMIT, OLDEST, age, config, is_about, next, now, start, topic, written,
};

#[test]
fn a_topic_that_was_made_anew_is_dated_by_its_own_records_in_the_next_collection() -> Result<()> {
    let runtime = Runtime::new()?;
    let then = now() - DAY;
    let kafka = start(
        &runtime,
        vec![topic("t", written(then)), topic("u", written(then))],
        &[("g", "t", 4), ("h", "u", 4)],
    );
    let collector = Collector::start(&config(&kafka))?;
    collector.wait_until_complete(LIMIT)?;
    let reads = |metrics: &Exposition| {
        metrics.count("kafka_lag_exporter_requests_total", [("api", "fetch")])
    };
    let first = next(&collector)?;
    is_about(age(&first, "g"), now() - then)?;
    let again = next(&collector)?;
    ensure!(
        reads(&again) == reads(&first),
        "a record that is known was read again"
    );
    for round in 1..=3 {
        let fresh = now() - round * HOUR;
        kafka.add_topic(topic("t", written(fresh)));
        kafka.commit("g", "t", (0, 4));
        let shown = next(&collector)?;
        is_about(age(&shown, "g"), now() - fresh).with_context(|| format!("round {round}"))?;
        is_about(age(&shown, "h"), now() - then)?;
    }
    Ok(())
}

#[test]
fn without_topic_ids_what_stands_still_is_read_in_every_collection() -> Result<()> {
    let runtime = Runtime::new()?;
    let then = now() - DAY;
    let kafka = start(&runtime, vec![topic("t", written(then))], &[("g", "t", 4)]);
    kafka.make_old();
    let collector = Collector::start(&config(&kafka))?;
    collector.wait_until_complete(LIMIT)?;
    is_about(age(&next(&collector)?, "g"), now() - then)?;
    kafka.add_topic(topic("t", written(now() - HOUR)));
    kafka.commit("g", "t", (0, 4));
    is_about(age(&next(&collector)?, "g"), HOUR)
}

#[test]
fn when_ids_are_not_told_nothing_old_is_shown() -> Result<()> {
    let runtime = Runtime::new()?;
    let then = now() - DAY;
    let kafka = start(&runtime, vec![topic("t", written(then))], &[("g", "t", 4)]);
    let collector = Collector::start(&config(&kafka).performance("metadata_cache_ttl", "1h"))?;
    collector.wait_until_complete(LIMIT)?;
    is_about(age(&next(&collector)?, "g"), now() - then)?;
    kafka.inject(Fault::error(Api::Metadata, 29).for_topic("t"));
    kafka.add_topic(topic("t", written(now() - HOUR)));
    kafka.commit("g", "t", (0, 4));
    let shown = age(&next(&collector)?, "g");
    ensure!(
        shown.is_none() || is_about(shown, HOUR).is_ok(),
        "{shown:?}"
    );
    Ok(())
}

#[test]
fn a_history_is_not_told_of_a_topic_that_was_made_anew() -> Result<()> {
    let runtime = Runtime::new()?;
    let kafka = start(&runtime, vec![topic("t", written(now()))], &[("g", "t", 4)]);
    let collector = Collector::start(&config(&kafka).sampling("mode", "rate"))?;
    collector.wait_until_complete(LIMIT)?;
    lab::pause(Duration::from_secs(12));
    let shown = age(&collector.metrics()?, "g").context("no bound")?;
    ensure!(shown >= 8.0, "observed for {shown} s only");
    let anew = Instant::now();
    kafka.add_topic(topic("t", written(now())));
    kafka.commit("g", "t", (0, 4));
    let metrics = next(&collector)?;
    let shown = age(&metrics, "g").unwrap_or_default();
    let since = anew.elapsed().as_secs_f64();
    ensure!(shown <= since, "{shown} s of a topic that is {since} s old");
    Ok(())
}

#[test]
fn a_group_that_stands_still_is_at_least_as_late_as_it_was_watched() -> Result<()> {
    let runtime = Runtime::new()?;
    let kafka = start(
        &runtime,
        vec![topic("t", written(now())), topic("idle", written(now()))],
        &[("g", "t", 4)],
    );
    kafka.commit("g", "idle", (0, 10));
    let collector = Collector::start(&config(&kafka).sampling("mode", "rate"))?;
    let first = collector.wait_until_complete(LIMIT)?;
    if first.count("kafka_lag_exporter_collections_total", []) == 1 {
        let most = first.value(OLDEST, [("group", "g")]);
        ensure!(
            most.is_none(),
            "the idle partition's {most:?} passes for the group's"
        );
        let unknown = first.value(AGE, [("topic", "t")]);
        ensure!(unknown.is_none(), "{unknown:?} after one observation");
    }
    // The topic is busy: the high watermark changes in every collection, so the few samples that the collector keeps are the last
    // five.
    for _ in 0..60 {
        kafka.append("t", 0, (1, Slot::at(now())));
        lab::pause(Duration::from_millis(200));
    }
    let metrics = collector.metrics()?;
    let shown = metrics.value(AGE, [("topic", "t")]).context("no bound")?;
    ensure!(
        (3.0..=7.0).contains(&shown),
        "{shown} s, of five samples a second apart"
    );
    let most = metrics.value(OLDEST, [("group", "g")]);
    ensure!(most == Some(shown), "the group's is {most:?}");
    Ok(())
}
