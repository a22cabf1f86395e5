//! The smallest snapshots: one group, one topic, one partition.

use collector::lag::{GroupLag, Lag, PartitionLag};
use collector::snapshot::Log;

use crate::snapshot_builder::SnapshotBuilder;

/// The only group.
pub(crate) fn only_group(lag: &Lag) -> &GroupLag {
    let [group] = lag.groups.as_slice() else {
        panic!("one group, not {}", lag.groups.len())
    };
    group
}

/// The only partition of the only topic of the only group.
pub(crate) fn only_row(lag: &Lag) -> &PartitionLag {
    let [topic] = only_group(lag).topics.as_slice() else {
        panic!("one topic")
    };
    let [row] = topic.partitions.as_slice() else {
        panic!("one partition")
    };
    row
}

/// One group with one commit on one partition.
pub(crate) fn one_partition(log: Log, committed: Option<i64>) -> SnapshotBuilder {
    SnapshotBuilder::default()
        .topic("t", &[log])
        .group("g", &[("t", 0, committed)])
}
