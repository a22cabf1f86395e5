//! `Produce`: appends records, which can be read at once.

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ProduceRequest, ProduceResponse, TopicName,
        produce_request::PartitionProduceData,
        produce_response::{PartitionProduceResponse, TopicProduceResponse},
    },
    records::{Record, RecordBatchDecoder},
};

use crate::standin::{
    answer::RequestHead,
    cluster::Cluster,
    code,
    fault::FaultSite,
    records::{Slot, SlotKind, SlotValue},
    server::Shared,
};

/// The first version of `Produce` in which topics are named by id.
const FIRST_BY_ID: i16 = 13;

/// Appends the records; a producer that wants no acknowledgement gets no answer.
pub(crate) fn answer(
    shared: &Shared,
    asked: &RequestHead,
    body: &mut Bytes,
) -> anyhow::Result<Option<BytesMut>> {
    let mut acks = 0;
    let answer = asked.changed_by(shared, body, |asked, cluster, request: ProduceRequest| {
        acks = request.acks;
        append(asked, cluster, request)
    })?;
    Ok(answer.filter(|_| acks != 0))
}

fn append(asked: &RequestHead, cluster: &mut Cluster, request: ProduceRequest) -> ProduceResponse {
    let responses = request.topic_data.into_iter().map(|topic| {
        let name = match asked.version {
            ..FIRST_BY_ID => topic.name.clone(),
            _ => TopicName(
                cluster
                    .ids
                    .get(&topic.topic_id)
                    .cloned()
                    .unwrap_or_default(),
            ),
        };
        let partitions = topic.partition_data.into_iter();
        let partitions = partitions.map(|data| append_to(asked, cluster, &name, data));
        TopicProduceResponse::default()
            .with_partition_responses(partitions.collect())
            .with_name(topic.name)
            .with_topic_id(topic.topic_id)
    });
    ProduceResponse::default().with_responses(responses.collect())
}

fn append_to(
    asked: &RequestHead,
    cluster: &mut Cluster,
    topic: &str,
    data: PartitionProduceData,
) -> PartitionProduceResponse {
    let answer = PartitionProduceResponse::default()
        .with_index(data.index)
        .with_log_append_time_ms(-1)
        .with_base_offset(-1);
    let injected = asked
        .faults
        .code_at(FaultSite::Partition(topic, data.index));
    let records = data
        .records
        .map(|mut bytes| RecordBatchDecoder::decode_all(&mut bytes));
    match (cluster.partition_mut(topic, data.index), records) {
        _ if injected != 0 => answer.with_error_code(injected),
        (None, _) if topic.is_empty() => answer.with_error_code(code::UNKNOWN_TOPIC_ID),
        (None, _) => answer.with_error_code(code::UNKNOWN_TOPIC_OR_PARTITION),
        (Some(partition), _) if partition.leader != asked.node => {
            answer.with_error_code(code::NOT_LEADER_OR_FOLLOWER)
        }
        (Some(_), Some(Err(_)) | None) => answer.with_error_code(code::CORRUPT_MESSAGE),
        (Some(partition), Some(Ok(batches))) => {
            let records = batches.into_iter().flat_map(|batch| batch.records);
            let first = partition.append(records.map(as_slot).collect());
            answer
                .with_base_offset(first)
                .with_log_start_offset(partition.log_start)
        }
    }
}

fn as_slot(record: Record) -> Slot {
    Slot {
        timestamp: record.timestamp,
        kind: SlotKind::Plain,
        key: record.key,
        value: SlotValue::Bytes(record.value.unwrap_or_default()),
    }
}
