//! The findings of a survey apart from the descriptions of groups of consumers.

use std::collections::{BTreeMap, BTreeSet};

use super::{SurveyInput, is_consumers, is_dead};
use crate::kafka::collection_context::{CLUSTER_SUBJECT, CollectionContext};
use crate::kafka::error_code::ErrorCode;
use crate::kafka::group_listing::is_too_long;
use crate::kafka::members::is_classic;
use crate::kafka::metadata::Metadata;
use crate::kafka::native::RawGroup;
use crate::snapshot::{Api, Name, Reason, Unsupported};

/// The findings of one survey, while its answer is read.
#[derive(Default)]
pub(super) struct SurveyFindings {
    /// The brokers that described at least one group.
    pub(super) brokers: BTreeSet<i32>,
    /// Those of them that described at least one group without [`ErrorCode::UNKNOWN`].
    pub(super) readable: BTreeSet<i32>,
    /// Groups that are in no listing and not classic, with their coordinators.
    pub(super) unlisted: BTreeMap<Name, i32>,
    /// The number of classic groups whose members are not consumers, by type.
    pub(super) others: BTreeMap<Unsupported, usize>,
    /// The number of groups that are in no listing and whose description was refused, so that their type is unknown.
    n_refused: usize,
}

// === impl SurveyFindings ===

impl SurveyFindings {
    /// Notes which broker has described `group`.
    pub(super) fn note_broker(&mut self, group: &RawGroup<'_>) {
        self.brokers.insert(group.broker);
        if group.code != ErrorCode::UNKNOWN {
            self.readable.insert(group.broker);
        }
    }

    /// Counts the requests of the survey's call, which asks every broker for its groups, and then each broker that has groups for
    /// their descriptions.
    pub(super) fn count_requests(&self, metadata: &Metadata, context: &mut CollectionContext<'_>) {
        for _ in &metadata.brokers {
            context.count_request(Api::ListGroups);
        }
        for _ in &self.brokers {
            context.count_request(Api::DescribeGroups);
        }
    }

    /// Records the description of a group that is in no listing, by the type that it shows.
    pub(super) fn add_unlisted(&mut self, name: &str, group: &RawGroup<'_>) {
        if group.code.check().is_err() {
            self.n_refused += 1;
        } else if is_dead(group) {
            // The listing has counted such a group because of its name, if it is one of consumers.
            if !is_too_long(name) {
                self.unlisted.insert(Name::from(name), group.broker);
            }
        } else if !is_consumers(group) {
            let kind = match &*group.protocol_type {
                "connect" => Unsupported::Connect,
                _ => Unsupported::Other,
            };
            *self.others.entry(kind).or_default() += 1;
        }
    }

    /// Records a failure for each broker that has described none of the groups that it lists. Returns `true` if the survey is
    /// complete.
    pub(super) fn record_missing(
        &self,
        whole: Result<(), ErrorCode>,
        input: &SurveyInput<'_>,
        context: &mut CollectionContext<'_>,
    ) -> bool {
        let listing = input.listing;
        let reason = match whole {
            Err(ErrorCode::LOCAL_PARTIAL) => Reason::Timeout,
            Err(code) => context.reason_of(code),
            // The call returns the outcome of the last broker, so the failure of an earlier broker leaves no code.
            Ok(()) => Reason::Other,
        };
        let classic = listing.groups.values().flatten();
        let missing: BTreeSet<i32> = classic
            .filter(|(_, listed)| is_classic(**listed))
            .map(|(broker, _)| *broker)
            .filter(|broker| !self.brokers.contains(broker))
            .collect();
        // The failure of a silent broker was recorded when its silence was noticed, so it is not recorded again.
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
