//! The Kafka stand-in serves 50,000 partitions and 1,000 groups fast enough for the tests. The time of each request is printed
//! (`--nocapture`) but not checked, because the machine may be busy.

use e2e::lab::raw_kafka::{Connection, ask};
use e2e::standin::{GroupSpec, PartitionSpec, StandIn};
use kafka_protocol::{
    messages::{
        BrokerId, GroupId, ListGroupsRequest, ListOffsetsRequest, MetadataRequest,
        OffsetFetchRequest, TopicName,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        offset_fetch_request::OffsetFetchRequestGroup,
    },
    protocol::StrBytes,
};
use tokio::time::Instant;

const TOPICS: usize = 500;
const PARTITIONS: usize = 100;
const GROUPS: usize = 1_000;

#[tokio::test]
async fn a_collection_of_fifty_thousand_partitions_is_answered_whole() {
    let mut builder = StandIn::builder().nodes(3);
    for topic in 0..TOPICS {
        let leader = |_| PartitionSpec::ending_at(1_000).led_by(1);
        builder = builder.topic(&format!("topic-{topic}"), PARTITIONS, leader);
    }
    for group in 0..GROUPS {
        let topic = format!("topic-{}", group % TOPICS);
        let committed = |spec: GroupSpec, p| spec.committed(&topic, p, 900);
        let spec = (0..)
            .take(PARTITIONS)
            .fold(GroupSpec::classic().coordinated_by(1), committed);
        builder = builder.group(&format!("group-{group}"), spec);
    }
    let kafka = builder.start().await;
    let bootstrap = kafka.bootstrap();
    let address = bootstrap.split(',').next().unwrap();

    let metadata = timed("Metadata", || {
        ask(address, 13, &MetadataRequest::default().with_topics(None)).unwrap()
    });
    let n: usize = metadata
        .topics
        .iter()
        .map(|topic| topic.partitions.len())
        .sum();
    assert_eq!(n, TOPICS * PARTITIONS);

    let listed = timed("ListGroups", || {
        ask(address, 5, &ListGroupsRequest::default()).unwrap()
    });
    assert_eq!(listed.groups.len(), GROUPS);

    let mut connection = Connection::to(address).unwrap();
    let n = timed("1,000 OffsetFetch", || {
        let groups = listed
            .groups
            .iter()
            .map(|group| commits(&mut connection, &group.group_id));
        groups.sum::<usize>()
    });
    assert_eq!(n, GROUPS * PARTITIONS);

    let n = timed("100 ListOffsets of 500", || {
        let chunks = (0..TOPICS).step_by(5);
        chunks
            .map(|first| ends(&mut connection, first..first + 5))
            .sum::<usize>()
    });
    assert_eq!(n, TOPICS * PARTITIONS);
    assert_eq!(
        timed("the oracle", || kafka.expected()).len(),
        GROUPS * PARTITIONS
    );
    kafka.shutdown().await;
}

#[expect(
    clippy::print_stdout,
    reason = "the times are for whoever asks to see them"
)]
fn timed<T>(what: &str, work: impl FnOnce() -> T) -> T {
    let start = Instant::now();
    let done = work();
    println!("{what}: {:?}", start.elapsed());
    done
}

fn commits(connection: &mut Connection, group: &GroupId) -> usize {
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(group.clone())
        .with_topics(None);
    let request = OffsetFetchRequest::default().with_groups(vec![group]);
    let answer = connection.ask(8, &request).expect("an answer");
    answer.groups[0]
        .topics
        .iter()
        .map(|topic| topic.partitions.len())
        .sum()
}

/// Returns the number of partitions of these topics whose end was in the answer.
fn ends(connection: &mut Connection, topics: std::ops::Range<usize>) -> usize {
    let partition = |p| {
        ListOffsetsPartition::default()
            .with_partition_index(p)
            .with_timestamp(-1)
    };
    let topics = topics.map(|topic| {
        ListOffsetsTopic::default()
            .with_name(TopicName(StrBytes::from_string(format!("topic-{topic}"))))
            .with_partitions((0..).take(PARTITIONS).map(partition).collect())
    });
    let request = ListOffsetsRequest::default()
        .with_replica_id(BrokerId(-1))
        .with_topics(topics.collect());
    let answer = connection.ask(7, &request).expect("an answer");
    let partitions = answer.topics.iter().flat_map(|topic| &topic.partitions);
    partitions
        .filter(|partition| partition.offset == 1_000)
        .count()
}
