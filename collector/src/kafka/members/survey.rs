//! The survey: one call that describes all groups of all types, by two requests to each broker.
//!
//! The survey brings the members of classic groups, and shows groups that no listing of consumer groups has: share groups and
//! Streams groups. The assignments of classic members are bytes that clients have chosen. Where they cannot be parsed, that
//! group's members are unknown, and no other group's.

mod findings;
mod single;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use shared::config::Filter;
use tokio::time::Instant;

use self::findings::SurveyFindings;
use super::claims::{Claims, KnownTopics, leave_to_first};
use super::{DESCRIPTION_TTL, DescribedAs, Description, GroupMembers, is_classic, label};
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::error_code::ErrorCode;
use crate::kafka::group_listing::{GroupListing, ListedAs};
use crate::kafka::member_assignment::{self, Malformed};
use crate::kafka::native::{Client, RawGroup};
use crate::snapshot::{Api, GroupState, Member, Name, Reason, Unknown, Unsupported};

/// The time limit of a survey while a broker is known to be silent, since the call waits for that broker too.
const TIMEOUT_WITH_SILENT_BROKER: Duration = Duration::from_secs(1);

/// The part of a survey's result that nothing else shows.
#[derive(Debug)]
pub(super) struct Survey {
    /// The instant at which the survey ended, from which its age counts.
    at: Instant,
    /// Groups that are in no listing and not classic. They are share groups or Streams groups.
    pub(super) unlisted: BTreeSet<Name>,
    /// The number of classic groups whose members are not consumers, by type.
    pub(super) others: BTreeMap<Unsupported, usize>,
}

/// The client to make a survey with, and the values that were read before.
pub(in crate::kafka) struct SurveyInput<'a> {
    pub(in crate::kafka) client: &'a Client,
    pub(in crate::kafka) listing: &'a GroupListing,
    pub(in crate::kafka) known_topics: KnownTopics<'a>,
    /// The filter that the names of wanted groups pass.
    pub(in crate::kafka) filter: &'a Filter,
}

// === impl GroupMembers ===

impl GroupMembers {
    /// Makes a survey if one is due. Returns the groups that no listing has but the survey found, with their coordinators.
    /// Descriptions that the survey does not renew are used until they are too old.
    pub(in crate::kafka) fn survey(
        &mut self,
        input: &SurveyInput<'_>,
        context: &mut CollectionContext<'_>,
    ) -> BTreeMap<Name, i32> {
        self.drop_outgrown(input.known_topics.metadata);
        if !self.is_due(input.listing) {
            return BTreeMap::new();
        }
        let Some(bound) = context.request_timeout(Api::DescribeGroups) else {
            return BTreeMap::new();
        };
        // The survey gets half of the time of other requests, as descriptions of an earlier survey still serve.
        let bound = if context.silent_brokers.is_empty() {
            bound / 2
        } else {
            TIMEOUT_WITH_SILENT_BROKER.min(bound / 2)
        };
        let began = Instant::now();
        let (described, whole) = input.client.describe_all(bound);
        let mut findings = SurveyFindings::default();
        for group in described.groups() {
            findings.note_broker(&group);
            let Some(name) = group.name.filter(|name| input.filter.matches(name)) else {
                continue;
            };
            match input.listing.groups.get_key_value(name) {
                Some((name, _)) => self.keep_description(name, &group, input),
                None => findings.add_unlisted(name, &group),
            }
        }
        drop(described);
        self.describe_singly(input, &findings, bound, context);
        // If two brokers list the same name, one of them may have listed a truncated form of another group's name, and refuses to
        // describe it.
        let groups = &self.groups;
        let is_described = |name: &Name| groups.get(name).is_some_and(|known| known.at >= began);
        self.failed_groups.retain(|name, _| !is_described(name));
        findings.count_requests(input.known_topics.metadata, context);
        let all = findings.record_missing(whole, input, context);
        if all {
            self.survey = Some(Survey {
                at: Instant::now(),
                unlisted: findings.unlisted.keys().cloned().collect(),
                others: findings.others,
            });
        }
        findings.unlisted
    }

