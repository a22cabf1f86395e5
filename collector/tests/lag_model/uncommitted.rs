//! Tests of partitions that members are assigned and that have no commit: each named case once.

use collector::lag::{Sum, Uncommitted};
use collector::snapshot::{Api, GroupState, Log, PartitionState, Reason, Unknown};

use crate::single::only_group;
use crate::snapshot_builder::{SnapshotBuilder, UNKNOWN, lag_of, log, reading};

pub(crate) const REFUSED: Unknown = Unknown::new(Api::Metadata, Reason::Authorization);

/// A topic's name, the number of its assigned partitions without a commit and the number of records in them; `None` where no
/// existing partition of the topic is assigned, or assignments are unknown.
type Row = (String, Option<Result<(u64, u64), Unknown>>);

/// Returns the topics of the only group of `builder`, with their uncommitted partitions.
fn shown(builder: &SnapshotBuilder) -> Vec<Row> {
    let lag = lag_of(builder);
    let topics = only_group(&lag).topics.iter().map(|topic| {
        let uncommitted = topic.uncommitted.map(|reading| {
            reading.map(
                |Uncommitted {
                     partitions,
                     records,
                 }| (partitions, records),
            )
        });
        (topic.topic.to_string(), uncommitted)
    });
    topics.collect()
}

fn topic(name: &str, n: Option<Result<(u64, u64), Unknown>>) -> Row {
    (name.to_owned(), n)
}

fn ten() -> Log {
    log(Some(0), Some(10))
}

#[test]
fn two_of_three_partitions_without_a_commit_are_counted_with_their_records() {
    let builder = SnapshotBuilder::default()
        .topic("t", &[ten(), ten(), ten()])
        .group("g", &[("t", 0, Some(10))])
        .member("g", "one", &[("t", 0), ("t", 1), ("t", 2)]);
    assert_eq!(shown(&builder), [topic("t", Some(Ok((2, 20))))]);
    let lag = lag_of(&builder);
    assert_eq!(only_group(&lag).offset_lag, Sum::Of(0));
    assert_eq!(only_group(&lag).complete, Ok(()));
}

#[test]
fn a_topic_without_any_commit_is_shown_and_has_no_sum() {
    let builder = SnapshotBuilder::default()
        .topic("a", &[ten()])
        .topic("b", &[log(Some(4), Some(9))])
        .topic("c", &[ten()])
        .group("g", &[("a", 0, Some(3)), ("c", 0, Some(4))])
        .member("g", "one", &[("c", 0), ("b", 0)]);
    let right = [
        topic("a", None),
        topic("b", Some(Ok((1, 5)))),
        topic("c", Some(Ok((0, 0)))),
    ];
    assert_eq!(shown(&builder), right);
    let lag = lag_of(&builder);
    let topics = only_group(&lag).topics.iter();
    let sums: Vec<_> = topics.map(|topic| topic.offset_lag).collect();
    assert_eq!(sums, [Sum::Of(7), Sum::NoPartitions, Sum::Of(6)]);
    assert_eq!(only_group(&lag).offset_lag, Sum::Of(13));
}

#[test]
fn an_empty_log_does_not_count_as_uncommitted() {
    let builder = SnapshotBuilder::default()
        .topic("t", &[log(Some(0), Some(0)), log(Some(7), Some(7))])
        .group("g", &[])
        .member("g", "one", &[("t", 0), ("t", 1)]);
    assert_eq!(shown(&builder), [topic("t", Some(Ok((0, 0))))]);
    assert_eq!(only_group(&lag_of(&builder)).complete, Ok(()));
}

#[test]
fn with_read_committed_only_stable_records_are_counted() {
    let open = Log {
        last_stable: Some(reading(Some(6))),
        ..log(Some(2), Some(10))
    };
    let builder = SnapshotBuilder::default()
        .topic("t", &[open])
        .group("g", &[])
        .member("g", "one", &[("t", 0)]);
    assert_eq!(shown(&builder), [topic("t", Some(Ok((1, 4))))]);
}

#[test]
fn a_partition_that_two_members_are_assigned_counts_once() {
    let builder = SnapshotBuilder::default()
        .topic("t", &[ten()])
        .group("g", &[])
        .member("g", "one", &[("t", 0), ("t", 0)])
        .member("g", "two", &[("t", 0)]);
    assert_eq!(shown(&builder), [topic("t", Some(Ok((1, 10))))]);
}

