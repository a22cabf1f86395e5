//! Each named case of offset lag, once.

use std::time::Duration;

use collector::lag::{GONE, Retention, Sum, TimeLag, wanted_reads};
use collector::snapshot::{Api, GroupState, Log, OldestUnread, Reason, Unknown};
use shared::config::LostPartitions;

use crate::only::{group_of, one, row_of};
use crate::world::{NOW, UNKNOWN, World, lag_of, log, offset, reading};

#[test]
fn lag_is_what_lies_between_the_commit_and_the_high_watermark() {
    let world = one(log(Some(10), Some(100)), Some(70));
    let lag = lag_of(&world);
    let row = row_of(&lag);
    assert_eq!(row.offset_lag, Ok(30));
    assert_eq!(
        row.retention,
        Ok(Retention {
            lost: 0,
            margin: 60
        })
    );
    assert_eq!(row.unread_percent, Ok(30.0 * 100.0 / 90.0));
    assert_eq!(group_of(&lag).offset_lag, Sum::Of(30));
    assert_eq!(group_of(&lag).max_offset_lag, Some(30));
}

#[test]
fn with_read_committed_lag_counts_to_the_last_stable_offset() {
    let stable = Log {
        last_stable: Some(reading(Some(16))),
        ..log(Some(0), Some(21))
    };
    assert_eq!(row_of(&lag_of(&one(stable, Some(10)))).offset_lag, Ok(6));
    let unknown = Log {
        last_stable: Some(Err(UNKNOWN)),
        ..log(Some(0), Some(21))
    };
    assert_eq!(
        row_of(&lag_of(&one(unknown, Some(10)))).offset_lag,
        Err(UNKNOWN)
    );
}

#[test]
fn a_commit_between_the_last_stable_offset_and_the_high_watermark_is_no_finding() {
    let world = one(
        Log {
            last_stable: Some(reading(Some(16))),
            ..log(Some(0), Some(21))
        },
        Some(20),
    );
    let lag = lag_of(&world);
    assert_eq!(row_of(&lag).offset_lag, Ok(0));
    assert_eq!(lag.findings, []);
}

#[test]
fn an_unknown_partition_leaves_the_maximum_and_takes_the_sums() {
    let world = World::default()
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
    let lag = lag_of(&world);
    let group = group_of(&lag);
    assert_eq!(group.offset_lag, Sum::Missing(UNKNOWN));
    assert_eq!(group.complete, Err(UNKNOWN));
    assert_eq!(group.max_offset_lag, Some(40));
    let sums: Vec<_> = group
        .topics
        .iter()
        .map(|topic| (&**topic.topic, topic.offset_lag))
        .collect();
    assert_eq!(
        sums,
        [("partly", Sum::Missing(UNKNOWN)), ("whole", Sum::Of(3))]
    );
}

#[test]
fn an_unknown_commit_is_an_unknown_partition() {
    let world = one(log(Some(0), Some(10)), None);
    let lag = lag_of(&world);
    assert_eq!(row_of(&lag).committed, Err(UNKNOWN));
    assert_eq!(row_of(&lag).retention, Err(UNKNOWN));
    assert_eq!(row_of(&lag).time_lag, TimeLag::Unknown(UNKNOWN));
    assert_eq!(group_of(&lag).max_offset_lag, None);
    assert_eq!(group_of(&lag).offset_lag, Sum::Missing(UNKNOWN));
}

#[test]
fn an_unknown_log_start_takes_only_what_is_measured_from_it() {
    let world = one(log(None, Some(10)), Some(4)).unread("t", 0, 4, OldestUnread::Written(NOW - 5));
    let lag = lag_of(&world);
    let row = row_of(&lag);
    assert_eq!(
        (row.retention, row.unread_percent),
        (Err(UNKNOWN), Err(UNKNOWN))
    );
    assert_eq!(row.offset_lag, Ok(6));
    assert_eq!(row.time_lag, TimeLag::Known(Duration::from_millis(5)));
    assert_eq!(group_of(&lag).complete, Ok(()));
}

#[test]
fn a_group_whose_commits_are_unknown_has_only_a_state() {
    let world = World::default()
        .group("g", &[])
        .with("g", |group| group.committed = Err(UNKNOWN));
    let lag = lag_of(&world);
    let group = group_of(&lag);
    assert_eq!(group.state, GroupState::Stable);
    assert_eq!(group.offset_lag, Sum::Missing(UNKNOWN));
    assert_eq!((group.max_offset_lag, group.max_time_lag), (None, None));
    assert!(group.topics.is_empty());
}

#[test]
fn a_group_without_commits_is_complete_and_has_no_lag() {
    let world = World::default().group("g", &[]);
    let lag = lag_of(&world);
    let group = group_of(&lag);
    assert_eq!(group.offset_lag, Sum::NoPartitions);
    assert_eq!(group.complete, Ok(()));
    assert_eq!(
        (group.max_offset_lag, group.offset_lag.known()),
        (None, None)
    );
}

#[test]
fn an_empty_group_has_no_members_without_asking() {
    let members = |state| {
        let world = World::default().group("g", &[]).with("g", |group| {
            group.state = state;
            group.members = Err(UNKNOWN);
        });
        let lag = lag_of(&world);
        group_of(&lag).n_members
    };
    assert_eq!(members(GroupState::Empty), Ok(0));
    assert_eq!(members(GroupState::Stable), Err(UNKNOWN));
}

