//! Batches with which a producer could make the collector run out of memory.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::Collector;
use e2e::standin::{GroupSpec, PartitionSpec, Records, Slot, StandIn, TopicSpec};
use kafka_protocol::records::Compression;
use tokio::runtime::Runtime;

use super::world::{AGE, HOUR, LIMIT, age, config, is_about, n_errors, next, now, topic, written};

/// The size of the record that is large only when it is decompressed.
const BOMB: usize = 200_000_000;
/// The number of records without contents in one batch.
const N_TINY: i64 = 130_000;
/// The number of partitions whose batches are as usual.
const N_HONEST: i32 = 100;
/// The memory that the collector may need at most, in bytes.
const MOST: u64 = 150_000_000;

#[test]
fn batches_that_become_too_large_cost_only_their_own_ages() -> Result<()> {
    let runtime = Runtime::new()?;
    let then = now() - HOUR;
    let honest = TopicSpec::new("honest", N_HONEST as usize)
        .partitions(|_| PartitionSpec::ending_at(1000))
        .records(written(then))
        .batch_len(100)
        .compression(Compression::Gzip);
    let bomb = topic("bomb", Records::by(move |_| Slot::at(then).sized(BOMB)));
    let tiny = TopicSpec::new("tiny", 1)
        .partitions(|_| PartitionSpec::ending_at(N_TINY))
        .records(Records::by(move |_| Slot::at(then).sized(0)));
    let mut group = GroupSpec::classic();
    for partition in 0..N_HONEST {
        group = group.committed("honest", partition, 450);
    }
    let kafka = StandIn::builder()
        .topic_with(honest)
        .topic_with(bomb.batch_len(1).compression(Compression::Lz4))
        .topic_with(tiny.batch_len(N_TINY).compression(Compression::Gzip))
        .group("honest", group)
        .group("bomb", GroupSpec::classic().committed("bomb", 0, 4))
        .group("tiny", GroupSpec::classic().committed("tiny", 0, 4));
    let kafka = runtime.block_on(kafka.start());
    let config = config(&kafka)
        .every(Duration::from_secs(15))
        .sampling("fetch_timeout", "12s");
    let collector = Collector::start(&config)?;
    collector.wait_for("both failures", 2 * LIMIT, |metrics| {
        let counted = n_errors(metrics, "record_too_large");
        ensure!(counted >= 2, "{counted} counted");
        Ok(())
    })?;
    let metrics = next(&collector)?;
    let counted = n_errors(&metrics, "record_too_large");
    ensure!(counted == 2, "{counted} counted");
    for partition in 0..N_HONEST {
        let partition = partition.to_string();
        let labels = [("topic", "honest"), ("partition", &*partition)];
        is_about(metrics.value(AGE, labels), now() - then)?;
    }
    for group in ["bomb", "tiny"] {
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
