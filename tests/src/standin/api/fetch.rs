//! `Fetch`: records, after the wait that the reader asks for.

use std::{future::Future, time::Duration};

use bytes::{Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        BrokerId, FetchRequest, FetchResponse, TopicName,
        fetch_request::{FetchPartition, FetchTopic},
        fetch_response::{FetchableTopicResponse, LeaderIdAndEpoch, NodeEndpoint, PartitionData},
    },
    protocol::Decodable,
};
use tokio::time::{Instant, timeout_at};

use crate::standin::{
    answer::{self, RequestContext, RequestHead},
    batch::{Allowance, FirstBatch, Log},
    cluster::Cluster,
    code,
    fault::FaultSite,
    server::Shared,
};

/// The first version of `Fetch` in which topics are named by id.
const FIRST_BY_ID: i16 = 13;
/// The first version of `Fetch` in which a refusal names the leader.
const FIRST_WITH_LEADER: i16 = 16;

/// The answer from one pass over the request, with the numbers of its bytes and of its errors.
struct Pass {
    response: FetchResponse,
    n_bytes: usize,
    n_errors: usize,
}

/// Answers as soon as there are enough bytes or an error, or the reader's waiting time is over.
pub(crate) async fn answer(
    shared: &Shared,
    asked: &RequestHead,
    body: &mut Bytes,
) -> anyhow::Result<Option<BytesMut>> {
    let request = FetchRequest::decode(body, asked.version)?;
    let patience = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    let deadline = Instant::now() + patience;
    let wanted = usize::try_from(request.min_bytes).unwrap_or(0);
    let mut changes = shared.cluster.subscribe();
    // Faults are drawn once, because waiting must not raise the share of answers with faults.
    let injected = draw(&asked.of(&changes.borrow()), &request);
    loop {
        let pass = pass(&asked.of(&changes.borrow_and_update()), &request, &injected);
        let is_enough = pass.n_bytes >= wanted || pass.n_errors > 0;
        if is_enough || !changed_before(deadline, changes.changed()).await {
            return answer::encode(asked.correlation_id, asked.version, &pass.response).map(Some);
        }
    }
}

async fn changed_before<E>(
    deadline: Instant,
    changed: impl Future<Output = Result<(), E>>,
) -> bool {
    matches!(timeout_at(deadline, changed).await, Ok(Ok(())))
}

/// Returns the error code that faults put at each partition, in the order of the request.
fn draw(context: &RequestContext<'_>, request: &FetchRequest) -> Vec<i16> {
    let topics = request.topics.iter();
    let partitions = topics.flat_map(|topic| {
        let name = name_of(context.cluster, context.version, topic);
        topic.partitions.iter().map(move |partition| {
            context.fault(FaultSite::Partition(
                &name.clone().unwrap_or_default(),
                partition.partition,
            ))
        })
    });
    partitions.collect()
}

fn name_of(cluster: &Cluster, version: i16, topic: &FetchTopic) -> Option<TopicName> {
    match version {
        ..FIRST_BY_ID => Some(topic.topic.clone()),
        _ => cluster.ids.get(&topic.topic_id).cloned().map(TopicName),
    }
}

fn pass(context: &RequestContext<'_>, request: &FetchRequest, injected: &[i16]) -> Pass {
    let limit = usize::try_from(request.max_bytes).unwrap_or(0);
    let (mut n_bytes, mut n_errors) = (0, 0);
    let mut injected = injected.iter().copied();
    let mut endpoints = Vec::new();
    let topics = request.topics.iter().map(|topic| {
        let name = name_of(context.cluster, context.version, topic);
        let partitions = topic.partitions.iter().map(|partition| {
            let wanted = Wanted {
                partition,
                isolation_level: request.isolation_level,
                left: limit.saturating_sub(n_bytes),
                first: if n_bytes == 0 {
                    FirstBatch::WhateverItsSize
                } else {
                    FirstBatch::WithinAllowance
                },
            };
            let answer = match injected.next().unwrap_or(0) {
                0 => read(context, name.as_deref(), &wanted),
                code => refuse(partition, code),
            };
            n_bytes += answer.records.as_ref().map_or(0, Bytes::len);
            n_errors += usize::from(answer.error_code != 0);
            endpoints.extend(endpoint(context.cluster, answer.current_leader.leader_id));
            answer
        });
        let partitions = partitions.collect();
        FetchableTopicResponse::default()
            .with_topic(topic.topic.clone())
            .with_topic_id(topic.topic_id)
            .with_partitions(partitions)
    });
    let topics = topics.collect();
    endpoints.dedup();
    let response = FetchResponse::default()
        .with_responses(topics)
        .with_node_endpoints(endpoints);
    Pass {
        response,
        n_bytes,
        n_errors,
    }
}