#[test]
fn a_simple_consumer_has_lag_without_a_member() {
    let world =
        one(log(Some(0), Some(9)), Some(4)).with("g", |group| group.state = GroupState::Empty);
    let lag = lag_of(&world);
    assert_eq!(row_of(&lag).offset_lag, Ok(5));
    assert_eq!(row_of(&lag).member, None);
}

#[test]
fn a_row_has_the_member_that_is_assigned_its_partition() {
    let end = log(Some(0), Some(9));
    let world = World::default()
        .topic("t", &[end, end])
        .group("g", &[("t", 0, Some(1)), ("t", 1, Some(1))])
        .member("g", "one", &[("t", 1), ("u", 0)])
        .member("g", "idle", &[]);
    let lag = lag_of(&world);
    let rows = &group_of(&lag).topics[0].partitions;
    let members: Vec<_> = rows
        .iter()
        .map(|row| row.member.map(|m| &*m.client_id))
        .collect();
    assert_eq!(members, [None, Some("one")]);
    assert_eq!(group_of(&lag).n_members, Ok(2));
}

#[test]
fn retention_past_the_commit_is_loss() {
    let world = one(log(Some(50), Some(100)), Some(20));
    let lag = lag_of(&world);
    let row = row_of(&lag);
    assert_eq!(
        row.retention,
        Ok(Retention {
            lost: 30,
            margin: -30
        })
    );
    assert_eq!(row.unread_percent, Ok(160.0));
    assert_eq!(lag.n_lost(), 1);
}

#[test]
fn what_a_group_lost_is_a_sum_only_when_all_of_it_is_known() {
    let commits = [("t", 0, Some(20)), ("t", 1, Some(60)), ("u", 0, Some(5))];
    let lost = |last| {
        let logs = [log(Some(50), Some(100)), log(Some(50), Some(100))];
        let world = World::default().topic("t", &logs).topic("u", &[last]);
        group_of(&lag_of(&world.group("g", &commits))).lost()
    };
    assert_eq!(lost(log(Some(7), Some(9))), Some(32));
    assert_eq!(lost(log(None, Some(9))), None);
    let world = World::default().group("g", &[]);
    assert_eq!(group_of(&lag_of(&world)).lost(), None);
}

#[test]
fn retention_is_as_near_as_the_nearest_partition_with_something_to_lose() {
    let margin = |logs: &[Log], commits: &[(&str, i32, Option<i64>)]| {
        let world = World::default().topic("t", logs).group("g", commits);
        group_of(&lag_of(&world)).topics[0].min_margin()
    };
    let read_all = (log(Some(50), Some(60)), ("t", 0, Some(60)));
    let never_cut = (log(Some(0), Some(100)), ("t", 1, Some(1)));
    let unread = (log(Some(50), Some(100)), ("t", 2, Some(90)));
    let nearer = (log(Some(50), Some(100)), ("t", 3, Some(70)));
    let logs = [read_all.0, never_cut.0, unread.0, nearer.0];
    let commits = [read_all.1, never_cut.1, unread.1, nearer.1];
    assert_eq!(margin(&logs, &commits[..2]), Some(f64::INFINITY));
    assert_eq!(margin(&logs, &commits), Some(20.0));
    let unknown = [log(Some(50), None), log(None, Some(100))];
    assert_eq!(margin(&unknown, &commits[..2]), None);
    let lost = [log(Some(50), Some(100))];
    assert_eq!(margin(&lost, &[("t", 0, Some(20))]), Some(-30.0));
}

#[test]
fn the_unread_percentage_is_a_number_for_an_empty_log_too() {
    let percent = |log, committed| row_of(&lag_of(&one(log, committed))).unread_percent;
    assert_eq!(percent(log(Some(9), Some(9)), Some(9)), Ok(0.0));
    assert_eq!(percent(log(Some(9), Some(9)), Some(3)), Ok(f64::INFINITY));
    assert_eq!(percent(log(Some(4), Some(9)), Some(4)), Ok(100.0));
}

#[test]
fn a_commit_on_a_topic_that_was_not_seen_is_unknown() {
    let world = World::default().group("g", &[("unseen", 0, Some(1))]);
    let lag = lag_of(&world);
    assert_eq!(
        row_of(&lag).offset_lag,
        Err(Unknown::new(Api::Metadata, Reason::NotAsked))
    );
    assert_eq!(row_of(&lag).committed, Ok(offset(1)));
    assert!(group_of(&lag).complete.is_err());
}

#[test]
fn a_commit_on_a_partition_that_is_gone_is_left_out() {
    let gone = Log {
        log_start: Err(GONE),
        high_watermark: Err(GONE),
        last_stable: None,
    };
    let world = World::default()
        .topic("deleted", &[gone])
        .topic("t", &[log(Some(0), Some(9)), gone])
        .group(
            "g",
            &[
                ("deleted", 0, Some(3)),
                ("t", 0, Some(4)),
                ("t", 1, Some(5)),
            ],
        );
    let lag = lag_of(&world);
    assert_eq!(row_of(&lag).partition, 0);
    assert_eq!(group_of(&lag).offset_lag, Sum::Of(5));
    assert_eq!(wanted_reads(&world.snapshot, LostPartitions::Read).len(), 1);
}

#[test]
fn a_commit_beyond_the_end_has_no_lag_and_is_found_once() {
    let world = one(log(Some(0), Some(5)), Some(900));
    let lag = lag_of(&world);
    assert_eq!(row_of(&lag).offset_lag, Ok(0));
    assert_eq!(row_of(&lag).time_lag, TimeLag::CaughtUp);
    assert_eq!(row_of(&lag).unread_percent, Ok(0.0));
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
    let world = World::default()
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
    assert_eq!(lag_of(&world).n_compacted(), 2);
}
