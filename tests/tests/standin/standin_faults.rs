//! The Kafka stand-in does what a test tells it to: faults, moves of nodes and coordinators, and counts.

use std::{
    io::{ErrorKind, Read},
    net::TcpStream,
    time::Duration,
};

use bytes::{Buf, Bytes};
use e2e::lab::raw_kafka::{Connection, ask};
use e2e::standin::{Api, Fault, GroupSpec, Injected, PartitionSpec, StandIn};
use kafka_protocol::{
    messages::{
        ApiVersionsResponse, GroupId, ListGroupsRequest, ListOffsetsRequest, OffsetFetchRequest,
        TopicName,
        list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
        offset_fetch_request::OffsetFetchRequestGroup,
    },
    protocol::{Decodable, StrBytes},
};
use tokio::time::Instant;

const NOT_COORDINATOR: i16 = 16;
const LOADING: i16 = 14;

#[tokio::test]
async fn a_code_for_every_third_group_strikes_every_third_group() {
    let kafka = groups().await;
    kafka.inject(Fault::error(Api::OffsetFetch, LOADING).every(3));
    let codes: Vec<i16> = (0..9).map(|_| commits(&kafka, (1, "a")).0).collect();
    assert_eq!(codes, [0, 0, LOADING, 0, 0, LOADING, 0, 0, LOADING]);
    assert_eq!(
        kafka.injected()[&(Api::OffsetFetch, Injected::Code(LOADING))],
        3
    );
    assert_eq!(kafka.requests()[&(Api::OffsetFetch, 1)], 9);
    kafka.shutdown().await;
}

#[tokio::test]
async fn a_random_share_is_about_right_and_the_same_in_every_run() {
    let mut runs = Vec::new();
    for seed in [1, 1, 2] {
        let kafka = groups().await;
        kafka.inject(Fault::error(Api::OffsetFetch, 15).share(0.3).seed(seed));
        runs.push(
            (0..200)
                .map(|_| commits(&kafka, (1, "a")).0)
                .collect::<Vec<i16>>(),
        );
        kafka.shutdown().await;
    }
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
    let n = runs[0].iter().filter(|code| **code == 15).count();
    assert!((40..=80).contains(&n), "{n} of 200");
}

#[tokio::test]
async fn a_code_for_one_partition_leaves_its_neighbours_alone() {
    let kafka = StandIn::builder()
        .nodes(1)
        .topic("orders", 3, |_| PartitionSpec::ending_at(7))
        .start()
        .await;
    kafka.inject(
        Fault::error(Api::ListOffsets, 5)
            .for_partition("orders", 1)
            .times(1),
    );
    assert_eq!(ends(&kafka, "orders", 3), [(0, 7), (5, -1), (0, 7)]);
    assert_eq!(ends(&kafka, "orders", 3), [(0, 7), (0, 7), (0, 7)]);
    kafka.shutdown().await;
}

#[tokio::test]
async fn answers_are_spoiled_as_told_and_only_on_the_node_told() {
    let kafka = groups().await;
    let request = ListGroupsRequest::default();
    let spoiled = |fault: Fault| {
        let id = kafka.inject(fault.on_node(1));
        let error = ask(&address(&kafka, 1), 4, &request).unwrap_err();
        assert!(ask(&address(&kafka, 2), 4, &request).is_ok());
        kafka.clear_fault(id);
        assert!(ask(&address(&kafka, 1), 4, &request).is_ok());
        format!("{error:#}")
    };
    assert!(spoiled(Fault::close(Api::ListGroups)).contains("half an answer"));
    assert_eq!(
        spoiled(Fault::wrong_correlation_id(Api::ListGroups)),
        "an answer to another request"
    );
    spoiled(Fault::truncate(Api::ListGroups));
    spoiled(Fault::corrupt(Api::ListGroups));
    let kinds: Vec<Injected> = kafka.injected().into_keys().map(|(_, kind)| kind).collect();
    let all = [
        Injected::Close,
        Injected::Truncate,
        Injected::Corrupt,
        Injected::CorrelationId,
    ];
    assert_eq!(kinds, all);
    kafka.shutdown().await;
}

#[tokio::test]
async fn a_delay_for_one_group_leaves_the_others_quick() {
    let kafka = groups().await;
    let delay = Duration::from_millis(300);
    kafka.inject(Fault::delay(Api::OffsetFetch, delay).for_group("a"));
    let start = Instant::now();
    commits(&kafka, (1, "a"));
    assert!(start.elapsed() >= delay);
    assert_eq!(kafka.injected().len(), 1);
    commits(&kafka, (1, "c"));
    assert_eq!(kafka.injected()[&(Api::OffsetFetch, Injected::Delay)], 1);
    kafka.shutdown().await;
}

#[tokio::test]
async fn a_stalled_node_takes_requests_and_answers_them_when_it_resumes() {
    let kafka = groups().await;
    kafka.stall_node(1);
    let asked = {
        let address = address(&kafka, 1);
        tokio::task::spawn_blocking(move || ask(&address, 4, &ListGroupsRequest::default()))
    };
    kafka.until_asked(Api::ListGroups, 1).await;
    assert!(!asked.is_finished());
    let resumed_at = Instant::now();
    kafka.resume_node(1);
    assert!(asked.await.unwrap().is_ok());
    assert!(
        kafka
            .arrivals()
            .iter()
            .all(|arrival| arrival.at < resumed_at)
    );
    kafka.shutdown().await;
}

