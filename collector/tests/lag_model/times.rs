//! Tests of time lag and of the offsets that have to be read for it: each named case once.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use collector::lag::{TimeLag, compute};
use collector::snapshot::{Api, Log, OldestUnread, Reason, Snapshot, Unknown};
use shared::config::{self, LostPartitions};

use crate::single::{one_partition, only_group, only_row};
use crate::snapshot_builder::{NOW, SnapshotBuilder, UNKNOWN, lag_of, log, offset, tp};

#[test]
fn time_lag_carries_the_way_it_is_known() {
    let ms = Duration::from_millis;
    let unknown = |reason| TimeLag::Unknown(Unknown::new(Api::Fetch, reason));
    let table = [
        (
            OldestUnread::Written(NOW - 1_500),
            TimeLag::Known(ms(1_500)),
        ),
        (OldestUnread::Written(NOW + 60_000), TimeLag::Known(ms(0))),
        (
            OldestUnread::Written(NOW + 60_001),
            unknown(Reason::FutureTimestamp),
        ),
        (
            OldestUnread::Written(i64::MAX),
            unknown(Reason::FutureTimestamp),
        ),
        (
            OldestUnread::WrittenAtLogStart(NOW + 60_001),
            unknown(Reason::FutureTimestamp),
        ),
        (OldestUnread::NoTimestamp, unknown(Reason::NoTimestamp)),
        (OldestUnread::PassedBefore(NOW - 8), TimeLag::AtLeast(ms(8))),
        (
            OldestUnread::WrittenAtLogStart(NOW - 7),
            TimeLag::AtLeast(ms(7)),
        ),
        (OldestUnread::Passed(NOW - 9), TimeLag::Interpolated(ms(9))),
        (OldestUnread::NothingReadable, TimeLag::CaughtUp),
        (OldestUnread::Unknown(UNKNOWN), TimeLag::Unknown(UNKNOWN)),
    ];
    for (oldest, expected) in table {
        let builder = one_partition(log(Some(0), Some(9)), Some(4)).unread("t", 0, 4, oldest);
        assert_eq!(only_row(&lag_of(&builder)).time_lag, expected, "{oldest:?}");
    }
}

#[test]
fn the_age_at_the_log_start_is_a_lower_bound_for_a_lost_record() {
    for oldest in [
        OldestUnread::Written(NOW - 7),
        OldestUnread::Passed(NOW - 7),
    ] {
        let builder = one_partition(log(Some(6), Some(9)), Some(4)).unread("t", 0, 6, oldest);
        let expected = TimeLag::AtLeast(Duration::from_millis(7));
        assert_eq!(only_row(&lag_of(&builder)).time_lag, expected, "{oldest:?}");
    }
}

#[test]
fn time_lag_is_unknown_without_an_answer_and_zero_when_caught_up() {
    let time_lag =
        |committed| only_row(&lag_of(&one_partition(log(Some(0), Some(9)), committed))).time_lag;
    let not_asked = TimeLag::Unknown(Unknown::new(Api::Fetch, Reason::NotAsked));
    assert_eq!(time_lag(Some(4)), not_asked);
    assert_eq!(time_lag(Some(9)), TimeLag::CaughtUp);
}

#[test]
fn disabled_time_lag_has_no_value_even_when_caught_up() {
    for (end, committed) in [(Some(9), Some(9)), (Some(9), Some(4)), (None, Some(4))] {
        let builder = one_partition(log(Some(0), end), committed);
        let lag = compute(&builder.snapshot, config::TimeLagMode::Off, NOW);
        assert_eq!(only_row(&lag).time_lag, TimeLag::Off);
        assert_eq!(only_row(&lag).time_lag.known(), None);
        assert_eq!(only_group(&lag).max_time_lag, None);
        assert_eq!(only_group(&lag).topics[0].n_unknown_time_lag(), None);
    }
}

