//! Requests about logs and topics' settings.

use std::collections::HashMap;

use e2e::lab::raw_kafka::ask;
use e2e::standin::Api;
use kafka_protocol::messages::{
    BrokerId, CreateTopicsRequest, DescribeConfigsRequest, FetchRequest, ListOffsetsRequest,
    MetadataRequest, OffsetForLeaderEpochRequest, ProduceRequest,
    create_topics_request::CreatableTopic,
    describe_configs_request::DescribeConfigsResource,
    fetch_request::{FetchPartition, FetchTopic},
    list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic},
    offset_for_leader_epoch_request::{OffsetForLeaderPartition, OffsetForLeaderTopic},
    produce_request::{PartitionProduceData, TopicProduceData},
};
use uuid::Uuid;

use super::super::fixture::topic_name;
use super::super::records::{self, FIRST_MS};
use super::{Answered, in_versions, string};

pub(super) fn ask_all(address: &str) -> Vec<Answered> {
    let ids = ids(address);
    let mut answered = list_offsets(address);
    answered.extend(fetch(address, &ids));
    answered.extend(epochs(address));
    answered.extend(configs(address));
    answered.extend(refused(address, &ids));
    answered
}

fn ids(address: &str) -> HashMap<String, Uuid> {
    let request = MetadataRequest::default().with_topics(None);
    let topics = ask(address, 12, &request)
        .expect("metadata")
        .topics
        .into_iter();
    topics
        .map(|topic| (topic.name.expect("a name").to_string(), topic.topic_id))
        .collect()
}

fn list_offsets(address: &str) -> Vec<Answered> {
    let at = |seconds: i64, ms: i64| FIRST_MS + seconds * 1_000 + ms;
    let logs = [
        ("orders", 0),
        ("orders", 2),
        ("cut", 0),
        ("tx", 0),
        ("absent", 0),
        ("orders", 9),
    ];
    let times = [at(3, 0), at(12, 1), at(29, 0), at(30, 0)].map(|timestamp| (1, timestamp));
    let mut answered = Vec::new();
    for (first, timestamp) in [(1, -1), (1, -2), (7, -3), (1, 0)].into_iter().chain(times) {
        for (topic, partition) in logs {
            // Lookups by time that would find the markers of this topic are left out: the timestamp of a marker is the time of
            // its writing.
            if topic == "tx" && (timestamp == -3 || timestamp > at(7, 0)) {
                continue;
            }
            for level in [0, 1] {
                let wanted = (topic, partition, timestamp, -1);
                answered.extend(offsets_of(address, (first, level), wanted));
            }
        }
    }
    for epoch in [0, 5] {
        answered.extend(offsets_of(address, (4, 0), ("orders", 0, -1, epoch)));
    }
    answered
}

fn offsets_of(
    address: &str,
    (first, level): (i16, i8),
    (topic, partition, timestamp, epoch): (&str, i32, i64, i32),
) -> Vec<Answered> {
    let what = format!("{topic}-{partition} at {timestamp} level {level} epoch {epoch}");
    let partition = ListOffsetsPartition::default()
        .with_partition_index(partition)
        .with_timestamp(timestamp)
        .with_current_leader_epoch(epoch);
    let topic = ListOffsetsTopic::default()
        .with_name(topic_name(topic))
        .with_partitions(vec![partition]);
    let request = |version| {
        let level = if version < 2 { 0 } else { level };
        ListOffsetsRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_isolation_level(level)
            .with_topics(vec![topic.clone()])
    };
    let asked = (
        Api::ListOffsets,
        first.max(if level == 1 { 2 } else { 1 }),
        &*what,
    );
    in_versions(address, asked, request, |_| {})
}

/// The parameters of a fetch.
#[derive(Clone, Copy)]
struct Wanted {
    topic: &'static str,
    partition: i32,
    offset: i64,
    epoch: i32,
    level: i8,
    max_bytes: i32,
}

fn fetch(address: &str, ids: &HashMap<String, Uuid>) -> Vec<Answered> {
    let orders = |offset| Wanted {
        topic: "orders",
        partition: 0,
        offset,
        epoch: -1,
        level: 0,
        max_bytes: 1 << 20,
    };
    let in_order = [0, 15, 29, 30, 31, -1].map(orders);
    let all = orders(0);
    let odd = [
        // The limit of the first fetch is less than a batch, that of the second fetch just more than one batch.
        Wanted {
            max_bytes: 50,
            ..all
        },
        Wanted {
            max_bytes: 1_400,
            ..orders(3)
        },
        Wanted {
            partition: 2,
            ..all
        },
        Wanted {
            partition: 9,
            ..all
        },
        Wanted { epoch: 0, ..all },
        Wanted { epoch: 5, ..all },
        Wanted {
            topic: "cut",
            ..all
        },
        Wanted {
            topic: "cut",
            ..orders(10)
        },
        Wanted {
            topic: "absent",
            ..all
        },
        Wanted { topic: "tx", ..all },
    ];
    let committed = [0, 8, 10, 12, 13].map(|offset| Wanted {
        topic: "tx",
        level: 1,
        ..orders(offset)
    });
    let questions = in_order.into_iter().chain(odd).chain(committed);
    questions
        .flat_map(|wanted| fetch_of(address, ids, wanted))
        .collect()
}

