//! The clients of one cluster, and what is kept from one collection to the next. Everything here blocks.

mod collection;
mod dating;
#[cfg(test)]
mod tests;
mod troubles;
mod visibility;

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::config::{Cluster, Exporter, IsolationLevel, TimeLagMode};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::Trouble;
use super::code::Code;
use super::compaction::Policies;
use super::identity::Identities;
use super::members::Members;
use super::native::{Client, CreateError, Fence, Notice};
use super::pass::{Bounds, Pass};
use super::properties;
use super::records::{self, Records};
use super::topology::Topology;
use super::unseen::Unseen;
use crate::gate::hold::Held;
use crate::history::{self, History};
use crate::progress::{Phase as Step, Progress};
use crate::snapshot::{Api, Name, Snapshot};

use self::troubles::{News, Troubles};

/// Collections without metadata after which the client is replaced.
const PATIENCE: u32 = 3;

/// One cluster's clients and memory.
pub(super) struct Session {
    cluster: Arc<Cluster>,
    exporter: Arc<Exporter>,
    bounds: Bounds,
    fence: Arc<Fence>,
    client: Client,
    /// Sees the last stable offset; only with `read_committed`.
    stable: Option<Client>,
    topology: Option<Topology>,
    /// Collections in a row that had no metadata.
    n_without_metadata: u32,
    /// Every group that exists as far as known, and its last coordinator.
    known: BTreeMap<Name, i32>,
    members: Members,
    unseen: Unseen,
    policies: Policies,
    identities: Identities,
    timestamps: Timestamps,
    troubles: Troubles,
}

/// How time lag is found.
enum Timestamps {
    Off,
    Read(Box<Records>),
    Interpolate(History),
}

// === impl Session ===

