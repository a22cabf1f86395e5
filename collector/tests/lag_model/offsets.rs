//! Tests of offset lag: each named case once.

use std::time::Duration;

use collector::lag::{Retention, Sum, TimeLag};
use collector::snapshot::{
    Api, Compaction, GroupState, Log, OldestUnread, PartitionState, Reading, Reason, Unknown,
};
use shared::config::LostPartitions;

use crate::single::{one_partition, only_group, only_row};
use crate::snapshot_builder::{NOW, SnapshotBuilder, UNKNOWN, lag_of, log, offset, reading};

#[test]
fn lag_is_the_distance_between_commit_and_high_watermark() {
    let builder = one_partition(log(Some(10), Some(100)), Some(70));
    let lag = lag_of(&builder);
    let row = only_row(&lag);
    assert_eq!(row.offset_lag, Ok(30));
    assert_eq!(
        row.retention,
        Ok(Retention {
            lost: 0,
            margin: 60
        })
    );
    assert_eq!(row.unread_percent, Ok(30.0 * 100.0 / 90.0));
    assert_eq!(only_group(&lag).offset_lag, Sum::Of(30));
    assert_eq!(only_group(&lag).max_offset_lag, Some(30));
}

#[test]
fn with_read_committed_lag_counts_to_the_last_stable_offset() {
    let stable = Log {
        last_stable: Some(reading(Some(16))),
        ..log(Some(0), Some(21))
    };
    assert_eq!(
        only_row(&lag_of(&one_partition(stable, Some(10)))).offset_lag,
        Ok(6)
    );
    let unknown = Log {
        last_stable: Some(Err(UNKNOWN)),
        ..log(Some(0), Some(21))
    };
    assert_eq!(
        only_row(&lag_of(&one_partition(unknown, Some(10)))).offset_lag,
        Err(UNKNOWN)
    );
}

#[test]
fn a_commit_between_the_last_stable_offset_and_the_high_watermark_is_no_finding() {
    let builder = one_partition(
        Log {
            last_stable: Some(reading(Some(16))),
            ..log(Some(0), Some(21))
        },
        Some(20),
    );
    let lag = lag_of(&builder);
    assert_eq!(only_row(&lag).offset_lag, Ok(0));
    assert_eq!(lag.findings, []);
}

#[test]
fn an_unknown_partition_removes_the_sums_and_keeps_the_maximum() {
    let builder = SnapshotBuilder::default()
        .topic("whole", &[log(Some(0), Some(10))])
        .topic("partly", &[log(Some(0), Some(50)), log(Some(0), None)])
        .group(
            "g",
            &[
                ("partly", 0, Some(10)),
                ("partly", 1, Some(10)),
                ("whole", 0, Some(7)),
            ],
        );
    let lag = lag_of(&builder);
    let group = only_group(&lag);
    assert_eq!(group.offset_lag, Sum::Missing(UNKNOWN));
    assert_eq!(group.complete, Err(UNKNOWN));
    assert_eq!(group.max_offset_lag, Some(40));
    let sums: Vec<_> = group
        .topics
        .iter()
        .map(|topic| (&*topic.topic, topic.offset_lag))
        .collect();
    assert_eq!(
        sums,
        [("partly", Sum::Missing(UNKNOWN)), ("whole", Sum::Of(3))]
    );
}

#[test]
fn an_unknown_commit_is_an_unknown_partition() {
    let builder = one_partition(log(Some(0), Some(10)), None);
    let lag = lag_of(&builder);
    assert_eq!(only_row(&lag).committed, Err(UNKNOWN));
    assert_eq!(only_row(&lag).retention, Err(UNKNOWN));
    assert_eq!(only_row(&lag).time_lag, TimeLag::Unknown(UNKNOWN));
    assert_eq!(only_group(&lag).max_offset_lag, None);
    assert_eq!(only_group(&lag).offset_lag, Sum::Missing(UNKNOWN));
}

#[test]
fn an_unknown_log_start_makes_only_distances_from_it_unknown() {
    let builder = one_partition(log(None, Some(10)), Some(4)).unread(
        "t",
        0,
        4,
        OldestUnread::Written(NOW - 5),
    );
    let lag = lag_of(&builder);
    let row = only_row(&lag);
    assert_eq!(
        (row.retention, row.unread_percent),
        (Err(UNKNOWN), Err(UNKNOWN))
    );
    assert_eq!(row.offset_lag, Ok(6));
    assert_eq!(row.time_lag, TimeLag::Known(Duration::from_millis(5)));
    assert_eq!(only_group(&lag).complete, Ok(()));
}

#[test]
fn a_group_whose_commits_are_unknown_has_only_a_state() {
    let builder = SnapshotBuilder::default()
        .group("g", &[])
        .with("g", |group| group.committed = Err(UNKNOWN));
    let lag = lag_of(&builder);
    let group = only_group(&lag);
    assert_eq!(group.state, GroupState::Stable);
    assert_eq!(group.offset_lag, Sum::Missing(UNKNOWN));
    assert_eq!((group.max_offset_lag, group.max_time_lag), (None, None));
    assert!(group.topics.is_empty());
}

#[test]
fn a_group_without_commits_is_complete_and_has_no_lag() {
    let builder = SnapshotBuilder::default().group("g", &[]);
    let lag = lag_of(&builder);
    let group = only_group(&lag);
    assert_eq!(group.offset_lag, Sum::NoPartitions);
    assert_eq!(group.complete, Ok(()));
    assert_eq!(
        (group.max_offset_lag, group.offset_lag.known()),
        (None, None)
    );
}