fn fetch_of(address: &str, ids: &HashMap<String, Uuid>, wanted: Wanted) -> Vec<Answered> {
    let Wanted {
        topic,
        partition,
        offset,
        epoch,
        level,
        max_bytes,
    } = wanted;
    let what = format!(
        "{topic}-{partition} from {offset} level {level} epoch {epoch} up to {max_bytes} bytes"
    );
    let partition = FetchPartition::default()
        .with_partition(partition)
        .with_current_leader_epoch(epoch)
        .with_fetch_offset(offset)
        .with_partition_max_bytes(max_bytes);
    let id = ids.get(topic).copied().unwrap_or(Uuid::from_u128(7));
    let topic = FetchTopic::default()
        .with_topic(topic_name(topic))
        .with_topic_id(id);
    let request = |_| {
        FetchRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_max_wait_ms(50)
            .with_min_bytes(1)
            .with_max_bytes(1 << 20)
            .with_isolation_level(level)
            .with_session_epoch(-1)
            .with_topics(vec![topic.clone().with_partitions(vec![partition.clone()])])
    };
    let first = if epoch >= 0 { 9 } else { 4 };
    in_versions(address, (Api::Fetch, first, &what), request, |answer| {
        for topic in &mut answer.responses {
            for partition in &mut topic.partitions {
                let described = records::describe(partition.records.take());
                partition.records = Some(described.into_bytes().into());
            }
        }
    })
}

fn epochs(address: &str) -> Vec<Answered> {
    let wanted = [("orders", 0), ("orders", 9), ("tx", 0), ("absent", 0)];
    let wanted = wanted
        .into_iter()
        .flat_map(|log| [(log, 0, -1), (log, 0, 0), (log, 5, -1), (log, 0, 5)]);
    let answered = wanted.flat_map(|((topic, partition), epoch, current)| {
        let what = format!("{topic}-{partition} epoch {epoch}, leader's epoch {current}");
        let partition = OffsetForLeaderPartition::default()
            .with_partition(partition)
            .with_leader_epoch(epoch)
            .with_current_leader_epoch(current);
        let topic = OffsetForLeaderTopic::default()
            .with_topic(topic_name(topic))
            .with_partitions(vec![partition]);
        let request = OffsetForLeaderEpochRequest::default()
            .with_replica_id(BrokerId(-1))
            .with_topics(vec![topic]);
        let asked = (Api::OffsetForLeaderEpoch, 2, &*what);
        in_versions(address, asked, |_| request.clone(), |_| {})
    });
    answered.collect()
}

fn configs(address: &str) -> Vec<Answered> {
    let mut answered = Vec::new();
    for topic in ["orders", "kept", "absent"] {
        for keys in [&["cleanup.policy"][..], &["cleanup.policy", "no.such.key"]] {
            let resource = DescribeConfigsResource::default()
                .with_resource_type(2)
                .with_resource_name(string(topic))
                .with_configuration_keys(Some(keys.iter().map(|key| string(key)).collect()));
            let request = DescribeConfigsRequest::default().with_resources(vec![resource]);
            for synonyms in [false, true] {
                let what = format!("{keys:?} of {topic}, synonyms {synonyms}");
                let request = request.clone().with_include_synonyms(synonyms);
                let asked = (Api::DescribeConfigs, 1, &*what);
                answered.extend(in_versions(address, asked, |_| request.clone(), |_| {}));
            }
        }
    }
    answered
}

/// Sends writes that are refused and change nothing.
fn refused(address: &str, ids: &HashMap<String, Uuid>) -> Vec<Answered> {
    let existing = CreatableTopic::default()
        .with_name(topic_name("orders"))
        .with_num_partitions(1)
        .with_replication_factor(1);
    let create = CreateTopicsRequest::default()
        .with_topics(vec![existing])
        .with_timeout_ms(1_000);
    let asked = (Api::CreateTopics, 2, "that exists");
    let mut answered = in_versions(address, asked, |_| create.clone(), |_| {});
    for (topic, partition) in [("absent", 0), ("orders", 9)] {
        let data = PartitionProduceData::default()
            .with_index(partition)
            .with_records(Some(records::batch((0, 1))));
        let id = ids.get(topic).copied().unwrap_or(Uuid::from_u128(7));
        let data = TopicProduceData::default()
            .with_name(topic_name(topic))
            .with_topic_id(id)
            .with_partition_data(vec![data]);
        let request = ProduceRequest::default()
            .with_acks(-1)
            .with_timeout_ms(1_000)
            .with_topic_data(vec![data]);
        let what = format!("to {topic}-{partition}");
        let asked = (Api::Produce, 3, &*what);
        answered.extend(in_versions(address, asked, |_| request.clone(), |_| {}));
    }
    answered
}
