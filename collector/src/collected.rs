//! The data of the clusters' collections as plain values: the input of every renderer.
//!
//! A cluster's worker keeps one [`ClusterState`] up to date. Its large part, [`Collected`], is made once per collection, owns its
//! values and is shared by [`Arc`] from then on: the text of `/metrics` is rendered from it, and any other form of output can read
//! the same value. No I/O, no clock, no text.

mod counters;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::config::{Compatibility, Granularity};

use crate::lag::Lag;
use crate::snapshot::{Name, Phase, Topic, Unsupported};

pub use self::counters::{Counters, Outcome};

/// The name of a cluster, and the options for showing it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDisplay {
    /// The value of the label `cluster_name`.
    pub name: Name,
    /// The labels that the configuration adds to each series of the cluster.
    pub labels: BTreeMap<String, String>,
    /// The level of detail at which groups are shown: by partition or by topic.
    pub granularity: Granularity,
    /// The switches for the labels that klag-exporter has and that can be left out here.
    pub compatibility: Compatibility,
}

/// The data of one collection of one cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Collected {
    /// The topics that the filter lets through, and the bounds of their logs.
    pub topics: BTreeMap<Name, Topic>,
    /// The number of groups that cannot be shown, by type; empty while not known.
    pub unsupported: BTreeMap<Unsupported, usize>,
    /// The lag of the groups, computed from the same snapshot.
    pub lag: Lag,
}

/// The state of one cluster after its last collection.
#[derive(Clone, Debug)]
pub struct ClusterState {
    /// The cluster's name, and the options for showing it.
    pub cluster: Arc<ClusterDisplay>,
    /// The data of the last collection that gave any; `None` before the first one, after the gate has closed, and after the data
    /// has become stale.
    pub collected: Option<Arc<Collected>>,
    /// The opening of the gate in which `collected` was collected; in any other opening it must not be shown.
    pub opening: u64,
    /// The last collection that was not abandoned, whatever its outcome; `None` before the first one.
    pub last_collection: Option<LastCollection>,
    /// The time at which the last collection that gave data had read the log ends, in seconds since 1970.
    pub last_update: Option<u64>,
    /// The counters of all collections since the process began.
    pub counters: Counters,
}

/// The outcome of a cluster's last collection, and the time that it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LastCollection {
    /// The outcome: complete, partial or failed.
    pub outcome: Outcome,
    /// The time from the start of the collection until its snapshot was read; rendering is not included.
    pub duration: Duration,
    /// The duration of each phase; rendering is one of the phases.
    pub phases: BTreeMap<Phase, Duration>,
}

// === impl ClusterState ===

impl ClusterState {
    /// Returns the state of a cluster before its first collection.
    pub fn new(cluster: ClusterDisplay) -> Self {
        Self {
            cluster: Arc::new(cluster),
            collected: None,
            opening: 0,
            last_collection: None,
            last_update: None,
            counters: Counters::default(),
        }
    }

    /// Returns `true` if the last collection gave data, and that data is still shown.
    pub fn is_up(&self) -> bool {
        let gave_data = self
            .last_collection
            .as_ref()
            .is_some_and(|last| last.outcome.gave_data());
        gave_data && self.collected.is_some()
    }
}
