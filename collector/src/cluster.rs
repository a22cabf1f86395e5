//! The worker of one cluster: collects while the gate is open, and keeps the cluster's state up to date.
//!
//! **A collection** is one pass over one cluster, in this order:
//! 1. The gate opens. The worker takes its client slot and makes Kafka clients ([`crate::kafka`]), which live until the gate
//!    closes.
//! 2. At each multiple of `poll_interval` since then, the clients read a [`Snapshot`](crate::snapshot::Snapshot): topics and
//!    groups, log starts, committed offsets, log ends, and the timestamps of unread records. Commits are read between log starts
//!    and log ends, so that a lag is never negative and a commit never seems to be lost to retention when it is not.
//! 3. Lag is computed from the snapshot and rendered as text, on a thread for blocking work (`collection_result`).
//! 4. The result is written to the cluster's [`RenderedCluster`]; [`crate::publisher`] puts the clusters together.
//!
//! **The rule.** At most one collection runs at a time, and one that takes longer than the interval delays the next one. Each
//! wait, for a snapshot, for a rendering or for the next interval, ends at once when the gate closes: the collection is abandoned
//! and counted as such, the data is withdrawn and the clients are dropped. A cluster whose collections fail keeps its last data
//! until that is older than `staleness_threshold`.
//!
//! **Why this is safe.** Nothing is collected without a client slot, and the state names the opening of the gate in which its
//! data was collected, so data of an earlier leadership is not shown in a later one. A Kafka thread that does not answer within
//! twice the time limit of a collection, or does not end, ends the process with an error: the pod is restarted, and another one
//! takes over.
//!
//! **Not promised.** A collection is no consistent cut through the cluster: its values are read within seconds of each other, not
//! at one instant. A collection that fails in part shows what was read, and leaves out the rest.

mod collection_result;
mod leader_loop;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use shared::config::{self, Exporter};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, info_span};

use crate::collected::{ClusterDisplay, ClusterState};
use crate::exposition::RenderedCluster;
use crate::gate::client_slot::ClientSlot;
use crate::gate::{self, Gate};
use crate::progress::Progress;

use self::leader_loop::LeaderLoop;

/// The log target of klag-exporter's messages about leadership, which operators filter on.
const LOG_TARGET: &str = "klag_exporter::cluster::manager";

/// The worker of one cluster: the values that it follows, and those that it writes.
#[derive(Debug)]
pub struct Worker {
    /// The cluster's part of the configuration.
    pub cluster: Arc<config::Cluster>,
    /// The settings that all clusters have in common, the table `[exporter]`.
    pub exporter: Arc<Exporter>,
    /// The permission to collect, which `leadership` writes and the worker follows.
    pub gate: watch::Receiver<Gate>,
    /// The slot in which the worker records that it has Kafka clients; until it is free, `gate=closed` is not reported.
    pub client_slot: ClientSlot,
    /// The channel on which the worker publishes the cluster's state with the text of its lag.
    pub rendered: watch::Sender<RenderedCluster>,
    /// The channel for the progress of the first collection.
    pub progress: watch::Sender<Progress>,
}

/// Returns the state of a cluster before its first collection.
pub fn not_collected(cluster: &config::Cluster, exporter: &Exporter) -> RenderedCluster {
    let cluster = ClusterDisplay {
        name: Arc::clone(&cluster.name),
        labels: cluster.labels.clone(),
        granularity: exporter.granularity,
        compatibility: exporter.compatibility,
    };
    RenderedCluster {
        state: ClusterState::new(cluster),
        lag_text: None,
    }
}

// === impl Worker ===

impl Worker {
    /// Collects whenever the gate is open, until shutdown.
    ///
    /// # Errors
    /// The Kafka clients cannot be made, their thread ends or hangs, or the rendering of a collection panics.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let span = info_span!("cluster", cluster = %self.cluster.name);
        self.follow_gate(shutdown).instrument(span).await
    }

    async fn follow_gate(&mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        if !self.gate.borrow().is_open(Instant::now()) {
            self.log_leadership("Starting in standby mode - waiting for leadership");
        }
        // The Kafka thread of the previous leadership, and the instant by which that thread must have ended; `None` before the
        // first leadership has ended.
        let mut ending = None;
        loop {
            tokio::select! { biased;
            () = shutdown.cancelled() => return Ok(()),
            _ = gate::wait::opened(&mut self.gate) => {}
            () = until_wedged(ending.as_ref()) => bail!("the Kafka thread of cluster {} does not end", self.cluster.name) }
            let Some(client_guard) = self.client_slot.take(&self.gate) else {
                continue;
            };
            if client_guard.permit.until != gate::Until::Forever {
                self.log_leadership("Acquired leadership - starting collection");
            }
            let leader_loop = LeaderLoop::begin(self, client_guard)?;
            let ended = leader_loop.run(&shutdown).await?;
            if shutdown.is_cancelled() {
                return Ok(());
            }
            self.log_leadership("Lost leadership - pausing collection");
            ending = Some((ended, Instant::now() + 2 * self.deadline()));
        }
    }

    /// Logs a change of leadership as klag-exporter does, with the cluster as a field, and outside the worker's span, which would
    /// name the cluster a second time.
    fn log_leadership(&self, message: &'static str) {
        info!(target: LOG_TARGET, parent: None, cluster = &*self.cluster.name, "{message}");
    }

    /// Returns the time limit of a collection. A Kafka thread that gives no answer within twice this time counts as hung.
    fn deadline(&self) -> Duration {
        crate::kafka::collection_timeout(&self.exporter)
    }
}

/// Completes at the instant in `ending` if the thread has not ended by then; never completes otherwise.
async fn until_wedged(ending: Option<&(CancellationToken, Instant)>) {
    let wedged = match ending {
        Some((ended, limit)) => tokio::time::timeout_at(*limit, ended.cancelled())
            .await
            .is_err(),
        None => false,
    };
    if !wedged {
        std::future::pending::<()>().await;
    }
}
