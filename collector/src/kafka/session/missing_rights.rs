//! Signs that this user lacks rights. Kafka answers a missing right with less data, not with an error.

use std::collections::BTreeMap;

use super::Session;
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::committed_offsets::CommittedOffsets;
use crate::kafka::group_listing::GroupListing;
use crate::kafka::metadata::Metadata;
use crate::kafka::unseen_assignments::{GroupAssignments, TopicQuery};
use crate::snapshot::{Api, GroupState, Name, Reason, Topic, Unknown};

impl Session {
    /// Returns the topics with partitions that members are assigned and that are not among those that were `read`, each with the
    /// reason.
    pub(super) fn find_unseen(
        &mut self,
        read: &BTreeMap<Name, Topic>,
        metadata: &mut Metadata,
        (listing, committed): (&GroupListing, &CommittedOffsets),
        context: &mut CollectionContext<'_>,
    ) -> BTreeMap<Name, Unknown> {
        let groups = committed.groups.iter();
        let claims: Vec<GroupAssignments<'_>> = groups
            .filter_map(|(name, found)| {
                let listed = listing.entry_of(name, found.coordinator);
                let (members, _) = self.members.of(name, listed);
                Some((name, members.ok()?))
            })
            .collect();
        let query = TopicQuery {
            client: &self.client,
            filter: &self.cluster.topics,
            ttl: self.exporter.performance.metadata_ttl,
        };
        self.unseen_assignments
            .find(query, (&claims, read), metadata, context)
    }

    /// Records a failure if no group is visible, and one for each group that has members with unknown assignments and no visible
    /// commit. For a group with known assignments no such guess is needed: [`Self::find_unseen`] names the topics that this user
    /// cannot see.
    pub(super) fn report_missing_rights(
        &self,
        listing: &GroupListing,
        committed: &CommittedOffsets,
        context: &mut CollectionContext<'_>,
    ) {
        if listing.n_visible == 0 && listing.failed.is_empty() && listing.not_asked.is_empty() {
            context.record_failure(Api::ListGroups, Reason::NothingVisible, "groups");
        }
        for (name, found) in &committed.groups {
            let listed = listing.entry_of(name, found.coordinator);
            let (members, _) = self.members.of(name, listed);
            let unknown = listed.state == GroupState::Stable && members.is_err();
            if unknown && found.rows.as_ref().is_ok_and(Vec::is_empty) {
                context.record_failure(
                    Api::OffsetFetch,
                    Reason::NothingVisible,
                    format!("group {name}"),
                );
            }
        }
    }
}
