//! Batches with which a producer could make the collector run out of memory.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::{Collector, prom::Exposition};
use e2e::standin::{GroupSpec, PartitionSpec, Records, Slot, StandIn, TopicSpec};
use kafka_protocol::records::Compression;
use tokio::runtime::Runtime;

use super::world::{AGE, HOUR, LIMIT, age, config, is_about, n_errors, next, now, topic, written};

const CODECS: [(&str, Compression); 4] = [
    ("gzip", Compression::Gzip),
    ("snappy", Compression::Snappy),
    ("lz4", Compression::Lz4),
    ("zstd", Compression::Zstd),
];
/// The sizes of records that are large only when they are decompressed. The first would be too much for the collector, the others
/// are as large as shows that they are refused.
const BOMBS: [(&str, Compression, usize); 4] = [
    ("bomb-lz4", Compression::Lz4, 200_000_000),
    ("bomb-gzip", Compression::Gzip, 20_000_000),
    ("bomb-snappy", Compression::Snappy, 20_000_000),
    ("bomb-zstd", Compression::Zstd, 20_000_000),
];
/// The number of records without contents in one batch.
const N_TINY: i64 = 130_000;
/// The number of partitions of each codec whose batches are as usual.
const N_HONEST: u16 = 25;
/// The memory that the collector may need at most, in bytes.
const MOST: u64 = 150_000_000;

#[test]
fn batches_that_become_too_large_cost_only_their_own_ages() -> Result<()> {
    let runtime = Runtime::new()?;
    let then = now() - HOUR;
    let kafka = runtime.block_on(world(then).start());
    let config = config(&kafka)
        .every(Duration::from_secs(15))
        .sampling("fetch_timeout", "12s");
    let collector = Collector::start(&config)?;
    let n_refused = u64::try_from(BOMBS.len() + 1)?;
    collector.wait_for("all failures", 2 * LIMIT, |metrics| {
        let counted = n_errors(metrics, "record_too_large");
        ensure!(counted >= n_refused, "{counted} counted");
        Ok(())
    })?;
    let metrics = next(&collector)?;
    let counted = n_errors(&metrics, "record_too_large");
    ensure!(counted == n_refused, "{counted} counted");
    honest_are_dated(&metrics, then)?;
    ahead_is_dated(&metrics, then)?;
    for group in BOMBS.map(|(name, ..)| name).into_iter().chain(["tiny"]) {
        ensure!(age(&metrics, group).is_none(), "{group} has an age");
    }
    let usage = collector.usage()?;
    ensure!(usage.rss_peak < MOST, "{} bytes", usage.rss_peak);
    let log = collector.log()?;
    let told = log
        .lines()
        .filter(|line| line.contains("A batch becomes too large"));
    ensure!(told.count() == 1, "not told once:\n{log}");
    Ok(())
}

/// Returns a stand-in with topics that are as usual in each codec, and with topics whose batches are too large.
fn world(then: i64) -> e2e::standin::Builder {
    let mut builder = StandIn::builder();
    let (mut honest, mut ahead) = (GroupSpec::classic(), GroupSpec::classic());
    for (name, codec) in CODECS {
        let topic = TopicSpec::new(name, N_HONEST.into())
            .partitions(|_| PartitionSpec::ending_at(1000))
            .records(written(then))
            .batch_len(100)
            .compression(codec);
        builder = builder.topic_with(topic);
        for partition in 0..N_HONEST {
            honest = honest.committed(name, partition.into(), 450);
        }
    }
    for (name, codec, size) in BOMBS {
        let records = Records::by(move |at| match at {
            ..5 => Slot::at(then).sized(size),
            5.. => Slot::at(then),
        });
        let bomb = topic(name, records).batch_len(1).compression(codec);
        let group = GroupSpec::classic().committed(name, 0, 4);
        ahead = ahead.committed(name, 0, 8);
        builder = builder.topic_with(bomb).group(name, group);
    }
    let tiny = TopicSpec::new("tiny", 1)
        .partitions(|_| PartitionSpec::ending_at(N_TINY))
        .records(Records::by(move |_| Slot::at(then).sized(0)))
        .batch_len(N_TINY)
        .compression(Compression::Gzip);
    builder
        .topic_with(tiny)
        .group("tiny", GroupSpec::classic().committed("tiny", 0, 4))
        .group("honest", honest)
        .group("ahead", ahead)
}

/// Checks the group that stands behind each batch that is refused.
fn ahead_is_dated(metrics: &Exposition, then: i64) -> Result<()> {
    for (topic, ..) in BOMBS {
        let labels = [("group", "ahead"), ("topic", topic)];
        is_about(metrics.value(AGE, labels), now() - then)?;
    }
    Ok(())
}

fn honest_are_dated(metrics: &Exposition, then: i64) -> Result<()> {
    for (topic, _) in CODECS {
        for partition in 0..N_HONEST {
            let partition = partition.to_string();
            let labels = [("topic", topic), ("partition", &*partition)];
            is_about(metrics.value(AGE, labels), now() - then)?;
        }
    }
    Ok(())
}
