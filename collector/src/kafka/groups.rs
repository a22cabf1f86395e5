//! Which groups there are, and which broker coordinates each.
//!
//! A group that no listing has is not gone: while a coordinator moves, the old broker lists it no more and the new one not yet,
//! without any error. So what was known stays known until a coordinator says otherwise.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::config::Filter;

use super::code::Code;
use super::native::{Answer, Client, Requests};
use super::pass::Pass;
use crate::snapshot::{Api, GroupState, Name, Unknown};

/// How long to wait for one answer before looking whether the collection still goes on.
pub(super) const STEP: Duration = Duration::from_millis(100);

/// What the brokers list, merged.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// The brokers that list each group, usually one, and the state they give.
    pub(super) groups: BTreeMap<Name, BTreeMap<i32, GroupState>>,
    /// Brokers that listed nothing or not everything.
    pub(super) failed: BTreeMap<i32, Code>,
    /// Brokers that could not be asked before the deadline.
    pub(super) unasked: BTreeSet<i32>,
    /// Groups listed before any filter.
    pub(super) n_visible: usize,
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
                for group in groups
                    .into_iter()
                    .filter(|group| filter.matches(&group.group))
                {
                    let brokers = listing.groups.entry(Name::from(group.group)).or_default();
                    brokers.insert(broker, state(group.state));
                }
                if let Err(code) = whole {
                    listing.failed.insert(broker, code);
                }
            }
        }
        listing
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
