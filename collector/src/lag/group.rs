//! The lag of one group: its partitions' rows, grouped by topic and summed up.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use crate::snapshot::{
    Api, Group, GroupState, Member, Name, Offset, Reading, Reason, Snapshot, TopicPartition,
    Unknown,
};

use super::partition::{self, Clock, Found};
use super::{GroupLag, PartitionLag, Sum, TopicLag};

/// The lag of `group`, called `name`.
pub(super) fn lag<'a>(
    snapshot: &'a Snapshot,
    name: &'a Name,
    group: &'a Group,
    clock: Clock,
) -> GroupLag<'a> {
    let (topics, offset_lag) = match &group.committed {
        Ok(committed) => {
            let topics = topic_lags(snapshot, &assigned(group), committed, clock);
            let offset_lag = Sum::over(topics.iter().flat_map(|topic| &topic.partitions));
            (topics, offset_lag)
        }
        Err(unknown) => (Vec::new(), Sum::Missing(*unknown)),
    };
    let rows = || topics.iter().flat_map(|topic| &topic.partitions);
    let max_offset_lag = rows().filter_map(|row| row.offset_lag.ok()).max();
    let max_time_lag = max_time_lag(rows());
    let (state, n_members) = (group.state, n_members(group));
    GroupLag {
        group: name,
        state,
        n_members,
        topics,
        offset_lag,
        max_offset_lag,
        max_time_lag,
    }
}

/// The largest known time lag. Beside one that is unknown, a zero bounds nothing and would pass for health.
fn max_time_lag<'r>(rows: impl Iterator<Item = &'r PartitionLag<'r>> + Clone) -> Option<Duration> {
    let most = rows.clone().filter_map(|row| row.time_lag.known()).max()?;
    let mut unknown = rows.filter(|row| row.time_lag.known().is_none());
    (!most.is_zero() || unknown.next().is_none()).then_some(most)
}

/// An empty group has no members to describe, so nobody asks.
fn n_members(group: &Group) -> Reading<usize> {
    match (&group.members, group.state) {
        (Ok(members), _) => Ok(members.len()),
        (Err(_), GroupState::Empty) => Ok(0),
        (Err(unknown), _) => Err(*unknown),
    }
}

fn assigned(group: &Group) -> HashMap<&TopicPartition, &Member> {
    let members = group.members.iter().flat_map(|members| members.iter());
    members
        .flat_map(|member| member.assignment.iter().map(move |tp| (tp, member)))
        .collect()
}

fn topic_lags<'a>(
    snapshot: &'a Snapshot,
    assigned: &HashMap<&'a TopicPartition, &'a Member>,
    committed: &'a BTreeMap<TopicPartition, Reading<Offset>>,
    clock: Clock,
) -> Vec<TopicLag<'a>> {
    let mut topics = Vec::<TopicLag<'a>>::new();
    for (tp, committed) in committed {
        let found = Found::of(snapshot, tp);
        if matches!(found, Found::Gone) {
            continue;
        }
        if topics.last().is_none_or(|topic| *topic.topic != tp.topic) {
            topics.push(TopicLag::of(snapshot, &tp.topic));
        }
        let mut row = partition::lag(snapshot, tp, *committed, clock);
        row.member = assigned.get(tp).copied();
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

impl<'a> TopicLag<'a> {
    fn of(snapshot: &Snapshot, topic: &'a Name) -> Self {
        let not_asked = Unknown::new(Api::DescribeConfigs, Reason::NotAsked);
        let compaction = snapshot
            .topics
            .get(topic)
            .map_or(Err(not_asked), |topic| topic.compaction);
        Self {
            topic,
            compaction,
            partitions: Vec::new(),
            offset_lag: Sum::NoPartitions,
        }
    }
}
