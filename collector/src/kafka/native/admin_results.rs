//! The results of [`AdminRequests`](super::AdminRequests), copied out of librdkafka's events.

use rdkafka::bindings as rd;

use super::describe_topics::DescribedTopic;
use super::partition_list::{PartitionRow, partition_rows};
use super::{
    QueueEvent, borrowed_slice, error_code, exact_text, rd_kafka_ConfigResource_error,
    rd_kafka_ConsumerGroupDescription_state, rd_kafka_ConsumerGroupListing_state,
    rd_kafka_ConsumerGroupListing_type, text,
};
use crate::kafka::error_code::ErrorCode;

/// A result about several groups or topics, by name. The whole request may fail, or a single group or topic.
pub(in crate::kafka) type ResultsByName<T> = Result<Vec<(String, Result<T, ErrorCode>)>, ErrorCode>;

/// The result of one request.
pub(in crate::kafka) enum AdminResult {
    /// The groups that one broker lists, and the error that kept it from listing more, if any.
    Groups(Vec<ListedGroup>, Result<(), ErrorCode>),
    /// The committed offsets of one group.
    Offsets(Result<Vec<CommittedRow>, ErrorCode>),
    /// The members of each group.
    Members(ResultsByName<DescribedGroup>),
    /// The `cleanup.policy` of each topic.
    CleanupPolicies(ResultsByName<String>),
    /// The id of each topic; `None` from a broker that has no ids, which is one before Kafka 2.8.
    TopicIds(ResultsByName<DescribedTopic>),
}

/// A row of a group's committed offsets.
pub(in crate::kafka) struct CommittedRow {
    pub(in crate::kafka) topic: String,
    pub(in crate::kafka) partition: i32,
    /// The committed offset; negative where there is none.
    pub(in crate::kafka) offset: i64,
    /// The error about this partition, which says nothing about the group's other partitions.
    pub(in crate::kafka) code: ErrorCode,
}

/// A group in a broker's listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct ListedGroup {
    /// The name up to its first NUL byte; `None` if that is not UTF-8.
    pub(in crate::kafka) group: Option<String>,
    /// The number of librdkafka's `rd_kafka_consumer_group_state_t`.
    pub(in crate::kafka) state: i32,
    /// The number of librdkafka's `rd_kafka_consumer_group_type_t`.
    pub(in crate::kafka) kind: i32,
}

/// A group as its coordinator describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct DescribedGroup {
    /// The number of librdkafka's `rd_kafka_consumer_group_state_t`.
    pub(in crate::kafka) state: i32,
    pub(in crate::kafka) members: Vec<DescribedMember>,
}

/// A member and its assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct DescribedMember {
    pub(in crate::kafka) consumer_id: String,
    pub(in crate::kafka) client_id: String,
    pub(in crate::kafka) host: String,
    /// The assigned partitions, each as topic and number.
    pub(in crate::kafka) assignment: Vec<(String, i32)>,
}

// === impl QueueEvent ===

impl QueueEvent {
    /// Returns the tag of the request whose result this event is.
    pub(super) fn tag(&self) -> usize {
        // SAFETY: the event is live as long as `self`.
        unsafe { rd::rd_kafka_event_opaque(self.0.as_ptr()) }.addr()
    }

    /// Returns the result of an admin request; `None` for events of other kinds.
    pub(super) fn admin_result(&self) -> Option<AdminResult> {
        let whole = self.code().check();
        Some(match self.kind() {
            rd::RD_KAFKA_EVENT_LISTCONSUMERGROUPS_RESULT => {
                let (groups, partial) = self.groups();
                AdminResult::Groups(groups, whole.and(partial))
            }
            rd::RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT => {
                AdminResult::Offsets(whole.and_then(|()| self.committed()))
            }
            rd::RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT => {
                AdminResult::Members(whole.map(|()| self.described()))
            }
            rd::RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT => {
                AdminResult::CleanupPolicies(whole.map(|()| self.policies()))
            }
            rd::RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT => {
                AdminResult::TopicIds(whole.map(|()| self.topic_ids()))
            }
            _ => return None,
        })
    }