impl Session {
    /// Makes the clients, behind `fence`. Connects to nothing yet.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub(super) fn open(
        cluster: Arc<Cluster>,
        exporter: Arc<Exporter>,
        fence: Arc<Fence>,
    ) -> Result<Self, CreateError> {
        let timestamps = match exporter.time_lag {
            TimeLagMode::Off => Timestamps::Off,
            TimeLagMode::Message { .. } => {
                let added = [isolation(&cluster), records::properties()].concat();
                let properties = properties::of(&cluster, &added);
                let records = Records::new(properties, Arc::clone(&fence));
                Timestamps::Read(Box::new(records))
            }
            TimeLagMode::Rate { samples, max_age } => {
                Timestamps::Interpolate(History::new(history::Bounds { samples, max_age }))
            }
        };
        Ok(Self {
            bounds: Bounds::of(&exporter),
            client: plain(&cluster, &fence)?,
            stable: stable(&cluster, &fence)?,
            fence,
            cluster,
            exporter,
            topology: None,
            n_without_metadata: 0,
            known: BTreeMap::new(),
            members: Members::default(),
            unseen: Unseen::default(),
            policies: Policies::default(),
            identities: Identities::default(),
            timestamps,
            troubles: Troubles::none(),
        })
    }

    /// Serves the clients between collections: logs, connection errors, token refresh.
    pub(super) fn idle(&mut self) {
        if let Timestamps::Read(records) = &self.timestamps {
            records.idle();
        }
        let clients = std::iter::once(&self.client).chain(&self.stable);
        let notices: Vec<_> = clients.flat_map(Client::notices).collect();
        for notice in notices {
            match notice {
                Notice::Error { code, text } => self.hear(code, &text),
                Notice::Log {
                    level,
                    facility,
                    text,
                } => {
                    debug!(target: "librdkafka", level, "{facility}: {text}");
                    if let Some((code, text)) = troubles::told_in_log(level, &facility, &text) {
                        self.hear(code, &text);
                    }
                }
            }
        }
    }

    /// Takes in that a connection failed. Connections that this process has ended itself are no trouble.
    fn hear(&mut self, code: Code, text: &str) {
        if self.fence.is_shut() {
            return;
        }
        let reason = code.explained(text);
        if let News::New(advice) = self.troubles.hear(code, reason, text) {
            warn!(
                reason = reason.label(),
                error = text,
                likely_cause = advice,
                "Kafka connection trouble"
            );
        }
    }

    /// What keeps connections from working, until there is metadata again.
    pub(super) fn troubles(&self) -> watch::Receiver<Vec<Trouble>> {
        self.troubles.told()
    }

    /// One collection. A shut fence abandons it: no request begins any more, and the result is worth nothing.
    pub(super) fn collect(&mut self, progress: &watch::Sender<Progress>) -> Snapshot {
        self.idle();
        let fence = Arc::clone(&self.fence);
        let mut pass = Pass::begin(self.bounds, &fence, progress);
        pass.trouble = self.troubles.certain();
        pass.tell(|progress| progress.phase = Step::Connecting);
        self.orient(&mut pass);
        let mut snapshot = Snapshot::default();
        if let Some(mut topology) = self.topology.take() {
            self.read(&mut topology, &mut snapshot, &mut pass);
            self.topology = Some(topology);
            // Librdkafka's threads tell of a connection before they fail what was to be sent by it.
            self.idle();
            self.troubles.judge(&pass.failures);
        }
        Snapshot {
            failures: pass.failures,
            requests: pass.requests,
            phases: pass.phases,
            ..snapshot
        }
    }

    /// Metadata, when due. Without any for several collections the client is replaced.
    fn orient(&mut self, pass: &mut Pass<'_>) {
        let ttl = self.exporter.performance.metadata_ttl;
        if self
            .topology
            .as_ref()
            .is_some_and(|topology| !topology.is_due(ttl))
        {
            return;
        }
        match Topology::read(&self.client, &self.cluster.topics, pass) {
            Ok(topology) => {
                self.topology = Some(topology);
                self.n_without_metadata = 0;
                self.troubles.clear();
                pass.trouble = None;
            }
            Err(code) => {
                self.idle();
                if code == Code::UNSUPPORTED_FEATURE {
                    self.hear(code, "Metadata: Required feature not supported by broker");
                }
                pass.trouble = self.troubles.certain();
                pass.fail(Api::Metadata, self.troubles.behind(code), super::CLUSTER);
                self.n_without_metadata += 1;
            }
        }
        if self.n_without_metadata >= PATIENCE {
            self.replace_clients();
        }
    }

    fn replace_clients(&mut self) {
        let made = (
            plain(&self.cluster, &self.fence),
            stable(&self.cluster, &self.fence),
        );
        match made {
            (Ok(client), Ok(stable)) => {
                info!("No metadata for several collections, starting with a new client");
                (self.client, self.stable) = (client, stable);
                self.n_without_metadata = 0;
                self.troubles.forget_success();
            }
            (Err(error), _) | (_, Err(error)) => warn!(%error, "Cannot make a new client"),
        }
    }
}

const UNCOMMITTED: &[(&str, &str)] = &[("isolation.level", "read_uncommitted")];
const COMMITTED: &[(&str, &str)] = &[("isolation.level", "read_committed")];

/// Makes the kinds of clients that a session has and drops them again, behind a fence that is shut and without any broker to
/// look for.
///
/// # Errors
/// What librdkafka refuses.
pub(super) fn check(cluster: &Cluster) -> Result<(), CreateError> {
    let fence = Fence::new(Held::without_election().leave());
    fence.shut();
    for added in [UNCOMMITTED, COMMITTED, records::properties()] {
        let properties = properties::of(cluster, added).without_brokers();
        Client::create(&properties, &fence)?;
    }
    Ok(())
}

/// The level at which a group of this cluster is taken to read.
const fn isolation(cluster: &Cluster) -> &'static [(&'static str, &'static str)] {
    match cluster.isolation {
        IsolationLevel::ReadUncommitted => UNCOMMITTED,
        IsolationLevel::ReadCommitted => COMMITTED,
    }
}

/// The client that everything but the last stable offset comes from.
fn plain(cluster: &Cluster, fence: &Arc<Fence>) -> Result<Client, CreateError> {
    Client::create(&properties::of(cluster, UNCOMMITTED), fence)
}

fn stable(cluster: &Cluster, fence: &Arc<Fence>) -> Result<Option<Client>, CreateError> {
    match cluster.isolation {
        IsolationLevel::ReadUncommitted => Ok(None),
        IsolationLevel::ReadCommitted => {
            Client::create(&properties::of(cluster, COMMITTED), fence).map(Some)
        }
    }
}
