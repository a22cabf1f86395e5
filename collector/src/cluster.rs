//! One cluster's worker: collects while the gate is open, and keeps what is shown of the cluster.

mod leading;
mod made;

use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use shared::config::{self, Exporter};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{Instrument as _, info, info_span};

use crate::exposition::{self, ClusterView, Counters};
use crate::gate::hold::Hold;
use crate::gate::{self, Gate};
use crate::progress::Progress;

use self::leading::Leading;

/// The log target of the guide's messages; operators filter on it.
const TARGET: &str = "klag_exporter::cluster::manager";

/// What is shown of a cluster, and in which opening of the gate it was collected.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Name, options, lag, counters.
    pub view: ClusterView,
    /// The opening of the gate in which the lag was collected.
    pub opening: u64,
}

/// Collects from one cluster.
#[derive(Debug)]
pub struct Worker {
    /// The cluster's part of the configuration.
    pub cluster: Arc<config::Cluster>,
    /// What holds for all clusters.
    pub exporter: Arc<Exporter>,
    /// The permission to collect.
    pub gate: watch::Receiver<Gate>,
    /// Where it says that it has clients.
    pub hold: Hold,
    /// Where what is shown goes.
    pub shown: watch::Sender<Shown>,
    /// Where the first collection tells how far it is.
    pub progress: watch::Sender<Progress>,
}

// === impl Shown ===

impl Shown {
    /// A cluster of which nothing was collected yet.
    pub fn nothing(cluster: &config::Cluster, exporter: &Exporter) -> Self {
        let cluster = exposition::Cluster {
            name: Arc::clone(&cluster.name),
            labels: cluster.labels.clone(),
            granularity: exporter.granularity,
            compatibility: exporter.compatibility,
        };
        let view = ClusterView {
            cluster: Arc::new(cluster),
            lag: None,
            last_collection: None,
            last_update: None,
            counters: Counters::default(),
        };
        Self { view, opening: 0 }
    }
}

// === impl Worker ===

impl Worker {
    /// Runs until shutdown.
    ///
    /// # Errors
    /// When the clients cannot be made, or their thread ends or hangs.
    pub async fn run(mut self, shutdown: CancellationToken) -> anyhow::Result<()> {
        let span = info_span!("cluster", cluster = %self.cluster.name);
        async {
            if !self.gate.borrow().is_open(Instant::now()) {
                info!(target: TARGET, "Starting in standby mode - waiting for leadership");
            }
            // The thread of the last leadership, and when it must have ended.
            let mut ending = None;
            loop {
                tokio::select! { biased;
                () = shutdown.cancelled() => return Ok(()),
                _ = gate::wait::opened(&mut self.gate) => {}
                () = wedge(ending.as_ref()) => bail!("the Kafka thread of cluster {} does not end", self.cluster.name) }
                let Some(held) = self.hold.take(&self.gate) else {
                    continue;
                };
                if held.permit.until != gate::Until::Forever {
                    info!(target: TARGET, "Acquired leadership - starting collection");
                }
                let leading = Leading::begin(&mut self, held)?;
                let ended = leading.run(&shutdown).await?;
                if shutdown.is_cancelled() {
                    return Ok(());
                }
                info!(target: TARGET, "Lost leadership - pausing collection");
                ending = Some((ended, Instant::now() + 2 * self.deadline()));
            }
        }
        .instrument(span)
        .await
    }

    /// How long a collection may take at most; twice that is a wedge.
    fn deadline(&self) -> Duration {
        crate::kafka::collection_timeout(&self.exporter)
    }
}

/// Waits until a thread has not ended by the moment when it must have.
async fn wedge(ending: Option<&(CancellationToken, Instant)>) {
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
