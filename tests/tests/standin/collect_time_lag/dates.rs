//! Records that a group does not read, that have no usable timestamp, or that cannot be read.

use anyhow::{Result, ensure};
use e2e::lab::Collector;
use e2e::standin::{PartitionSpec, Records, Slot, SlotKind, TopicSpec};
use tokio::runtime::Runtime;

use super::world::{
    AGE, HOUR, LIMIT, OLDEST, SECOND, age, config, is_about, n_errors, next, now, start, topic,
    written,
};

const LAG: &str = "kafka_consumergroup_group_lag";
const OLDEST_OF_TOPIC: &str = "kafka_consumergroup_group_topic_max_lag_seconds";
const UNKNOWN: &str = "kafka_consumergroup_group_unknown_time_lag_partitions";

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
fn a_partition_of_unknown_age_is_counted_beside_the_known_ones() -> Result<()> {
    let runtime = Runtime::new()?;
    let began = now();
    let records = Records::by(move |offset| match offset {
        7 => Slot::at(began + HOUR),
        _ => Slot::at(began - HOUR),
    });
    let three = TopicSpec::new("t", 3)
        .partitions(|_| PartitionSpec::ending_at(10))
        .records(records);
    let whole = topic("whole", written(began - HOUR));
    let kafka = start(&runtime, vec![three, whole], &[("g", "t", 7)]);
    kafka.commit("g", "t", (1, 4));
    kafka.commit("g", "t", (2, 10));
    kafka.commit("g", "whole", (0, 4));
    for config in [config(&kafka), config(&kafka).by_topic()] {
        let collector = Collector::start(&config)?;
        collector.wait_until_complete(LIMIT)?;
        let metrics = next(&collector)?;
        let shown = [("t", 1.0), ("whole", 0.0)];
        for (topic, n_unknown) in shown {
            let of_topic = [("group", "g"), ("topic", topic)];
            let counted = metrics.value(UNKNOWN, of_topic);
            ensure!(counted == Some(n_unknown), "{topic}: {counted:?}");
            is_about(metrics.value(OLDEST_OF_TOPIC, of_topic), HOUR)?;
        }
        is_about(metrics.value(OLDEST, [("group", "g")]), HOUR)?;
        let shown = [LAG, AGE].map(|family| metrics.series(family).count());
        ensure!([[4, 3], [0, 0]].contains(&shown), "{shown:?}");
        ensure!(n_errors(&metrics, "future_timestamp") > 0, "not counted");
    }
    // The history of high watermarks dates nothing by records: from the second collection on every age has a lower bound.
    let rate = Collector::start(&config(&kafka).sampling("mode", "rate"))?;
    rate.wait_until_complete(LIMIT)?;
    let metrics = next(&rate)?;
    let counted: Vec<_> = metrics.series(UNKNOWN).map(|(_, n)| n).collect();
    ensure!(counted == [0.0, 0.0], "{counted:?}");
    Ok(())
}

#[test]
fn a_record_of_message_format_0_has_no_age() -> Result<()> {
    let runtime = Runtime::new()?;
    let format_0 = Records::by(|_| Slot::at(0).of_kind(SlotKind::Format0));
    let topics = vec![topic("t", format_0), topic("dated", written(now() - HOUR))];
    let kafka = start(&runtime, topics, &[("g", "t", 4)]);
    // librdkafka cannot read message format 0 in the newer versions of Fetch, which old brokers do not have.
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
    // This size is the least that librdkafka accepts for a client that does not set fetch.max.bytes.
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
