//! Metadata that is read anew within a collection refuses a topic with error 3: the topic is not gone.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::{self, Collector, Config};
use e2e::standin::{Api, Fault, GroupSpec, PartitionSpec, StandIn};

#[test]
fn a_topic_that_metadata_refuses_within_a_collection_is_not_taken_to_be_gone() -> Result<()> {
    let group = GroupSpec::classic().committed("orders", 0, 90);
    let builder = StandIn::builder()
        .topic("orders", 2, |_| PartitionSpec::ending_at(100))
        .group("g", group);
    let kafka = tokio::runtime::Runtime::new()?.block_on(builder.start());
    let config = Config::of(&kafka.bootstrap()).every(Duration::from_secs(1));
    let collector = Collector::start(&config)?;
    collector.wait_until_complete(Duration::from_secs(30))?;
    // Error 6, not leader, makes the collector read the metadata again in the same collection, after it has chosen the partitions
    // to ask about.
    kafka.inject(Fault::error(Api::ListOffsets, 6).for_partition("orders", 0));
    kafka.inject(Fault::error(Api::Metadata, 3).for_topic("orders"));
    for _ in 0..100 {
        lab::pause(Duration::from_millis(50));
        let metrics = collector.metrics()?;
        let of = |family| metrics.value(family, [("group", "g")]);
        let complete = of("kafka_consumergroup_group_complete");
        let sum = of("kafka_consumergroup_group_sum_lag");
        ensure!(
            complete != Some(1.0) || sum == Some(10.0),
            "complete {complete:?}, sum {sum:?}"
        );
    }
    Ok(())
}
