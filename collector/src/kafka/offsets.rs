//! Committed offsets, each group's from its coordinator.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

use shared::config::Filter;

use super::code::{Code, Remedy};
use super::groups::{Listing, STEP};
use super::native::{Answer, Client, CommittedRow, Requests};
use super::pass::Pass;
use crate::progress::Phase as Step;
use crate::snapshot::{Api, Name, Reading, Reason, Unknown};

/// Requests in flight on one broker.
const IN_FLIGHT: usize = 256;

/// How often unanswered groups are looked for again in one collection. A move of a coordinator is over in the first try nearly
/// always (4,000 of 4,000 groups in 4 moves).
const ROUNDS: usize = 3;

/// How long to wait before looking again.
const BACKOFF: Duration = Duration::from_millis(100);

/// The rows of one group.
pub(super) type Rows = Vec<CommittedRow>;

/// What is known of each group after all rounds.
#[derive(Default)]
pub(super) struct Committed {
    /// The groups that exist, or may.
    pub(super) groups: BTreeMap<Name, Found>,
    /// Groups that are listed under a name that is not theirs: librdkafka cuts it at a NUL byte.
    pub(super) n_nameless: usize,
}

/// Groups that may not be in a listing.
#[derive(Clone, Copy)]
pub(super) struct Unlisted<'k> {
    /// Groups that were shown, with their last coordinator.
    pub(super) known: &'k BTreeMap<Name, i32>,
    /// Groups of types that no listing has, with their coordinator. They are shown if they have commits.
    pub(super) found: &'k BTreeMap<Name, i32>,
}

/// One group.
pub(super) struct Found {
    /// The broker that answered, or the last one known to coordinate the group.
    pub(super) coordinator: i32,
    /// Its commits.
    pub(super) rows: Reading<Rows>,
}

/// The brokers, and how to ask them.
pub(super) struct Brokers<'c> {
    pub(super) client: &'c Client,
    pub(super) all: &'c [i32],
    pub(super) filter: &'c Filter,
}

/// The best answer so far for a group.
struct Best {
    broker: i32,
    answer: Result<Rows, Code>,
}

/// Reads the commits of every group that `listing` has, and of those that it may not have. Brokers are listed again and groups
/// asked again where a coordinator may have moved; `listing` is brought up to date.
pub(super) fn read(
    brokers: &Brokers<'_>,
    listing: &mut Listing,
    unlisted: Unlisted<'_>,
    pass: &mut Pass<'_>,
) -> Committed {
    let mut best: BTreeMap<Name, Best> = BTreeMap::new();
    let mut open = questions(listing, unlisted, brokers.all);
    for round in 0..ROUNDS {
        ask(brokers.client, &open, &mut best, pass);
        let again: BTreeSet<Name> = open
            .into_keys()
            .filter(|group| best.get(group).is_some_and(Best::may_be_elsewhere))
            .collect();
        let unlisted = listing
            .failed
            .values()
            .any(|code| code.remedy() == Remedy::AskAgain);
        if round + 1 == ROUNDS || (again.is_empty() && !unlisted) || !wait(pass) {
            break;
        }
        relist(brokers, listing, pass);
        // A name that was cut leads to a broker that never heard of it; in the end everybody is asked.
        let listed = if round + 2 == ROUNDS {
            &Listing::default()
        } else {
            &*listing
        };
        open = wider(listed, &again, brokers.all);
        for (group, brokers) in &listing.groups {
            if !best.contains_key(group) {
                open.entry(Name::clone(group))
                    .or_insert_with(|| brokers.keys().copied().collect());
            }
        }
    }
    conclude(listing, unlisted, best, pass)
}

/// Whom to ask about each group first: the brokers that list it, else its last coordinator, else everybody.
fn questions(listing: &Listing, unlisted: Unlisted<'_>, all: &[i32]) -> BTreeMap<Name, Vec<i32>> {
    let missing = unlisted
        .known
        .iter()
        .chain(unlisted.found)
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

/// Whom to ask about groups that their coordinator disowned: the brokers that list it now, else everybody. Whoever does not say
/// that it is not the coordinator, is.
fn wider(listing: &Listing, again: &BTreeSet<Name>, all: &[i32]) -> BTreeMap<Name, Vec<i32>> {
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

fn relist(brokers: &Brokers<'_>, listing: &mut Listing, pass: &mut Pass<'_>) {
    let asked: Vec<i32> = brokers
        .all
        .iter()
        .copied()
        .filter(|broker| !pass.silent.contains_key(broker))
        .collect();
    let later = Listing::read(brokers.client, &asked, brokers.filter, pass);
    later.heed(pass);
    listing.update(&asked, later);
}

#[expect(
    clippy::disallowed_methods,
    reason = "this thread belongs to librdkafka's blocking calls"
)]
fn wait(pass: &Pass<'_>) -> bool {
    std::thread::sleep(BACKOFF);
    pass.timeout(Api::OffsetFetch).is_some()
}

