//! The listing: which groups there are, and which broker coordinates each.
//!
//! A group that is in no listing may exist nevertheless. While a coordinator moves, the old broker has stopped listing the group
//! and the new one has not begun, and no error says so. So a group stays known until its coordinator answers that it has no
//! commits.

use std::collections::{BTreeMap, BTreeSet};

use shared::config::Filter;

use super::collection_context::{CollectionContext, POLL_TIMEOUT};
use super::error_code::ErrorCode;
use super::native::{AdminRequests, AdminResult, Client, ListedGroup, RequestTarget};
use crate::snapshot::{Api, GroupState, Name, Reason};

/// The largest length of a group's name in bytes. Kafka allows 32 KB, and a name is a label of each series of its group. Names of
/// topics are no longer than 249.
const MAX_NAME_LENGTH: usize = 1000;

/// The groups of consumers that all brokers list, of either protocol.
#[derive(Debug, Default)]
pub(super) struct GroupListing {
    /// Each group by name, and by the node ids of the brokers that list it: usually one, two while a coordinator moves.
    pub(super) groups: BTreeMap<Name, BTreeMap<i32, ListedAs>>,
    /// The number of groups, by broker, of which only a part of the name is known. librdkafka cuts names at a NUL byte.
    pub(super) truncated_names: BTreeMap<i32, usize>,
    /// The number of groups, by broker, that are left out because of the length of their name.
    pub(super) long_names: BTreeMap<i32, usize>,
    /// The brokers that listed nothing or not everything, and why.
    pub(super) failed: BTreeMap<i32, ErrorCode>,
    /// The brokers that could not be asked before the collection's deadline.
    pub(super) not_asked: BTreeSet<i32>,
    /// The number of listed groups, before the filter.
    pub(super) n_visible: usize,
}

/// A group's state and protocol, as a broker lists them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ListedAs {
    pub(super) state: GroupState,
    pub(super) protocol: Protocol,
}

/// The protocol by which the members of a group share partitions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// The group's leader, one of the members, assigns partitions.
    Classic,
    /// The coordinator assigns partitions (KIP-848).
    Consumer,
    /// The protocol is not known: the broker is older than Kafka 3.8, or no broker lists the group.
    Unknown,
}

// === impl GroupListing ===

impl GroupListing {
    /// Asks all of `brokers` for their groups at once, and keeps those that `filter` lets through.
    pub(super) fn read(
        client: &Client,
        brokers: &[i32],
        filter: &Filter,
        context: &mut CollectionContext<'_>,
    ) -> Self {
        let mut listing = Self::default();
        let mut requests = AdminRequests::on(client);
        for (tag, &broker) in brokers.iter().enumerate() {
            let Some(timeout) = context.request_timeout(Api::ListGroups) else {
                listing.not_asked.insert(broker);
                continue;
            };
            context.count_request(Api::ListGroups);
            requests.list_groups(RequestTarget {
                broker,
                tag,
                timeout,
            });
        }
        while requests.n_in_flight() > 0 && !context.is_abandoned() {
            if let Some((tag, AdminResult::Groups(groups, whole))) =
                requests.next_result(POLL_TIMEOUT)
            {
                let broker = brokers[tag];
                listing.n_visible += groups.len();
                for group in groups {
                    listing.add(broker, group, filter);
                }
                if let Err(code) = whole {
                    listing.failed.insert(broker, code);
                }
            }
        }
        listing
    }

    /// Adds a group that `broker` lists. A broker lists each group once, so a name that comes a second time is a truncated form
    /// of another group's name.
    fn add(&mut self, broker: i32, group: ListedGroup, filter: &Filter) {
        let listed = ListedAs::of(&group);
        let Some(name) = group.group else {
            *self.truncated_names.entry(broker).or_default() += 1;
            return;
        };
        if !filter.matches(&name) {
            return;
        }
        if is_too_long(&name) {
            *self.long_names.entry(broker).or_default() += 1;
            return;
        }
        let brokers = self.groups.entry(Name::from(name)).or_default();
        if let Some(before) = brokers.insert(broker, listed) {
            brokers.insert(broker, before.or(listed));
            *self.truncated_names.entry(broker).or_default() += 1;
        }
    }