#[test]
fn the_largest_time_lag_covers_the_known_ones() {
    let end = log(Some(0), Some(9));
    let builder = SnapshotBuilder::default()
        .topic("t", &[end, end, end])
        .group(
            "g",
            &[("t", 0, Some(1)), ("t", 1, Some(2)), ("t", 2, Some(3))],
        )
        .unread("t", 0, 1, OldestUnread::Written(NOW - 10))
        .unread("t", 1, 2, OldestUnread::Written(NOW - 20));
    assert_eq!(
        only_group(&lag_of(&builder)).max_time_lag,
        Some(Duration::from_millis(20))
    );
}

#[test]
fn a_zero_beside_an_unknown_time_lag_is_no_maximum() {
    let end = log(Some(0), Some(9));
    let builder = |other| {
        SnapshotBuilder::default()
            .topic("t", &[end, end])
            .group("g", &[("t", 0, Some(9)), ("t", 1, Some(4))])
            .unread("t", 1, 4, other)
    };
    let most = |other| {
        let lag = lag_of(&builder(other));
        let group = only_group(&lag);
        assert_eq!(group.topics[0].max_time_lag(), group.max_time_lag);
        group.max_time_lag
    };
    assert_eq!(most(OldestUnread::Unknown(UNKNOWN)), None);
    assert_eq!(most(OldestUnread::NoTimestamp), None);
    assert_eq!(most(OldestUnread::NothingReadable), Some(Duration::ZERO));
    let known = OldestUnread::Written(NOW - 5);
    assert_eq!(most(known), Some(Duration::from_millis(5)));
}

#[test]
fn unknown_time_lags_are_counted_beside_the_largest_known_one() {
    let end = log(Some(0), Some(9));
    let of = |oldest: [OldestUnread; 3]| {
        let commits = [("t", 0, Some(1)), ("t", 1, Some(2)), ("t", 2, Some(3))];
        let builder = SnapshotBuilder::default()
            .topic("t", &[end, end, end])
            .group("g", &commits)
            .unread("t", 0, 1, oldest[0])
            .unread("t", 1, 2, oldest[1])
            .unread("t", 2, 3, oldest[2]);
        let lag = lag_of(&builder);
        let topic = &only_group(&lag).topics[0];
        (topic.n_unknown_time_lag(), topic.max_time_lag())
    };
    let ms = |ms| Some(Duration::from_millis(ms));
    let old = OldestUnread::Written(NOW - 20);
    let future = OldestUnread::Written(NOW + 60_001);
    let late = OldestUnread::Unknown(Unknown::new(Api::Fetch, Reason::Deadline));
    let unseen = OldestUnread::Unknown(Unknown::new(Api::ListOffsets, Reason::OlderThanHistory));
    let none = OldestUnread::NothingReadable;
    let table = [
        ([old, old, none], (Some(0), ms(20))),
        ([none, none, none], (Some(0), ms(0))),
        ([future, old, none], (Some(1), ms(20))),
        ([old, OldestUnread::NoTimestamp, late], (Some(2), ms(20))),
        ([none, unseen, none], (Some(1), None)),
        ([late, future, unseen], (Some(3), None)),
    ];
    for (oldest, expected) in table {
        assert_eq!(of(oldest), expected, "{oldest:?}");
    }
}

#[test]
fn no_unknown_time_lag_is_told_only_where_every_offset_lag_is_known() {
    let (known, unknown) = (log(Some(0), Some(9)), log(Some(0), None));
    let of = |logs: &[Log], commits: &[(&str, i32, Option<i64>)]| {
        let builder = SnapshotBuilder::default()
            .topic("t", logs)
            .group("g", commits)
            .member("g", "one", &[("t", 0), ("t", 1)])
            .unread("t", 0, 4, OldestUnread::NoTimestamp);
        let lag = lag_of(&builder);
        only_group(&lag).topics[0].n_unknown_time_lag()
    };
    let at = |first, second| [("t", 0, first), ("t", 1, second)];
    assert_eq!(of(&[known, known], &at(Some(9), Some(9))), Some(0));
    assert_eq!(of(&[known, known], &at(Some(9), None)), None);
    assert_eq!(of(&[known, unknown], &at(Some(9), Some(4))), None);
    assert_eq!(of(&[known, unknown], &at(Some(4), Some(4))), Some(1));
    assert_eq!(of(&[known, known], &at(Some(4), None)), Some(1));
    // A topic on which the group has no commit has no row, and uncommitted partitions have no time lag.
    assert_eq!(of(&[known, known], &[]), None);
    assert_eq!(of(&[known, known], &[("t", 1, Some(9))]), Some(0));
}

