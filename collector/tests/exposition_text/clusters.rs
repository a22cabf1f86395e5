//! The clusters whose text the tests of this folder render.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::sync::Arc;
use std::time::Duration;

use collector::collected::{
    ClusterDisplay, ClusterState, Collected, Counters, LastCollection, Outcome,
};
use collector::exposition::{LagText, Published, RenderedCluster};
use collector::lag::Lag;
use collector::snapshot::{
    Api, Failure, GroupState, Log, OldestUnread, Phase, Reason, Unknown, Unsupported,
};
use flate2::read::GzDecoder;
use shared::config::{Compatibility, ExtraLabels, Granularity};

use crate::snapshot_builder::{NOW, SnapshotBuilder, UNKNOWN, lag_of, log, reading};

/// Returns a cluster with the labels and the granularity of klag-exporter.
pub(crate) fn cluster(name: &str) -> ClusterDisplay {
    ClusterDisplay {
        name: name.into(),
        labels: BTreeMap::new(),
        granularity: Granularity::Partition,
        compatibility: Compatibility {
            state_labels: ExtraLabels::Absent,
            member_labels: ExtraLabels::Present,
        },
    }
}

/// Returns a cluster whose last collection was complete and read the snapshot of `builder`.
pub(crate) fn view(cluster: ClusterDisplay, builder: &SnapshotBuilder) -> RenderedCluster {
    let mut counters = Counters::default();
    counters.count_collection(Outcome::Complete);
    rendered(ClusterState {
        cluster: Arc::new(cluster),
        collected: Some(Arc::new(collected(builder, lag_of(builder)))),
        opening: 1,
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
    })
}

/// Returns the data of a collection that read the snapshot of `builder`, with the lag `lag`.
pub(crate) fn collected(builder: &SnapshotBuilder, lag: Lag) -> Collected {
    Collected {
        topics: builder.snapshot.topics.clone(),
        unsupported: builder.snapshot.unsupported.clone(),
        lag,
    }
}

/// Returns a cluster in this state, with the rendered text of its data.
pub(crate) fn rendered(state: ClusterState) -> RenderedCluster {
    let collected = state.collected.as_deref();
    let lag_text = collected.map(|collected| Arc::new(LagText::of(&state.cluster, collected)));
    RenderedCluster { state, lag_text }
}

/// Returns the state of a cluster whose collections fail, and whose data has been withdrawn.
pub(crate) fn stale(name: &str) -> ClusterState {
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
    ClusterState {
        cluster: Arc::new(cluster(name)),
        collected: None,
        opening: 1,
        last_collection: Some(LastCollection {
            outcome: Outcome::Failed,
            duration,
            phases: BTreeMap::from([(Phase::Groups, duration)]),
        }),
        last_update: Some(1_699_999_000),
        counters,
    }
}

/// Returns a snapshot with groups of which everything, something or nothing is known.
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

/// Returns the text of `clusters` under term 0.
pub(crate) fn text_of(clusters: &[RenderedCluster]) -> String {
    text(&Published::render(clusters.to_vec(), 0))
}

pub(crate) fn text(published: &Published) -> String {
    let mut text = String::new();
    GzDecoder::new(&*published.gzip)
        .read_to_string(&mut text)
        .expect("it is a gzip stream of text");
    text
}
