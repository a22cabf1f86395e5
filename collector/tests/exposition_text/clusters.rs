//! Clusters to show.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use collector::exposition::{
    Cluster, ClusterView, Counters, Exposition, LastCollection, Outcome, Sections, render,
};
use collector::snapshot::{
    Api, Failure, GroupState, Log, OldestUnread, Phase, Reason, Unknown, Unsupported,
};
use shared::config::{Compatibility, ExtraLabels, Granularity};

use crate::snapshot_builder::{NOW, SnapshotBuilder, UNKNOWN, lag_of, log, reading};

/// klag-exporter's labels and granularity.
pub(crate) fn cluster(name: &str) -> Cluster {
    Cluster {
        name: name.into(),
        labels: BTreeMap::new(),
        granularity: Granularity::Partition,
        compatibility: Compatibility {
            state_labels: ExtraLabels::Absent,
            member_labels: ExtraLabels::Present,
        },
    }
}

/// A cluster whose last collection, a complete one, was this.
pub(crate) fn view(cluster: Cluster, builder: &SnapshotBuilder) -> ClusterView {
    let lag = Sections::of(&cluster, &lag_of(builder));
    let mut counters = Counters::default();
    counters.count_collection(Outcome::Complete);
    ClusterView {
        cluster: Arc::new(cluster),
        lag: Some(Arc::new(lag)),
        last_collection: Some(LastCollection {
            outcome: Outcome::Complete,
            duration: Duration::from_micros(147_250),
            phases: BTreeMap::from([
                (Phase::Groups, Duration::from_millis(12)),
                (Phase::Ends, Duration::from_millis(135)),
            ]),
        }),
        last_update: Some(1_700_000_000),
        counters,
    }
}

/// A cluster whose collections fail, and whose data has been withdrawn.
pub(crate) fn stale(name: &str) -> ClusterView {
    let mut counters = Counters::default();
    for outcome in [
        Outcome::Complete,
        Outcome::Partial,
        Outcome::Failed,
        Outcome::Failed,
    ] {
        counters.count_collection(outcome);
    }
    let refused = Unknown::new(Api::Metadata, Reason::Transport);
    counters.count_failures(&[Failure {
        unknown: refused,
        subject: "broker 1".into(),
    }]);
    counters.count_requests(&BTreeMap::from([
        (Api::Metadata, 3),
        (Api::OffsetFetch, 14),
    ]));
    let duration = Duration::from_secs(5);
    ClusterView {
        cluster: Arc::new(cluster(name)),
        lag: None,
        last_collection: Some(LastCollection {
            outcome: Outcome::Failed,
            duration,
            phases: BTreeMap::from([(Phase::Groups, duration)]),
        }),
        last_update: Some(1_699_999_000),
        counters,
    }
}

/// Groups in every state of knowledge.
pub(crate) fn shop() -> SnapshotBuilder {
    let stable = Log {
        last_stable: Some(reading(Some(95))),
        ..log(Some(0), Some(100))
    };
    let mut builder = SnapshotBuilder::default()
        .topic(
            "orders",
            &[log(Some(0), Some(100)), log(Some(50), Some(120)), stable],
        )
        .topic("prices", &[log(Some(0), Some(7)), log(None, None)])
        .compacted("prices")
        .group(
            "billing",
            &[
                ("orders", 0, Some(70)),
                ("orders", 1, Some(20)),
                ("orders", 2, Some(95)),
            ],
        )
        .member("billing", "bill", &[("orders", 0), ("orders", 1)])
        .member("billing", "ben", &[("prices", 0)])
        .group(
            "partly",
            &[
                ("orders", 0, Some(100)),
                ("prices", 0, Some(4)),
                ("prices", 1, Some(4)),
            ],
        )
        .group("unread", &[])
        .with("unread", |group| group.committed = Err(UNKNOWN))
        .group("watcher", &[])
        .with("watcher", |group| group.state = GroupState::Empty)
        .unread("orders", 0, 70, OldestUnread::Written(NOW - 12_345))
        .unread("orders", 1, 50, OldestUnread::Written(NOW - 86_400_000))
        .unread("prices", 0, 4, OldestUnread::NothingReadable);
    builder.snapshot.unsupported = [(Unsupported::Connect, 2), (Unsupported::Other, 0)].into();
    builder
}

/// The text of `clusters` under term 0.
pub(crate) fn text_of(clusters: &[ClusterView]) -> String {
    text(&render(clusters, 0))
}

pub(crate) fn text(exposition: &Exposition) -> String {
    let plain = exposition.plain().expect("it is a gzip stream");
    String::from_utf8(plain.into()).expect("it is text")
}
