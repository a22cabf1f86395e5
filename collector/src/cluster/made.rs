//! What is made of a snapshot: lag, its exposition, and how the collection ended.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::config;
use tokio::time::Instant;

use crate::exposition::{self, ClusterView, LastCollection, Outcome, Sections};
use crate::lag;
use crate::snapshot::{Api, Failure, Phase, Reason, Snapshot};

/// What was made of a snapshot.
pub(super) struct Made {
    pub(super) outcome: Outcome,
    sections: Option<Sections>,
    pub(super) failures: Vec<Failure>,
    requests: BTreeMap<Api, u64>,
    phases: BTreeMap<Phase, Duration>,
    pub(super) n_groups: usize,
    unix_seconds: u64,
}

// === impl Made ===

impl Made {
    pub(super) fn of(
        snapshot: Snapshot,
        cluster: &exposition::Cluster,
        time_lag: config::TimeLagMode,
    ) -> Self {
        let began = Instant::now();
        let outcome = outcome(&snapshot);
        let lag = lag::compute(&snapshot, time_lag, snapshot.read_at_ms);
        let sections = outcome.gave_data().then(|| Sections::of(cluster, &lag));
        let findings = lag.findings;
        let n_groups = snapshot.groups.len();
        let Snapshot {
            read_at_ms,
            mut failures,
            requests,
            mut phases,
            ..
        } = snapshot;
        failures.extend(findings);
        phases.insert(Phase::Render, began.elapsed());
        Self {
            outcome,
            sections,
            failures,
            requests,
            phases,
            n_groups,
            unix_seconds: u64::try_from(read_at_ms / 1000).unwrap_or_default(),
        }
    }

    pub(super) fn show(self, view: &mut ClusterView, duration: Duration) {
        view.counters.count_collection(self.outcome);
        view.counters.count_failures(&self.failures);
        view.counters.count_requests(&self.requests);
        view.last_collection = Some(LastCollection {
            outcome: self.outcome,
            duration,
            phases: self.phases,
        });
        if let Some(sections) = self.sections {
            view.lag = Some(Arc::new(sections));
            view.last_update = Some(self.unix_seconds);
        }
    }
}

/// How a collection ended. A finding is no failure; neither are rights that a user need not have, nor what only labels show.
fn outcome(snapshot: &Snapshot) -> Outcome {
    if !snapshot.failures.is_empty() && !has_data(snapshot) {
        return Outcome::Failed;
    }
    let incomplete = snapshot
        .failures
        .iter()
        .any(|Failure { unknown, .. }| match unknown.api {
            Api::DescribeConfigs => false,
            _ if unknown.reason == Reason::NothingVisible => false,
            Api::Fetch => unknown.reason != Reason::Authorization,
            _ => true,
        });
    if incomplete {
        Outcome::Partial
    } else {
        Outcome::Complete
    }
}

/// Whether anything was read that a sample can be made of. An empty cluster is read, not unread.
fn has_data(snapshot: &Snapshot) -> bool {
    let commits = snapshot
        .groups
        .values()
        .any(|group| group.committed.is_ok());
    let mut logs = snapshot
        .topics
        .values()
        .flat_map(|topic| topic.partitions.values());
    let mut failures = snapshot.failures.iter();
    commits
        || logs.any(|log| log.high_watermark.is_ok())
        || failures.all(|failure| failure.unknown.reason == Reason::NothingVisible)
}
