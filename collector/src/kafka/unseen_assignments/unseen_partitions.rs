//! Finds the topics and partitions that are assigned to members and that a collection has not read. The parent module finds the
//! reasons.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;
use std::sync::Arc;

use shared::config::Filter;

use crate::snapshot::{Member, Name, Topic, TopicPartition};

/// A group and its members.
pub(in crate::kafka) type GroupAssignments<'g> = (&'g Name, Arc<Vec<Member>>);

/// Assigned partitions that were not read. Names and numbers that no topic and no partition can have are left out.
#[derive(Debug, Default)]
pub(super) struct UnseenPartitions {
    /// Topics of which nothing was read and that the filter lets through, with the groups whose members are assigned them.
    pub(super) topics: BTreeMap<Name, AssignedGroups>,
    /// The topics in `topics`, as one set for each group.
    pub(super) by_group: Vec<BTreeSet<Name>>,
    /// The assigned partitions that were not read although other partitions of their topic were.
    pub(super) partitions: HashSet<TopicPartition>,
}

/// The groups whose members are assigned a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct AssignedGroups {
    /// The first group whose members are assigned the topic.
    group: Name,
    n_others: usize,
}

// === impl UnseenPartitions ===

impl UnseenPartitions {
    /// Finds the topics and partitions that the members of `groups` are assigned and that are not in `read`.
    pub(super) fn of(
        groups: &[GroupAssignments<'_>],
        read: &BTreeMap<Name, Topic>,
        filter: &Filter,
    ) -> Self {
        let mut unseen = Self::default();
        for (group, members) in groups {
            let mut unseen_topics = BTreeSet::new();
            for member in members.iter() {
                // An assignment is sorted, so the partitions of a topic follow each other.
                for same in member
                    .assignment
                    .chunk_by(|tp, next| tp.topic == next.topic)
                {
                    let topic = &same[0].topic;
                    match read.get(topic) {
                        Some(read) => {
                            let missing =
                                same.iter().filter(|TopicPartition { partition, .. }| {
                                    *partition >= 0 && !read.partitions.contains_key(partition)
                                });
                            unseen.partitions.extend(missing.cloned());
                        }
                        None if is_legal_name(topic) && filter.matches(topic) => {
                            unseen_topics.insert(Name::clone(topic));
                        }
                        None => {}
                    }
                }
            }
            unseen.add(group, unseen_topics);
        }
        unseen
    }

    /// Adds the topics that the members of one group are assigned.
    fn add(&mut self, group: &Name, topics: BTreeSet<Name>) {
        for topic in &topics {
            self.topics
                .entry(Name::clone(topic))
                .and_modify(|groups| groups.n_others += 1)
                .or_insert_with(|| AssignedGroups {
                    group: Name::clone(group),
                    n_others: 0,
                });
        }
        if !topics.is_empty() {
            self.by_group.push(topics);
        }
    }
}

/// Returns `true` for a name that a topic can have, by the rules of Kafka's `Topic.validate`.
fn is_legal_name(topic: &str) -> bool {
    let is_legal = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    (1..=249).contains(&topic.len()) && topic.bytes().all(is_legal) && topic != "." && topic != ".."
}

// === impl AssignedGroups ===

impl fmt::Display for AssignedGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {}", self.group)?;
        match self.n_others {
            0 => Ok(()),
            n_others => write!(f, " and {n_others} more"),
        }
    }
}
