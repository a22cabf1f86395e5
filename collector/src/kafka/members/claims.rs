//! The part of the members' assignments that is kept.
//!
//! The leader of a classic group, which is a client, stores the assignments, and may claim any number of topics and partitions. A
//! group's claims of partitions that exist are bounded by the cluster, as each is kept once. Of the others one is kept for each
//! topic: the least claimed partition that the metadata does not have. Partitions are numbered without gaps, so while that one
//! does not exist, no greater one does. Topics that the filter leaves out do not count for anything and are not kept.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashSet};

use shared::config::Filter;

use super::{DescribedAs, Description, GroupMembers};
use crate::kafka::metadata::Metadata;
use crate::snapshot::{Api, Member, Name, Reason, TopicPartition, Unknown};

/// The largest number of partitions that are kept of all groups together although the metadata does not have them. Each costs up
/// to some 500 bytes, for its topic's name and for what is made of it in a collection. With more, the members of the group with
/// most such partitions become unknown first, so that no group's claims cost another group its members.
const MAX_UNREAD: usize = 50_000;

/// The topics that may be kept.
#[derive(Clone, Copy)]
pub(in crate::kafka) struct KnownTopics<'a> {
    pub(in crate::kafka) metadata: &'a Metadata,
    /// The filter that the names of wanted topics pass.
    pub(in crate::kafka) filter: &'a Filter,
}

/// The claims of one member, or of all members of a group together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Claims {
    /// The partitions that are kept, sorted and without duplicates.
    pub(super) partitions: Vec<TopicPartition>,
    /// Those of them that stand for greater partitions as well.
    pub(super) outgrown_by: Vec<TopicPartition>,
    /// The number of those that the metadata does not have.
    pub(super) n_unread: usize,
}

// === impl Claims ===

impl Claims {
    /// Returns what is kept of the claims of one member.
    pub(super) fn of<'t>(
        assigned: impl Iterator<Item = (&'t str, Vec<i32>)>,
        known: KnownTopics<'_>,
    ) -> Self {
        let mut claims = Self::default();
        // The least and the greatest of each topic's partitions that the metadata does not have.
        let mut unread = BTreeMap::<&str, (i32, i32)>::new();
        for (topic, partitions) in assigned {
            let read = known.metadata.topics.get_key_value(topic);
            for partition in partitions {
                match read {
                    Some((name, leaders)) if leaders.contains_key(&partition) => {
                        claims.partitions.push(TopicPartition::of(name, partition));
                    }
                    _ => match unread.entry(topic) {
                        Entry::Occupied(mut range) => {
                            let (least, most) = *range.get();
                            range.insert((least.min(partition), most.max(partition)));
                        }
                        Entry::Vacant(place) if read.is_some() || known.filter.matches(topic) => {
                            place.insert((partition, partition));
                        }
                        // The filter leaves out the other partitions too.
                        Entry::Vacant(_) => break,
                    },
                }
            }
        }
        claims.n_unread = unread.len();
        for (topic, (least, most)) in unread {
            let least = TopicPartition::of(&known.metadata.shared_name(topic), least);
            if most > least.partition {
                claims.outgrown_by.push(least.clone());
            }
            claims.partitions.push(least);
        }
        claims.partitions.sort_unstable();
        claims.partitions.dedup();
        claims.partitions.shrink_to_fit();
        claims
    }
}

// === impl Description ===

impl Description {
    /// Returns `true` if partitions exist by now that the description has left out.
    fn is_outgrown(&self, metadata: &Metadata) -> bool {
        let mut outgrown_by = self.outgrown_by.iter();
        outgrown_by.any(|tp| metadata.has_partition(&tp.topic, tp.partition))
    }

    /// Makes the members unknown, because they claim more than is kept.
    fn forget_members(&mut self) {
        if let DescribedAs::Group { members, .. } = &mut self.content {
            *members = Err(Unknown::new(Api::DescribeGroups, Reason::BadAnswer));
        }
        self.outgrown_by = Vec::new();
        self.n_unread = 0;
    }
}

/// Leaves each partition that several of `members` claim to the first of them.
pub(super) fn leave_to_first(members: &mut [Member]) {
    if members.len() < 2 {
        return;
    }
    let mut claimed = HashSet::new();
    for member in members {
        member.assignment.retain(|tp| claimed.insert(tp.clone()));
        member.assignment.shrink_to_fit();
    }
}

// === impl GroupMembers ===

impl GroupMembers {
    /// Drops descriptions that have left out partitions which exist by now. Until they are described again, the members of these
    /// groups are unknown.
    pub(super) fn drop_outgrown(&mut self, metadata: &Metadata) {
        self.groups
            .retain(|_, description| !description.is_outgrown(metadata));
    }

    /// Keeps the description of a classic group. That there is no such group does not replace a description that still serves: the
    /// group may just have become a KIP-848 group, and the listed name may be a part of another name.
    pub(super) fn keep(&mut self, group: &Name, described: Description) {
        let is_group = |it: &Description| matches!(it.content, DescribedAs::Group { .. });
        let serves = |it: &Description| is_group(it) && it.is_fresh(described.at);
        if !is_group(&described) && self.groups.get(group).is_some_and(serves) {
            return;
        }
        self.groups.insert(Name::clone(group), described);
        self.bound_memory(group);
    }

    /// Bounds the memory of all descriptions, to which that of `group` was just added.
    fn bound_memory(&mut self, group: &Name) {
        if self.groups.get(group).is_none_or(|it| it.n_unread == 0) {
            return;
        }
        let mut n_unread: usize = self.groups.values().map(|it| it.n_unread).sum();
        while n_unread > MAX_UNREAD
            && let Some(most) = self.groups.values_mut().max_by_key(|it| it.n_unread)
        {
            n_unread -= most.n_unread;
            most.forget_members();
        }
    }
}