/// One partition's part of a request.
struct Wanted<'a> {
    partition: &'a FetchPartition,
    isolation_level: i8,
    /// The number of bytes by which the answer as a whole may still grow.
    left: usize,
    first: FirstBatch,
}

fn read(
    context: &RequestContext<'_>,
    topic: Option<&kafka_protocol::protocol::StrBytes>,
    wanted: &Wanted<'_>,
) -> PartitionData {
    let asked = wanted.partition;
    let Some(topic) = topic else {
        return refuse(asked, code::UNKNOWN_TOPIC_ID);
    };
    let Some((topic, partition)) = context.cluster.partition(topic, asked.partition) else {
        return refuse(asked, code::UNKNOWN_TOPIC_OR_PARTITION);
    };
    let refusal = partition.refusal(context.node, asked.current_leader_epoch);
    if refusal != 0 {
        let answer = refuse(asked, refusal);
        let leader = LeaderIdAndEpoch::default()
            .with_leader_id(BrokerId(partition.leader))
            .with_leader_epoch(partition.leader_epoch);
        let is_told = context.version >= FIRST_WITH_LEADER && refusal != code::UNKNOWN_LEADER_EPOCH;
        return if is_told {
            answer.with_current_leader(leader)
        } else {
            answer
        };
    }
    if !(partition.log_start..=partition.high_watermark).contains(&asked.fetch_offset) {
        return refuse(asked, code::OFFSET_OUT_OF_RANGE);
    }
    let limit = usize::try_from(asked.partition_max_bytes)
        .unwrap_or(0)
        .min(wanted.left);
    let log = Log {
        topic,
        partition,
        end: partition.end(wanted.isolation_level),
    };
    let allowance = Allowance {
        bytes: limit,
        first_batch: wanted.first,
    };
    let (records, span) = log.read(asked.fetch_offset, allowance);
    let aborted = (wanted.isolation_level == 1).then(|| log.aborted(span));
    PartitionData::default()
        .with_partition_index(asked.partition)
        .with_high_watermark(partition.high_watermark)
        .with_last_stable_offset(partition.last_stable())
        .with_log_start_offset(partition.log_start)
        .with_aborted_transactions(aborted)
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(records))
}

fn refuse(asked: &FetchPartition, code: i16) -> PartitionData {
    // As in Kafka, a partition that cannot be found has an empty list of aborted transactions; other refused partitions have none.
    let is_unknown = matches!(
        code,
        code::UNKNOWN_TOPIC_OR_PARTITION | code::UNKNOWN_TOPIC_ID
    );
    PartitionData::default()
        .with_partition_index(asked.partition)
        .with_error_code(code)
        .with_high_watermark(-1)
        .with_last_stable_offset(-1)
        .with_log_start_offset(-1)
        .with_aborted_transactions(is_unknown.then(Vec::new))
        .with_preferred_read_replica(BrokerId(-1))
        .with_records(Some(Bytes::new()))
}

fn endpoint(cluster: &Cluster, leader: BrokerId) -> Option<NodeEndpoint> {
    let node = cluster.nodes.get(&leader.0)?;
    Some(
        NodeEndpoint::default()
            .with_node_id(leader)
            .with_host(node.host.clone())
            .with_port(i32::from(node.port)),
    )
}