#[test]
fn an_empty_group_has_no_members_even_if_it_was_not_described() {
    let members = |state| {
        let builder = SnapshotBuilder::default()
            .group("g", &[])
            .with("g", |group| {
                group.state = state;
                group.members = Err(UNKNOWN);
            });
        let lag = lag_of(&builder);
        only_group(&lag).n_members
    };
    assert_eq!(members(GroupState::Empty), Ok(0));
    assert_eq!(members(GroupState::Stable), Err(UNKNOWN));
}

#[test]
fn a_simple_consumer_has_lag_without_a_member() {
    let builder = one_partition(log(Some(0), Some(9)), Some(4))
        .with("g", |group| group.state = GroupState::Empty);
    let lag = lag_of(&builder);
    assert_eq!(only_row(&lag).offset_lag, Ok(5));
    assert_eq!(only_row(&lag).member, None);
}

#[test]
fn a_row_has_the_member_that_is_assigned_its_partition() {
    let end = log(Some(0), Some(9));
    let builder = SnapshotBuilder::default()
        .topic("t", &[end, end])
        .group("g", &[("t", 0, Some(1)), ("t", 1, Some(1))])
        .member("g", "one", &[("t", 1), ("u", 0)])
        .member("g", "idle", &[]);
    let lag = lag_of(&builder);
    let rows = &only_group(&lag).topics[0].partitions;
    let members: Vec<_> = rows
        .iter()
        .map(|row| only_group(&lag).member_of(row).map(|m| &*m.client_id))
        .collect();
    assert_eq!(members, [None, Some("one")]);
    assert_eq!(only_group(&lag).n_members, Ok(2));
}

#[test]
fn a_commit_on_a_topic_that_was_not_seen_is_unknown() {
    let builder = SnapshotBuilder::default().group("g", &[("unseen", 0, Some(1))]);
    let lag = lag_of(&builder);
    assert_eq!(
        only_row(&lag).offset_lag,
        Err(Unknown::new(Api::Metadata, Reason::NotAsked))
    );
    assert_eq!(only_row(&lag).committed, Ok(offset(1)));
    assert!(only_group(&lag).complete.is_err());
}

#[test]
fn a_commit_on_a_partition_that_is_gone_is_left_out() {
    let builder = SnapshotBuilder::default()
        .topic("deleted", &[PartitionState::Gone])
        .topic("t", &[log(Some(0), Some(9)).into(), PartitionState::Gone])
        .group(
            "g",
            &[
                ("deleted", 0, Some(3)),
                ("t", 0, Some(4)),
                ("t", 1, Some(5)),
            ],
        );
    let lag = lag_of(&builder);
    assert_eq!(only_row(&lag).partition, 0);
    assert_eq!(only_group(&lag).offset_lag, Sum::Of(5));
    assert_eq!(
        builder
            .snapshot
            .oldest_unread_offsets(LostPartitions::Read)
            .len(),
        1
    );
}

#[test]
fn a_commit_beyond_the_end_has_no_lag_and_is_one_finding() {
    let builder = one_partition(log(Some(0), Some(5)), Some(900));
    let lag = lag_of(&builder);
    assert_eq!(only_row(&lag).offset_lag, Ok(0));
    assert_eq!(only_row(&lag).time_lag, TimeLag::CaughtUp);
    assert_eq!(only_row(&lag).unread_percent, Ok(0.0));
    let [finding] = lag.findings.as_slice() else {
        panic!("one finding: {:?}", lag.findings)
    };
    assert_eq!(
        finding.unknown,
        Unknown::new(Api::OffsetFetch, Reason::CommittedBeyondEnd)
    );
    assert_eq!(finding.subject, "g/t/0");
}

#[test]
fn partitions_of_compacted_topics_are_counted_by_group() {
    let end = log(Some(0), Some(9));
    let builder = SnapshotBuilder::default()
        .topic("plain", &[end])
        .topic("table", &[end, end])
        .compacted("table")
        .group(
            "g",
            &[
                ("plain", 0, Some(1)),
                ("table", 0, Some(1)),
                ("table", 1, None),
            ],
        )
        .group("h", &[("table", 0, Some(9))]);
    assert_eq!(lag_of(&builder).n_compacted(), Some(2));
}

#[test]
fn without_the_cleanup_policies_it_is_not_known_that_nothing_is_compacted() {
    let n_compacted = |plain: Reading<Compaction>, table: Reading<Compaction>| {
        let end = log(Some(0), Some(9));
        let mut builder = SnapshotBuilder::default()
            .topic("plain", &[end])
            .topic("table", &[end])
            .topic("unread", &[end])
            .group("g", &[("plain", 0, Some(1)), ("table", 0, Some(1))]);
        let policies = [("plain", plain), ("table", table), ("unread", Err(UNKNOWN))];
        for (name, policy) in policies {
            let topic = builder.snapshot.topics.get_mut(name);
            topic.expect("it is there").compaction = policy;
        }
        lag_of(&builder).n_compacted()
    };
    let (compacted, deleted) = (Ok(Compaction::Compacted), Ok(Compaction::Deleted));
    assert_eq!(n_compacted(deleted, deleted), Some(0));
    assert_eq!(n_compacted(deleted, Err(UNKNOWN)), None);
    assert_eq!(n_compacted(compacted, Err(UNKNOWN)), Some(1));
}
