//! The Kafka stand-in answers librdkafka as a broker does.

use std::time::Duration;

use e2e::standin::{Api, Fault, GroupSpec, PartitionSpec, StandIn};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
};

const PATIENCE: Duration = Duration::from_secs(10);

#[tokio::test]
async fn librdkafka_reads_metadata_bounds_times_and_commits() {
    let kafka = StandIn::builder()
        .nodes(3)
        .topic("orders", 6, |p| {
            PartitionSpec::ending_at(100 + i64::from(p)).starting_at(10)
        })
        .group("billing", GroupSpec::classic().committed("orders", 2, 42))
        .start()
        .await;
    let client = client(&kafka.bootstrap(), "billing");

    let metadata = client.fetch_metadata(None, PATIENCE).unwrap();
    assert_eq!(metadata.brokers().len(), 3);
    assert_eq!(metadata.topics().len(), 1);
    assert_eq!(metadata.topics()[0].partitions().len(), 6);

    assert_eq!(
        client.fetch_watermarks("orders", 4, PATIENCE).unwrap(),
        (10, 104)
    );

    let mut wanted = TopicPartitionList::new();
    for partition in 0..6 {
        let at = Offset::Offset(1_700_000_020_500);
        wanted
            .add_partition_offset("orders", partition, at)
            .unwrap();
    }
    let found = client.offsets_for_times(wanted, PATIENCE).unwrap();
    assert!(
        found
            .elements()
            .iter()
            .all(|row| row.offset() == Offset::Offset(21)),
        "{found:?}"
    );

    let mut wanted = TopicPartitionList::new();
    wanted.add_partition("orders", 2);
    wanted.add_partition("orders", 3);
    let committed = client.committed_offsets(wanted, PATIENCE).unwrap();
    let offsets: Vec<Offset> = committed
        .elements()
        .iter()
        .map(|row| row.offset())
        .collect();
    assert_eq!(offsets, [Offset::Offset(42), Offset::Invalid]);
    assert_eq!(kafka.n_requests(Api::OffsetFetch), 1);
    kafka.shutdown().await;
}

#[tokio::test]
async fn an_injected_error_code_reaches_the_client_and_is_counted() {
    let kafka = StandIn::builder()
        .topic("orders", 1, |_| PartitionSpec::ending_at(5))
        .start()
        .await;
    let client = client(&kafka.bootstrap(), "other");
    let id = kafka.inject(Fault::error(Api::ListOffsets, 29));
    assert!(client.fetch_watermarks("orders", 0, PATIENCE).is_err());
    kafka.clear_fault(id);
    assert_eq!(
        client.fetch_watermarks("orders", 0, PATIENCE).unwrap(),
        (0, 5)
    );
    assert!(kafka.injected().values().sum::<u64>() >= 1);
    kafka.shutdown().await;
}

fn client(bootstrap: &str, group: &str) -> BaseConsumer {
    ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("enable.auto.commit", "false")
        .create()
        .unwrap()
}
