//! `DescribeGroups` and `ConsumerGroupDescribe`: the members of groups and their assignments.

use bytes::{BufMut, Bytes, BytesMut};
use kafka_protocol::{
    messages::{
        ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse, ConsumerProtocolAssignment,
        ConsumerProtocolSubscription, DescribeGroupsRequest, DescribeGroupsResponse, GroupId,
        TopicName, consumer_group_describe_response as described_consumer,
        consumer_protocol_assignment::TopicPartition,
        describe_groups_response::{DescribedGroup, DescribedGroupMember},
    },
    protocol::{Encodable, StrBytes},
};

use crate::standin::{
    answer::RequestContext,
    cluster::Group,
    code,
    fault::FaultSite,
    group_spec::{GroupKind, GroupState, MemberSpec},
    protocol::text,
};

/// The value with which Kafka says that operations were not asked for.
const NO_OPERATIONS: i32 = i32::MIN;
/// The greatest length in bytes of a text in an answer.
const MAX_TEXT: usize = 32_767;
/// The version of the subscriptions and assignments that members store in the coordinator.
const MEMBER_VERSION: i16 = 0;
/// The first version of `DescribeGroups` in which a group that does not exist is an error instead of a dead group.
const FIRST_WITH_NOT_FOUND: i16 = 6;

pub(crate) fn describe_classic(
    context: &RequestContext<'_>,
    request: &DescribeGroupsRequest,
) -> DescribeGroupsResponse {
    let cannot_be_written = |name: &GroupId| {
        let group = context.cluster.group(name);
        group.is_some_and(|group| group.members.iter().any(|it| it.member_id.len() > MAX_TEXT))
    };
    if request.groups.iter().any(cannot_be_written) {
        // As in Kafka, the failure of writing the answer is answered for all groups of the request.
        let failed = request.groups.iter().map(|name| {
            DescribedGroup::default()
                .with_group_id(name.clone())
                .with_error_code(code::UNKNOWN_SERVER_ERROR)
        });
        return DescribeGroupsResponse::default().with_groups(failed.collect());
    }
    let groups = request.groups.iter().map(|name| classic(context, name));
    DescribeGroupsResponse::default().with_groups(groups.collect())
}

fn classic(context: &RequestContext<'_>, name: &GroupId) -> DescribedGroup {
    let answer = DescribedGroup::default().with_authorized_operations(NO_OPERATIONS);
    let code = refusal(context, name);
    let answer = answer.with_group_id(name.clone());
    let complaint = match context.cluster.group(name) {
        _ if code != 0 => return answer.with_error_code(code),
        Some(group) if group.kind == GroupKind::Classic => {
            return answer
                .with_group_state(StrBytes::from_static_str(group.state.as_str()))
                .with_protocol_type(group.protocol_type.clone())
                .with_protocol_data(text(if group.has_protocol() { "range" } else { "" }))
                .with_members(group.members.iter().map(classic_member).collect());
        }
        Some(_) => format!("Group {} is not a classic group.", &**name),
        None => format!("Group {} not found.", &**name),
    };
    let answer = answer.with_group_state(text("Dead"));
    if context.version < FIRST_WITH_NOT_FOUND {
        return answer;
    }
    answer
        .with_error_code(code::GROUP_ID_NOT_FOUND)
        .with_error_message(Some(text(&complaint)))
}

fn classic_member(member: &MemberSpec) -> DescribedGroupMember {
    let topics = member.assignment.iter().map(|(topic, _)| text(topic));
    let subscription = ConsumerProtocolSubscription::default().with_topics(topics.collect());
    DescribedGroupMember::default()
        .with_member_id(text(&member.member_id))
        .with_group_instance_id(member.instance_id.as_deref().map(text))
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.host))
        .with_member_metadata(stored(&subscription))
        .with_member_assignment(assignment(member))
}

