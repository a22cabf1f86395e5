//! The survey: all groups of all types described at once, two requests to each broker.
//!
//! It tells the members of classic groups, and that there are groups which no listing of consumer groups has. What members have
//! stored are bytes that clients chose. A group of which they cannot be read has unknown members; no other group is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use shared::config::Filter;
use tokio::time::Instant;

use super::{DESCRIPTION_TTL, DescribedAs, Description, GroupMembers, is_classic, partitions};
use crate::kafka::collection_context::{CLUSTER_SUBJECT, CollectionContext};
use crate::kafka::error_code::ErrorCode;
use crate::kafka::group_listing::{GroupListing, ListedAs};
use crate::kafka::member_assignment::{self, Malformed};
use crate::kafka::metadata::Metadata;
use crate::kafka::native::{Client, RawGroup};
use crate::snapshot::{Api, GroupState, Member, Name, Reason, Unknown, Unsupported};

/// Bound of a survey where a broker is known to be silent: the call waits for that one too.
const TIMEOUT_WITH_SILENT_BROKER: Duration = Duration::from_secs(1);

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
pub(in crate::kafka) struct SurveyInput<'a> {
    pub(in crate::kafka) client: &'a Client,
    pub(in crate::kafka) listing: &'a GroupListing,
    pub(in crate::kafka) metadata: &'a Metadata,
    pub(in crate::kafka) filter: &'a Filter,
}

/// What came of one.
#[derive(Default)]
struct SurveyFindings {
    /// Brokers that described a group.
    brokers: BTreeSet<i32>,
    /// Groups in no listing, and who coordinates them.
    unlisted: BTreeMap<Name, i32>,
    others: BTreeMap<Unsupported, usize>,
    /// Groups in no listing of which the type was not told.
    n_refused: usize,
}

// === impl GroupMembers ===

impl GroupMembers {
    /// Makes a survey if one is due, and says which groups it found in no listing, and their coordinators. What was known and
    /// is not told anew stays for its time.
    pub(in crate::kafka) fn survey(
        &mut self,
        input: &SurveyInput<'_>,
        context: &mut CollectionContext<'_>,
    ) -> BTreeMap<Name, i32> {
        if !self.is_due(input.listing) {
            return BTreeMap::new();
        }
        let Some(bound) = context.request_timeout(Api::DescribeGroups) else {
            return BTreeMap::new();
        };
        // Half, as an older answer serves as well.
        let bound = if context.silent_brokers.is_empty() {
            bound / 2
        } else {
            TIMEOUT_WITH_SILENT_BROKER.min(bound / 2)
        };
        let began = Instant::now();
        let (described, whole) = input.client.describe_all(bound);
        let mut findings = SurveyFindings::default();
        for group in described.groups() {
            findings.brokers.insert(group.broker);
            let Some(name) = group.name.filter(|name| input.filter.matches(name)) else {
                continue;
            };
            let Some((name, _)) = input.listing.groups.get_key_value(name) else {
                findings.add_unlisted(name, &group);
                continue;
            };
            let listed = input.listing.entry_of(name, group.broker);
            if !is_classic(listed) {
                continue;
            }
            match found(&group, input.metadata) {
                Ok(found) => {
                    let at = Instant::now();
                    let described = Description { listed, found, at };
                    self.groups.insert(Name::clone(name), described);
                }
                Err(code) => drop(self.failed_groups.insert(Name::clone(name), code)),
            }
        }
        // One of two brokers that list a name may list the part of another one.
        let groups = &self.groups;
        let is_told = |name: &Name| groups.get(name).is_some_and(|known| known.at >= began);
        self.failed_groups.retain(|name, _| !is_told(name));
        findings.count_requests(input.metadata, context);
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

// === impl SurveyFindings ===

impl SurveyFindings {
    /// Counts the requests: every broker is asked which groups it has, and those that have any for a description.
    fn count_requests(&self, metadata: &Metadata, context: &mut CollectionContext<'_>) {
        for _ in &metadata.brokers {
            context.count_request(Api::ListGroups);
        }
        for _ in &self.brokers {
            context.count_request(Api::DescribeGroups);
        }
    }

    /// Keeps what is said of a group that is in no listing.
    fn add_unlisted(&mut self, name: &str, group: &RawGroup<'_>) {
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
    fn record_missing(
        &self,
        whole: Result<(), ErrorCode>,
        input: &SurveyInput<'_>,
        context: &mut CollectionContext<'_>,
    ) -> bool {
        let listing = input.listing;
        let reason = match whole {
            Err(ErrorCode::LOCAL_PARTIAL) => Reason::Timeout,
            Err(code) => context.reason_of(code),
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
            .filter(|broker| !context.silent_brokers.contains_key(broker))
            .collect();
        if self.brokers.is_empty() && context.silent_brokers.is_empty() && !new.is_empty() {
            context.record_failure(Api::DescribeGroups, reason, CLUSTER_SUBJECT);
        } else {
            for broker in new {
                context.record_failure(Api::DescribeGroups, reason, format!("broker {broker}"));
            }
        }
        whole.is_ok()
            && missing.is_empty()
            && self.n_refused == 0
            && context.silent_brokers.is_empty()
            && listing.failed.is_empty()
            && listing.not_asked.is_empty()
    }
}

/// What is said of a group that a broker lists as one of consumers.
fn found(group: &RawGroup<'_>, metadata: &Metadata) -> Result<DescribedAs, ErrorCode> {
    group.code.check()?;
    if !is_consumers(group) {
        return Ok(DescribedAs::NoSuchGroup);
    }
    let unreadable = Unknown::new(Api::DescribeGroups, Reason::BadAnswer);
    let members = members(group, metadata).map_err(|Malformed| unreadable);
    Ok(DescribedAs::Group {
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

fn members(group: &RawGroup<'_>, metadata: &Metadata) -> Result<Vec<Member>, Malformed> {
    let members = group.members().map(|member| {
        let assigned = member_assignment::parse(member.assignment)?;
        let assigned = assigned.into_iter().map(|it| (it.topic, it.partitions));
        Ok(Member {
            consumer_id: Name::from(member.consumer_id),
            client_id: Name::from(member.client_id),
            host: Name::from(member.host),
            assignment: partitions(assigned, metadata),
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
