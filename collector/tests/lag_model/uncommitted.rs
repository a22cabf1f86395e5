//! What members are assigned and have no commit on: each named case once, and arbitrary assignments against plain arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use collector::lag::{GONE, Sum, Uncommitted};
use collector::snapshot::{Api, GroupState, Log, Reason, Unknown};
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use crate::only::group_of;
use crate::world::{UNKNOWN, World, lag_of, log, reading};

const REFUSED: Unknown = Unknown::new(Api::Metadata, Reason::Authorization);

/// A topic, and the partitions without a commit and the records in them, where the group has members.
type Row = (String, Option<Result<(u64, u64), Unknown>>);

/// The uncommitted rows of the one group of `world`.
fn shown(world: &World) -> Vec<Row> {
    let lag = lag_of(world);
    let topics = group_of(&lag).topics.iter().map(|topic| {
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
fn two_of_three_partitions_without_a_commit_are_counted_with_what_they_hold() {
    let world = World::default()
        .topic("t", &[ten(), ten(), ten()])
        .group("g", &[("t", 0, Some(10))])
        .member("g", "one", &[("t", 0), ("t", 1), ("t", 2)]);
    assert_eq!(shown(&world), [topic("t", Some(Ok((2, 20))))]);
    let lag = lag_of(&world);
    assert_eq!(group_of(&lag).offset_lag, Sum::Of(0));
    assert_eq!(group_of(&lag).complete, Ok(()));
}

#[test]
fn a_topic_without_any_commit_is_there_and_has_no_sum() {
    let world = World::default()
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
    assert_eq!(shown(&world), right);
    let lag = lag_of(&world);
    let topics = group_of(&lag).topics.iter();
    let sums: Vec<_> = topics.map(|topic| topic.offset_lag).collect();
    assert_eq!(sums, [Sum::Of(7), Sum::NoPartitions, Sum::Of(6)]);
    assert_eq!(group_of(&lag).offset_lag, Sum::Of(13));
}

#[test]
fn an_empty_log_hides_nothing() {
    let world = World::default()
        .topic("t", &[log(Some(0), Some(0)), log(Some(7), Some(7))])
        .group("g", &[])
        .member("g", "one", &[("t", 0), ("t", 1)]);
    assert_eq!(shown(&world), [topic("t", Some(Ok((0, 0))))]);
    assert_eq!(group_of(&lag_of(&world)).complete, Ok(()));
}

#[test]
fn with_read_committed_only_what_is_stable_is_counted() {
    let open = Log {
        last_stable: Some(reading(Some(6))),
        ..log(Some(2), Some(10))
    };
    let world =
        World::default()
            .topic("t", &[open])
            .group("g", &[])
            .member("g", "one", &[("t", 0)]);
    assert_eq!(shown(&world), [topic("t", Some(Ok((1, 4))))]);
}

#[test]
fn a_partition_that_two_members_claim_counts_once() {
    let world = World::default()
        .topic("t", &[ten()])
        .group("g", &[])
        .member("g", "one", &[("t", 0), ("t", 0)])
        .member("g", "two", &[("t", 0)]);
    assert_eq!(shown(&world), [topic("t", Some(Ok((1, 10))))]);
}

#[test]
fn unknown_bounds_take_the_count_and_completeness_and_leave_the_sum() {
    for unknown in [log(Some(0), None), log(None, Some(9))] {
        let world = World::default()
            .topic("t", &[ten(), unknown])
            .group("g", &[("t", 0, Some(4))])
            .member("g", "one", &[("t", 0), ("t", 1)]);
        assert_eq!(shown(&world), [topic("t", Some(Err(UNKNOWN)))]);
        let lag = lag_of(&world);
        assert_eq!(group_of(&lag).complete, Err(UNKNOWN));
        assert_eq!(group_of(&lag).offset_lag, Sum::Of(6));
    }
}

#[test]
fn a_topic_that_this_user_may_not_see_takes_the_sum_of_the_group_but_not_of_other_topics() {
    let world = World::default()
        .topic("ta", &[ten()])
        .unseen("tb", REFUSED)
        .group("g", &[("ta", 0, Some(4))])
        .member("g", "one", &[("ta", 0), ("tb", 0)]);
    let lag = lag_of(&world);
    let group = group_of(&lag);
    assert_eq!(group.offset_lag, Sum::Missing(REFUSED));
    assert_eq!(group.complete, Err(REFUSED));
    assert_eq!(group.max_offset_lag, Some(6));
    assert_eq!(group.topics[0].offset_lag, Sum::Of(6));
    assert_eq!(shown(&world), [topic("ta", Some(Ok((0, 0))))]);
}

#[test]
fn an_unseen_topic_is_no_matter_of_groups_that_are_not_assigned_it() {
    let world = World::default()
        .topic("t", &[ten()])
        .unseen("t", REFUSED)
        .unseen("tb", REFUSED)
        .group("g", &[("t", 0, Some(4))])
        .member("g", "one", &[("t", 0)]);
    let lag = lag_of(&world);
    assert_eq!(group_of(&lag).offset_lag, Sum::Of(6));
    assert_eq!(group_of(&lag).complete, Ok(()));
}

#[test]
fn what_is_not_there_or_left_out_by_the_filter_is_not_accounted_for() {
    let gone = Log {
        log_start: Err(GONE),
        high_watermark: Err(GONE),
        last_stable: None,
    };
    let world = World::default().topic("t", &[gone]).group("g", &[]).member(
        "g",
        "one",
        &[("t", 0), ("t", 7), ("t", -1), ("__other", 0)],
    );
    assert_eq!(shown(&world), []);
    assert_eq!(group_of(&lag_of(&world)).complete, Ok(()));
}

#[test]
fn members_that_are_not_known_take_completeness_and_leave_the_sum() {
    let world = |state| {
        World::default()
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
        let world = world(state);
        let lag = lag_of(&world);
        assert_eq!(group_of(&lag).complete, complete, "{state:?}");
        assert_eq!(group_of(&lag).offset_lag, Sum::Of(6));
    }
}

/// (topic, partition).
type Place = (u8, i32);

/// One group and what there is.
#[derive(Clone, Debug)]
struct Case {
    /// Log start and end; `None` is unknown.
    logs: BTreeMap<Place, (Option<i64>, Option<i64>)>,
    unseen: BTreeSet<u8>,
    commits: BTreeMap<Place, i64>,
    /// By member; `None` where members are not known.
    members: Option<Vec<Vec<Place>>>,
}

fn case() -> impl Strategy<Value = Case> {
    let place = || (0..4u8, -1..4i32);
    let bound = || option::weighted(0.9, 0..20i64);
    (
        btree_map((0..3u8, 0..3i32), (bound(), bound()), 0..9),
        btree_set(0..4u8, 0..2),
        btree_map((0..3u8, 0..3i32), 0..20i64, 0..6),
        option::weighted(0.9, vec(vec(place(), 0..6), 0..4)),
    )
        .prop_map(|(logs, unseen, commits, members)| Case {
            logs,
            unseen,
            commits,
            members,
        })
}

fn name(topic: u8) -> String {
    format!("t{topic}")
}

fn world(case: &Case) -> World {
    let mut world = World::default();
    for topic in 0..4 {
        let logs: Vec<_> = (0..3)
            .filter_map(|p| Some((p, *case.logs.get(&(topic, p))?)))
            .collect();
        if !logs.is_empty() {
            world = world.topic(&name(topic), &[]);
            let topic = world.snapshot.topics.get_mut(&*name(topic));
            let partitions = logs
                .into_iter()
                .map(|(p, (start, end))| (p, log(start, end)));
            topic.expect("it is there").partitions = partitions.collect();
        }
        if case.unseen.contains(&topic) {
            world = world.unseen(&name(topic), REFUSED);
        }
    }
    let topics: Vec<String> = (0..4).map(name).collect();
    let commits: Vec<_> = case
        .commits
        .iter()
        .map(|((topic, p), at)| (&*topics[usize::from(*topic)], *p, Some(*at)))
        .collect();
    world = world.group("g", &commits);
    match &case.members {
        None => world.with("g", |group| group.members = Err(UNKNOWN)),
        Some(members) => members.iter().fold(world, |world, assignment| {
            let assignment: Vec<_> = assignment
                .iter()
                .map(|(topic, p)| (&*topics[usize::from(*topic)], *p))
                .collect();
            world.member("g", "one", &assignment)
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Every partition that a member is assigned is a row, or counted as uncommitted, or has an empty log, or is not there,
    /// or is why the group is not complete.
    #[test]
    fn whatever_is_assigned_is_accounted_for(case in case()) {
        let world = world(&case);
        let lag = lag_of(&world);
        let group = group_of(&lag);
        let rows: BTreeSet<_> = group
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|row| (topic.topic.to_string(), row.partition)))
            .collect();
        let assigned: BTreeSet<Place> = case.members.iter().flatten().flatten().copied().collect();
        let mut counted = BTreeMap::<String, (u64, u64)>::new();
        let mut is_hidden = case.members.is_none();
        for (topic, partition) in assigned {
            let place = (name(topic), partition);
            match case.logs.get(&(topic, partition)) {
                _ if case.commits.contains_key(&(topic, partition)) => prop_assert!(rows.contains(&place)),
                Some((Some(start), Some(end))) => {
                    let (n, records) = counted.entry(place.0).or_default();
                    *n += u64::from(end > start);
                    *records += u64::try_from((end - start).max(0)).expect("not negative");
                }
                Some(_) => {
                    is_hidden = true;
                    counted.entry(place.0).or_default();
                }
                None => is_hidden |= case.unseen.contains(&topic),
            }
        }
        for topic in &group.topics {
            match topic.uncommitted {
                Some(Ok(shown)) => {
                    let right = counted.remove(&**topic.topic).unwrap_or_default();
                    prop_assert_eq!((shown.partitions, shown.records), right);
                }
                Some(Err(_)) => prop_assert!(counted.remove(&**topic.topic).is_some() && is_hidden),
                None => prop_assert!(!counted.contains_key(&**topic.topic)),
            }
        }
        prop_assert!(counted.is_empty(), "not shown: {:?}", counted);
        let lags: Vec<_> = case.commits.keys().map(|place| case.logs.get(place).and_then(|(_, end)| *end)).collect();
        let is_complete = !is_hidden && lags.iter().all(Option::is_some);
        prop_assert_eq!(group.complete.is_ok(), is_complete);
        prop_assert!(group.complete.is_ok() <= group.offset_lag.whole().is_ok());
    }
}
