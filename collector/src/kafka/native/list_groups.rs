//! The description of all groups of all types by `rd_kafka_list_groups`, with the assignments of classic members as raw bytes.
//!
//! Clients choose these bytes. librdkafka parses them in `DescribeConsumerGroups` and aborts the process for some of them;
//! `rd_kafka_list_groups` returns them as they are.

use std::ffi::c_char;
use std::ptr::NonNull;
use std::time::Duration;

use rdkafka::bindings as rd;

use super::{Client, borrowed_slice, c_string, exact_text, millis, rd_kafka_list_groups, text};
use crate::kafka::error_code::ErrorCode;

/// The answers of all brokers in librdkafka's memory, freed when dropped.
pub(in crate::kafka) struct GroupList(Option<NonNull<rd::rd_kafka_group_list>>);

/// A group as its broker describes it.
pub(in crate::kafka) struct RawGroup<'a> {
    /// The name up to its first NUL byte; `None` if that is not UTF-8.
    pub(in crate::kafka) name: Option<&'a str>,
    /// The node id of the broker that coordinates the group.
    pub(in crate::kafka) broker: i32,
    /// The error because of which the broker does not describe the group; 0 if it does.
    pub(in crate::kafka) code: ErrorCode,
    /// The group's state: `Stable`, `Empty` and so on; `Dead` for a group that is not classic, or does not exist.
    pub(in crate::kafka) state: String,
    /// The type of the group's members: `consumer`, `connect` and so on; empty for a group that only commits, and where the state
    /// is `Dead`.
    pub(in crate::kafka) protocol_type: String,
    members: &'a [rd::rd_kafka_group_member_info],
}

/// A member of a classic group.
pub(in crate::kafka) struct RawMember<'a> {
    pub(in crate::kafka) consumer_id: String,
    pub(in crate::kafka) client_id: String,
    pub(in crate::kafka) host: String,
    /// The assignment as the group's leader has stored it, in any format; empty during a rebalance.
    pub(in crate::kafka) assignment: &'a [u8],
}

impl Client {
    /// Asks all brokers for their groups, and then each broker for a description of its groups: two requests to each broker.
    /// Blocks.
    ///
    /// The groups of a broker that failed or is late may be missing, even where the result is `Ok`, because librdkafka returns
    /// the outcome of the last broker. With an error other than `LOCAL_PARTIAL` there are no groups at all.
    pub(in crate::kafka) fn describe_all(
        &self,
        timeout: Duration,
    ) -> (GroupList, Result<(), ErrorCode>) {
        self.describe(std::ptr::null(), timeout)
    }

    /// Asks all brokers for their groups, and those that list `group` for its description. Blocks. The result is empty where no
    /// broker lists the group, or the broker that does has failed.
    pub(in crate::kafka) fn describe_one(&self, group: &str, timeout: Duration) -> GroupList {
        let name = c_string(group);
        let (list, _) = self.describe(name.as_ptr(), timeout);
        list
    }

    /// Asks for the description of the group `name`, which is NULL or a C string; NULL asks for all groups.
    fn describe(
        &self,
        name: *const c_char,
        timeout: Duration,
    ) -> (GroupList, Result<(), ErrorCode>) {
        let mut list = std::ptr::null();
        // SAFETY: the handle is live; `name` is NULL or lives as long as the call; `list` is written only where there is one.
        let code =
            unsafe { rd_kafka_list_groups(self.rk.as_ptr(), name, &raw mut list, millis(timeout)) };
        let list = GroupList(NonNull::new(list.cast_mut()));
        (list, ErrorCode(code).check())
    }
}

// === impl GroupList ===

impl GroupList {
    pub(in crate::kafka) fn groups(&self) -> impl Iterator<Item = RawGroup<'_>> {
        let (first, n) = self.0.map_or((std::ptr::null_mut(), 0), |list| {
            // SAFETY: live until dropped.
            unsafe { ((*list.as_ptr()).groups, (*list.as_ptr()).group_cnt) }
        });
        (0..usize::try_from(n).unwrap_or(0)).map(move |i| {
            // SAFETY: `i` is below the count, and everything lives as long as `self`. Fields are read through raw pointers:
            // `err` may hold a code outside the enum.
            unsafe {
                let group = first.add(i);
                let n_members = usize::try_from((*group).member_cnt).unwrap_or(0);
                RawGroup {
                    name: exact_text((*group).group),
                    broker: (*group).broker.id,
                    code: ErrorCode((&raw const (*group).err).cast::<i32>().read()),
                    state: text((*group).state),
                    protocol_type: text((*group).protocol_type),
                    members: borrowed_slice((*group).members, n_members),
                }
            }
        })
    }
}

impl Drop for GroupList {
    fn drop(&mut self) {
        if let Some(list) = self.0 {
            // SAFETY: the last use of the list.
            unsafe { rd::rd_kafka_group_list_destroy(list.as_ptr()) };
        }
    }
}

// === impl RawGroup ===

impl<'a> RawGroup<'a> {
    pub(in crate::kafka) fn members(&self) -> impl Iterator<Item = RawMember<'a>> {
        self.members.iter().map(|member| {
            let n = usize::try_from(member.member_assignment_size).unwrap_or(0);
            RawMember {
                consumer_id: text(member.member_id),
                client_id: text(member.client_id),
                host: text(member.client_host),
                // SAFETY: librdkafka gives pointer and length together; both live as long as the list.
                assignment: unsafe { borrowed_slice(member.member_assignment.cast::<u8>(), n) },
            }
        })
    }
}
