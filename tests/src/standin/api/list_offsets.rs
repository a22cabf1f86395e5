//! `ListOffsets`: starts and ends of logs, and offsets by timestamp.

use kafka_protocol::messages::{
    ListOffsetsRequest, ListOffsetsResponse, TopicName,
    list_offsets_request::ListOffsetsPartition,
    list_offsets_response::{ListOffsetsPartitionResponse, ListOffsetsTopicResponse},
};

use crate::standin::{
    answer::RequestContext, cluster::Topic, code, fault::FaultSite, partition::Partition,
};

/// The first version of `ListOffsets` in which the answer has the leader's epoch.
const FIRST_WITH_EPOCH: i16 = 4;
const LATEST: i64 = -1;
const EARLIEST: i64 = -2;
const MAX_TIMESTAMP: i64 = -3;

pub(crate) fn answer(
    context: &RequestContext<'_>,
    request: &ListOffsetsRequest,
) -> ListOffsetsResponse {
    let level = request.isolation_level;
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic
            .partitions
            .iter()
            .map(|p| partition(context, &topic.name, level, p));
        let partitions = partitions.collect();
        ListOffsetsTopicResponse::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions)
    });
    ListOffsetsResponse::default().with_topics(topics.collect())
}

fn partition(
    context: &RequestContext<'_>,
    topic: &TopicName,
    level: i8,
    request: &ListOffsetsPartition,
) -> ListOffsetsPartitionResponse {
    let answer = ListOffsetsPartitionResponse::default()
        .with_partition_index(request.partition_index)
        .with_timestamp(-1)
        .with_offset(-1)
        .with_leader_epoch(-1);
    let found = context.cluster.partition(topic, request.partition_index);
    let refusal = found.map_or(code::UNKNOWN_TOPIC_OR_PARTITION, |(_, partition)| {
        partition.refusal(context.node, request.current_leader_epoch)
    });
    let code = match context.fault(FaultSite::Partition(topic, request.partition_index)) {
        0 => refusal,
        injected => injected,
    };
    match found {
        Some((topic, partition)) if code == 0 => {
            match offset(topic, partition, partition.end(level), request.timestamp) {
                Some((offset, timestamp)) => {
                    let is_told = context.version >= FIRST_WITH_EPOCH;
                    answer
                        .with_offset(offset)
                        .with_timestamp(timestamp)
                        .with_leader_epoch(if is_told { partition.leader_epoch } else { -1 })
                }
                None => answer,
            }
        }
        _ => answer.with_error_code(code),
    }
}

/// Returns the offset that a request asks for, with its timestamp. The timestamp is -1 for the start and the end of the log.
fn offset(topic: &Topic, partition: &Partition, end: i64, timestamp: i64) -> Option<(i64, i64)> {
    let time_of = |offset| partition.slot(&topic.records, offset).timestamp;
    match timestamp {
        LATEST => Some((end, -1)),
        EARLIEST => Some((partition.log_start, -1)),
        MAX_TIMESTAMP => {
            let last = end - 1;
            (last >= partition.log_start).then(|| (last, time_of(last)))
        }
        wanted => partition
            .first_at(&topic.records, wanted)
            .filter(|(offset, _)| *offset < end),
    }
}
