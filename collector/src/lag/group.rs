//! The lag of one group: its rows by topic, with sums and maxima.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::snapshot::{
    Api, Group, GroupState, Name, Offset, PartitionLookup, Reading, Reason, Snapshot,
    TopicPartition, Unknown,
};

use super::assignments::Assignments;
use super::partition::{self, TimeLagClock};
use super::totals::max_time_lag;
use super::{GroupLag, Sum, TopicLag};

/// Computes the lag of `group`, whose name is `name`.
pub(super) fn lag(
    snapshot: &Snapshot,
    name: &Name,
    group: &Group,
    clock: TimeLagClock,
) -> GroupLag {
    let (topics, offset_lag) = match &group.committed {
        Ok(committed) => {
            let assigned = Assignments::of(group);
            let mut topics = topic_lags(snapshot, &assigned, committed, clock);
            let sum = Sum::over(topics.iter().flat_map(|topic| &topic.partitions));
            assigned.add_uncommitted(snapshot, committed, &mut topics);
            (topics, assigned.unseen(snapshot).map_or(sum, Sum::Missing))
        }
        Err(unknown) => (Vec::new(), Sum::Missing(*unknown)),
    };
    let rows = || topics.iter().flat_map(|topic| &topic.partitions);
    GroupLag {
        group: Arc::clone(name),
        state: group.state,
        n_members: n_members(group),
        members: group.members.as_ref().map(Arc::clone).unwrap_or_default(),
        offset_lag,
        complete: complete(group, &topics, offset_lag),
        max_offset_lag: rows().filter_map(|row| row.offset_lag.ok()).max(),
        max_time_lag: max_time_lag(rows()),
        topics,
    }
}

/// Returns `Ok` if nothing of the group is hidden, else the first reason why not. A group whose members are unknown may be
/// assigned partitions that were not read.
fn complete(group: &Group, topics: &[TopicLag], offset_lag: Sum) -> Reading<()> {
    offset_lag.completeness()?;
    n_members(group)?;
    let mut uncommitted = topics.iter().filter_map(|topic| topic.uncommitted);
    uncommitted.try_for_each(|reading| reading.map(drop))
}

/// Returns the number of members. A group in the state `Empty` has none, even if it was not described.
fn n_members(group: &Group) -> Reading<usize> {
    match (&group.members, group.state) {
        (Ok(members), _) => Ok(members.len()),
        (Err(_), GroupState::Empty) => Ok(0),
        (Err(unknown), _) => Err(*unknown),
    }
}

/// Returns the rows of one group by topic. Commits on partitions that no longer exist are left out.
fn topic_lags(
    snapshot: &Snapshot,
    assigned: &Assignments<'_>,
    committed: &BTreeMap<TopicPartition, Reading<Offset>>,
    clock: TimeLagClock,
) -> Vec<TopicLag> {
    let mut topics = Vec::<TopicLag>::new();
    for (tp, committed) in committed {
        let log = match snapshot.partition(tp) {
            PartitionLookup::Log(log) => Ok(log),
            PartitionLookup::NotSeen(unknown) => Err(unknown),
            PartitionLookup::Gone => continue,
        };
        if topics.last().is_none_or(|topic| topic.topic != tp.topic) {
            topics.push(TopicLag::of(snapshot, &tp.topic));
        }
        let mut row = partition::lag(snapshot, tp, (*committed, log), clock);
        row.member = assigned.member(tp);
        topics
            .last_mut()
            .expect("a topic was pushed above")
            .partitions
            .push(row);
    }
    for topic in &mut topics {
        topic.offset_lag = Sum::over(topic.partitions.iter());
    }
    topics
}

// === impl TopicLag ===

impl TopicLag {
    /// Returns the lag of a topic without rows.
    pub(super) fn of(snapshot: &Snapshot, topic: &Name) -> Self {
        let not_asked = Unknown::new(Api::DescribeConfigs, Reason::NotAsked);
        let compaction = snapshot
            .topics
            .get(topic)
            .map_or(Err(not_asked), |topic| topic.compaction);
        Self {
            topic: Arc::clone(topic),
            compaction,
            partitions: Vec::new(),
            offset_lag: Sum::NoPartitions,
            uncommitted: None,
        }
    }
}
