//! Requests about groups and configuration: every one names the broker it goes to, all answers come to one queue, correlated
//! by a tag.

use std::ffi::c_void;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::list::{Row, rows};
use super::{
    Client, Event, Queue, c_string, error_code, lent, millis, rd_kafka_ConfigResource_error,
    rd_kafka_ConsumerGroupDescription_state, rd_kafka_ConsumerGroupListing_state, text,
};
use crate::kafka::code::Code;

/// Requests in flight on one client, and the queue their answers come to.
pub(in crate::kafka) struct Requests<'c> {
    client: &'c Client,
    queue: Queue,
    n_waiting: usize,
}

/// The answer to one request.
pub(in crate::kafka) enum Answer {
    /// The groups that one broker lists, and what kept it from listing more.
    Groups(Vec<ListedGroup>, Result<(), Code>),
    /// The committed offsets of one group.
    Offsets(Result<Vec<CommittedRow>, Code>),
    /// Members, group by group.
    Members(Result<Vec<(String, Result<DescribedGroup, Code>)>, Code>),
    /// `cleanup.policy`, topic by topic.
    CleanupPolicies(Result<Vec<(String, Result<String, Code>)>, Code>),
}

/// A row of a group's committed offsets.
pub(in crate::kafka) struct CommittedRow {
    pub(in crate::kafka) topic: String,
    pub(in crate::kafka) partition: i32,
    /// Negative where nothing is committed.
    pub(in crate::kafka) offset: i64,
    pub(in crate::kafka) code: Code,
}

/// A group in a broker's listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct ListedGroup {
    pub(in crate::kafka) group: String,
    /// The number of librdkafka's `rd_kafka_consumer_group_state_t`.
    pub(in crate::kafka) state: i32,
}

/// What the coordinator says of a group's members.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct DescribedGroup {
    pub(in crate::kafka) state: i32,
    pub(in crate::kafka) members: Vec<DescribedMember>,
}

/// A member and its assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::kafka) struct DescribedMember {
    pub(in crate::kafka) consumer_id: String,
    pub(in crate::kafka) client_id: String,
    pub(in crate::kafka) host: String,
    pub(in crate::kafka) assignment: Vec<(String, i32)>,
}

/// Options of one request.
struct Options(NonNull<rd::rd_kafka_AdminOptions_t>);

// === impl Requests ===

impl<'c> Requests<'c> {
    pub(in crate::kafka) fn on(client: &'c Client) -> Self {
        // SAFETY: the client lives as long as the queue.
        let queue = unsafe { rd::rd_kafka_queue_new(client.rk.as_ptr()) };
        Self { client, queue: Queue(NonNull::new(queue).expect("a new queue")), n_waiting: 0 }
    }

    /// Asks `broker` which groups it coordinates.
    pub(in crate::kafka) fn list_groups(&mut self, broker: i32, tag: usize, timeout: Duration) {
        let options = self.options(rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPS, broker, tag, timeout);
        // SAFETY: all handles live; the options are copied.
        unsafe { rd::rd_kafka_ListConsumerGroups(self.client.rk.as_ptr(), options.0.as_ptr(), self.queue.0.as_ptr()) };
        self.n_waiting += 1;
    }

    /// Asks `broker` for all committed offsets of `group`.
    pub(in crate::kafka) fn committed_offsets(&mut self, broker: i32, group: &str, tag: usize, timeout: Duration) {
        let options =
            self.options(rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, broker, tag, timeout);
        let group = c_string(group);
        // SAFETY: the name is copied; NULL means all partitions.
        let mut request = unsafe { rd::rd_kafka_ListConsumerGroupOffsets_new(group.as_ptr(), std::ptr::null()) };
        // SAFETY: all handles live; request and options are copied.
        unsafe {
            rd::rd_kafka_ListConsumerGroupOffsets(
                self.client.rk.as_ptr(),
                &raw mut request,
                1,
                options.0.as_ptr(),
                self.queue.0.as_ptr(),
            );
        }
        // SAFETY: the last use of the request.
        unsafe { rd::rd_kafka_ListConsumerGroupOffsets_destroy(request) };
        self.n_waiting += 1;
    }

    /// Asks `broker` for the members of `groups`.
    pub(in crate::kafka) fn members(&mut self, broker: i32, groups: &[&str], tag: usize, timeout: Duration) {
        let options =
            self.options(rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, broker, tag, timeout);
        let names: Vec<_> = groups.iter().map(|group| c_string(group)).collect();
        let mut pointers: Vec<_> = names.iter().map(|name| name.as_ptr()).collect();
        // SAFETY: all handles live; names and options are copied.
        unsafe {
            rd::rd_kafka_DescribeConsumerGroups(
                self.client.rk.as_ptr(),
                pointers.as_mut_ptr(),
                pointers.len(),
                options.0.as_ptr(),
                self.queue.0.as_ptr(),
            );
        }
        self.n_waiting += 1;
    }

