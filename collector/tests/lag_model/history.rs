//! Tests of the history of high watermarks.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use collector::history::{History, HistoryLimits, PartitionHistory, Passed, Recorded};
use collector::snapshot::{Api, OldestUnread, Reason, Unknown};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::snapshot_builder::{SnapshotBuilder, log, offset, tp};

fn observed(samples: &[(i64, i64)]) -> PartitionHistory {
    let mut observed = PartitionHistory::default();
    for (at, high_watermark) in samples {
        observed.record(offset(*high_watermark), *at);
    }
    observed
}

/// Returns the time of offset `at` after recording these samples of one partition.
fn dated(limits: HistoryLimits, samples: &[(i64, i64)], at: i64) -> OldestUnread {
    let mut history = History::new(limits);
    for (now_ms, high_watermark) in samples {
        let builder = SnapshotBuilder::default().topic("t", &[log(Some(0), Some(*high_watermark))]);
        history.observe(&builder.snapshot, *now_ms);
    }
    let wanted = BTreeMap::from([(tp("t", 0), BTreeSet::from([offset(at)]))]);
    history.oldest_unread(&wanted)[&(tp("t", 0), offset(at))]
}

const WIDE: HistoryLimits = HistoryLimits {
    samples: 100,
    max_age: Duration::from_secs(3_600),
};
const TOO_OLD: OldestUnread =
    OldestUnread::Unknown(Unknown::new(Api::ListOffsets, Reason::OlderThanHistory));

#[test]
fn between_two_observations_the_high_watermark_grows_evenly() {
    let observed = observed(&[(1_000, 100), (2_000, 110)]);
    assert_eq!(observed.passed(offset(100)), Passed::At(1_100));
    assert_eq!(observed.passed(offset(104)), Passed::At(1_500));
    assert_eq!(observed.passed(offset(109)), Passed::At(2_000));
}

#[test]
fn before_the_first_observation_nothing_is_known() {
    let observed = observed(&[(1_000, 100), (2_000, 110)]);
    assert_eq!(observed.passed(offset(99)), Passed::Before(1_000));
    assert_eq!(observed.passed(offset(110)), Passed::NotYet);
    assert_eq!(
        PartitionHistory::default().passed(offset(0)),
        Passed::NotYet
    );
}

#[test]
fn a_burst_after_silence_is_as_old_as_the_burst() {
    let mut observed = observed(&[(0, 100)]);
    for at in 1..=1_000 {
        observed.record(offset(100), at * 1_000);
    }
    observed.record(offset(5_100), 1_001_000);
    let Passed::At(at) = observed.passed(offset(100)) else {
        panic!("it passed")
    };
    assert!((1_000_000..=1_001_000).contains(&at), "{at}");
}

#[test]
fn each_observation_returns_its_effect() {
    let mut observed = PartitionHistory::default();
    let table = [
        (10, 5, Recorded::Inserted),
        (20, 5, Recorded::Inserted),
        (30, 5, Recorded::Extended),
        (30, 6, Recorded::Ignored),
        (40, 6, Recorded::Inserted),
        (50, 4, Recorded::Reset),
        (60, 9, Recorded::Inserted),
        (55, 9, Recorded::Reset),
    ];
    for (at, high_watermark, expected) in table {
        assert_eq!(
            observed.record(offset(high_watermark), at),
            expected,
            "{high_watermark} at {at}"
        );
    }
}

#[test]
fn a_high_watermark_that_went_back_begins_a_new_history() {
    let observed = observed(&[(0, 100), (1_000, 200), (2_000, 50), (3_000, 60)]);
    assert_eq!(observed.passed(offset(20)), Passed::Before(2_000));
    assert_eq!(observed.passed(offset(54)), Passed::At(2_500));
}

#[test]
fn a_record_older_than_the_kept_samples_has_their_age_as_a_lower_bound() {
    let samples = [(0, 0), (1_000, 10), (2_000, 20), (3_000, 30)];
    let limits = HistoryLimits { samples: 3, ..WIDE };
    assert_eq!(
        dated(limits, &samples, 5),
        OldestUnread::PassedBefore(1_000)
    );
    assert_eq!(dated(limits, &samples, 10), OldestUnread::Passed(1_100));
    assert_eq!(dated(WIDE, &samples, 5), OldestUnread::Passed(600));
}

#[test]
fn one_sample_beyond_the_largest_age_is_kept() {
    let samples = [(0, 0), (1_000, 10), (2_000, 20), (3_500, 30)];
    let limits = HistoryLimits {
        max_age: Duration::from_secs(2),
        ..WIDE
    };
    assert_eq!(
        dated(limits, &samples, 5),
        OldestUnread::PassedBefore(1_000)
    );
    assert_eq!(dated(limits, &samples, 10), OldestUnread::Passed(1_100));
}

