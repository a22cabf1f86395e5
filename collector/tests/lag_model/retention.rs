//! Tests of records that retention has taken or is about to take: each named case once.

use collector::lag::Retention;
use collector::snapshot::{Api, Log, Reason, Unknown};

use crate::single::{one_partition, only_group, only_row};
use crate::snapshot_builder::{SnapshotBuilder, lag_of, log, tp};

#[test]
fn a_log_start_beyond_the_commit_is_a_loss() {
    let builder = one_partition(log(Some(50), Some(100)), Some(20));
    let lag = lag_of(&builder);
    let row = only_row(&lag);
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
fn a_commit_below_a_log_start_that_was_read_after_it_need_not_be_a_loss() {
    let mut builder = SnapshotBuilder::default()
        .topic("t", &[log(Some(50), Some(100)), log(Some(50), Some(100))])
        .group("below", &[("t", 0, Some(20)), ("t", 1, Some(20))])
        .group("above", &[("t", 0, Some(60))]);
    builder.snapshot.late_log_starts.insert(tp("t", 0));
    let lag = lag_of(&builder);
    let untold = Unknown::new(Api::ListOffsets, Reason::Other);
    let [above, below] = &*lag.groups else {
        panic!("{} groups", lag.groups.len())
    };
    let rows = &below.topics[0].partitions;
    assert_eq!(
        (rows[0].offset_lag, rows[0].retention),
        (Ok(80), Err(untold))
    );
    assert_eq!(
        (rows[0].unread_percent, rows[1].unread_percent),
        (Err(untold), Ok(160.0))
    );
    assert_eq!(
        (below.lost(), above.lost(), lag.n_lost()),
        (None, Some(0), 1)
    );
    let findings: Vec<_> = lag
        .findings
        .iter()
        .map(|it| (it.unknown, &*it.subject))
        .collect();
    let subject = "below/t/0: the log start was read after the commit";
    assert_eq!(findings, [(untold, subject)]);
}

#[test]
fn the_loss_of_a_group_is_a_sum_only_when_every_row_is_known() {
    let commits = [("t", 0, Some(20)), ("t", 1, Some(60)), ("u", 0, Some(5))];
    let lost = |last| {
        let logs = [log(Some(50), Some(100)), log(Some(50), Some(100))];
        let builder = SnapshotBuilder::default()
            .topic("t", &logs)
            .topic("u", &[last]);
        only_group(&lag_of(&builder.group("g", &commits))).lost()
    };
    assert_eq!(lost(log(Some(7), Some(9))), Some(32));
    assert_eq!(lost(log(None, Some(9))), None);
    let builder = SnapshotBuilder::default().group("g", &[]);
    assert_eq!(only_group(&lag_of(&builder)).lost(), None);
}

#[test]
fn the_retention_margin_is_that_of_the_nearest_partition_with_something_to_lose() {
    let margin = |logs: &[Log], commits: &[(&str, i32, Option<i64>)]| {
        let builder = SnapshotBuilder::default()
            .topic("t", logs)
            .group("g", commits);
        only_group(&lag_of(&builder)).topics[0].min_margin()
    };
    let read_all = (log(Some(50), Some(60)), ("t", 0, Some(60)));
    let never_cut = (log(Some(0), Some(100)), ("t", 1, Some(1)));
    let unread = (log(Some(50), Some(100)), ("t", 2, Some(90)));
    let nearer = (log(Some(50), Some(100)), ("t", 3, Some(70)));
    let logs = [read_all.0, never_cut.0, unread.0, nearer.0];
    let commits = [read_all.1, never_cut.1, unread.1, nearer.1];
    assert_eq!(margin(&logs, &commits[..2]), Some(f64::INFINITY));
    assert_eq!(margin(&logs, &commits), Some(20.0));
    for unknown in [log(Some(50), None), log(None, Some(100))] {
        let logs = [read_all.0, unknown];
        assert_eq!(margin(&logs, &commits[..2]), None);
    }
    // Nothing is at risk where nothing is unread, and where nothing was ever deleted, whatever else is unknown.
    let safe = [log(None, Some(60)), log(Some(0), None)];
    assert_eq!(margin(&safe, &commits[..2]), Some(f64::INFINITY));
    let lost = [log(Some(50), Some(100))];
    assert_eq!(margin(&lost, &[("t", 0, Some(20))]), Some(-30.0));
}

#[test]
fn the_unread_percentage_is_defined_for_an_empty_log() {
    let percent = |log, committed| only_row(&lag_of(&one_partition(log, committed))).unread_percent;
    assert_eq!(percent(log(Some(9), Some(9)), Some(9)), Ok(0.0));
    assert_eq!(percent(log(Some(9), Some(9)), Some(3)), Ok(f64::INFINITY));
    assert_eq!(percent(log(Some(4), Some(9)), Some(4)), Ok(100.0));
}