#[test]
fn records_without_a_usable_timestamp_are_findings() {
    let end = log(Some(0), Some(9));
    let future = OldestUnread::Written(NOW + 3_600_000);
    let builder = SnapshotBuilder::default()
        .topic("t", &[end, end, end])
        .group(
            "g",
            &[("t", 0, Some(1)), ("t", 1, Some(2)), ("t", 2, Some(9))],
        )
        .group("h", &[("t", 0, Some(1))])
        .unread("t", 0, 1, future)
        .unread("t", 1, 2, OldestUnread::NoTimestamp);
    let findings: Vec<_> = lag_of(&builder)
        .findings
        .into_iter()
        .map(|found| (found.unknown.api, found.unknown.reason, found.subject))
        .collect();
    let expected = [
        (Reason::FutureTimestamp, "g/t/0"),
        (Reason::NoTimestamp, "g/t/1"),
        (Reason::FutureTimestamp, "h/t/0"),
    ];
    let expected = expected.map(|(reason, subject)| (Api::Fetch, reason, subject.to_owned()));
    assert_eq!(findings, expected);
}

fn wanted(snapshot: &Snapshot) -> Vec<i64> {
    snapshot
        .oldest_unread_offsets(LostPartitions::Read)
        .values()
        .flatten()
        .map(|at| at.to_wire())
        .collect()
}

#[test]
fn only_commits_with_something_unread_are_wanted() {
    let table = [
        ("caught up", log(Some(0), Some(9)), Some(9), vec![]),
        ("behind", log(Some(0), Some(9)), Some(4), vec![4]),
        (
            "below the log start",
            log(Some(6), Some(9)),
            Some(4),
            vec![6],
        ),
        ("log start unknown", log(None, Some(9)), Some(4), vec![4]),
        ("all of it lost", log(Some(9), Some(9)), Some(4), vec![]),
        ("end unknown", log(Some(0), None), Some(4), vec![]),
        ("commit unknown", log(Some(0), Some(9)), None, vec![]),
        ("beyond the end", log(Some(0), Some(9)), Some(12), vec![]),
    ];
    for (case, log, committed, expected) in table {
        assert_eq!(
            wanted(&one_partition(log, committed).snapshot),
            expected,
            "{case}"
        );
    }
}

#[test]
fn groups_at_the_same_offset_need_one_read() {
    let builder = SnapshotBuilder::default()
        .topic("t", &[log(Some(0), Some(9))])
        .group("a", &[("t", 0, Some(4))])
        .group("b", &[("t", 0, Some(4))])
        .group("c", &[("t", 0, Some(2))]);
    let expected = BTreeMap::from([(tp("t", 0), BTreeSet::from([offset(2), offset(4)]))]);
    assert_eq!(
        builder.snapshot.oldest_unread_offsets(LostPartitions::Read),
        expected
    );
}

#[test]
fn a_record_that_is_lost_is_not_wanted_where_the_configuration_skips_it() {
    let lost = one_partition(log(Some(6), Some(9)), Some(4)).snapshot;
    assert_eq!(
        lost.oldest_unread_offsets(LostPartitions::Skip),
        BTreeMap::new()
    );
    let kept = one_partition(log(Some(6), Some(9)), Some(6)).snapshot;
    assert_eq!(kept.oldest_unread_offsets(LostPartitions::Skip).len(), 1);
}