/// Asks every question, brokers in turn, and keeps the best answer of each group.
fn ask(
    client: &Client,
    questions: &BTreeMap<Name, Vec<i32>>,
    best: &mut BTreeMap<Name, Best>,
    pass: &mut Pass<'_>,
) {
    let mut todo: BTreeMap<i32, VecDeque<&Name>> = BTreeMap::new();
    for (group, brokers) in questions {
        for broker in brokers
            .iter()
            .filter(|broker| !pass.silent.contains_key(broker))
        {
            todo.entry(*broker).or_default().push_back(group);
        }
    }
    let total: usize = todo.values().map(VecDeque::len).sum();
    let mut requests = Requests::on(client);
    let mut sent: Vec<(&Name, i32)> = Vec::with_capacity(total);
    let mut in_flight: BTreeMap<i32, usize> = BTreeMap::new();
    let mut done = 0;
    loop {
        submit(&mut todo, &mut in_flight, &mut sent, &mut requests, pass);
        if requests.n_waiting() == 0 || pass.is_stopped() {
            break;
        }
        let Some((tag, Answer::Offsets(answer))) = requests.next(STEP) else {
            continue;
        };
        let (group, broker) = sent[tag];
        *in_flight.entry(broker).or_default() -= 1;
        if let Err(code) = answer {
            let unknown = Unknown::new(Api::OffsetFetch, pass.reason(code));
            pass.heed(broker, unknown, code);
        }
        keep(best, group, Best { broker, answer });
        done += 1;
        pass.tell(|progress| progress.phase = Step::Offsets { done, total });
    }
}

/// Sends what may be sent now: a silent broker's questions are dropped, the others take turns up to their share in flight.
fn submit<'q>(
    todo: &mut BTreeMap<i32, VecDeque<&'q Name>>,
    in_flight: &mut BTreeMap<i32, usize>,
    sent: &mut Vec<(&'q Name, i32)>,
    requests: &mut Requests<'_>,
    pass: &mut Pass<'_>,
) {
    todo.retain(|broker, _| !pass.silent.contains_key(broker));
    loop {
        let mut idle = true;
        for (&broker, groups) in &mut *todo {
            let busy = in_flight.entry(broker).or_default();
            let Some(timeout) = pass.timeout(Api::OffsetFetch) else {
                return;
            };
            if *busy >= IN_FLIGHT {
                continue;
            }
            if let Some(group) = groups.pop_front() {
                pass.count(Api::OffsetFetch);
                requests.committed_offsets(broker, group, sent.len(), timeout);
                sent.push((group, broker));
                *busy += 1;
                idle = false;
            }
        }
        if idle {
            return;
        }
    }
}

/// An answer with rows beats an empty one, any answer beats an error, an error of the group beats one of the broker, and any beats
/// "not me".
fn keep(best: &mut BTreeMap<Name, Best>, group: &Name, new: Best) {
    let better = best.get(group).is_none_or(|old| new.rank() >= old.rank());
    if better {
        best.insert(Name::clone(group), new);
    }
}

/// What each group comes to. A group that is in no listing and has no commits with whoever coordinates it is gone. One that only
/// others list is not there by this name.
fn conclude(
    listing: &Listing,
    Unlisted { known, found }: Unlisted<'_>,
    mut best: BTreeMap<Name, Best>,
    pass: &mut Pass<'_>,
) -> Committed {
    let mut committed = Committed::default();
    let names = listing
        .groups
        .keys()
        .chain(known.keys())
        .chain(found.keys());
    for name in names.collect::<BTreeSet<&Name>>() {
        let lists = listing.groups.get(name);
        let listed = lists.and_then(|brokers| brokers.keys().next().copied());
        let last = listed.or_else(|| known.get(name).copied()).unwrap_or(-1);
        let may_be_none = listed.is_none() && !known.contains_key(name);
        let found = match best.remove(name) {
            Some(Best { answer: Err(_), .. }) | None if may_be_none => continue,
            Some(Best {
                broker,
                answer: Ok(rows),
            }) if rows.is_empty() && lists.is_some_and(|lists| !lists.contains_key(&broker)) => {
                committed.n_nameless += 1;
                continue;
            }
            Some(Best {
                answer: Ok(rows), ..
            }) if listed.is_none() && rows.is_empty() => continue,
            Some(Best {
                answer: Err(code), ..
            }) if listed.is_none() && code.reason() == Reason::GroupNotFound => {
                continue;
            }
            Some(Best {
                broker,
                answer: Ok(rows),
            }) => Found {
                coordinator: broker,
                rows: Ok(rows),
            },
            Some(Best {
                broker: _,
                answer: Err(code),
            }) => {
                let reason = pass.reason(code);
                let unknown = pass.fail(Api::OffsetFetch, reason, format!("group {name}"));
                Found {
                    coordinator: last,
                    rows: Err(unknown),
                }
            }
            None => Found {
                coordinator: last,
                rows: Err(unasked(last, name, pass)),
            },
        };
        committed.groups.insert(Name::clone(name), found);
    }
    committed
}

/// Why a group was not asked about: its coordinator is silent, which was counted there, or time was out.
fn unasked(coordinator: i32, group: &Name, pass: &mut Pass<'_>) -> Unknown {
    if let Some(unknown) = pass.silent.get(&coordinator) {
        return *unknown;
    }
    pass.fail(Api::OffsetFetch, Reason::Deadline, format!("group {group}"))
}

// === impl Best ===

impl Best {
    fn rank(&self) -> u8 {
        match &self.answer {
            Ok(rows) if !rows.is_empty() => 4,
            Ok(_) => 3,
            Err(code) if code.remedy() == Remedy::None => 2,
            Err(code) if code.reason() == Reason::NotCoordinator => 0,
            Err(_) => 1,
        }
    }

    /// Whether another broker may know better.
    fn may_be_elsewhere(&self) -> bool {
        self.answer
            .as_ref()
            .is_err_and(|code| code.remedy() == Remedy::AskAgain)
    }
}
