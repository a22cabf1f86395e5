//! Time lag and retention are never told of records that are not what they seem: those of a topic that had the name before, of
//! transactions that were aborted, without a date or with an impossible one, too large to be read, or purged by the group itself.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config};
use e2e::standin::{
    Api, Fault, GroupSpec, PartitionSpec, Records, Slot, SlotKind, StandIn, TopicSpec,
};
use tokio::runtime::Runtime;
use tokio::time::Instant;

const LIMIT: Duration = Duration::from_secs(60);
const SECOND: i64 = 1_000;
const HOUR: i64 = 3_600 * SECOND;
const DAY: i64 = 24 * HOUR;
const AGE: &str = "kafka_consumergroup_group_lag_seconds";
const OLDEST: &str = "kafka_consumergroup_group_max_lag_seconds";
const ERRORS: &str = "kafka_lag_exporter_errors_total";

/// Unix time in milliseconds.
fn now() -> i64 {
    #[expect(clippy::cast_possible_truncation, reason = "milliseconds fit")]
    let now = (lab::wall_seconds() * 1e3) as i64;
    now
}

/// Records that were all written at `at`.
fn written(at: i64) -> Records {
    Records::by(move |_| Slot::at(at))
}

fn topic(name: &str, records: Records) -> TopicSpec {
    let spec = move |_| PartitionSpec::ending_at(10);
    TopicSpec::new(name, 1).partitions(spec).records(records)
}

fn start(runtime: &Runtime, topics: Vec<TopicSpec>, groups: &[(&str, &str, i64)]) -> StandIn {
    let mut builder = StandIn::builder();
    for topic in topics {
        builder = builder.topic_with(topic);
    }
    for (group, topic, at) in groups {
        builder = builder.group(group, GroupSpec::classic().committed(topic, 0, *at));
    }
    runtime.block_on(builder.start())
}

fn config(kafka: &StandIn) -> Config {
    Config::of(&kafka.bootstrap()).every(Duration::from_secs(1))
}

/// What is shown when one more collection has both begun and ended.
fn next(collector: &Collector) -> Result<Exposition> {
    let ended = |metrics: &Exposition| metrics.count("kafka_lag_exporter_collections_total", []);
    let before = ended(&collector.metrics()?);
    collector.wait_for("the next collection but one", LIMIT, |metrics| {
        ensure!(ended(metrics) >= before + 2, "not yet");
        Ok(())
    })
}

fn age(metrics: &Exposition, group: &str) -> Option<f64> {
    metrics.value(AGE, [("group", group)])
}

fn is_about(value: Option<f64>, milliseconds: i64) -> Result<()> {
    #[expect(clippy::cast_precision_loss, reason = "ages of a test are small")]
    let right = milliseconds as f64 / 1e3;
    let value = value.context("no sample")?;
    ensure!((value - right).abs() < 10.0, "{value} s, not {right}");
    Ok(())
}

fn n_errors(metrics: &Exposition, reason: &str) -> u64 {
    metrics.count(ERRORS, [("api", "fetch"), ("reason", reason)])
}

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
    // Busy: the high watermark is another one in every collection, so the few samples that are kept are the last five.
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

