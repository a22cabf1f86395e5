//! The survey: all groups of all types described at once, two requests to each broker.
//!
//! It tells the members of classic groups, and that there are groups which no listing of consumer groups has. What members have
//! stored are bytes that clients chose. A group of which they cannot be read has unknown members; no other group is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use shared::config::Filter;
use tokio::time::Instant;

use super::{Described, Found, Members, TTL, is_classic, partitions};
use crate::kafka::assignment::{self, Malformed};
use crate::kafka::code::Code;
use crate::kafka::groups::{Listed, Listing};
use crate::kafka::native::{Client, RawGroup};
use crate::kafka::pass::Pass;
use crate::kafka::topology::Topology;
use crate::snapshot::{Api, GroupState, Member, Name, Reason, Unknown, Unsupported};

/// Bound of a survey where a broker is known to be silent: the call waits for that one too.
const WITHOUT_A_BROKER: Duration = Duration::from_secs(1);

/// What only a survey tells.
#[derive(Debug)]
pub(super) struct Survey {
    at: Instant,
    /// Groups in no listing that are not classic: of share groups or Streams groups.
    pub(super) unlisted: BTreeSet<Name>,
    /// How many classic groups there are that are not consumers'.
    pub(super) others: BTreeMap<Unsupported, usize>,
}

/// What a survey is made of.
pub(in crate::kafka) struct Ground<'a> {
    pub(in crate::kafka) client: &'a Client,
    pub(in crate::kafka) listing: &'a Listing,
    pub(in crate::kafka) topology: &'a Topology,
    pub(in crate::kafka) filter: &'a Filter,
}

/// What came of one.
#[derive(Default)]
struct Seen {
    /// Brokers that described a group.
    brokers: BTreeSet<i32>,
    /// Groups in no listing, and who coordinates them.
    unlisted: BTreeMap<Name, i32>,
    others: BTreeMap<Unsupported, usize>,
    /// Groups in no listing of which the type was not told.
    n_refused: usize,
}

// === impl Members ===

impl Members {
    /// Makes a survey if one is due, and says which groups it found in no listing, and their coordinators. What was known and
    /// is not told anew stays for its time.
    pub(in crate::kafka) fn survey(
        &mut self,
        ground: &Ground<'_>,
        pass: &mut Pass<'_>,
    ) -> BTreeMap<Name, i32> {
        if !self.is_due(ground.listing) {
            return BTreeMap::new();
        }
        let Some(bound) = pass.timeout(Api::DescribeGroups) else {
            return BTreeMap::new();
        };
        // Half, as an older answer serves as well.
        let bound = if pass.silent.is_empty() {
            bound / 2
        } else {
            WITHOUT_A_BROKER.min(bound / 2)
        };
        let began = Instant::now();
        let (described, whole) = ground.client.describe_all(bound);
        let mut seen = Seen::default();
        for group in described.groups() {
            seen.brokers.insert(group.broker);
            let Some(name) = group.name.filter(|name| ground.filter.matches(name)) else {
                continue;
            };
            let Some((name, _)) = ground.listing.groups.get_key_value(name) else {
                seen.note(name, &group);
                continue;
            };
            let listed = ground.listing.of(name, group.broker);
            if !is_classic(listed) {
                continue;
            }
            match found(&group, ground.topology) {
                Ok(found) => {
                    let at = Instant::now();
                    let described = Described { listed, found, at };
                    self.groups.insert(Name::clone(name), described);
                }
                Err(code) => drop(self.refused.insert(Name::clone(name), code)),
            }
        }
        // One of two brokers that list a name may list the part of another one.
        let groups = &self.groups;
        let is_told = |name: &Name| groups.get(name).is_some_and(|known| known.at >= began);
        self.refused.retain(|name, _| !is_told(name));
        seen.count(ground.topology, pass);
        let all = seen.missing(whole, ground, pass);
        if all {
            self.survey = Some(Survey {
                at: Instant::now(),
                unlisted: seen.unlisted.keys().cloned().collect(),
                others: seen.others,
            });
        }
        seen.unlisted
    }

    fn is_due(&self, listing: &Listing) -> bool {
        let now = Instant::now();
        let fresh = self
            .survey
            .as_ref()
            .is_some_and(|survey| survey.is_fresh(now));
        let unknown = |(name, brokers): (&Name, &BTreeMap<i32, Listed>)| {
            let listed = brokers.values().any(|listed| is_classic(*listed));
            listed
                && !brokers
                    .values()
                    .any(|listed| self.serves(name, *listed, now))
        };
        !fresh || listing.groups.iter().any(unknown)
    }
}