#[test]
fn unknown_log_bounds_remove_the_count_and_completeness_and_keep_the_sum() {
    for unknown in [log(Some(0), None), log(None, Some(9))] {
        let builder = SnapshotBuilder::default()
            .topic("t", &[ten(), unknown])
            .group("g", &[("t", 0, Some(4))])
            .member("g", "one", &[("t", 0), ("t", 1)]);
        assert_eq!(shown(&builder), [topic("t", Some(Err(UNKNOWN)))]);
        let lag = lag_of(&builder);
        assert_eq!(only_group(&lag).complete, Err(UNKNOWN));
        assert_eq!(only_group(&lag).offset_lag, Sum::Of(6));
    }
}

#[test]
fn a_topic_that_this_user_may_not_see_removes_the_sum_of_the_group_but_not_of_other_topics() {
    let builder = SnapshotBuilder::default()
        .topic("ta", &[ten()])
        .unseen("tb", REFUSED)
        .group("g", &[("ta", 0, Some(4))])
        .member("g", "one", &[("ta", 0), ("tb", 0)]);
    let lag = lag_of(&builder);
    let group = only_group(&lag);
    assert_eq!(group.offset_lag, Sum::Missing(REFUSED));
    assert_eq!(group.complete, Err(REFUSED));
    assert_eq!(group.max_offset_lag, Some(6));
    assert_eq!(group.topics[0].offset_lag, Sum::Of(6));
    assert_eq!(shown(&builder), [topic("ta", Some(Ok((0, 0))))]);
}

#[test]
fn a_partition_that_was_not_seen_removes_the_count_of_its_topic() {
    let young = Unknown::new(Api::Metadata, Reason::NotAsked);
    let builder = |commits: &[(&str, i32, Option<i64>)]| {
        SnapshotBuilder::default()
            .topic("t", &[ten(), ten()])
            .group("g", commits)
            .member("g", "one", &[("t", 0), ("t", 1), ("t", 2)])
    };
    let counted = |n, records| [topic("t", Some(Ok((n, records))))];
    assert_eq!(shown(&builder(&[])), counted(2, 20));
    let unseen = builder(&[]).unseen("t", young);
    assert_eq!(shown(&unseen), [topic("t", Some(Err(young)))]);
    // A partition with a commit is a row, and is not counted whether it was seen or not.
    let row = builder(&[("t", 2, Some(4))]).unseen("t", young);
    assert_eq!(shown(&row), counted(2, 20));
}

#[test]
fn an_unseen_topic_does_not_affect_groups_that_are_not_assigned_it() {
    let builder = SnapshotBuilder::default()
        .topic("t", &[ten()])
        .unseen("t", REFUSED)
        .unseen("tb", REFUSED)
        .group("g", &[("t", 0, Some(4))])
        .member("g", "one", &[("t", 0)]);
    let lag = lag_of(&builder);
    assert_eq!(only_group(&lag).offset_lag, Sum::Of(6));
    assert_eq!(only_group(&lag).complete, Ok(()));
}

#[test]
fn partitions_that_do_not_exist_or_are_filtered_out_are_ignored() {
    let builder = SnapshotBuilder::default()
        .topic("t", &[PartitionState::Gone])
        .group("g", &[])
        .member("g", "one", &[("t", 0), ("t", 7), ("t", -1), ("__other", 0)]);
    assert_eq!(shown(&builder), []);
    assert_eq!(only_group(&lag_of(&builder)).complete, Ok(()));
}

#[test]
fn unknown_members_remove_completeness_and_keep_the_sum() {
    let builder = |state| {
        SnapshotBuilder::default()
            .topic("t", &[ten()])
            .group("g", &[("t", 0, Some(4))])
            .with("g", |group| {
                group.state = state;
                group.members = Err(UNKNOWN);
            })
    };
    for (state, complete) in [
        (GroupState::Stable, Err(UNKNOWN)),
        (GroupState::Unknown, Err(UNKNOWN)),
        (GroupState::Empty, Ok(())),
    ] {
        let builder = builder(state);
        let lag = lag_of(&builder);
        assert_eq!(only_group(&lag).complete, complete, "{state:?}");
        assert_eq!(only_group(&lag).offset_lag, Sum::Of(6));
    }
}
