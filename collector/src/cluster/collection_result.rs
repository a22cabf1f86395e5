//! The result of one collection, made from its snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::config;
use tokio::time::Instant;

use crate::collected::{ClusterDisplay, Collected, LastCollection, Outcome};
use crate::exposition::{LagText, RenderedCluster};
use crate::lag;
use crate::snapshot::{Api, Failure, Phase, Reason, ReloadResult, Snapshot, Topic};

/// The result of one collection: its data, the rendered text of the data, and the course of the collection, which is its outcome,
/// failures, requests and phases.
pub(super) struct CollectionResult {
    pub(super) outcome: Outcome,
    /// The data and its text; `None` if the collection failed, so that it gave no data.
    data: Option<(Arc<Collected>, Arc<LagText>)>,
    /// The failures of the collection, and the findings about its data.
    pub(super) failures: Vec<Failure>,
    requests: BTreeMap<Api, u64>,
    reloads: BTreeMap<ReloadResult, u64>,
    phases: BTreeMap<Phase, Duration>,
    pub(super) n_groups: usize,
    /// The time at which the log ends had been read, in seconds since 1970.
    unix_seconds: u64,
}

// === impl CollectionResult ===

impl CollectionResult {
    /// Computes the lag of `snapshot` and renders it. The time that this takes grows with the number of partitions, so the caller
    /// runs it on a thread for blocking work.
    pub(super) fn of(
        snapshot: Snapshot,
        cluster: &ClusterDisplay,
        time_lag: config::TimeLagMode,
    ) -> Self {
        let began = Instant::now();
        let outcome = outcome(&snapshot);
        let mut lag = lag::compute(&snapshot, time_lag, snapshot.read_at_ms);
        let n_groups = snapshot.groups.len();
        let Snapshot {
            read_at_ms,
            topics,
            unsupported,
            mut failures,
            requests,
            mut phases,
            reloads,
            ..
        } = snapshot;
        failures.append(&mut lag.findings);
        let data = outcome.gave_data().then(|| {
            let collected = Collected {
                topics,
                unsupported,
                lag,
            };
            let text = LagText::of(cluster, &collected);
            (Arc::new(collected), Arc::new(text))
        });
        phases.insert(Phase::Render, began.elapsed());
        Self {
            outcome,
            data,
            failures,
            requests,
            reloads,
            phases,
            n_groups,
            unix_seconds: u64::try_from(read_at_ms / 1000).unwrap_or_default(),
        }
    }

    /// The time that it took to compute the lag and to render it.
    pub(super) fn rendering(&self) -> Duration {
        self.phases.get(&Phase::Render).copied().unwrap_or_default()
    }

    /// Writes the result into the cluster's state. `opening` is the opening of the gate in which the collection was made, and
    /// `duration` is the time that it took.
    pub(super) fn apply(self, shown: &mut RenderedCluster, opening: u64, duration: Duration) {
        let state = &mut shown.state;
        state.opening = opening;
        state.counters.count_collection(self.outcome);
        state.counters.count_failures(&self.failures);
        state.counters.count_requests(&self.requests);
        state.counters.count_reloads(&self.reloads);
        state.last_collection = Some(LastCollection {
            outcome: self.outcome,
            duration,
            phases: self.phases,
        });
        if let Some((collected, text)) = self.data {
            state.collected = Some(collected);
            state.last_update = Some(self.unix_seconds);
            shown.lag_text = Some(text);
        }
    }
}

/// Returns the outcome of a collection. Some failures do not make a collection incomplete: those of `DescribeConfigs`, because no
/// lag needs the cleanup policy; troubles with the next token while the last one serves; findings that nothing is visible; and a
/// missing right to fetch records, which is optional.
fn outcome(snapshot: &Snapshot) -> Outcome {
    if !snapshot.failures.is_empty() && !has_data(snapshot) {
        return Outcome::Failed;
    }
    let incomplete = snapshot
        .failures
        .iter()
        .any(|Failure { unknown, .. }| match unknown.api {
            Api::DescribeConfigs | Api::Token => false,
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

/// Returns `true` if anything was read that a sample can be made of. A cluster of which nothing is visible counts as read and
/// empty.
fn has_data(snapshot: &Snapshot) -> bool {
    let commits = snapshot
        .groups
        .values()
        .any(|group| group.committed.is_ok());
    let mut logs = snapshot.topics.values().flat_map(Topic::logs);
    let mut failures = snapshot.failures.iter();
    commits
        || logs.any(|(_, log)| log.high_watermark.is_ok())
        || failures.all(|Failure { unknown, .. }| {
            unknown.api == Api::Token || unknown.reason == Reason::NothingVisible
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Unknown;

    fn outcome_with(api: Api, reason: Reason) -> Outcome {
        let failure = Failure {
            unknown: Unknown::new(api, reason),
            subject: String::new(),
        };
        outcome(&Snapshot {
            failures: vec![failure],
            ..Snapshot::default()
        })
    }

    #[test]
    fn trouble_with_the_next_token_does_not_make_a_collection_incomplete() {
        let told = outcome_with(Api::Token, Reason::TokenUnreachable);
        assert_eq!(told, Outcome::Complete);
        let told = outcome_with(Api::Metadata, Reason::TokenUnreachable);
        assert_eq!(told, Outcome::Failed);
    }
}
