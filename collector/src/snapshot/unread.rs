//! Partitions of a snapshot, and the offsets of the oldest records that groups have not read.

use std::collections::{BTreeMap, BTreeSet};

use shared::config::LostPartitions;

use super::{
    Api, Log, Offset, PartitionState, Reading, Reason, Snapshot, Topic, TopicPartition, Unknown,
};

/// A partition as a snapshot has it.
#[derive(Clone, Copy, Debug)]
pub enum PartitionLookup<'a> {
    /// The partition has a log, with bounds that may be unknown.
    Log(&'a Log),
    /// The partition no longer exists.
    Gone,
    /// The collection did not see the partition, for this reason.
    NotSeen(Unknown),
}

// === impl PartitionLookup ===

impl PartitionLookup<'_> {
    const NOT_IN_METADATA: Self = Self::NotSeen(Unknown::new(Api::Metadata, Reason::NotAsked));
}

// === impl Snapshot ===

impl Snapshot {
    /// Returns the partition `tp` as this snapshot has it.
    pub fn partition(&self, tp: &TopicPartition) -> PartitionLookup<'_> {
        let topic = self.topics.get(&tp.topic);
        topic.map_or(PartitionLookup::NOT_IN_METADATA, |topic| {
            topic.partition(tp.partition)
        })
    }

    /// Returns the (partition, offset) pairs whose record's age must be known for the time lag of this snapshot: one for every
    /// commit with something left to read after it. Where a commit is below the log start, the pair has the log start, which is
    /// the oldest record that is left; `lost` can leave such pairs out.
    ///
    /// The answers belong in [`Snapshot::oldest_unread`] under the same pairs.
    pub fn oldest_unread_offsets(
        &self,
        lost: LostPartitions,
    ) -> BTreeMap<TopicPartition, BTreeSet<Offset>> {
        let mut wanted = BTreeMap::<_, BTreeSet<_>>::new();
        let groups = self.groups.values();
        for (tp, committed) in groups.flat_map(|group| group.committed.iter().flatten()) {
            if let (Ok(committed), PartitionLookup::Log(log)) = (*committed, self.partition(tp))
                && let Ok(Some(oldest)) = log.oldest_unread(committed)
                && (oldest == committed || lost == LostPartitions::Read)
            {
                wanted.entry(tp.clone()).or_default().insert(oldest);
            }
        }
        wanted
    }
}

// === impl Topic ===

impl Topic {
    /// Returns the partition of this number as the snapshot has it.
    pub fn partition(&self, number: i32) -> PartitionLookup<'_> {
        match self.partitions.get(&number) {
            Some(PartitionState::Exists(log)) => PartitionLookup::Log(log),
            Some(PartitionState::Gone) => PartitionLookup::Gone,
            None => PartitionLookup::NOT_IN_METADATA,
        }
    }
}

// === impl Log ===

impl Log {
    /// Returns the oldest offset that a group which has committed `committed` can still read; `None` where nothing is left to
    /// read before the end.
    pub fn oldest_unread(&self, committed: Offset) -> Reading<Option<Offset>> {
        let oldest = self
            .log_start
            .map_or(committed, |log_start| log_start.max(committed));
        Ok((oldest < self.end()?).then_some(oldest))
    }
}
