//! What this user may not see. Kafka answers with less then, not with an error.

use std::collections::BTreeMap;

use super::Session;
use crate::kafka::groups::Listing;
use crate::kafka::offsets::Committed;
use crate::kafka::pass::Pass;
use crate::kafka::topology::Topology;
use crate::kafka::unseen::{Claims, Source};
use crate::snapshot::{Api, GroupState, Name, Reason, Topic, Unknown};

impl Session {
    /// Topics with partitions that members are assigned and that are not among those that were `read`.
    pub(super) fn unseen(
        &mut self,
        read: &BTreeMap<Name, Topic>,
        topology: &mut Topology,
        (listing, committed): (&Listing, &Committed),
        pass: &mut Pass<'_>,
    ) -> BTreeMap<Name, Unknown> {
        let groups = committed.groups.iter();
        let claims: Vec<Claims<'_>> = groups
            .filter_map(|(name, found)| {
                let listed = listing.of(name, found.coordinator);
                let (members, _) = self.members.of(name, listed);
                Some((name, members.ok()?))
            })
            .collect();
        let source = Source {
            client: &self.client,
            filter: &self.cluster.topics,
            ttl: self.exporter.performance.metadata_ttl,
        };
        self.unseen.look(source, (&claims, read), topology, pass)
    }

    /// Missing rights show as empty answers, without an error. Of topics, those that members are assigned tell; where it is
    /// not known what they are assigned, members without any commit are all there is to see of it.
    pub(super) fn report_invisible(
        &self,
        listing: &Listing,
        committed: &Committed,
        pass: &mut Pass<'_>,
    ) {
        if listing.n_visible == 0 && listing.failed.is_empty() && listing.unasked.is_empty() {
            pass.fail(Api::ListGroups, Reason::NothingVisible, "groups");
        }
        for (name, found) in &committed.groups {
            let listed = listing.of(name, found.coordinator);
            let (members, _) = self.members.of(name, listed);
            let unknown = listed.state == GroupState::Stable && members.is_err();
            if unknown && found.rows.as_ref().is_ok_and(Vec::is_empty) {
                pass.fail(
                    Api::OffsetFetch,
                    Reason::NothingVisible,
                    format!("group {name}"),
                );
            }
        }
    }
}