#[test]
fn a_partition_unseen_for_the_largest_age_is_dropped() {
    let mut history = History::new(HistoryLimits {
        max_age: Duration::from_secs(2),
        ..WIDE
    });
    let seen = SnapshotBuilder::default()
        .topic("t", &[log(Some(0), Some(10))])
        .snapshot;
    let unread = SnapshotBuilder::default()
        .topic("t", &[log(Some(0), None)])
        .snapshot;
    history.observe(&seen, 0);
    history.observe(&unread, 1_000);
    let grown = SnapshotBuilder::default()
        .topic("t", &[log(Some(0), Some(20))])
        .snapshot;
    let wanted = BTreeMap::from([(tp("t", 0), BTreeSet::from([offset(14)]))]);
    let mut kept = history.clone();
    kept.observe(&grown, 2_000);
    assert_eq!(
        kept.oldest_unread(&wanted)[&(tp("t", 0), offset(14))],
        OldestUnread::Passed(1_000)
    );
    history.observe(&unread, 2_001);
    history.observe(&grown, 2_002);
    assert_eq!(
        history.oldest_unread(&wanted)[&(tp("t", 0), offset(14))],
        TOO_OLD
    );
}

#[test]
fn the_first_observation_is_no_bound_and_the_second_makes_it_one() {
    assert_eq!(dated(WIDE, &[(1_000, 10)], 4), TOO_OLD);
    let twice = dated(WIDE, &[(1_000, 10), (3_000, 12)], 4);
    assert_eq!(twice, OldestUnread::PassedBefore(1_000));
}

#[test]
fn observations_of_a_topic_that_was_created_again_are_dropped() {
    let mut history = History::new(WIDE);
    let builder = |high_watermark| {
        let log = log(Some(0), Some(high_watermark));
        SnapshotBuilder::default()
            .topic("t", &[log])
            .topic("u", &[log])
            .snapshot
    };
    history.observe(&builder(10), 0);
    history.forget(&BTreeSet::from(["t".into()]));
    history.observe(&builder(20), 1_000);
    let at = BTreeSet::from([offset(14)]);
    let wanted = BTreeMap::from([(tp("t", 0), at.clone()), (tp("u", 0), at)]);
    let dated = history.oldest_unread(&wanted);
    assert_eq!(dated[&(tp("t", 0), offset(14))], TOO_OLD);
    assert_eq!(dated[&(tp("u", 0), offset(14))], OldestUnread::Passed(500));
}

#[test]
fn an_offset_that_was_not_passed_has_no_time() {
    let unknown = Unknown::new(Api::ListOffsets, Reason::NotAsked);
    assert_eq!(dated(WIDE, &[(0, 10)], 10), OldestUnread::Unknown(unknown));
    assert_eq!(dated(WIDE, &[], 10), OldestUnread::Unknown(unknown));
}

/// Generates samples with rising times and offsets that do not fall, both by small steps, so that equal offsets in a row are
/// common.
fn samples() -> impl Strategy<Value = Vec<(i64, i64)>> {
    vec((1..100i64, prop_oneof![Just(0), 0..20i64]), 1..40).prop_map(|steps| {
        let sums = steps.into_iter().scan((0, 0), |(at, high), (later, more)| {
            (*at, *high) = (*at + later, *high + more);
            Some((*at, *high))
        });
        sums.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// The time lies between the last observation that had not passed the offset and the first one that had, also where
    /// observations were merged.
    #[test]
    fn the_answer_lies_between_the_two_observations_around_it(samples in samples(), at in 0..800i64) {
        let not_passed = samples.iter().rfind(|(_, high)| *high <= at);
        let passed = samples.iter().find(|(_, high)| *high > at);
        match (observed(&samples).passed(offset(at)), not_passed, passed) {
            (Passed::At(when), Some((from, _)), Some((to, _))) => prop_assert!((*from..=*to).contains(&when)),
            (Passed::Before(_), None, Some(_)) | (Passed::NotYet, _, None) => {}
            answer => prop_assert!(false, "{answer:?}"),
        }
    }

    #[test]
    fn a_later_offset_is_never_passed_earlier(samples in samples(), at in 0..800i64) {
        let observed = observed(&samples);
        if let (Passed::At(one), Passed::At(next)) = (observed.passed(offset(at)), observed.passed(offset(at + 1))) {
            prop_assert!(one <= next);
        }
    }

    /// Records that are produced evenly have exact times, however few observations there are.
    #[test]
    fn records_of_an_even_production_have_exact_times(looks in vec(1..50i64, 2..20), rate in 1..20i64) {
        let times: Vec<_> = looks.iter().scan(0, |at, step| { *at += step; Some(*at) }).collect();
        let samples: Vec<_> = times.iter().map(|at| (at * 1_000, at * rate)).collect();
        let observed = observed(&samples);
        for at in times[0] * rate..times[times.len() - 1] * rate {
            let Passed::At(when) = observed.passed(offset(at)) else { panic!("{at} was passed") };
            prop_assert!((when - (at + 1) * 1_000 / rate).abs() <= 1);
        }
    }

    /// A limited history gives the same time as the whole history, or a bound that is not earlier, or no time.
    #[test]
    fn a_limited_history_gives_the_same_time_or_a_lower_bound(samples in samples(), at in 0..800i64, keep in 2..6usize, age in 1..500u64) {
        let limits = HistoryLimits { samples: keep, max_age: Duration::from_millis(age) };
        let (all, some) = (dated(WIDE, &samples, at), dated(limits, &samples, at));
        let is_bound = match (some, all) {
            (OldestUnread::PassedBefore(bound), OldestUnread::PassedBefore(at) | OldestUnread::Passed(at)) => at <= bound,
            _ => some == TOO_OLD,
        };
        prop_assert!(some == all || is_bound, "{some:?} is not {all:?}");
    }
}
