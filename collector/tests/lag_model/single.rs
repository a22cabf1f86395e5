//! The smallest snapshots: one group, one topic, one partition.

use collector::lag::{GroupLag, Lag, PartitionLag};
use collector::snapshot::Log;

use crate::snapshot_builder::SnapshotBuilder;

/// Returns the only group, and panics if there is not exactly one.
pub(crate) fn only_group(lag: &Lag) -> &GroupLag {
    let [group] = lag.groups.as_slice() else {
        panic!("one group, not {}", lag.groups.len())
    };
    group
}

/// Returns the only row, and panics unless there is one group with one topic with one partition.
pub(crate) fn only_row(lag: &Lag) -> &PartitionLag {
    let [topic] = only_group(lag).topics.as_slice() else {
        panic!("one topic")
    };
    let [row] = topic.partitions.as_slice() else {
        panic!("one partition")
    };
    row
}

/// Returns a snapshot with one group that has one commit on one partition; `None` is an unknown commit.
pub(crate) fn one_partition(log: Log, committed: Option<i64>) -> SnapshotBuilder {
    SnapshotBuilder::default()
        .topic("t", &[log])
        .group("g", &[("t", 0, committed)])
}