#[test]
fn a_group_that_reads_what_is_committed_waits_for_nothing_that_was_aborted() -> Result<()> {
    let runtime = Runtime::new()?;
    let then = now() - 2 * HOUR;
    let records = Records::by(move |offset| {
        let kind = match offset {
            ..10 => SlotKind::Plain,
            10..15 => SlotKind::Transactional(7),
            _ => SlotKind::Abort(7),
        };
        Slot::at(then).of_kind(kind)
    });
    let aborted = TopicSpec::new("t", 1)
        .partitions(|_| PartitionSpec::ending_at(16))
        .records(records.clone());
    let open = TopicSpec::new("open", 1)
        .partitions(|_| PartitionSpec::ending_at(15).stable_to(10))
        .records(records);
    let groups = [("done", "t", 10), ("behind", "t", 4), ("waits", "open", 10)];
    let kafka = start(&runtime, vec![aborted, open], &groups);
    let collector = Collector::start(&config(&kafka).read_committed())?;
    collector.wait_until_complete(LIMIT)?;
    let metrics = next(&collector)?;
    ensure!(
        age(&metrics, "done") == Some(0.0),
        "{:?}",
        age(&metrics, "done")
    );
    ensure!(
        age(&metrics, "waits") == Some(0.0),
        "{:?}",
        age(&metrics, "waits")
    );
    is_about(age(&metrics, "behind"), 2 * HOUR)?;
    let every = Collector::start(&config(&kafka))?;
    every.wait_until_complete(LIMIT)?;
    is_about(age(&every.metrics()?, "done"), 2 * HOUR)
}

#[test]
fn a_record_whose_date_says_nothing_has_no_age() -> Result<()> {
    let runtime = Runtime::new()?;
    let began = now();
    let far = 253_402_214_400_000; // 9999-12-31
    let topics = vec![
        topic("undated", written(-1)),
        topic("far", written(far)),
        topic("ahead", written(began + 300 * SECOND)),
        topic("soon", written(began + 45 * SECOND)),
    ];
    let names = ["undated", "far", "ahead", "soon"];
    let groups = names.map(|name| (name, name, 1));
    let kafka = start(&runtime, topics, &groups);
    let collector = Collector::start(&config(&kafka))?;
    collector.wait_until_complete(LIMIT)?;
    let metrics = next(&collector)?;
    let ages = names.map(|name| age(&metrics, name));
    ensure!(ages == [None, None, None, Some(0.0)], "{ages:?}");
    for name in names {
        let lag = metrics.value("kafka_consumergroup_group_lag", [("group", name)]);
        ensure!(lag == Some(9.0), "{name}: {lag:?}");
    }
    let n = metrics.count(
        "kafka_lag_exporter_collections_total",
        [("result", "complete")],
    );
    let counted = ["no_timestamp", "future_timestamp"].map(|reason| n_errors(&metrics, reason));
    ensure!(counted == [n, 2 * n], "{counted:?} in {n} collections");
    let wide = Collector::start(&config(&kafka).sampling("max_clock_skew", "10m"))?;
    wide.wait_until_complete(LIMIT)?;
    let ages = names.map(|name| age(&wide.metrics().unwrap_or_default(), name));
    ensure!(ages == [None, None, Some(0.0), Some(0.0)], "{ages:?}");
    Ok(())
}

#[test]
fn a_record_of_message_format_0_has_no_age() -> Result<()> {
    let runtime = Runtime::new()?;
    let format_0 = Records::by(|_| Slot::at(0).of_kind(SlotKind::Format0));
    let topics = vec![topic("t", format_0), topic("dated", written(now() - HOUR))];
    let kafka = start(&runtime, topics, &[("g", "t", 4)]);
    // librdkafka cannot read the format in the versions of Fetch that are newer than this.
    kafka.make_old();
    kafka.commit("g", "dated", (0, 4));
    let collector = Collector::start(&config(&kafka))?;
    collector.wait_until_complete(LIMIT)?;
    let metrics = next(&collector)?;
    let undated = metrics.value(AGE, [("topic", "t")]);
    ensure!(undated.is_none(), "{undated:?}");
    is_about(metrics.value(AGE, [("topic", "dated")]), HOUR)?;
    is_about(metrics.value(OLDEST, [("group", "g")]), HOUR)?;
    let n = metrics.count(
        "kafka_lag_exporter_collections_total",
        [("result", "complete")],
    );
    let counted = n_errors(&metrics, "no_timestamp");
    ensure!(counted == n, "{counted} in {n} collections");
    Ok(())
}

