//! The members of groups and their assignments. A description of a group is kept as long as the group's listing stays the same,
//! and for two minutes at most.
//!
//! Classic groups are described all at once, by an answer whose bytes are parsed here ([`survey`]). KIP-848 groups are described
//! by librdkafka, group by group ([`kip848`]).

mod claims;
mod kip848;
mod survey;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use self::survey::Survey;
use super::collection_context::CollectionContext;
use super::committed_offsets::CommittedOffsets;
use super::error_code::ErrorCode;
use super::group_listing::{GroupListing, ListedAs, Protocol};
use crate::snapshot::{
    Api, GroupState, Member, Name, Reading, Reason, TopicPartition, Unknown, Unsupported,
};

pub(super) use self::claims::KnownTopics;
pub(super) use self::survey::SurveyInput;

/// The longest time for which a description is used while the listed state of its group stays the same. A rebalance that no
/// listing has shown is noticed when this time is over.
const DESCRIPTION_TTL: Duration = Duration::from_secs(120);

/// The largest number of characters of a text that a member's client has chosen and that becomes a label. Each series of the
/// member's partitions has these labels; a member id of Kafka's own clients ends in 37 characters after the client id.
const MAX_LABEL_CHARS: usize = 256;

/// The longest time for which the answer serves that a listed group is no classic group. The group may have been deleted and
/// created again meanwhile.
const NO_SUCH_GROUP_TTL: Duration = Duration::from_secs(30);

/// The descriptions of groups, kept from one collection to the next.
#[derive(Debug, Default)]
pub(super) struct GroupMembers {
    /// The last description of each group.
    groups: BTreeMap<Name, Description>,
    /// The last complete survey, until it is too old.
    survey: Option<Survey>,
    /// Groups for which the last survey got an error. The error counts as a failure only if the group turns out to exist.
    failed_groups: BTreeMap<Name, ErrorCode>,
    /// The group that was last asked about alone, after which others have their turn.
    last_single: Option<Name>,
}

/// The description of one group.
#[derive(Debug)]
struct Description {
    /// The group's entry in the listing when the description was asked for.
    listed: ListedAs,
    content: DescribedAs,
    /// The instant of the answer, from which the age of the description counts.
    at: Instant,
    /// Partitions in the members' assignments that stand for greater ones as well, which were left out. The description is of no
    /// use any more once one of them exists.
    outgrown_by: Vec<TopicPartition>,
    /// The number of partitions in the members' assignments that the metadata did not have.
    n_unread: usize,
}

/// The content of a description.
#[derive(Debug)]
enum DescribedAs {
    Group {
        /// The state in the description, which may say more than the listing.
        state: GroupState,
        /// The members; unknown if the assignment of one of them cannot be parsed.
        members: Reading<Arc<Vec<Member>>>,
    },
    /// There is no classic group of this name, although a broker lists one: the listed name is a part of another name, which
    /// librdkafka cut at a NUL byte.
    NoSuchGroup,
}

// === impl GroupMembers ===

impl GroupMembers {
    /// Returns the members of a group, and its state: that of the description where the listing does not know it.
    pub(super) fn of(
        &self,
        group: &Name,
        listed: ListedAs,
    ) -> (Reading<Arc<Vec<Member>>>, GroupState) {
        if listed.state == GroupState::Empty {
            return (Ok(Arc::default()), listed.state);
        }
        let unknown = Unknown::new(Api::DescribeGroups, Reason::NotAsked);
        let Some(description) = self.groups.get(group) else {
            return (Err(unknown), listed.state);
        };
        match &description.content {
            DescribedAs::Group { state, members }
                if description.listed == listed && listed.state == GroupState::Unknown =>
            {
                (members.clone(), *state)
            }
            DescribedAs::Group { members, .. } => (members.clone(), listed.state),
            DescribedAs::NoSuchGroup => {
                let not_found = Unknown::new(Api::DescribeGroups, Reason::GroupNotFound);
                (Err(not_found), listed.state)
            }
        }
    }