    /// Returns the entry of a group as `coordinator` lists it. The entry is unknown where `coordinator` does not list the group:
    /// another broker's entry may be that of another group, whose name was truncated.
    pub(super) fn entry_of(&self, group: &Name, coordinator: i32) -> ListedAs {
        let brokers = self.groups.get(group);
        brokers
            .and_then(|brokers| brokers.get(&coordinator))
            .copied()
            .unwrap_or(ListedAs::UNKNOWN)
    }

    /// Replaces the entries of the brokers in `asked` with those of a later listing.
    pub(super) fn merge(&mut self, asked: &[i32], later: Self) {
        for brokers in self.groups.values_mut() {
            brokers.retain(|broker, _| !asked.contains(broker));
        }
        for (group, brokers) in later.groups {
            self.groups.entry(group).or_default().extend(brokers);
        }
        self.groups.retain(|_, brokers| !brokers.is_empty());
        self.truncated_names
            .retain(|broker, _| !asked.contains(broker));
        self.truncated_names.extend(later.truncated_names);
        self.long_names.retain(|broker, _| !asked.contains(broker));
        self.long_names.extend(later.long_names);
        self.failed.retain(|broker, _| !asked.contains(broker));
        self.failed.extend(later.failed);
        self.not_asked.extend(later.not_asked);
        self.n_visible = self.n_visible.max(later.n_visible);
    }

    /// Records a failure for each broker that did not list all its groups, and one for the brokers that were not asked before the
    /// deadline.
    pub(super) fn record_failures(&self, context: &mut CollectionContext<'_>) {
        for (&broker, &code) in &self.failed {
            let reason = context.reason_of(code);
            context.record_failure(Api::ListGroups, reason, format!("broker {broker}"));
        }
        if !self.not_asked.is_empty() {
            let subject = format!("brokers {:?}", self.not_asked);
            context.record_failure(Api::ListGroups, Reason::Deadline, subject);
        }
    }

    /// Gives up the brokers that did not answer, for the rest of this collection.
    pub(super) fn give_up_silent_brokers(&self, context: &mut CollectionContext<'_>) {
        for (&broker, &code) in &self.failed {
            context.give_up_if_silent(Api::ListGroups, broker, code);
        }
    }
}

// === impl ListedAs ===

impl ListedAs {
    /// The entry of a group that its coordinator does not list.
    pub(super) const UNKNOWN: Self = Self {
        state: GroupState::Unknown,
        protocol: Protocol::Unknown,
    };

    fn of(group: &ListedGroup) -> Self {
        Self {
            state: state(group.state),
            protocol: protocol(group.kind),
        }
    }

    /// Returns the values that two entries have in common, and unknown for the others, because it is not known which of the
    /// entries is the group's.
    fn or(self, other: Self) -> Self {
        Self {
            state: if self.state == other.state {
                self.state
            } else {
                GroupState::Unknown
            },
            protocol: if self.protocol == other.protocol {
                self.protocol
            } else {
                Protocol::Unknown
            },
        }
    }
}

/// Returns `true` for the name of a group that is left out because of the length of its name.
pub(super) const fn is_too_long(group: &str) -> bool {
    group.len() > MAX_NAME_LENGTH
}

/// Returns the protocol with this number in librdkafka (`rd_kafka_consumer_group_type_t`).
const fn protocol(number: i32) -> Protocol {
    match number {
        1 => Protocol::Consumer,
        2 => Protocol::Classic,
        _ => Protocol::Unknown,
    }
}

/// Returns the state with this number in librdkafka (`rd_kafka_consumer_group_state_t`).
pub(super) const fn state(number: i32) -> GroupState {
    match number {
        1 => GroupState::PreparingRebalance,
        2 => GroupState::CompletingRebalance,
        3 => GroupState::Stable,
        4 => GroupState::Dead,
        5 => GroupState::Empty,
        _ => GroupState::Unknown,
    }
}