    /// Keeps the description of a listed group, or the error about it. That there is no classic group counts only as the word of a
    /// broker that lists the group.
    fn keep_description(&mut self, name: &Name, group: &RawGroup<'_>, input: &SurveyInput<'_>) {
        let listed = input.listing.entry_of(name, group.broker);
        let listed_by = input.listing.groups.get(name);
        let is_listed = listed_by.is_some_and(|brokers| brokers.contains_key(&group.broker));
        if !is_classic(listed) || (!is_listed && is_dead(group)) {
            return;
        }
        match described(group, listed, input.known_topics) {
            Ok(described) => self.keep(name, described),
            Err(code) => drop(self.failed_groups.insert(Name::clone(name), code)),
        }
    }

    /// Returns `true` if there is no recent survey, or if a listed classic group has no description that may still be used.
    fn is_due(&self, listing: &GroupListing) -> bool {
        let now = Instant::now();
        let fresh = self
            .survey
            .as_ref()
            .is_some_and(|survey| survey.is_fresh(now));
        let unknown = |(name, brokers): (&Name, &BTreeMap<i32, ListedAs>)| {
            let listed = brokers.values().any(|listed| is_classic(*listed));
            listed
                && !brokers
                    .values()
                    .any(|listed| self.is_current(name, *listed, now))
        };
        !fresh || listing.groups.iter().any(unknown)
    }
}

// === impl Survey ===

impl Survey {
    pub(super) fn is_fresh(&self, now: Instant) -> bool {
        now.duration_since(self.at) < DESCRIPTION_TTL
    }
}

/// Returns the description of a group that a broker lists as a group of consumers, or the broker's error about this group.
fn described(
    group: &RawGroup<'_>,
    listed: ListedAs,
    known: KnownTopics<'_>,
) -> Result<Description, ErrorCode> {
    group.code.check()?;
    let mut description = Description {
        listed,
        content: DescribedAs::NoSuchGroup,
        at: Instant::now(),
        outgrown_by: Vec::new(),
        n_unread: 0,
    };
    if is_consumers(group) {
        let unreadable = Unknown::new(Api::DescribeGroups, Reason::BadAnswer);
        let members = members(group, known, &mut description);
        description.content = DescribedAs::Group {
            state: state(&group.state),
            members: members.map(Arc::new).map_err(|Malformed| unreadable),
        };
    }
    Ok(description)
}

/// Returns `true` if the broker has no classic group of this name, although it describes one.
fn is_dead(group: &RawGroup<'_>) -> bool {
    group.state == "Dead" && group.protocol_type.is_empty()
}

/// Returns `true` for a classic group of consumers. A group that only commits has an empty protocol type.
fn is_consumers(group: &RawGroup<'_>) -> bool {
    !is_dead(group) && matches!(&*group.protocol_type, "consumer" | "")
}

/// Returns the members of a classic group, ordered by their ids. Notes in `description` which of their claims are not kept.
fn members(
    group: &RawGroup<'_>,
    known: KnownTopics<'_>,
    description: &mut Description,
) -> Result<Vec<Member>, Malformed> {
    let mut stored: Vec<_> = group.members().collect();
    // Brokers list members in any order. In a fixed order, a partition that two members have is always shown with the same
    // member.
    stored.sort_unstable_by(|a, b| a.consumer_id.cmp(&b.consumer_id));
    let members = stored.iter().map(|member| {
        let assigned = member_assignment::parse(member.assignment)?;
        let assigned = assigned.into_iter().map(|it| (it.topic, it.partitions));
        let claims = Claims::of(assigned, known);
        description.outgrown_by.extend(claims.outgrown_by);
        description.n_unread += claims.n_unread;
        Ok(Member {
            consumer_id: label(&member.consumer_id),
            client_id: label(&member.client_id),
            host: label(&member.host),
            assignment: claims.partitions,
        })
    });
    let mut members: Vec<Member> = members.collect::<Result<_, _>>()?;
    leave_to_first(&mut members);
    Ok(members)
}

/// Returns the state of a classic group that brokers call by this name.
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