    /// Asks `broker` for the `cleanup.policy` of `topics`, and for nothing else of their configuration.
    pub(in crate::kafka) fn cleanup_policies(&mut self, broker: i32, topics: &[&str], tag: usize, timeout: Duration) {
        let options = self.options(rd::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, broker, tag, timeout);
        let mut resources: Vec<_> = topics.iter().map(|topic| policy_of(topic)).collect();
        // SAFETY: all handles live; resources and options are copied.
        unsafe {
            rd::rd_kafka_DescribeConfigs(
                self.client.rk.as_ptr(),
                resources.as_mut_ptr(),
                resources.len(),
                options.0.as_ptr(),
                self.queue.0.as_ptr(),
            );
        }
        for resource in resources {
            // SAFETY: the last use of the resource.
            unsafe { rd::rd_kafka_ConfigResource_destroy(resource) };
        }
        self.n_waiting += 1;
    }

    /// How many answers are still to come.
    pub(in crate::kafka) fn n_waiting(&self) -> usize {
        self.n_waiting
    }

    /// The next answer with its tag, or `None` when `timeout` has passed. Every request is answered, at the latest by its own
    /// timeout.
    pub(in crate::kafka) fn next(&mut self, timeout: Duration) -> Option<(usize, Answer)> {
        loop {
            let event = self.queue.poll(timeout)?;
            if let Some(answer) = event.answer() {
                self.n_waiting -= 1;
                return Some((event.tag(), answer));
            }
        }
    }

    fn options(&self, api: rd::rd_kafka_admin_op_t, broker: i32, tag: usize, timeout: Duration) -> Options {
        // SAFETY: the client is live.
        let options = unsafe { rd::rd_kafka_AdminOptions_new(self.client.rk.as_ptr(), api) };
        let options = Options(NonNull::new(options).expect("options of a known request"));
        // Both setters fail only for requests that do not take the option, and for values out of range.
        // SAFETY: the options are live; no error text is wanted.
        unsafe { rd::rd_kafka_AdminOptions_set_request_timeout(options.0.as_ptr(), millis(timeout), std::ptr::null_mut(), 0) };
        // SAFETY: as above.
        unsafe { rd::rd_kafka_AdminOptions_set_broker(options.0.as_ptr(), broker, std::ptr::null_mut(), 0) };
        // SAFETY: the options are live; the tag is a number that is never followed as a pointer.
        unsafe { rd::rd_kafka_AdminOptions_set_opaque(options.0.as_ptr(), std::ptr::without_provenance_mut::<c_void>(tag)) };
        options
    }
}

impl Drop for Requests<'_> {
    fn drop(&mut self) {
        // A queue that is destroyed under requests in flight is the one thing librdkafka has been seen to mishandle.
        while self.n_waiting > 0 {
            if self.next(Duration::from_millis(100)).is_none() {
                tracing::trace!(n_waiting = self.n_waiting, "Waiting for requests to end");
            }
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: the last use of the options.
        unsafe { rd::rd_kafka_AdminOptions_destroy(self.0.as_ptr()) };
    }
}

/// A request for one topic's `cleanup.policy`. The caller destroys it.
fn policy_of(topic: &str) -> *mut rd::rd_kafka_ConfigResource_t {
    let topic = c_string(topic);
    // SAFETY: the name is copied; never NULL for a known resource type.
    let resource =
        unsafe { rd::rd_kafka_ConfigResource_new(rd::rd_kafka_ResourceType_t::RD_KAFKA_RESOURCE_TOPIC, topic.as_ptr()) };
    // SAFETY: the resource is live; both strings are copied. A key with an empty value is how one key is asked for.
    unsafe { rd::rd_kafka_ConfigResource_set_config(resource, c"cleanup.policy".as_ptr(), c"".as_ptr()) };
    resource
}

// === impl Event ===

impl Event {
    fn tag(&self) -> usize {
        // SAFETY: the event is live as long as `self`.
        unsafe { rd::rd_kafka_event_opaque(self.0.as_ptr()) }.addr()
    }

    fn answer(&self) -> Option<Answer> {
        let whole = self.code().check();
        Some(match self.kind() {
            rd::RD_KAFKA_EVENT_LISTCONSUMERGROUPS_RESULT => {
                let (groups, partial) = self.groups();
                Answer::Groups(groups, whole.and(partial))
            }
            rd::RD_KAFKA_EVENT_LISTCONSUMERGROUPOFFSETS_RESULT => {
                Answer::Offsets(whole.and_then(|()| self.committed()))
            }
            rd::RD_KAFKA_EVENT_DESCRIBECONSUMERGROUPS_RESULT => Answer::Members(whole.map(|()| self.described())),
            rd::RD_KAFKA_EVENT_DESCRIBECONFIGS_RESULT => Answer::CleanupPolicies(whole.map(|()| self.policies())),
            _ => return None,
        })
    }