    fn groups(&self) -> (Vec<ListedGroup>, Result<(), ErrorCode>) {
        // SAFETY: an event of this kind; NULL is checked for.
        let result = unsafe { rd::rd_kafka_event_ListConsumerGroups_result(self.0.as_ptr()) };
        if result.is_null() {
            return (Vec::new(), Err(ErrorCode::LOCAL_BAD_MSG));
        }
        let (mut n_groups, mut n_errors) = (0, 0);
        // SAFETY: the result is live as long as the event.
        let groups =
            unsafe { rd::rd_kafka_ListConsumerGroups_result_valid(result, &raw mut n_groups) };
        // SAFETY: the result is live as long as the event.
        let errors =
            unsafe { rd::rd_kafka_ListConsumerGroups_result_errors(result, &raw mut n_errors) };
        // SAFETY: librdkafka gives array and length together; both live as long as the event.
        let (groups, errors) = unsafe {
            (
                borrowed_slice(groups.cast_const(), n_groups),
                borrowed_slice(errors.cast_const(), n_errors),
            )
        };
        let listed = groups
            .iter()
            .map(|&group| ListedGroup {
                // SAFETY: a live listing, and copied at once.
                group: unsafe { exact_text(rd::rd_kafka_ConsumerGroupListing_group_id(group)) }
                    .map(str::to_owned),
                // SAFETY: a live listing.
                state: unsafe { rd_kafka_ConsumerGroupListing_state(group) },
                // SAFETY: a live listing.
                kind: unsafe { rd_kafka_ConsumerGroupListing_type(group) },
            })
            .collect();
        (
            listed,
            errors.iter().try_for_each(|&error| error_code(error)),
        )
    }

    fn committed(&self) -> Result<Vec<CommittedRow>, ErrorCode> {
        // SAFETY: an event of this kind; NULL is checked for.
        let result = unsafe { rd::rd_kafka_event_ListConsumerGroupOffsets_result(self.0.as_ptr()) };
        if result.is_null() {
            return Err(ErrorCode::LOCAL_BAD_MSG);
        }
        let mut n = 0;
        // SAFETY: the result is live as long as the event.
        let groups =
            unsafe { rd::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut n) };
        // SAFETY: librdkafka gives array and length together.
        let Some(&group) = unsafe { borrowed_slice(groups.cast_const(), n) }.first() else {
            return Err(ErrorCode::LOCAL_BAD_MSG);
        };
        // SAFETY: a live group result.
        error_code(unsafe { rd::rd_kafka_group_result_error(group) })?;
        // SAFETY: a live group result.
        let list = unsafe { rd::rd_kafka_group_result_partitions(group) };
        // SAFETY: NULL or live as long as the event.
        let rows = unsafe { partition_rows(list) };
        Ok(rows
            .into_iter()
            .map(
                |PartitionRow {
                     topic,
                     partition,
                     offset,
                     code,
                 }| CommittedRow {
                    topic,
                    partition,
                    offset,
                    code,
                },
            )
            .collect())
    }

    fn described(&self) -> Vec<(String, Result<DescribedGroup, ErrorCode>)> {
        // SAFETY: an event of this kind; NULL gives no groups.
        let result = unsafe { rd::rd_kafka_event_DescribeConsumerGroups_result(self.0.as_ptr()) };
        if result.is_null() {
            return Vec::new();
        }
        let mut n = 0;
        // SAFETY: the result is live as long as the event.
        let groups =
            unsafe { rd::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut n) };
        // SAFETY: librdkafka gives array and length together.
        let groups = unsafe { borrowed_slice(groups.cast_const(), n) };
        groups
            .iter()
            .map(|&group| {
                // SAFETY: a live description.
                let name = text(unsafe { rd::rd_kafka_ConsumerGroupDescription_group_id(group) });
                // SAFETY: a live description.
                let error =
                    error_code(unsafe { rd::rd_kafka_ConsumerGroupDescription_error(group) });
                (name, error.map(|()| described(group)))
            })
            .collect()
    }

    fn policies(&self) -> Vec<(String, Result<String, ErrorCode>)> {
        // SAFETY: an event of this kind; NULL gives no resources.
        let result = unsafe { rd::rd_kafka_event_DescribeConfigs_result(self.0.as_ptr()) };
        if result.is_null() {
            return Vec::new();
        }
        let mut n = 0;
        // SAFETY: the result is live as long as the event.
        let resources =
            unsafe { rd::rd_kafka_DescribeConfigs_result_resources(result, &raw mut n) };
        // SAFETY: librdkafka gives array and length together.
        let resources = unsafe { borrowed_slice(resources.cast_const(), n) };
        resources
            .iter()
            .map(|&resource| {
                // SAFETY: a live resource.
                let topic = text(unsafe { rd::rd_kafka_ConfigResource_name(resource) });
                // SAFETY: a live resource.
                let error = ErrorCode(unsafe { rd_kafka_ConfigResource_error(resource) }).check();
                (topic, error.map(|()| policy(resource)))
            })
            .collect()
    }
}

