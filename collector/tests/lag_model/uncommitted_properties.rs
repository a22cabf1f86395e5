//! Arbitrary assignments and commits: every assigned partition is accounted for, by plain arithmetic.

use std::collections::{BTreeMap, BTreeSet};

use collector::snapshot::PartitionState;
use proptest::collection::{btree_map, btree_set, vec};
use proptest::option;
use proptest::prelude::*;

use crate::single::only_group;
use crate::snapshot_builder::{SnapshotBuilder, UNKNOWN, lag_of, log};
use crate::uncommitted::REFUSED;

/// The numbers of a topic and of its partition.
type PartitionId = (u8, i32);

/// One group, and the topics of its cluster.
#[derive(Clone, Debug)]
struct Case {
    /// The log start and the log end of each existing partition; `None` is unknown.
    logs: BTreeMap<PartitionId, (Option<i64>, Option<i64>)>,
    unseen: BTreeSet<u8>,
    commits: BTreeMap<PartitionId, i64>,
    /// The assigned partitions of each member; `None` where members are unknown.
    members: Option<Vec<Vec<PartitionId>>>,
}

fn case() -> impl Strategy<Value = Case> {
    let partition_id = || (0..4u8, -1..4i32);
    let bound = || option::weighted(0.9, 0..20i64);
    (
        btree_map((0..3u8, 0..3i32), (bound(), bound()), 0..9),
        btree_set(0..4u8, 0..2),
        btree_map((0..3u8, 0..3i32), 0..20i64, 0..6),
        option::weighted(0.9, vec(vec(partition_id(), 0..6), 0..4)),
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

fn builder(case: &Case) -> SnapshotBuilder {
    let mut builder = SnapshotBuilder::default();
    for topic in 0..4 {
        let logs: Vec<_> = (0..3)
            .filter_map(|p| Some((p, *case.logs.get(&(topic, p))?)))
            .collect();
        if !logs.is_empty() {
            let none: &[PartitionState] = &[];
            builder = builder.topic(&name(topic), none);
            let topic = builder.snapshot.topics.get_mut(&*name(topic));
            let partitions = logs
                .into_iter()
                .map(|(p, (start, end))| (p, log(start, end).into()));
            topic.expect("it is there").partitions = partitions.collect();
        }
        if case.unseen.contains(&topic) {
            builder = builder.unseen(&name(topic), REFUSED);
        }
    }
    let topics: Vec<String> = (0..4).map(name).collect();
    let commits: Vec<_> = case
        .commits
        .iter()
        .map(|((topic, p), at)| (&*topics[usize::from(*topic)], *p, Some(*at)))
        .collect();
    builder = builder.group("g", &commits);
    match &case.members {
        None => builder.with("g", |group| group.members = Err(UNKNOWN)),
        Some(members) => members.iter().fold(builder, |builder, assignment| {
            let assignment: Vec<_> = assignment
                .iter()
                .map(|(topic, p)| (&*topics[usize::from(*topic)], *p))
                .collect();
            builder.member("g", "one", &assignment)
        }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    /// Every partition that a member is assigned is a row, counts as uncommitted, has an empty log, does not exist, or is the
    /// reason why the group is not complete.
    #[test]
    fn every_assigned_partition_is_accounted_for(case in case()) {
        let builder = builder(&case);
        let lag = lag_of(&builder);
        let group = only_group(&lag);
        let rows: BTreeSet<_> = group
            .topics
            .iter()
            .flat_map(|topic| topic.partitions.iter().map(|row| (topic.topic.to_string(), row.partition)))
            .collect();
        let assigned: BTreeSet<PartitionId> = case.members.iter().flatten().flatten().copied().collect();
        let mut counted = BTreeMap::<String, (u64, u64)>::new();
        let mut unseen = BTreeSet::<String>::new();
        let mut is_hidden = case.members.is_none();
        for (topic, partition) in assigned {
            let partition_id = (name(topic), partition);
            match case.logs.get(&(topic, partition)) {
                _ if case.commits.contains_key(&(topic, partition)) => prop_assert!(rows.contains(&partition_id)),
                Some((Some(start), Some(end))) => {
                    let (n, records) = counted.entry(partition_id.0).or_default();
                    *n += u64::from(end > start);
                    *records += u64::try_from((end - start).max(0)).expect("not negative");
                }
                Some(_) => {
                    is_hidden = true;
                    counted.entry(partition_id.0).or_default();
                }
                None if case.unseen.contains(&topic) => {
                    is_hidden = true;
                    unseen.insert(partition_id.0);
                }
                None => {}
            }
        }
        for topic in &group.topics {
            match topic.uncommitted {
                Some(Ok(shown)) => {
                    prop_assert!(!unseen.contains(&*topic.topic), "a partial sum: {:?}", shown);
                    let right = counted.remove(&*topic.topic).unwrap_or_default();
                    prop_assert_eq!((shown.partitions, shown.records), right);
                }
                Some(Err(_)) => {
                    let was_counted = counted.remove(&*topic.topic).is_some();
                    prop_assert!(is_hidden && (was_counted || unseen.contains(&*topic.topic)));
                }
                None => prop_assert!(!counted.contains_key(&*topic.topic)),
            }
        }
        prop_assert!(counted.is_empty(), "not shown: {:?}", counted);
        let lags: Vec<_> = case.commits.keys().map(|partition_id| case.logs.get(partition_id).and_then(|(_, end)| *end)).collect();
        let is_complete = !is_hidden && lags.iter().all(Option::is_some);
        prop_assert_eq!(group.complete.is_ok(), is_complete);
        prop_assert!(group.complete.is_ok() <= group.offset_lag.completeness().is_ok());
    }
}
