//! `OffsetFetch` and `OffsetCommit`: committed offsets.

use kafka_protocol::{
    messages::{
        GroupId, OffsetCommitRequest, OffsetCommitResponse, OffsetFetchRequest,
        OffsetFetchResponse, TopicName,
        offset_commit_response::{OffsetCommitResponsePartition, OffsetCommitResponseTopic},
        offset_fetch_request::{OffsetFetchRequestGroup, OffsetFetchRequestTopics},
        offset_fetch_response::{
            OffsetFetchResponseGroup, OffsetFetchResponsePartition, OffsetFetchResponsePartitions,
            OffsetFetchResponseTopic, OffsetFetchResponseTopics,
        },
    },
    protocol::StrBytes,
};

use crate::standin::{
    answer::{RequestContext, RequestHead},
    cluster::Cluster,
    code,
    fault::FaultSite,
};

/// The first version of `OffsetFetch` in which a request may ask for several groups.
const FIRST_OF_SEVERAL: i16 = 8;
/// The first version of `OffsetFetch` in which the group itself has an error code.
const FIRST_WITH_CODE: i16 = 2;

pub(crate) fn fetch(
    context: &RequestContext<'_>,
    request: &OffsetFetchRequest,
) -> OffsetFetchResponse {
    if context.version >= FIRST_OF_SEVERAL {
        let groups = request
            .groups
            .iter()
            .map(|group| fetch_group(context, group));
        return OffsetFetchResponse::default().with_groups(groups.collect());
    }
    let topics = request.topics.as_ref().map(|topics| {
        let several = topics.iter().map(|topic| {
            OffsetFetchRequestTopics::default()
                .with_name(topic.name.clone())
                .with_partition_indexes(topic.partition_indexes.clone())
        });
        several.collect()
    });
    let group = OffsetFetchRequestGroup::default()
        .with_group_id(request.group_id.clone())
        .with_topics(topics);
    let mut answer = fetch_group(context, &group);
    if context.version < FIRST_WITH_CODE {
        answer.topics.extend(refused(&group, answer.error_code));
        answer.error_code = 0;
    }
    OffsetFetchResponse::default()
        .with_error_code(answer.error_code)
        .with_topics(answer.topics.into_iter().map(as_before_several).collect())
}

/// Returns the topics of a refused request, with the error code in each partition; none if `code` is 0.
fn refused(
    request: &OffsetFetchRequestGroup,
    code: i16,
) -> impl Iterator<Item = OffsetFetchResponseTopics> {
    let topics = request.topics.iter().flatten().filter(move |_| code != 0);
    topics.map(move |topic| {
        let partitions = topic.partition_indexes.iter().map(|partition| {
            OffsetFetchResponsePartitions::default()
                .with_partition_index(*partition)
                .with_committed_offset(-1)
                .with_metadata(Some(StrBytes::new()))
                .with_error_code(code)
        });
        OffsetFetchResponseTopics::default()
            .with_name(topic.name.clone())
            .with_partitions(partitions.collect())
    })
}

fn as_before_several(topic: OffsetFetchResponseTopics) -> OffsetFetchResponseTopic {
    let partitions = topic.partitions.into_iter().map(|partition| {
        OffsetFetchResponsePartition::default()
            .with_partition_index(partition.partition_index)
            .with_committed_offset(partition.committed_offset)
            .with_committed_leader_epoch(partition.committed_leader_epoch)
            .with_metadata(partition.metadata)
            .with_error_code(partition.error_code)
    });
    OffsetFetchResponseTopic::default()
        .with_name(topic.name)
        .with_partitions(partitions.collect())
}

fn fetch_group(
    context: &RequestContext<'_>,
    request: &OffsetFetchRequestGroup,
) -> OffsetFetchResponseGroup {
    let name: &GroupId = &request.group_id;
    let answer = OffsetFetchResponseGroup::default().with_group_id(name.clone());
    let code = match context.fault(FaultSite::Group(name)) {
        0 => context.cluster.refusal(context.node, name),
        injected => injected,
    };
    if code != 0 {
        return answer.with_error_code(code);
    }
    let group = context.cluster.group(name);
    let commits_of = |topic: &[u8]| group.and_then(|group| group.commits.get(topic));
    let topics = if let Some(wanted) = &request.topics {
        let wanted = wanted.iter().map(|wanted| {
            let commits = commits_of(wanted.name.as_bytes());
            let offset = |p: &i32| commits.and_then(|c| c.get(p)).copied().unwrap_or(-1);
            let partitions = wanted.partition_indexes.iter().map(|p| (*p, offset(p)));
            topic(context, &wanted.name.0, partitions)
        });
        wanted.collect()
    } else {
        let all = group.into_iter().flat_map(|group| &group.commits);
        let all = all.map(|(name, partitions)| {
            topic(
                context,
                name,
                partitions.iter().map(|(p, offset)| (*p, *offset)),
            )
        });
        all.collect()
    };
    answer.with_topics(topics)
}

fn topic(
    context: &RequestContext<'_>,
    name: &StrBytes,
    offsets: impl Iterator<Item = (i32, i64)>,
) -> OffsetFetchResponseTopics {
    let partitions = offsets.map(|(partition, offset)| {
        let code = context.fault(FaultSite::Partition(name, partition));
        OffsetFetchResponsePartitions::default()
            .with_partition_index(partition)
            .with_committed_offset(if code == 0 { offset } else { -1 })
            .with_committed_leader_epoch(-1)
            .with_metadata(Some(StrBytes::new()))
            .with_error_code(code)
    });
    OffsetFetchResponseTopics::default()
        .with_name(TopicName(name.clone()))
        .with_partitions(partitions.collect())
}

/// Stores commits of any sender: members and generations are not checked.
pub(crate) fn commit(
    asked: &RequestHead,
    cluster: &mut Cluster,
    request: OffsetCommitRequest,
) -> OffsetCommitResponse {
    let refusal = cluster.refusal(asked.node, &request.group_id);
    let topics = request.topics.into_iter().map(|topic| {
        let partitions = topic.partitions.iter().map(|partition| {
            let index = partition.partition_index;
            let unknown = cluster.partition(&topic.name, index).is_none();
            let code = match asked
                .faults
                .code_at(FaultSite::Partition(&topic.name, index))
            {
                0 if refusal != 0 => refusal,
                0 if unknown => code::UNKNOWN_TOPIC_OR_PARTITION,
                injected => injected,
            };
            if code == 0 {
                cluster.commit(
                    &request.group_id,
                    &topic.name,
                    (index, partition.committed_offset),
                );
            }
            OffsetCommitResponsePartition::default()
                .with_partition_index(index)
                .with_error_code(code)
        });
        let partitions = partitions.collect();
        OffsetCommitResponseTopic::default()
            .with_name(topic.name)
            .with_partitions(partitions)
    });
    OffsetCommitResponse::default().with_topics(topics.collect())
}