// === impl Survey ===

impl Survey {
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.at) < TTL
    }
}

// === impl Seen ===

impl Seen {
    /// Counts the requests: every broker is asked which groups it has, and those that have any for a description.
    fn count(&self, topology: &Topology, pass: &mut Pass<'_>) {
        for _ in &topology.brokers {
            pass.count(Api::ListGroups);
        }
        for _ in &self.brokers {
            pass.count(Api::DescribeGroups);
        }
    }

    /// Keeps what is said of a group that is in no listing.
    fn note(&mut self, name: &str, group: &RawGroup<'_>) {
        if group.code.check().is_err() {
            self.n_refused += 1;
        } else if is_dead(group) {
            self.unlisted.insert(Name::from(name), group.broker);
        } else if !is_consumers(group) {
            let kind = match &*group.protocol_type {
                "connect" => Unsupported::Connect,
                _ => Unsupported::Other,
            };
            *self.others.entry(kind).or_default() += 1;
        }
    }

    /// Records each broker that has described none of the groups that it lists, and says whether there are all groups.
    fn missing(&self, whole: Result<(), Code>, ground: &Ground<'_>, pass: &mut Pass<'_>) -> bool {
        let listing = ground.listing;
        let reason = match whole {
            Err(Code::PARTIAL) => Reason::Timeout,
            Err(code) => pass.reason(code),
            // Of several failures librdkafka keeps the last, and none if a broker succeeded after it.
            Ok(()) => Reason::Other,
        };
        let classic = listing.groups.values().flatten();
        let missing: BTreeSet<i32> = classic
            .filter(|(_, listed)| is_classic(**listed))
            .map(|(broker, _)| *broker)
            .filter(|broker| !self.brokers.contains(broker))
            .collect();
        // A broker that is silent has been counted.
        let new: Vec<i32> = missing
            .iter()
            .copied()
            .filter(|broker| !pass.silent.contains_key(broker))
            .collect();
        if self.brokers.is_empty() && pass.silent.is_empty() && !new.is_empty() {
            pass.fail(Api::DescribeGroups, reason, crate::kafka::CLUSTER);
        } else {
            for broker in new {
                pass.fail(Api::DescribeGroups, reason, format!("broker {broker}"));
            }
        }
        whole.is_ok()
            && missing.is_empty()
            && self.n_refused == 0
            && pass.silent.is_empty()
            && listing.failed.is_empty()
            && listing.unasked.is_empty()
    }
}

/// What is said of a group that a broker lists as one of consumers.
fn found(group: &RawGroup<'_>, topology: &Topology) -> Result<Found, Code> {
    group.code.check()?;
    if !is_consumers(group) {
        return Ok(Found::Nobody);
    }
    let unreadable = Unknown::new(Api::DescribeGroups, Reason::BadAnswer);
    let members = members(group, topology).map_err(|Malformed| unreadable);
    Ok(Found::Group {
        state: state(&group.state),
        members: members.map(Arc::new),
    })
}

/// Whether a broker has no classic group of this name.
fn is_dead(group: &RawGroup<'_>) -> bool {
    group.state == "Dead" && group.protocol_type.is_empty()
}

/// Whether a group is a classic one of consumers; those that only commit have no protocol type.
fn is_consumers(group: &RawGroup<'_>) -> bool {
    !is_dead(group) && matches!(&*group.protocol_type, "consumer" | "")
}

fn members(group: &RawGroup<'_>, topology: &Topology) -> Result<Vec<Member>, Malformed> {
    let members = group.members().map(|member| {
        let assigned = assignment::parse(member.assignment)?;
        let assigned = assigned.into_iter().map(|it| (it.topic, it.partitions));
        Ok(Member {
            consumer_id: Name::from(member.consumer_id),
            client_id: Name::from(member.client_id),
            host: Name::from(member.host),
            assignment: partitions(assigned, topology),
        })
    });
    let mut members: Vec<Member> = members.collect::<Result<_, _>>()?;
    // Brokers tell them in any order. A partition that two claim is shown as the same one's every time.
    members.sort_unstable_by(|a, b| a.consumer_id.cmp(&b.consumer_id));
    Ok(members)
}

/// The state that a broker calls a classic group's by.
fn state(name: &str) -> GroupState {
    match name {
        "PreparingRebalance" => GroupState::PreparingRebalance,
        "CompletingRebalance" => GroupState::CompletingRebalance,
        "Stable" => GroupState::Stable,
        "Dead" => GroupState::Dead,
        "Empty" => GroupState::Empty,
        _ => GroupState::Unknown,
    }
}
