//! Requests about groups and their commits.

use e2e::standin::Api;
use kafka_protocol::messages::{
    ConsumerGroupDescribeRequest, DescribeGroupsRequest, GroupId, ListGroupsRequest,
    OffsetCommitRequest, OffsetFetchRequest,
    offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic},
    offset_fetch_request::{
        OffsetFetchRequestGroup, OffsetFetchRequestTopic, OffsetFetchRequestTopics,
    },
};

use super::super::fixture::topic_name;
use super::{Answered, in_versions, string};

const GROUPS: [&str; 6] = [
    "g-simple", "g-one", "g-live", "g-next", "g-left", "g-absent",
];

pub(super) fn ask_all(address: &str) -> Vec<Answered> {
    let mut answered = list(address);
    answered.extend(describe(address));
    answered.extend(fetch(address));
    answered.extend(commit(address));
    answered
}

fn list(address: &str) -> Vec<Answered> {
    let all = ListGroupsRequest::default();
    let empty = || vec![string("empty")];
    let questions = [
        (0, "all", all.clone()),
        (4, "empty ones", all.clone().with_states_filter(empty())),
        (
            5,
            "KIP-848 ones",
            all.clone().with_types_filter(vec![string("consumer")]),
        ),
        (
            5,
            "classic ones",
            all.with_types_filter(vec![string("Classic")]),
        ),
    ];
    let answered = questions.into_iter().flat_map(|(first, what, request)| {
        let asked = (Api::ListGroups, first, what);
        in_versions(
            address,
            asked,
            |_| request.clone(),
            |answer| {
                answer
                    .groups
                    .sort_by_key(|group| group.group_id.to_string());
            },
        )
    });
    answered.collect()
}

fn describe(address: &str) -> Vec<Answered> {
    let answered = GROUPS.into_iter().flat_map(|group| {
        let groups = vec![GroupId(string(group))];
        let classic = DescribeGroupsRequest::default().with_groups(groups.clone());
        let consumer = ConsumerGroupDescribeRequest::default().with_group_ids(groups);
        let asked = (Api::DescribeGroups, 0, group);
        let mut answered = in_versions(address, asked, |_| classic.clone(), |_| {});
        let asked = (Api::ConsumerGroupDescribe, 0, group);
        answered.extend(in_versions(
            address,
            asked,
            |_| consumer.clone(),
            |answer| {
                for member in answer
                    .groups
                    .iter_mut()
                    .flat_map(|group| &mut group.members)
                {
                    let parts = [&mut member.assignment, &mut member.target_assignment];
                    for topic in parts
                        .into_iter()
                        .flat_map(|part| &mut part.topic_partitions)
                    {
                        topic.partitions.sort_unstable();
                    }
                }
            },
        ));
        answered
    });
    answered.collect()
}

fn fetch(address: &str) -> Vec<Answered> {
    let some: &[(&str, &[i32])] = &[("orders", &[0, 2, 7]), ("absent", &[0])];
    let answered = GROUPS.into_iter().flat_map(|group| {
        let all = fetch_of(address, (2, group, "all"), None);
        let some = fetch_of(address, (1, group, "some"), Some(some));
        all.into_iter().chain(some)
    });
    answered.collect()
}

fn fetch_of(
    address: &str,
    (first, group, what): (i16, &str, &str),
    topics: Option<&[(&str, &[i32])]>,
) -> Vec<Answered> {
    let request = |version| {
        let group_id = GroupId(string(group));
        if version < 8 {
            let topics = topics.map(|topics| {
                let topics = topics.iter().map(|(topic, partitions)| {
                    OffsetFetchRequestTopic::default()
                        .with_name(topic_name(topic))
                        .with_partition_indexes(partitions.to_vec())
                });
                topics.collect()
            });
            return OffsetFetchRequest::default()
                .with_group_id(group_id)
                .with_topics(topics);
        }
        let topics = topics.map(|topics| {
            let topics = topics.iter().map(|(topic, partitions)| {
                OffsetFetchRequestTopics::default()
                    .with_name(topic_name(topic))
                    .with_partition_indexes(partitions.to_vec())
            });
            topics.collect()
        });
        let group = OffsetFetchRequestGroup::default()
            .with_group_id(group_id)
            .with_topics(topics);
        OffsetFetchRequest::default().with_groups(vec![group.with_member_epoch(-1)])
    };
    let what = format!("{what} of {group}");
    in_versions(
        address,
        (Api::OffsetFetch, first, &what),
        request,
        |answer| {
            answer.topics.sort_by_key(|topic| topic.name.to_string());
            for topic in &mut answer.topics {
                topic
                    .partitions
                    .sort_by_key(|partition| partition.partition_index);
            }
            for group in &mut answer.groups {
                group.topics.sort_by_key(|topic| topic.name.to_string());
                for topic in &mut group.topics {
                    topic
                        .partitions
                        .sort_by_key(|partition| partition.partition_index);
                }
            }
        },
    )
}

/// Commits offsets that are committed already, and offsets in partitions that do not exist.
fn commit(address: &str) -> Vec<Answered> {
    let questions = [
        ("on a topic", "orders", 0),
        ("on no topic", "absent", 0),
        ("on no partition", "orders", 9),
    ];
    let answered = questions.into_iter().flat_map(|(what, topic, partition)| {
        let partition = OffsetCommitRequestPartition::default()
            .with_partition_index(partition)
            .with_committed_offset(10)
            .with_committed_metadata(Some(string("")));
        let topic = OffsetCommitRequestTopic::default().with_name(topic_name(topic));
        let request = OffsetCommitRequest::default()
            .with_group_id(GroupId(string("g-simple")))
            .with_generation_id_or_member_epoch(-1)
            .with_topics(vec![topic.with_partitions(vec![partition])]);
        in_versions(
            address,
            (Api::OffsetCommit, 2, what),
            |_| request.clone(),
            |_| {},
        )
    });
    answered.collect()
}
