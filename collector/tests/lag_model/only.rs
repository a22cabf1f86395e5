//! The smallest worlds: one group, one topic, one partition.

use collector::lag::{GroupLag, Lag, PartitionLag};
use collector::snapshot::Log;

use crate::world::World;

/// The only group.
pub(crate) fn group_of<'a>(lag: &'a Lag<'_>) -> &'a GroupLag<'a> {
    let [group] = lag.groups.as_slice() else {
        panic!("one group, not {}", lag.groups.len())
    };
    group
}

/// The only partition of the only topic of the only group.
pub(crate) fn row_of<'a>(lag: &'a Lag<'_>) -> &'a PartitionLag<'a> {
    let [topic] = group_of(lag).topics.as_slice() else {
        panic!("one topic")
    };
    let [row] = topic.partitions.as_slice() else {
        panic!("one partition")
    };
    row
}

/// One group with one commit on one partition.
pub(crate) fn one(log: Log, committed: Option<i64>) -> World {
    World::default()
        .topic("t", &[log])
        .group("g", &[("t", 0, committed)])
}
