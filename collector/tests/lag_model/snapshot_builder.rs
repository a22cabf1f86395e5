//! A builder of snapshots for tests.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use collector::lag::{Lag, compute};
use collector::snapshot::{
    Api, Compaction, Group, GroupState, Log, Member, Name, Offset, OldestUnread, PartitionState,
    Reading, Reason, Snapshot, Topic, TopicPartition, Unknown,
};
use shared::config::{self, LostPartitions};

/// The mode in which time lag comes from the timestamps of records.
pub(crate) const MESSAGE: config::TimeLagMode = config::TimeLagMode::Message {
    timeout: Duration::ZERO,
    lost: LostPartitions::Read,
    max_clock_skew: Duration::from_secs(60),
};
/// An arbitrary reason, for values that a test makes unknown.
pub(crate) const UNKNOWN: Unknown = Unknown::new(Api::ListOffsets, Reason::Timeout);

/// A snapshot under construction.
#[derive(Default)]
pub(crate) struct SnapshotBuilder {
    pub(crate) snapshot: Snapshot,
}

pub(crate) fn offset(offset: i64) -> Offset {
    Offset::from_wire(offset).expect("tests use offsets that exist")
}

pub(crate) fn tp(topic: &str, partition: i32) -> TopicPartition {
    TopicPartition::of(&Name::from(topic), partition)
}

/// Returns a log from `log_start` to `high_watermark`; `None` is unknown.
pub(crate) fn log(log_start: Option<i64>, high_watermark: Option<i64>) -> Log {
    Log {
        log_start: reading(log_start),
        high_watermark: reading(high_watermark),
        last_stable: None,
    }
}

pub(crate) fn reading(value: Option<i64>) -> Reading<Offset> {
    value.map(offset).ok_or(UNKNOWN)
}

/// The instant of a test, Unix time in milliseconds.
pub(crate) const NOW: i64 = 1_700_000_000_000;

/// Returns the lag of the snapshot of `builder`, with time lag, at [`NOW`].
pub(crate) fn lag_of(builder: &SnapshotBuilder) -> Lag {
    compute(&builder.snapshot, MESSAGE, NOW)
}

impl SnapshotBuilder {
    /// Adds a topic with these partitions, each given by its log or its state.
    pub(crate) fn topic(
        mut self,
        name: &str,
        partitions: &[impl Into<PartitionState> + Copy],
    ) -> Self {
        let states = partitions.iter().map(|partition| (*partition).into());
        let partitions = (0..).zip(states).collect();
        let topic = Topic {
            compaction: Ok(Compaction::Deleted),
            partitions,
        };
        self.snapshot.topics.insert(name.into(), topic);
        self
    }

    /// Makes an existing topic compacted.
    pub(crate) fn compacted(mut self, name: &str) -> Self {
        self.snapshot
            .topics
            .get_mut(name)
            .expect("it is there")
            .compaction = Ok(Compaction::Compacted);
        self
    }

    /// Adds a group without members that has these commits, where `None` is unknown.
    pub(crate) fn group(mut self, name: &str, commits: &[(&str, i32, Option<i64>)]) -> Self {
        let commits = commits
            .iter()
            .map(|(topic, p, at)| (tp(topic, *p), reading(*at)));
        let group = Group {
            state: GroupState::Stable,
            members: Ok(Arc::default()),
            committed: Ok(commits.collect::<BTreeMap<_, _>>()),
        };
        self.snapshot.groups.insert(name.into(), group);
        self
    }

    /// Changes an existing group.
    pub(crate) fn with(mut self, name: &str, change: impl FnOnce(&mut Group)) -> Self {
        change(self.snapshot.groups.get_mut(name).expect("it is there"));
        self
    }

    /// Adds a member to an existing group.
    pub(crate) fn member(self, group: &str, name: &str, assignment: &[(&str, i32)]) -> Self {
        let member = Member {
            consumer_id: format!("{name}-id").into(),
            client_id: name.into(),
            host: format!("/{name}.example").into(),
            assignment: assignment.iter().map(|(topic, p)| tp(topic, *p)).collect(),
        };
        self.with(group, |group| {
            let mut members = group.members.clone().expect("they are known");
            Arc::make_mut(&mut members).push(member);
            group.members = Ok(members);
        })
    }

    /// Adds a topic that could not be seen.
    pub(crate) fn unseen(mut self, topic: &str, why: Unknown) -> Self {
        self.snapshot.unseen.insert(topic.into(), why);
        self
    }

    /// Sets the answer about the oldest unread record of groups that have committed the offset `at`.
    pub(crate) fn unread(mut self, topic: &str, p: i32, at: i64, oldest: OldestUnread) -> Self {
        self.snapshot
            .oldest_unread
            .insert((tp(topic, p), offset(at)), oldest);
        self
    }
}
