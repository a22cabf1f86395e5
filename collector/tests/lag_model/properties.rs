//! Comparison of the lag of arbitrary snapshots with that of the oracle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use collector::lag::{PartitionLag, compute};
use collector::snapshot::{
    Compaction, Group, GroupState, Log, Name, Offset, OldestUnread, Snapshot, Topic,
};
use proptest::collection::btree_map;
use proptest::option;
use proptest::prelude::*;
use shared::config::LostPartitions;

use crate::oracle::{self, Bounds, Case, NOW, OFFSETS, PartitionId, Record, Row};
use crate::snapshot_builder::{MESSAGE, UNKNOWN, offset, reading, tp};

fn partition_id() -> impl Strategy<Value = PartitionId> {
    (0..2u8, 0..3i32)
}

fn an_offset() -> impl Strategy<Value = Option<i64>> {
    option::weighted(0.85, 0..OFFSETS)
}

fn bounds() -> impl Strategy<Value = Bounds> {
    (an_offset(), an_offset(), an_offset()).prop_map(|(log_start, high_watermark, last_stable)| {
        Bounds {
            log_start,
            high_watermark,
            last_stable,
        }
    })
}

fn case() -> impl Strategy<Value = Case> {
    let commits = option::weighted(0.9, btree_map(partition_id(), an_offset(), 0..6));
    (
        any::<bool>(),
        btree_map(partition_id(), bounds(), 0..6),
        btree_map(0..3u8, commits, 0..4),
    )
        .prop_map(|(read_committed, logs, groups)| Case {
            read_committed,
            logs,
            groups,
        })
}

fn name(kind: &str, number: u8) -> Name {
    format!("{kind}-{number}").into()
}

fn snapshot(case: &Case) -> Snapshot {
    let mut snapshot = Snapshot::default();
    for ((topic, partition), bounds) in &case.logs {
        let empty = || Topic {
            compaction: Ok(Compaction::Deleted),
            partitions: BTreeMap::new(),
        };
        let topic = snapshot
            .topics
            .entry(name("topic", *topic))
            .or_insert_with(empty);
        let log = Log {
            log_start: reading(bounds.log_start),
            high_watermark: reading(bounds.high_watermark),
            last_stable: case.read_committed.then(|| reading(bounds.last_stable)),
        };
        topic.partitions.insert(*partition, log.into());
    }
    for (group, commits) in &case.groups {
        let commits = commits.as_ref().map(|commits| {
            let commits = commits.iter().map(|((topic, partition), committed)| {
                (tp(&name("topic", *topic), *partition), reading(*committed))
            });
            commits.collect()
        });
        let group_read = Group {
            state: GroupState::Stable,
            members: Ok(Arc::default()),
            committed: commits.ok_or(UNKNOWN),
        };
        snapshot.groups.insert(name("group", *group), group_read);
    }
    for (topic, partition) in case.logs.keys() {
        for at in 0..OFFSETS {
            let oldest = match oracle::record((*topic, *partition), at) {
                Record::NotAsked => continue,
                Record::Unknown => OldestUnread::Unknown(UNKNOWN),
                Record::NothingReadable => OldestUnread::NothingReadable,
                Record::At(ms) => OldestUnread::Written(ms),
                Record::AtLogStart(ms) => OldestUnread::WrittenAtLogStart(ms),
                Record::Passed(ms) => OldestUnread::Passed(ms),
                Record::PassedBefore(ms) => OldestUnread::PassedBefore(ms),
                Record::NoTimestamp => OldestUnread::NoTimestamp,
            };
            let pair = (tp(&name("topic", *topic), *partition), offset(at));
            snapshot.oldest_unread.insert(pair, oldest);
        }
    }
    snapshot
}

fn millis(age: Duration) -> i64 {
    i64::try_from(age.as_millis()).expect("ages are small")
}

fn signed(count: u64) -> i64 {
    i64::try_from(count).expect("counts are small")
}

