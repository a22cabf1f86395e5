//! The best of several brokers' answers about a group, and the conclusion that follows for each group.

use std::collections::{BTreeMap, BTreeSet};

use super::{CommittedOffsets, GroupOffsets, Rows, UnlistedGroups};
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::error_code::{ErrorCode, Remedy};
use crate::kafka::group_listing::GroupListing;
use crate::snapshot::{Api, Name, Reason, Unknown};

/// The best answer so far about one group.
pub(super) struct BestAnswer {
    /// The broker that gave the answer.
    broker: i32,
    answer: Result<Rows, ErrorCode>,
    /// The brokers that answered that they do not coordinate the group.
    disowned_by: BTreeSet<i32>,
}

/// Keeps the answer `new` unless a better one about the group is there already; of two answers of equal rank the later one counts.
pub(super) fn keep_better(
    best: &mut BTreeMap<Name, BestAnswer>,
    group: &Name,
    mut new: BestAnswer,
) {
    if let Some(old) = best.get_mut(group) {
        if new.rank() >= old.rank() {
            std::mem::swap(old, &mut new);
        }
        old.disowned_by.append(&mut new.disowned_by);
    } else {
        best.insert(Name::clone(group), new);
    }
}

/// Decides which groups exist, and records a failure for each whose commits are unknown.
///
/// A group that no broker lists and that has no commits with its coordinator is gone. A listed group without commits, about which
/// only a broker has answered that does not list the group, does not exist: the listing shows a truncated form of another group's
/// name.
pub(super) fn conclude(
    listing: &GroupListing,
    unlisted: UnlistedGroups<'_>,
    mut best: BTreeMap<Name, BestAnswer>,
    context: &mut CollectionContext<'_>,
) -> CommittedOffsets {
    let mut committed = CommittedOffsets::default();
    let names = listing
        .groups
        .keys()
        .chain(unlisted.known_groups.keys())
        .chain(unlisted.surveyed_groups.keys());
    for name in names.collect::<BTreeSet<&Name>>() {
        let listed_by = listing.groups.get(name);
        let known_coordinator = unlisted.known_groups.get(name).copied();
        let (code, disowned_by) = match best.remove(name) {
            Some(BestAnswer {
                broker,
                answer: Ok(rows),
                ..
            }) => {
                match listed_by {
                    None if rows.is_empty() => {}
                    Some(brokers) if rows.is_empty() && !brokers.contains_key(&broker) => {
                        committed.n_truncated_names += 1;
                    }
                    _ => committed.insert(name, broker, Ok(rows)),
                }
                continue;
            }
            Some(BestAnswer {
                answer: Err(code),
                disowned_by,
                ..
            }) => (Some(code), disowned_by),
            None => (None, BTreeSet::new()),
        };
        let is_not_found = code.is_some_and(|code| code.reason() == Reason::GroupNotFound);
        if listed_by.is_none() && (known_coordinator.is_none() || is_not_found) {
            continue;
        }
        let listing_brokers = listed_by.into_iter().flat_map(BTreeMap::keys).copied();
        let possible = listing_brokers.filter(|broker| !disowned_by.contains(broker));
        let coordinator = match (code, known_coordinator) {
            (None, Some(known)) => known,
            _ => likely_coordinator(possible, known_coordinator),
        };
        let unknown = match code {
            Some(code) => {
                let reason = context.reason_of(code);
                context.record_failure(Api::OffsetFetch, reason, format!("group {name}"))
            }
            None => not_asked(coordinator, name, context),
        };
        committed.insert(name, coordinator, Err(unknown));
    }
    committed
}

/// Returns the coordinator of a group whose commits are unknown: the last one if it is among the `possible` ones, else the only
/// possible one, else the last one. Returns -1 where that is not known: of several brokers that list the group, all but one may
/// have listed a truncated form of another group's name.
fn likely_coordinator(possible: impl Iterator<Item = i32>, known: Option<i32>) -> i32 {
    let possible: Vec<i32> = possible.collect();
    match (&*possible, known) {
        (_, Some(known)) if possible.contains(&known) => known,
        ([only], _) => *only,
        (_, known) => known.unwrap_or(-1),
    }
}

/// Returns the reason why no broker was asked about a group: its coordinator is silent, which was counted when it was noticed, or
/// the time of the collection was over.
fn not_asked(coordinator: i32, group: &Name, context: &mut CollectionContext<'_>) -> Unknown {
    if let Some(unknown) = context.silent_brokers.get(&coordinator) {
        return *unknown;
    }
    context.record_failure(Api::OffsetFetch, Reason::Deadline, format!("group {group}"))
}

// === impl CommittedOffsets ===

impl CommittedOffsets {
    fn insert(&mut self, name: &Name, coordinator: i32, rows: Result<Rows, Unknown>) {
        let group = GroupOffsets { coordinator, rows };
        self.groups.insert(Name::clone(name), group);
    }
}

// === impl BestAnswer ===

impl BestAnswer {
    pub(super) fn of(broker: i32, answer: Result<Rows, ErrorCode>) -> Self {
        let disowns = matches!(&answer, Err(code) if code.reason() == Reason::NotCoordinator);
        Self {
            broker,
            answer,
            disowned_by: disowns.then_some(broker).into_iter().collect(),
        }
    }

    /// Returns the worth of the answer. From best to worst: commits; no commits; an error about the group; an error of the
    /// broker, or of a coordinator that is moving or loading; the answer that the broker is not the coordinator.
    fn rank(&self) -> u8 {
        match &self.answer {
            Ok(rows) if !rows.is_empty() => 4,
            Ok(_) => 3,
            Err(code) if code.remedy() == Remedy::None => 2,
            Err(code) if code.reason() == Reason::NotCoordinator => 0,
            Err(_) => 1,
        }
    }

    /// Returns `true` if the error means that another broker may coordinate the group by now.
    pub(super) fn may_be_elsewhere(&self) -> bool {
        self.answer
            .as_ref()
            .is_err_and(|code| code.remedy() == Remedy::RefreshAndRetry)
    }
}
