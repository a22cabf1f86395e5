//! Which groups there are, and which broker coordinates each.
//!
//! A group that no listing has is not gone: while a coordinator moves, the old broker lists it no more and the new one not yet,
//! without any error. So what was known stays known until a coordinator says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::config::Filter;

use super::code::Code;
use super::native::{Answer, Client, ListedGroup, Requests};
use super::pass::Pass;
use crate::snapshot::{Api, GroupState, Name, Unknown};

/// How long to wait for one answer before looking whether the collection still goes on.
pub(super) const STEP: Duration = Duration::from_millis(100);

/// What the brokers list, merged: groups of consumers, of every protocol they speak.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The brokers that list each group, usually one, and what they say of it.
    pub(super) groups: BTreeMap<Name, BTreeMap<i32, Listed>>,
    /// Groups whose name cannot be told from another one's, by broker: names with a NUL byte are cut there.
    pub(super) nameless: BTreeMap<i32, usize>,
    /// Brokers that listed nothing or not everything.
    pub(super) failed: BTreeMap<i32, Code>,
    /// Brokers that could not be asked before the deadline.
    pub(super) unasked: BTreeSet<i32>,
    /// Groups listed before any filter.
    pub(super) n_visible: usize,
}

/// What a broker lists of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Listed {
    pub(super) state: GroupState,
    pub(super) protocol: Protocol,
}

/// How the members of a group agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    /// The group's leader, one of the members, assigns partitions.
    Classic,
    /// The coordinator assigns partitions (KIP-848).
    Consumer,
    /// The broker does not say, as it is older than Kafka 3.8.
    Unknown,
}

// === impl Listing ===

impl Listing {
    /// Asks each of `brokers` for its groups, all at once.
    pub(super) fn read(
        client: &Client,
        brokers: &[i32],
        filter: &Filter,
        pass: &mut Pass<'_>,
    ) -> Self {
        let mut listing = Self::default();
        let mut requests = Requests::on(client);
        for (tag, &broker) in brokers.iter().enumerate() {
            let Some(timeout) = pass.timeout(Api::ListGroups) else {
                listing.unasked.insert(broker);
                continue;
            };
            pass.count(Api::ListGroups);
            requests.list_groups(broker, tag, timeout);
        }
        while requests.n_waiting() > 0 && !pass.is_stopped() {
            if let Some((tag, Answer::Groups(groups, whole))) = requests.next(STEP) {
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

    /// A broker lists a group once. What comes a second time is another group, whose name was cut.
    fn add(&mut self, broker: i32, group: ListedGroup, filter: &Filter) {
        let listed = Listed::of(&group);
        let Some(name) = group.group else {
            *self.nameless.entry(broker).or_default() += 1;
            return;
        };
        if !filter.matches(&name) {
            return;
        }
        let brokers = self.groups.entry(Name::from(name)).or_default();
        if let Some(before) = brokers.insert(broker, listed) {
            brokers.insert(broker, before.or(listed));
            *self.nameless.entry(broker).or_default() += 1;
        }
    }

    /// What is said of a group, by `coordinator` if it lists the group.
    pub(super) fn of(&self, group: &Name, coordinator: i32) -> Listed {
        let brokers = self.groups.get(group);
        brokers
            .and_then(|brokers| brokers.get(&coordinator).or(brokers.values().next()))
            .copied()
            .unwrap_or(Listed::UNKNOWN)
    }

    /// Puts a later listing of some brokers over this one.
    pub(super) fn update(&mut self, asked: &[i32], later: Self) {
        for brokers in self.groups.values_mut() {
            brokers.retain(|broker, _| !asked.contains(broker));
        }
        for (group, brokers) in later.groups {
            self.groups.entry(group).or_default().extend(brokers);
        }
        self.groups.retain(|_, brokers| !brokers.is_empty());
        self.nameless.retain(|broker, _| !asked.contains(broker));
        self.nameless.extend(later.nameless);
        self.failed.retain(|broker, _| !asked.contains(broker));
        self.failed.extend(later.failed);
        self.unasked.extend(later.unasked);
        self.n_visible = self.n_visible.max(later.n_visible);
    }

    /// Records what kept brokers from listing, once for each.
    pub(super) fn record(&self, pass: &mut Pass<'_>) {
        for (&broker, &code) in &self.failed {
            let reason = pass.reason(code);
            pass.fail(Api::ListGroups, reason, format!("broker {broker}"));
        }
        if !self.unasked.is_empty() {
            let subject = format!("brokers {:?}", self.unasked);
            pass.fail(Api::ListGroups, crate::snapshot::Reason::Deadline, subject);
        }
    }

    /// Takes brokers that did not answer out of this collection.
    pub(super) fn heed(&self, pass: &mut Pass<'_>) {
        for (&broker, &code) in &self.failed {
            let unknown = Unknown::new(Api::ListGroups, pass.reason(code));
            pass.heed(broker, unknown, code);
        }
    }
}

// === impl Listed ===

impl Listed {
    /// Of a group that no broker lists.
    const UNKNOWN: Self = Self {
        state: GroupState::Unknown,
        protocol: Protocol::Unknown,
    };

    fn of(group: &ListedGroup) -> Self {
        Self {
            state: state(group.state),
            protocol: protocol(group.kind),
        }
    }

    /// What is sure of a group that is one of two.
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

/// The protocol behind librdkafka's number (`rd_kafka_consumer_group_type_t`).
const fn protocol(number: i32) -> Protocol {
    match number {
        1 => Protocol::Consumer,
        2 => Protocol::Classic,
        _ => Protocol::Unknown,
    }
}

/// The state behind librdkafka's number (`rd_kafka_consumer_group_state_t`).
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
