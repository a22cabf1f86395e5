//! Descriptions of single groups, where a broker fails to describe all of its groups together.
//!
//! A broker that cannot write the description of one group, such as one with a member id of more than 32,767 bytes, which any
//! client can make, answers with the same error for all groups of the request. So the groups of such a broker take turns in being
//! asked about alone, until the others of the request can be read again.

use std::time::Duration;

use tokio::time::Instant;

use super::findings::SurveyFindings;
use super::{GroupMembers, SurveyInput};
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::group_listing::ListedAs;
use crate::kafka::members::is_classic;
use crate::snapshot::{Api, Name};

/// The largest number of groups that one collection asks about alone. Each costs a request to every broker, and one more.
const MAX_SINGLE_GROUPS: usize = 50;

impl GroupMembers {
    /// Describes single groups of the brokers that answered with [`ErrorCode::UNKNOWN`] about every group, within `bound`. Groups
    /// that have a description which may still be used are not asked about.
    ///
    /// [`ErrorCode::UNKNOWN`]: crate::kafka::error_code::ErrorCode::UNKNOWN
    pub(super) fn describe_singly(
        &mut self,
        input: &SurveyInput<'_>,
        findings: &SurveyFindings,
        bound: Duration,
        context: &mut CollectionContext<'_>,
    ) {
        let began = Instant::now();
        let due = self.due_singly(input, findings);
        let last = self.last_single.clone();
        for (name, broker) in in_turn(&due, last.as_ref()) {
            let left = bound.saturating_sub(began.elapsed());
            if left.is_zero() || context.request_timeout(Api::DescribeGroups).is_none() {
                break;
            }
            for _ in &input.known_topics.metadata.brokers {
                context.count_request(Api::ListGroups);
            }
            context.count_request(Api::DescribeGroups);
            let described = input.client.describe_one(name, left);
            let mut described = described.groups();
            if let Some(group) = described.find(|it| it.broker == *broker) {
                self.keep_description(name, &group, input);
            }
            self.last_single = Some(Name::clone(name));
        }
    }

    /// Returns the groups to ask about, sorted by name, each with the broker that has failed to describe it.
    fn due_singly(&self, input: &SurveyInput<'_>, findings: &SurveyFindings) -> Vec<(Name, i32)> {
        let unreadable = &findings.brokers - &findings.readable;
        if unreadable.is_empty() {
            return Vec::new();
        }
        let now = Instant::now();
        let is_due = |name: &Name, (broker, listed): (&i32, &ListedAs)| {
            unreadable.contains(broker)
                && is_classic(*listed)
                && !self.is_current(name, *listed, now)
        };
        let groups = input.listing.groups.iter();
        groups
            .filter_map(|(name, brokers)| {
                let (broker, _) = brokers.iter().find(|entry| is_due(name, *entry))?;
                Some((Name::clone(name), *broker))
            })
            .collect()
    }
}

/// Returns those of `due` that are next: the groups after `last`, then the others, up to [`MAX_SINGLE_GROUPS`].
fn in_turn<'d>(
    due: &'d [(Name, i32)],
    last: Option<&Name>,
) -> impl Iterator<Item = &'d (Name, i32)> {
    let at = last.map_or(0, |last| due.partition_point(|(name, _)| name <= last));
    let (before, after) = due.split_at(at);
    after.iter().chain(before).take(MAX_SINGLE_GROUPS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_take_turns() {
        let due: Vec<_> = (0..70)
            .map(|i| (Name::from(format!("{i:02}")), 1))
            .collect();
        let names = |last: Option<&str>| {
            let last = last.map(Name::from);
            let next = in_turn(&due, last.as_ref()).map(|(name, _)| name.to_string());
            next.collect::<Vec<_>>()
        };
        let expected = |numbers: &mut dyn Iterator<Item = i32>| -> Vec<String> {
            numbers.map(|i| format!("{i:02}")).collect()
        };
        assert_eq!(names(None), expected(&mut (0..50)));
        assert_eq!(names(Some("49")), expected(&mut (50..70).chain(0..30)));
        // The last one is not due any more.
        assert_eq!(names(Some("69+")), expected(&mut (0..50)));
    }
}
