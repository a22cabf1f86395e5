//! Committed offsets, each group's from its coordinator.
//!
//! The broker that lists a group coordinates it, so it is asked first. A coordinator can move at any moment; the old coordinator
//! then answers that it is not the coordinator any more. For such groups the brokers list their groups again, and the group's new
//! broker is asked, in the same collection. In the last round every broker is asked, because the listing may show a group under a
//! truncated name. The metadata is read again before it: the new coordinator may be a broker that has come back since.

mod best_answer;
mod fetch;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use shared::config::Filter;

use self::best_answer::{BestAnswer, conclude};
use self::fetch::fetch;
use super::collection_context::CollectionContext;
use super::error_code::{ErrorCode, Remedy};
use super::group_listing::GroupListing;
use super::metadata::Metadata;
use super::native::{Client, CommittedRow};
use crate::snapshot::{Api, Name, Reading};

/// The largest number of rounds of requests in one collection. After a coordinator has moved, the second round nearly always has
/// the answer: in a measurement of four moves it had the answer for all of 4,000 groups.
const MAX_ROUNDS: usize = 3;

/// The pause before another round, in which a coordinator that is moving may become ready.
const RETRY_DELAY: Duration = Duration::from_millis(100);

/// The commits of one group, one row for each partition.
pub(super) type Rows = Vec<CommittedRow>;

/// The commits of all groups after all rounds.
#[derive(Default)]
pub(super) struct CommittedOffsets {
    /// The groups that exist, and those of which that is unknown, by name.
    pub(super) groups: BTreeMap<Name, GroupOffsets>,
    /// The number of groups that a listing shows under a part of their name, because librdkafka cuts names at a NUL byte.
    pub(super) n_truncated_names: usize,
}

/// Groups to ask about although no broker may list them.
#[derive(Clone, Copy)]
pub(super) struct UnlistedGroups<'k> {
    /// Groups of the last collection, with their coordinator at that time.
    pub(super) known_groups: &'k BTreeMap<Name, i32>,
    /// Groups of types that brokers never list, with their coordinator. They are shown if they have commits.
    pub(super) surveyed_groups: &'k BTreeMap<Name, i32>,
}

/// The commits of one group.
pub(super) struct GroupOffsets {
    /// The broker that answered with the commits, or the one that probably coordinates the group; -1 where that is not known.
    pub(super) coordinator: i32,
    /// The group's commits, or why they are unknown.
    pub(super) rows: Reading<Rows>,
}

/// The wanted groups, and the client to ask with.
pub(super) struct Wanted<'c> {
    pub(super) client: &'c Client,
    /// The filter that the names of wanted groups pass.
    pub(super) filter: &'c Filter,
}

/// Reads the commits of every group in `listing` and in `unlisted` from the brokers in `metadata`. Where coordinators have moved,
/// `listing` is brought up to date on the way, and `metadata` too if that is not enough.
pub(super) fn read(
    wanted: &Wanted<'_>,
    (listing, metadata): (&mut GroupListing, &mut Metadata),
    unlisted: UnlistedGroups<'_>,
    context: &mut CollectionContext<'_>,
    refresh: impl Fn(&mut CollectionContext<'_>) -> Result<Metadata, ErrorCode>,
) -> CommittedOffsets {
    let mut best: BTreeMap<Name, BestAnswer> = BTreeMap::new();
    let mut open = coordinators_to_ask(listing, unlisted, &metadata.brokers);
    for round in 0..MAX_ROUNDS {
        fetch(wanted.client, &open, &mut best, context);
        let again: BTreeSet<Name> = open
            .into_keys()
            .filter(|group| best.get(group).is_some_and(BestAnswer::may_be_elsewhere))
            .collect();
        let unlisted = listing
            .failed
            .values()
            .any(|code| code.remedy() == Remedy::RefreshAndRetry);
        if round + 1 == MAX_ROUNDS || (again.is_empty() && !unlisted) || !wait_before_retry(context)
        {
            break;
        }
        let is_last = round + 2 == MAX_ROUNDS;
        if is_last
            && !again.is_empty()
            && let Ok(fresh) = refresh(context)
        {
            *metadata = fresh;
        }
        relist(wanted, &metadata.brokers, listing, context);
        // A truncated name leads to a broker that has no group of this name, so the last round does not follow the listing.
        let listed = if is_last {
            &GroupListing::default()
        } else {
            &*listing
        };
        open = coordinators_to_retry(listed, &again, &metadata.brokers);
        for (group, brokers) in &listing.groups {
            if !best.contains_key(group) {
                open.entry(Name::clone(group))
                    .or_insert_with(|| brokers.keys().copied().collect());
            }
        }
    }
    conclude(listing, unlisted, best, context)
}

/// Returns the brokers to ask first about each group: those that list it, else its last coordinator, or all brokers where that
/// one has left the cluster.
fn coordinators_to_ask(
    listing: &GroupListing,
    unlisted: UnlistedGroups<'_>,
    all: &[i32],
) -> BTreeMap<Name, Vec<i32>> {
    let missing = unlisted
        .known_groups
        .iter()
        .chain(unlisted.surveyed_groups)
        .filter(|(group, _)| !listing.groups.contains_key(*group));
    listing
        .groups
        .iter()
        .map(|(group, brokers)| (Name::clone(group), brokers.keys().copied().collect()))
        .chain(missing.map(|(group, broker)| {
            let ask = if all.contains(broker) {
                vec![*broker]
            } else {
                all.to_vec()
            };
            (Name::clone(group), ask)
        }))
        .collect()
}

/// Returns the brokers to ask about groups whose coordinator has moved: those that list the group now, else all brokers. Every
/// broker but the coordinator then answers that it is not the coordinator.
fn coordinators_to_retry(
    listing: &GroupListing,
    again: &BTreeSet<Name>,
    all: &[i32],
) -> BTreeMap<Name, Vec<i32>> {
    again
        .iter()
        .map(|group| {
            let listed = listing.groups.get(group);
            let brokers =
                listed.map_or_else(|| all.to_vec(), |brokers| brokers.keys().copied().collect());
            (Name::clone(group), brokers)
        })
        .collect()
}

/// Lists the groups of all brokers again, except of silent ones.
fn relist(
    wanted: &Wanted<'_>,
    brokers: &[i32],
    listing: &mut GroupListing,
    context: &mut CollectionContext<'_>,
) {
    let asked: Vec<i32> = brokers
        .iter()
        .copied()
        .filter(|broker| !context.silent_brokers.contains_key(broker))
        .collect();
    let later = GroupListing::read(wanted.client, &asked, wanted.filter, context);
    later.give_up_silent_brokers(context);
    listing.merge(&asked, later);
}

/// Waits for [`RETRY_DELAY`]. Returns `true` if there is time for another request then.
#[expect(
    clippy::disallowed_methods,
    reason = "this thread belongs to librdkafka's blocking calls"
)]
fn wait_before_retry(context: &CollectionContext<'_>) -> bool {
    std::thread::sleep(RETRY_DELAY);
    context.request_timeout(Api::OffsetFetch).is_some()
}
