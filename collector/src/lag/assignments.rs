//! The partitions that the members of one group are assigned, and those of them without a commit.

use std::collections::BTreeMap;

use crate::snapshot::{
    Group, Name, Offset, PartitionLookup, Reading, Snapshot, TopicPartition, Unknown,
};

use super::partition;
use super::{TopicLag, Uncommitted};

/// The commits of one group.
type GroupCommits = BTreeMap<TopicPartition, Reading<Offset>>;

/// The assigned partitions in order, each with the index of a member that it is assigned to.
pub(super) struct Assignments<'a>(Vec<(&'a TopicPartition, usize)>);

// === impl Assignments ===

impl<'a> Assignments<'a> {
    /// Returns the assignments of the members of `group`, as far as they are known.
    pub(super) fn of(group: &'a Group) -> Self {
        let members = group.members.iter().flat_map(|members| members.iter());
        let mut assigned: Vec<_> = members
            .enumerate()
            .flat_map(|(index, member)| member.assignment.iter().map(move |tp| (tp, index)))
            .collect();
        assigned.sort_by_key(|(tp, _)| *tp);
        assigned.dedup_by_key(|(tp, _)| *tp);
        Self(assigned)
    }

    /// Returns the index of the member that `tp` is assigned to; of several members, that of the first.
    pub(super) fn member(&self, tp: &TopicPartition) -> Option<usize> {
        let at = self.0.binary_search_by_key(&tp, |(tp, _)| *tp).ok()?;
        Some(self.0[at].1)
    }

    /// Returns the reason why an assigned partition was not seen; `None` when all were seen or do not exist.
    pub(super) fn unseen(&self, snapshot: &Snapshot) -> Option<Unknown> {
        if snapshot.unseen.is_empty() {
            return None;
        }
        self.by_topic().find_map(|(topic, assigned)| {
            let why = snapshot.unseen.get(topic)?;
            let is_unseen = |tp| matches!(snapshot.partition(tp), PartitionLookup::NotSeen(_));
            assigned.iter().any(|(tp, _)| is_unseen(tp)).then_some(*why)
        })
    }

    /// Adds the assigned partitions without a commit to `topics`, which are in order, and the topics on which the group has no
    /// commit at all.
    pub(super) fn add_uncommitted(
        &self,
        snapshot: &Snapshot,
        committed: &GroupCommits,
        topics: &mut Vec<TopicLag>,
    ) {
        for (name, assigned) in self.by_topic() {
            let Some(uncommitted) = uncommitted(snapshot, assigned, committed) else {
                continue;
            };
            let at = topics
                .binary_search_by_key(&name, |topic| &topic.topic)
                .unwrap_or_else(|at| {
                    topics.insert(at, TopicLag::of(snapshot, name));
                    at
                });
            topics[at].uncommitted = Some(uncommitted);
        }
    }

    /// Returns the assigned partitions, topic by topic.
    fn by_topic(&self) -> impl Iterator<Item = (&'a Name, &[(&'a TopicPartition, usize)])> {
        let chunks = self.0.chunk_by(|(tp, _), (next, _)| tp.topic == next.topic);
        chunks.filter_map(|assigned| Some((&assigned.first()?.0.topic, assigned)))
    }
}

/// Counts the partitions of one topic that are assigned without a commit, and their records. Returns `None` where none of the
/// assigned partitions exists. The count is unknown where one of them was not seen, unless it is known not to exist.
fn uncommitted(
    snapshot: &Snapshot,
    assigned: &[(&TopicPartition, usize)],
    committed: &GroupCommits,
) -> Option<Reading<Uncommitted>> {
    let (first, _) = assigned.first()?;
    let topic = snapshot.topics.get(&first.topic)?;
    let assigned = assigned
        .iter()
        .map(|(tp, _)| (*tp, topic.partition(tp.partition)));
    let exists = |(_, found): &(_, PartitionLookup<'_>)| matches!(found, PartitionLookup::Log(_));
    if !assigned.clone().any(|it| exists(&it)) {
        return None;
    }
    let unseen = snapshot.unseen.get(&first.topic);
    let mut without_commit = assigned.filter(|(tp, _)| !committed.contains_key(*tp));
    Some(
        without_commit.try_fold(Uncommitted::default(), |all, (_, found)| {
            match (found, unseen) {
                (PartitionLookup::Log(log), _) => Ok(all.and(partition::retained(log)?)),
                (PartitionLookup::NotSeen(_), Some(why)) => Err(*why),
                (PartitionLookup::NotSeen(_), None) | (PartitionLookup::Gone, _) => Ok(all),
            }
        }),
    )
}

// === impl Uncommitted ===

impl Uncommitted {
    /// Returns the sums with one more partition, whose log holds this number of records. A partition without records does not
    /// count.
    fn and(self, records: u64) -> Self {
        Self {
            partitions: self.partitions + u64::from(records > 0),
            records: self.records.saturating_add(records),
        }
    }
}
