//! A cluster with the names and numbers of a case.

use std::collections::BTreeMap;
use std::sync::Arc;

use collector::collected::ClusterDisplay;
use collector::snapshot::{
    Api, Compaction, Group, GroupState, Log, Member, Name, Offset, OldestUnread, Reading, Reason,
    Snapshot, Topic, TopicPartition, Unknown,
};
use shared::config::{Compatibility, ExtraLabels, Granularity};

use super::super::case::Case;

/// The greatest number of rows of a case.
const MAX_ROWS: usize = 12;

/// The time of the snapshot, in milliseconds since 1970.
const NOW: i64 = 1_700_000_000_000;

/// A cluster, as a case describes it.
#[derive(Clone, Debug)]
pub(super) struct Described {
    name: String,
    label: String,
    options: u8,
    rows: Vec<Row>,
}

/// A partition with a commit of a group, and a member of the group.
#[derive(Clone, Debug)]
struct Row {
    topic: String,
    group: String,
    client: String,
    host: String,
    member: String,
    partition: u8,
    log_start: u64,
    end: u64,
    commit: u64,
    written: u64,
}

// === impl Described ===

impl Described {
    /// Takes a cluster from `case`.
    pub(super) fn of(case: &mut Case<'_>) -> Self {
        let (options, name, label) = (case.byte(), case.text(), case.text());
        let mut rows: Vec<Row> = Vec::new();
        while !case.is_used_up() && rows.len() < MAX_ROWS {
            rows.push(Row::of(case));
        }
        Self {
            name,
            label,
            options,
            rows,
        }
    }

    /// Returns the same cluster with other names; empty names stay.
    pub(super) fn rename(self, mut other: impl FnMut(&str) -> String) -> Self {
        // An empty name stays, because an absent member has empty labels too.
        let mut name = |name: &str| {
            if name.is_empty() {
                String::new()
            } else {
                other(name)
            }
        };
        Self {
            name: name(&self.name),
            label: name(&self.label),
            rows: self
                .rows
                .into_iter()
                .map(|row| Row {
                    topic: name(&row.topic),
                    group: name(&row.group),
                    client: name(&row.client),
                    host: name(&row.host),
                    member: name(&row.member),
                    ..row
                })
                .collect(),
            ..self
        }
    }

    /// Returns the cluster's display and a snapshot with its rows.
    pub(super) fn into_snapshot(self) -> (ClusterDisplay, Snapshot) {
        let extra = |bit: u8| {
            if self.options & bit == 0 {
                ExtraLabels::Present
            } else {
                ExtraLabels::Absent
            }
        };
        let display = ClusterDisplay {
            name: self.name.as_str().into(),
            labels: BTreeMap::from([("planted".to_owned(), self.label.clone())]),
            granularity: if self.options & 1 == 0 {
                Granularity::Partition
            } else {
                Granularity::Topic
            },
            compatibility: Compatibility {
                state_labels: extra(2),
                member_labels: extra(4),
            },
        };
        let mut snapshot = Snapshot {
            read_at_ms: NOW,
            ..Snapshot::default()
        };
        for row in &self.rows {
            row.add_to(&mut snapshot);
        }
        (display, snapshot)
    }
}

// === impl Row ===

impl Row {
    fn of(case: &mut Case<'_>) -> Self {
        Self {
            topic: case.text(),
            group: case.text(),
            client: case.text(),
            host: case.text(),
            member: case.text(),
            partition: case.byte(),
            log_start: case.number(),
            end: case.number(),
            commit: case.number(),
            written: case.number(),
        }
    }

    fn add_to(&self, snapshot: &mut Snapshot) {
        let topic: Name = self.topic.as_str().into();
        let place = TopicPartition::of(&topic, i32::from(self.partition));
        let topics = &mut snapshot.topics;
        let topic = topics.entry(topic).or_insert_with(|| Topic {
            compaction: Ok(Compaction::Deleted),
            partitions: BTreeMap::new(),
        });
        let log = Log {
            log_start: reading(self.log_start),
            high_watermark: reading(self.end),
            last_stable: None,
        };
        topic.partitions.insert(place.partition, log.into());
        let groups = &mut snapshot.groups;
        let group = groups
            .entry(self.group.as_str().into())
            .or_insert_with(|| Group {
                state: GroupState::Stable,
                members: Ok(Arc::default()),
                committed: Ok(BTreeMap::new()),
            });
        if let Ok(committed) = &mut group.committed {
            committed.insert(place.clone(), reading(self.commit));
        }
        if let Ok(members) = &mut group.members {
            Arc::make_mut(members).push(Member {
                consumer_id: self.member.as_str().into(),
                client_id: self.client.as_str().into(),
                host: self.host.as_str().into(),
                assignment: vec![place.clone()],
            });
        }
        let written = i64::try_from(self.written >> 1).unwrap_or(i64::MAX);
        if let Ok(commit) = reading(self.commit) {
            let oldest = OldestUnread::Written(written);
            snapshot.oldest_unread.insert((place, commit), oldest);
        }
    }
}

/// Returns a number as an offset; one that the protocol does not have is unknown.
fn reading(number: u64) -> Reading<Offset> {
    let offset = i64::try_from(number).ok().and_then(Offset::from_wire);
    offset.ok_or(Unknown::new(Api::ListOffsets, Reason::Timeout))
}
