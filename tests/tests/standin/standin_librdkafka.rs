//! librdkafka reads from the Kafka stand-in what the test wrote into it.

use std::time::Duration;

use e2e::standin::{Api, Fault, GroupSpec, MemberSpec, PartitionSpec, StandIn, TopicSpec};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer},
    error::RDKafkaErrorCode,
    groups::{GroupInfo, GroupMemberInfo},
    topic_partition_list::TopicPartitionListElem,
};

mod records;

const TIMEOUT: Duration = Duration::from_secs(20);
const FIRST_MS: i64 = 1_700_000_000_000;

#[tokio::test]
async fn metadata_bounds_times_and_commits_are_what_was_said() {
    let kafka = StandIn::builder()
        .nodes(3)
        .topic("orders", 6, |p| {
            PartitionSpec::ending_at(100 + i64::from(p)).starting_at(10)
        })
        .group("billing", GroupSpec::classic().committed("orders", 2, 42))
        .start()
        .await;
    let client = client(&kafka, &[("group.id", "billing")]);

    let metadata = client.fetch_metadata(None, TIMEOUT).unwrap();
    assert_eq!(metadata.brokers().len(), 3);
    assert_eq!(metadata.topics()[0].partitions().len(), 6);
    assert_eq!(
        client.fetch_watermarks("orders", 4, TIMEOUT).unwrap(),
        (10, 104)
    );

    let mut wanted = TopicPartitionList::new();
    for partition in 0..6 {
        let at = Offset::Offset(FIRST_MS + 20_500);
        wanted
            .add_partition_offset("orders", partition, at)
            .unwrap();
    }
    let found = client.offsets_for_times(wanted, TIMEOUT).unwrap();
    assert!(
        found
            .elements()
            .iter()
            .all(|row| row.offset() == Offset::Offset(21)),
        "{found:?}"
    );

    let committed = client
        .committed_offsets(partitions("orders", &[2, 3]), TIMEOUT)
        .unwrap();
    assert_eq!(offsets(&committed), [Offset::Offset(42), Offset::Invalid]);
    kafka.shutdown().await;
}

#[tokio::test]
async fn each_coordinator_lists_and_describes_its_own_groups() {
    let member = MemberSpec::new("cl-1")
        .host("/10.0.0.7")
        .assigned("orders", [0]);
    let kafka = StandIn::builder()
        .group("a", GroupSpec::classic().coordinated_by(1))
        .group("b", GroupSpec::classic().coordinated_by(2).member(member))
        .start()
        .await;
    let groups = client(&kafka, &[]).fetch_group_list(None, TIMEOUT).unwrap();
    let mut found: Vec<_> = groups
        .groups()
        .iter()
        .map(|g| (g.name(), g.state()))
        .collect();
    found.sort_unstable();
    assert_eq!(found, [("a", "Empty"), ("b", "Stable")]);
    let hosts = groups
        .groups()
        .iter()
        .flat_map(GroupInfo::members)
        .map(GroupMemberInfo::client_host);
    assert_eq!(hosts.collect::<Vec<_>>(), ["/10.0.0.7"]);
    kafka.shutdown().await;
}

#[tokio::test]
async fn a_moved_partition_is_refused_by_the_old_leader_and_answered_by_the_new() {
    let kafka = StandIn::builder()
        .topic("orders", 1, |_| PartitionSpec::ending_at(5).led_by(1))
        .start()
        .await;
    let client = client(&kafka, &[]);
    assert_eq!(
        client.fetch_watermarks("orders", 0, TIMEOUT).unwrap(),
        (0, 5)
    );
    kafka.move_partition_leader("orders", 0, 2);
    kafka.set_high_watermark("orders", 0, 6);
    let refusal = client.fetch_watermarks("orders", 0, TIMEOUT).unwrap_err();
    assert_eq!(
        refusal.rdkafka_error_code(),
        Some(RDKafkaErrorCode::NotLeaderForPartition)
    );
    client.fetch_metadata(Some("orders"), TIMEOUT).unwrap();
    assert_eq!(
        client.fetch_watermarks("orders", 0, TIMEOUT).unwrap(),
        (0, 6)
    );
    assert!(kafka.requests()[&(Api::ListOffsets, 2)] >= 1);
    kafka.shutdown().await;
}

#[tokio::test]
async fn a_fenced_nodes_partitions_are_led_by_another() {
    let kafka = StandIn::builder()
        .topic("orders", 3, |p| PartitionSpec::ending_at(5).led_by(p + 1))
        .topic_with(
            TopicSpec::new("single", 1)
                .replicas(1)
                .partitions(|_| PartitionSpec::default().led_by(2)),
        )
        .start()
        .await;
    kafka.stop_node(2).await;
    kafka.fence_node(2);
    let metadata = client(&kafka, &[]).fetch_metadata(None, TIMEOUT).unwrap();
    assert_eq!(metadata.brokers().len(), 2);
    let leader = |topic: &str, partition: usize| {
        let topic = metadata
            .topics()
            .iter()
            .find(|t| t.name() == topic)
            .unwrap();
        topic.partitions()[partition].leader()
    };
    assert_ne!(leader("orders", 1), 2);
    assert_eq!(leader("single", 0), -1);
    kafka.start_node(2).await;
    let metadata = client(&kafka, &[])
        .fetch_metadata(Some("single"), TIMEOUT)
        .unwrap();
    assert_eq!(metadata.topics()[0].partitions()[0].leader(), 2);
    kafka.shutdown().await;
}

#[tokio::test]
async fn an_injected_error_reaches_the_client_and_is_counted() {
    let kafka = StandIn::builder()
        .topic("orders", 1, |_| PartitionSpec::ending_at(5))
        .start()
        .await;
    let client = client(&kafka, &[]);
    let id = kafka.inject(Fault::error(Api::ListOffsets, 29));
    assert!(client.fetch_watermarks("orders", 0, TIMEOUT).is_err());
    kafka.clear_fault(id);
    assert_eq!(
        client.fetch_watermarks("orders", 0, TIMEOUT).unwrap(),
        (0, 5)
    );
    assert!(kafka.injected().values().sum::<u64>() >= 1);
    kafka.shutdown().await;
}

/// Returns a client of all nodes, with the further settings `more`.
fn client(kafka: &StandIn, more: &[(&str, &str)]) -> BaseConsumer {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", kafka.bootstrap())
        .set("group.id", "some-group")
        .set("enable.auto.commit", "false")
        .set("enable.partition.eof", "true");
    for (key, value) in more {
        config.set(*key, *value);
    }
    config.create().expect("these settings are right")
}

fn partitions(topic: &str, partitions: &[i32]) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for partition in partitions {
        list.add_partition(topic, *partition);
    }
    list
}

fn offsets(list: &TopicPartitionList) -> Vec<Offset> {
    list.elements()
        .iter()
        .map(TopicPartitionListElem::offset)
        .collect()
}