/// Returns the value of `cleanup.policy`, the only key that was asked for; empty where the broker's answer lacks the key.
fn policy(resource: *const rd::rd_kafka_ConfigResource_t) -> String {
    let mut n = 0;
    // SAFETY: a live resource.
    let entries = unsafe { rd::rd_kafka_ConfigResource_configs(resource, &raw mut n) };
    // SAFETY: librdkafka gives array and length together.
    let entries = unsafe { borrowed_slice(entries.cast_const(), n) };
    entries
        .iter()
        // SAFETY: a live entry.
        .map(|&entry| (text(unsafe { rd::rd_kafka_ConfigEntry_name(entry) }), entry))
        .find(|(name, _)| name == "cleanup.policy")
        // SAFETY: a live entry.
        .map(|(_, entry)| text(unsafe { rd::rd_kafka_ConfigEntry_value(entry) }))
        .unwrap_or_default()
}

fn described(group: *const rd::rd_kafka_ConsumerGroupDescription_t) -> DescribedGroup {
    // SAFETY: a live description.
    let n = unsafe { rd::rd_kafka_ConsumerGroupDescription_member_count(group) };
    DescribedGroup {
        // SAFETY: a live description.
        state: unsafe { rd_kafka_ConsumerGroupDescription_state(group) },
        members: (0..n)
            // SAFETY: a live description; the index is below the count.
            .map(|i| member(unsafe { rd::rd_kafka_ConsumerGroupDescription_member(group, i) }))
            .collect(),
    }
}

fn member(member: *const rd::rd_kafka_MemberDescription_t) -> DescribedMember {
    // SAFETY: a live member.
    let assignment = unsafe { rd::rd_kafka_MemberDescription_assignment(member) };
    let partitions = if assignment.is_null() {
        std::ptr::null()
    } else {
        // SAFETY: a live assignment.
        unsafe { rd::rd_kafka_MemberAssignment_partitions(assignment) }
    };
    DescribedMember {
        // SAFETY: a live member.
        consumer_id: text(unsafe { rd::rd_kafka_MemberDescription_consumer_id(member) }),
        // SAFETY: a live member.
        client_id: text(unsafe { rd::rd_kafka_MemberDescription_client_id(member) }),
        // SAFETY: a live member.
        host: text(unsafe { rd::rd_kafka_MemberDescription_host(member) }),
        // SAFETY: NULL or a live list.
        assignment: unsafe { partition_rows(partitions) }
            .into_iter()
            .map(|row| (row.topic, row.partition))
            .collect(),
    }
}