#[test]
fn a_record_too_large_to_be_read_is_told_with_the_property_that_cures_it() -> Result<()> {
    let runtime = Runtime::new()?;
    let then = now() - HOUR;
    let large = Records::by(move |_| Slot::at(then).sized(53_000_000));
    let kafka = start(
        &runtime,
        vec![
            topic("large", large).batch_len(1),
            topic("small", written(then)),
        ],
        &[("g", "large", 4), ("h", "small", 4)],
    );
    let config = config(&kafka);
    // The least that librdkafka takes for a client without a fetch.max.bytes of its own.
    let small = config
        .clone()
        .property("receive.message.max.bytes", "52429312");
    let collector = Collector::start(&small)?;
    let metrics = collector.wait_for("the failure", LIMIT, |metrics| {
        ensure!(n_errors(metrics, "record_too_large") >= 2, "not counted");
        is_about(age(metrics, "h"), now() - then)
    })?;
    ensure!(
        n_errors(&metrics, "deadline") == 0,
        "also called a deadline"
    );
    ensure!(age(&metrics, "g").is_none(), "{:?}", age(&metrics, "g"));
    let log = collector.log()?;
    let told: Vec<_> = log
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("receive.message.max.bytes"))
        .collect();
    ensure!(told.len() == 1, "{told:?}");
    drop(collector);
    let collector = Collector::start(&config)?;
    collector.wait_for("the record", LIMIT, |metrics| {
        is_about(age(metrics, "g"), now() - then)
    })?;
    Ok(())
}

#[test]
fn an_application_that_purges_what_it_has_committed_loses_nothing() -> Result<()> {
    let runtime = Runtime::new()?;
    let long = |name: &str| {
        let spec = |_| PartitionSpec::ending_at(1_000_000);
        TopicSpec::new(name, 1)
            .partitions(spec)
            .records(written(now()))
    };
    let groups = [("purges", "repartition", 100), ("lost", "deleted", 100)];
    let kafka = start(
        &runtime,
        vec![long("repartition"), long("deleted")],
        &groups,
    );
    kafka.set_log_start("deleted", 0, 150);
    let collector = Collector::start(&config(&kafka).every(Duration::from_millis(500)))?;
    collector.wait_until_complete(LIMIT)?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // As Kafka Streams does with its repartition topics, in steps shorter than a round trip.
        let purging = scope.spawn(|| {
            let mut at = 100;
            while !over.load(Ordering::Relaxed) && at < 900_000 {
                at += 10;
                kafka.commit("purges", "repartition", (0, at));
                kafka.set_log_start("repartition", 0, at);
                std::thread::yield_now();
                lab::pause(Duration::from_micros(200));
            }
        });
        let watched = watch_for_losses(&collector);
        over.store(true, Ordering::Relaxed);
        purging.join().expect("the application does not panic");
        watched
    })
}

fn watch_for_losses(collector: &Collector) -> Result<()> {
    let of = |metrics: &Exposition, family: &str, group: &str| {
        metrics.value(
            &format!("kafka_consumergroup_group_{family}"),
            [("group", group)],
        )
    };
    let ended = |metrics: &Exposition| metrics.count("kafka_lag_exporter_collections_total", []);
    let begin = ended(&collector.metrics()?);
    let mut seen = begin;
    while seen < begin + 20 {
        let metrics = collector.metrics()?;
        let lost = of(&metrics, "messages_lost", "purges");
        let margin = of(&metrics, "retention_margin", "purges");
        let ratio = of(&metrics, "lag_retention_ratio", "purges");
        ensure!(lost == Some(0.0), "{lost:?} lost");
        ensure!(
            margin.is_some_and(|margin| margin >= 0.0),
            "margin {margin:?}"
        );
        ensure!(ratio.is_some_and(|ratio| ratio <= 100.0), "ratio {ratio:?}");
        let truly = of(&metrics, "messages_lost", "lost");
        ensure!(truly == Some(50.0), "{truly:?} of the other group's");
        seen = ended(&metrics);
        lab::pause(Duration::from_millis(20));
    }
    Ok(())
}
