//! What the members of one group are assigned, and what of it has no commit.

use std::collections::BTreeMap;

use crate::snapshot::{
    Group, Name, Offset, PartitionLookup, Reading, Snapshot, TopicPartition, Unknown,
};

use super::partition;
use super::{TopicLag, Uncommitted};

/// The commits of one group.
type Committed = BTreeMap<TopicPartition, Reading<Offset>>;

/// Partitions with the index of the member that is assigned each, in order; one of them where several are.
pub(super) struct Assignments<'a>(Vec<(&'a TopicPartition, usize)>);

// === impl Assignments ===

impl<'a> Assignments<'a> {
    /// What the members of `group` are assigned, as far as they are known.
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

    /// The index of the member that is assigned `tp`.
    pub(super) fn member(&self, tp: &TopicPartition) -> Option<usize> {
        let at = self.0.binary_search_by_key(&tp, |(tp, _)| *tp).ok()?;
        Some(self.0[at].1)
    }

    /// Why a partition is not seen that is assigned and there; `None` when all are seen.
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

    /// Adds to `topics`, which are in order, what is assigned without a commit, and the topics of which nothing is committed.
    pub(super) fn add_uncommitted(
        &self,
        snapshot: &Snapshot,
        committed: &Committed,
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

    fn by_topic(&self) -> impl Iterator<Item = (&'a Name, &[(&'a TopicPartition, usize)])> {
        let chunks = self.0.chunk_by(|(tp, _), (next, _)| tp.topic == next.topic);
        chunks.filter_map(|assigned| Some((&assigned.first()?.0.topic, assigned)))
    }
}

/// What of one topic is assigned without a commit; `None` where none of what is assigned is there.
fn uncommitted(
    snapshot: &Snapshot,
    assigned: &[(&TopicPartition, usize)],
    committed: &Committed,
) -> Option<Reading<Uncommitted>> {
    let (first, _) = assigned.first()?;
    let topic = snapshot.topics.get(&first.topic)?;
    let logs = assigned
        .iter()
        .filter_map(|(tp, _)| match topic.partition(tp.partition) {
            PartitionLookup::Log(log) => Some((*tp, log)),
            PartitionLookup::Gone | PartitionLookup::NotSeen(_) => None,
        });
    let mut logs = logs.peekable();
    logs.peek()?;
    let mut without_commit = logs.filter(|(tp, _)| !committed.contains_key(*tp));
    Some(
        without_commit.try_fold(Uncommitted::default(), |all, (_, log)| {
            Ok(all.and(partition::retained(log)?))
        }),
    )
}

// === impl Uncommitted ===

impl Uncommitted {
    /// One partition more, that holds `records`; an empty one hides nothing.
    fn and(self, records: u64) -> Self {
        Self {
            partitions: self.partitions + u64::from(records > 0),
            records: self.records.saturating_add(records),
        }
    }
}