    /// Removes groups whose listed name is a part of another name: no broker describes such a group, and it has no commits.
    pub(super) fn drop_truncated_names(&self, committed: &mut CommittedOffsets) {
        let is_no_group = |name: &Name| {
            let description = self.groups.get(name);
            description
                .is_some_and(|description| matches!(description.content, DescribedAs::NoSuchGroup))
        };
        let before = committed.groups.len();
        committed.groups.retain(|name, found| {
            let empty = found.rows.as_ref().is_ok_and(Vec::is_empty);
            !(empty && is_no_group(name))
        });
        committed.n_truncated_names += before - committed.groups.len();
    }

    /// Returns the number of groups that are not shown, by type; empty while there is no complete survey.
    pub(super) fn unsupported(
        &self,
        listing: &GroupListing,
        committed: &CommittedOffsets,
    ) -> BTreeMap<Unsupported, usize> {
        let Some(survey) = &self.survey else {
            return BTreeMap::new();
        };
        let not_shown = survey
            .unlisted
            .iter()
            .filter(|name| !committed.groups.contains_key(*name))
            .filter(|name| !listing.groups.contains_key(*name));
        let n_not_shown = not_shown.count();
        let n_truncated_names: usize = listing.truncated_names.values().sum();
        let count = |kind: Unsupported| match kind {
            Unsupported::ShareOrStreams => n_not_shown,
            Unsupported::NameTooLong => listing.long_names.values().sum(),
            Unsupported::NameWithNul => n_truncated_names + committed.n_truncated_names,
            kind => survey.others.get(&kind).copied().unwrap_or_default(),
        };
        Unsupported::ALL
            .into_iter()
            .map(|kind| (kind, count(kind)))
            .collect()
    }

    /// Drops the descriptions of groups that are gone, and descriptions and surveys that are older than [`DESCRIPTION_TTL`].
    pub(super) fn drop_old(&mut self, committed: &CommittedOffsets) {
        let now = Instant::now();
        self.groups.retain(|name, description| {
            let is_there = committed.groups.contains_key(name);
            description.is_fresh(now)
                && (is_there || matches!(description.content, DescribedAs::NoSuchGroup))
        });
        if self
            .survey
            .as_ref()
            .is_some_and(|survey| !survey.is_fresh(now))
        {
            self.survey = None;
        }
    }

    /// Records a failure for each existing group whose members are unknown, in each collection anew as long as they are unknown.
    pub(super) fn record_failures(
        &mut self,
        committed: &CommittedOffsets,
        context: &mut CollectionContext<'_>,
    ) {
        for (name, code) in std::mem::take(&mut self.failed_groups) {
            if committed.groups.contains_key(&name) {
                let reason = context.reason_of(code);
                context.record_failure(Api::DescribeGroups, reason, format!("group {name}"));
            }
        }
        for (name, description) in &self.groups {
            let unknown = match description.content {
                DescribedAs::Group { members: Ok(_), .. } => continue,
                DescribedAs::Group {
                    members: Err(unknown),
                    ..
                } => unknown,
                DescribedAs::NoSuchGroup if !committed.groups.contains_key(name) => continue,
                DescribedAs::NoSuchGroup => {
                    Unknown::new(Api::DescribeGroups, Reason::GroupNotFound)
                }
            };
            context.record_failure(unknown.api, unknown.reason, format!("group {name}"));
        }
    }

    /// Returns `true` while the description of a group may be used for the listing's entry `listed`.
    fn is_current(&self, group: &Name, listed: ListedAs, now: Instant) -> bool {
        self.groups
            .get(group)
            .is_some_and(|known| known.listed == listed && known.is_fresh(now))
    }
}

// === impl Description ===

impl Description {
    fn is_fresh(&self, now: Instant) -> bool {
        let ttl = match self.content {
            DescribedAs::Group { .. } => DESCRIPTION_TTL,
            DescribedAs::NoSuchGroup => NO_SUCH_GROUP_TTL,
        };
        now.duration_since(self.at) < ttl
    }
}

/// Returns a text that a client has chosen, cut where it is too long for a label.
fn label(text: &str) -> Name {
    let end = text.char_indices().nth(MAX_LABEL_CHARS);
    Name::from(end.map_or(text, |(end, _)| &text[..end]))
}

/// Returns `true` if the group is classic, or may be, so that its members choose the bytes of their assignment.
fn is_classic(listed: ListedAs) -> bool {
    matches!(listed.protocol, Protocol::Classic | Protocol::Unknown)
}