#[tokio::test]
async fn a_stopped_node_closes_and_refuses_and_comes_back_on_its_port() {
    let kafka = groups().await;
    let address = address(&kafka, 1);
    let mut connection = TcpStream::connect(&address).unwrap();
    kafka.until_connected(1).await;
    kafka.stop_node(1).await;
    assert_eq!(connection.read(&mut [0]).unwrap(), 0);
    let refusal = TcpStream::connect(&address).unwrap_err();
    assert_eq!(refusal.kind(), ErrorKind::ConnectionRefused);
    kafka.start_node(1).await;
    assert!(ask(&address, 4, &ListGroupsRequest::default()).is_ok());
    kafka.shutdown().await;
    assert!(TcpStream::connect(&address).is_err());
}

#[tokio::test]
async fn a_group_on_the_move_is_listed_by_nobody() {
    let kafka = groups().await;
    let listed = |node| {
        let answer = ask(&address(&kafka, node), 4, &ListGroupsRequest::default()).unwrap();
        answer.groups.iter().any(|group| &*group.group_id.0 == "a")
    };
    let seen = || {
        let code = |node| commits(&kafka, (node, "a")).0;
        (code(1), code(2), listed(1), listed(2))
    };
    assert_eq!(seen(), (0, NOT_COORDINATOR, true, false));
    kafka.begin_coordinator_move("a", 2);
    assert_eq!(seen(), (NOT_COORDINATOR, LOADING, false, false));
    kafka.move_coordinator("a", 2);
    assert_eq!(seen(), (NOT_COORDINATOR, 0, false, true));
    kafka.shutdown().await;
}

#[tokio::test]
async fn what_is_deleted_leaves_nothing_behind() {
    let kafka = groups().await;
    assert_eq!(commits(&kafka, (1, "a")), (0, 1));
    kafka.delete_topic("orders");
    assert_eq!(commits(&kafka, (1, "a")), (0, 0));
    assert!(kafka.expected().is_empty());
    kafka.delete_group("a");
    assert_eq!(commits(&kafka, (1, "a")), (0, 0));
    assert_eq!(commits(&kafka, (2, "a")), (NOT_COORDINATOR, 0));
    kafka.shutdown().await;
}

#[tokio::test]
async fn a_version_nobody_knows_is_answered_with_those_known() {
    let kafka = groups().await;
    // The request is ApiVersions version 99 with the correlation id 7.
    let mut connection = Connection::to(&address(&kafka, 1)).unwrap();
    let mut answer = connection
        .exchange(&[0, 18, 0, 99, 0, 0, 0, 7, 0, 0])
        .unwrap();
    assert_eq!(answer.get_i32(), 7);
    let answer = ApiVersionsResponse::decode::<Bytes>(&mut answer, 0).unwrap();
    assert_eq!((answer.error_code, answer.api_keys.len()), (35, 1));
    kafka.shutdown().await;
}

/// Returns a stand-in with groups `a` and `c` on node 1 and `b` on node 2; `a` has committed on `orders`.
async fn groups() -> StandIn {
    StandIn::builder()
        .nodes(2)
        .topic("orders", 1, |_| PartitionSpec::ending_at(5))
        .group(
            "a",
            GroupSpec::classic()
                .coordinated_by(1)
                .committed("orders", 0, 3),
        )
        .group("b", GroupSpec::classic().coordinated_by(2))
        .group("c", GroupSpec::classic().coordinated_by(1))
        .start()
        .await
}

fn address(kafka: &StandIn, node: usize) -> String {
    kafka
        .bootstrap()
        .split(',')
        .nth(node - 1)
        .expect("a node")
        .to_owned()
}

/// Returns the error code of a group on a node, and the number of topics on which it has commits.
fn commits(kafka: &StandIn, (node, group): (usize, &'static str)) -> (i16, usize) {
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(GroupId(StrBytes::from_static_str(group)))
        .with_topics(None);
    let request = OffsetFetchRequest::default().with_groups(vec![group]);
    let answer = ask(&address(kafka, node), 8, &request).expect("an answer");
    (answer.groups[0].error_code, answer.groups[0].topics.len())
}

/// Returns the error code and the high watermark of each partition, as node 1 answers.
fn ends(kafka: &StandIn, topic: &'static str, n: i32) -> Vec<(i16, i64)> {
    let partition = |p| {
        ListOffsetsPartition::default()
            .with_partition_index(p)
            .with_timestamp(-1)
    };
    let topic = ListOffsetsTopic::default()
        .with_name(TopicName(StrBytes::from_static_str(topic)))
        .with_partitions((0..n).map(partition).collect());
    let request = ListOffsetsRequest::default().with_topics(vec![topic]);
    let answer = ask(&address(kafka, 1), 5, &request).expect("an answer");
    answer.topics[0]
        .partitions
        .iter()
        .map(|p| (p.error_code, p.offset))
        .collect()
}
