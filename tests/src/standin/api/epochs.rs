//! `OffsetForLeaderEpoch`: the end of a leader's epoch, which readers ask for after a leader has changed. No log of the stand-in
//! is ever truncated, so every epoch ends where the log ends.

use kafka_protocol::messages::{
    OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse,
    offset_for_leader_epoch_request::OffsetForLeaderPartition,
    offset_for_leader_epoch_response::{EpochEndOffset, OffsetForLeaderTopicResult},
};

use crate::standin::{answer::RequestContext, code, fault::FaultSite};

pub(crate) fn answer(
    context: &RequestContext<'_>,
    request: &OffsetForLeaderEpochRequest,
) -> OffsetForLeaderEpochResponse {
    let topics = request.topics.iter().map(|topic| {
        let partitions = topic
            .partitions
            .iter()
            .map(|wanted| end(context, &topic.topic, wanted));
        OffsetForLeaderTopicResult::default()
            .with_topic(topic.topic.clone())
            .with_partitions(partitions.collect())
    });
    OffsetForLeaderEpochResponse::default().with_topics(topics.collect())
}

fn end(
    context: &RequestContext<'_>,
    topic: &str,
    wanted: &OffsetForLeaderPartition,
) -> EpochEndOffset {
    let answer = EpochEndOffset::default().with_partition(wanted.partition);
    let found = context.cluster.partition(topic, wanted.partition);
    let refusal = found.map_or(code::UNKNOWN_TOPIC_OR_PARTITION, |(_, partition)| {
        partition.refusal(context.node, wanted.current_leader_epoch)
    });
    let code = match context.fault(FaultSite::Partition(topic, wanted.partition)) {
        0 => refusal,
        injected => injected,
    };
    match found {
        Some((_, partition)) if code == 0 && wanted.leader_epoch <= partition.leader_epoch => {
            answer
                .with_leader_epoch(wanted.leader_epoch)
                .with_end_offset(partition.high_watermark)
        }
        _ => answer.with_error_code(code),
    }
}