    fn groups(&self) -> (Vec<ListedGroup>, Result<(), Code>) {
        // SAFETY: an event of this kind; NULL is checked for.
        let result = unsafe { rd::rd_kafka_event_ListConsumerGroups_result(self.0.as_ptr()) };
        if result.is_null() {
            return (Vec::new(), Err(Code::BAD_MESSAGE));
        }
        let (mut n_groups, mut n_errors) = (0, 0);
        // SAFETY: the result is live as long as the event.
        let groups = unsafe { rd::rd_kafka_ListConsumerGroups_result_valid(result, &raw mut n_groups) };
        // SAFETY: as above.
        let errors = unsafe { rd::rd_kafka_ListConsumerGroups_result_errors(result, &raw mut n_errors) };
        // SAFETY: librdkafka gives array and length together; both live as long as the event.
        let (groups, errors) = unsafe { (lent(groups.cast_const(), n_groups), lent(errors.cast_const(), n_errors)) };
        let listed = groups
            .iter()
            .map(|&group| ListedGroup {
                // SAFETY: a live listing.
                group: text(unsafe { rd::rd_kafka_ConsumerGroupListing_group_id(group) }),
                // SAFETY: a live listing.
                state: unsafe { rd_kafka_ConsumerGroupListing_state(group) },
            })
            .collect();
        (listed, errors.iter().try_for_each(|&error| error_code(error)))
    }

    fn committed(&self) -> Result<Vec<CommittedRow>, Code> {
        // SAFETY: an event of this kind; NULL is checked for.
        let result = unsafe { rd::rd_kafka_event_ListConsumerGroupOffsets_result(self.0.as_ptr()) };
        if result.is_null() {
            return Err(Code::BAD_MESSAGE);
        }
        let mut n = 0;
        // SAFETY: the result is live as long as the event.
        let groups = unsafe { rd::rd_kafka_ListConsumerGroupOffsets_result_groups(result, &raw mut n) };
        // SAFETY: librdkafka gives array and length together.
        let Some(&group) = unsafe { lent(groups.cast_const(), n) }.first() else {
            return Err(Code::BAD_MESSAGE);
        };
        // SAFETY: a live group result.
        error_code(unsafe { rd::rd_kafka_group_result_error(group) })?;
        // SAFETY: a live group result.
        let list = unsafe { rd::rd_kafka_group_result_partitions(group) };
        // SAFETY: NULL or live as long as the event.
        let rows = unsafe { rows(list) };
        Ok(rows
            .into_iter()
            .map(|Row { topic, partition, offset, code }| CommittedRow { topic, partition, offset, code })
            .collect())
    }

    fn described(&self) -> Vec<(String, Result<DescribedGroup, Code>)> {
        // SAFETY: an event of this kind; NULL gives no groups.
        let result = unsafe { rd::rd_kafka_event_DescribeConsumerGroups_result(self.0.as_ptr()) };
        if result.is_null() {
            return Vec::new();
        }
        let mut n = 0;
        // SAFETY: the result is live as long as the event.
        let groups = unsafe { rd::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut n) };
        // SAFETY: librdkafka gives array and length together.
        let groups = unsafe { lent(groups.cast_const(), n) };
        groups
            .iter()
            .map(|&group| {
                // SAFETY: a live description.
                let name = text(unsafe { rd::rd_kafka_ConsumerGroupDescription_group_id(group) });
                // SAFETY: a live description.
                let error = error_code(unsafe { rd::rd_kafka_ConsumerGroupDescription_error(group) });
                (name, error.map(|()| described(group)))
            })
            .collect()
    }

    fn policies(&self) -> Vec<(String, Result<String, Code>)> {
        // SAFETY: an event of this kind; NULL gives no resources.
        let result = unsafe { rd::rd_kafka_event_DescribeConfigs_result(self.0.as_ptr()) };
        if result.is_null() {
            return Vec::new();
        }
        let mut n = 0;
        // SAFETY: the result is live as long as the event.
        let resources = unsafe { rd::rd_kafka_DescribeConfigs_result_resources(result, &raw mut n) };
        // SAFETY: librdkafka gives array and length together.
        let resources = unsafe { lent(resources.cast_const(), n) };
        resources
            .iter()
            .map(|&resource| {
                // SAFETY: a live resource.
                let topic = text(unsafe { rd::rd_kafka_ConfigResource_name(resource) });
                // SAFETY: a live resource.
                let error = Code(unsafe { rd_kafka_ConfigResource_error(resource) }).check();
                (topic, error.map(|()| policy(resource)))
            })
            .collect()
    }
}

/// The value of the one key that was asked for; empty where the broker left it out.
fn policy(resource: *const rd::rd_kafka_ConfigResource_t) -> String {
    let mut n = 0;
    // SAFETY: a live resource.
    let entries = unsafe { rd::rd_kafka_ConfigResource_configs(resource, &raw mut n) };
    // SAFETY: librdkafka gives array and length together.
    let entries = unsafe { lent(entries.cast_const(), n) };
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
        assignment: unsafe { rows(partitions) }.into_iter().map(|row| (row.topic, row.partition)).collect(),
    }
}