fn shown(row: &PartitionLag) -> Row {
    Row {
        committed: row.committed.ok().map(Offset::to_wire),
        lag: row.offset_lag.ok().map(signed),
        age: row.time_lag.known().map(millis),
        lost: row.retention.ok().map(|retention| signed(retention.lost)),
        margin: row.retention.ok().map(|retention| retention.margin),
        percent: row.unread_percent.ok(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn lag_is_what_the_oracle_says(case in case()) {
        let snapshot = snapshot(&case);
        let lag = compute(&snapshot, MESSAGE, NOW);
        prop_assert_eq!(lag.groups.len(), case.groups.len());
        prop_assert_eq!(lag.findings.len(), case.beyond_end() + case.undated());
        for (group, (number, commits)) in lag.groups.iter().zip(&case.groups) {
            prop_assert_eq!(&group.group, &name("group", *number));
            let rows: Vec<_> = group
                .topics
                .iter()
                .flat_map(|topic| topic.partitions.iter().map(|row| (&topic.topic, row.partition, shown(row))))
                .collect();
            let flat: Vec<_> = commits.iter().flatten().collect();
            prop_assert_eq!(rows.len(), flat.len());
            let expected: Vec<Row> = flat.iter().map(|(partition_id, at)| case.row(**partition_id, **at)).collect();
            for ((topic, partition, row), ((partition_id, _), expected)) in rows.iter().zip(flat.iter().zip(&expected)) {
                prop_assert_eq!((*topic, *partition), (&name("topic", partition_id.0), partition_id.1));
                prop_assert_eq!(row, expected);
            }
            let lags: Vec<_> = expected.iter().map(|row| row.lag).collect();
            prop_assert_eq!(group.offset_lag.known().map(signed), oracle::sum(&lags).filter(|_| commits.is_some()));
            let complete = commits.is_some() && lags.iter().all(Option::is_some);
            prop_assert_eq!(group.complete.is_ok(), complete);
            prop_assert_eq!(group.max_offset_lag.map(signed), lags.iter().flatten().max().copied());
            // A zero beside an unknown value is no maximum.
            let oldest = expected.iter().filter_map(|row| row.age).max();
            let oldest = oldest.filter(|age| *age > 0 || expected.iter().all(|row| row.age.is_some()));
            prop_assert_eq!(group.max_time_lag.map(millis), oldest);
            let lost: Vec<_> = expected.iter().map(|row| row.lost).collect();
            prop_assert_eq!(group.lost().map(signed), oracle::sum(&lost));
            for topic in &group.topics {
                let rows: Vec<_> = flat.iter().zip(&expected).filter(|((partition_id, _), _)| name("topic", partition_id.0) == topic.topic).collect();
                let oldest = rows.iter().filter_map(|(_, row)| row.age).max();
                let oldest = oldest.filter(|age| *age > 0 || rows.iter().all(|(_, row)| row.age.is_some()));
                prop_assert_eq!(topic.max_time_lag().map(millis), oldest);
                let n_unknown = rows.iter().filter(|(_, row)| row.lag.is_some() && row.age.is_none()).count();
                // A zero beside an unknown offset lag is no count.
                let n_unknown = Some(n_unknown).filter(|n| *n > 0 || rows.iter().all(|(_, row)| row.lag.is_some()));
                prop_assert_eq!(topic.n_unknown_time_lag(), n_unknown);
                let margins = rows.iter().map(|((partition_id, _), row)| case.margin_at_risk(**partition_id, row));
                let margins: Option<Vec<f64>> = margins.collect();
                prop_assert_eq!(topic.min_margin(), margins.and_then(|margins| margins.into_iter().reduce(f64::min)));
                let of_topic = flat.iter().zip(&lags).filter(|((partition_id, _), _)| name("topic", partition_id.0) == topic.topic);
                let of_topic: Vec<_> = of_topic.map(|(_, lag)| *lag).collect();
                prop_assert_eq!(topic.offset_lag.known().map(signed), oracle::sum(&of_topic));
            }
        }
    }

    #[test]
    fn the_wanted_offsets_are_those_of_the_oldest_unread_records(case in case()) {
        let wanted = snapshot(&case).oldest_unread_offsets(LostPartitions::Read);
        let pairs = wanted.iter().flat_map(|(tp, offsets)| offsets.iter().map(move |at| (tp.clone(), *at)));
        let expected = case.wanted().into_iter();
        let expected = expected.map(|((topic, p), at)| (tp(&name("topic", topic), p), offset(at)));
        prop_assert_eq!(pairs.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
    }

    #[test]
    fn time_lag_is_known_wherever_offset_lag_is_once_all_wanted_offsets_are_answered(case in case()) {
        let mut snapshot = snapshot(&case);
        let wanted = snapshot.oldest_unread_offsets(LostPartitions::Read);
        snapshot.oldest_unread = wanted
            .into_iter()
            .flat_map(|(tp, offsets)| offsets.into_iter().map(move |at| ((tp.clone(), at), OldestUnread::Written(0))))
            .collect();
        let lag = compute(&snapshot, MESSAGE, NOW);
        for row in lag.groups.iter().flat_map(|group| &group.topics).flat_map(|topic| &topic.partitions) {
            prop_assert_eq!(row.time_lag.known().is_some(), row.offset_lag.is_ok());
        }
    }
}