/// Returns the bytes of the assignment that the leader of a group has stored for a member.
pub(crate) fn assignment(member: &MemberSpec) -> Bytes {
    if let Some(bytes) = &member.stored {
        return bytes.clone();
    }
    let assigned = member.assignment.iter().map(|(topic, partitions)| {
        TopicPartition::default()
            .with_topic(TopicName(text(topic)))
            .with_partitions(partitions.clone())
    });
    let assignment =
        ConsumerProtocolAssignment::default().with_assigned_partitions(assigned.collect());
    // The user data is empty, as members with librdkafka store it; Java's client stores none.
    let assignment = assignment.with_user_data(Some(Bytes::new()));
    stored(&assignment)
}

/// Returns the bytes that a classic member stores: the version, then the message.
fn stored(message: &impl Encodable) -> Bytes {
    let mut bytes = BytesMut::new();
    bytes.put_i16(MEMBER_VERSION);
    message
        .encode(&mut bytes, MEMBER_VERSION)
        .expect("memory takes any message");
    bytes.freeze()
}

pub(crate) fn describe_consumer(
    context: &RequestContext<'_>,
    request: &ConsumerGroupDescribeRequest,
) -> ConsumerGroupDescribeResponse {
    let groups = request.group_ids.iter().map(|name| consumer(context, name));
    ConsumerGroupDescribeResponse::default().with_groups(groups.collect())
}

fn consumer(context: &RequestContext<'_>, name: &GroupId) -> described_consumer::DescribedGroup {
    let answer = described_consumer::DescribedGroup::default()
        .with_group_id(name.clone())
        .with_authorized_operations(NO_OPERATIONS);
    let code = refusal(context, name);
    let complaint = match context.cluster.group(name) {
        _ if code != 0 => return answer.with_error_code(code),
        Some(group) if group.kind == GroupKind::Consumer => {
            let members = group
                .members
                .iter()
                .map(|member| consumer_member(context, member));
            return answer
                .with_group_state(StrBytes::from_static_str(group.state.as_str()))
                .with_group_epoch(1)
                .with_assignment_epoch(1)
                .with_assignor_name(text("uniform"))
                .with_members(members.collect());
        }
        Some(_) => format!("Group {} is not a consumer group.", &**name),
        None => format!("Group {} not found.", &**name),
    };
    answer
        .with_error_code(code::GROUP_ID_NOT_FOUND)
        .with_error_message(Some(text(&complaint)))
}

fn consumer_member(
    context: &RequestContext<'_>,
    member: &MemberSpec,
) -> described_consumer::Member {
    let topics = member.assignment.iter();
    let names = topics.clone().map(|(topic, _)| TopicName(text(topic)));
    let assigned = topics.map(|(topic, partitions)| {
        let id = context
            .cluster
            .topic(topic)
            .map(|topic| topic.id)
            .unwrap_or_default();
        described_consumer::TopicPartitions::default()
            .with_topic_id(id)
            .with_topic_name(TopicName(text(topic)))
            .with_partitions(partitions.clone())
    });
    let assignment = described_consumer::Assignment::default();
    let assignment = assignment.with_topic_partitions(assigned.collect());
    described_consumer::Member::default()
        .with_member_id(text(&member.member_id))
        .with_instance_id(member.instance_id.as_deref().map(text))
        .with_member_epoch(1)
        .with_client_id(text(&member.client_id))
        .with_client_host(text(&member.host))
        .with_subscribed_topic_names(names.collect())
        .with_subscribed_topic_regex(Some(StrBytes::new()))
        .with_assignment(assignment.clone())
        .with_target_assignment(assignment)
        .with_member_type(1)
}

fn refusal(context: &RequestContext<'_>, group: &str) -> i16 {
    match context.fault(FaultSite::Group(group)) {
        0 => context.cluster.refusal(context.node, group),
        injected => injected,
    }
}

// === impl Group ===

impl Group {
    /// Returns true if the members have agreed on a protocol for the assignment.
    fn has_protocol(&self) -> bool {
        matches!(
            self.state,
            GroupState::Stable | GroupState::CompletingRebalance
        )
    }
}
