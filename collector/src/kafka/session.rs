//! The clients of one cluster, and everything that is kept from one collection to the next. All calls block.

mod collection;
mod connection_errors;
mod missing_rights;
#[cfg(test)]
mod tests;
mod timestamps;

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::config::{Cluster, Exporter, IsolationLevel, TimeLagMode};
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::cleanup_policies::CleanupPolicies;
use super::collection_context::{CLUSTER_SUBJECT, CollectionContext, Timeouts};
use super::error_code::ErrorCode;
use super::members::GroupMembers;
use super::metadata::Metadata;
use super::native::{Client, ClientNotice, CreateError, Fence};
use super::properties;
use super::records::{self, RecordTimestamps};
use super::topic_ids::TopicIds;
use super::unseen_assignments::UnseenAssignments;
use crate::gate::client_slot::ClientGuard;
use crate::history::{self, History};
use crate::progress::{Progress, Step};
use crate::snapshot::{Api, Name, Snapshot};

use self::connection_errors::{ConnectionErrors, Novelty};

pub use self::connection_errors::ConnectionError;

/// The number of collections in a row without metadata after which the clients are replaced.
const COLLECTIONS_BEFORE_NEW_CLIENT: u32 = 3;

/// One cluster's clients, and the state that outlives a collection.
pub(super) struct Session {
    cluster: Arc<Cluster>,
    exporter: Arc<Exporter>,
    timeouts: Timeouts,
    fence: Arc<Fence>,
    client: Client,
    /// The client that reads last stable offsets; `None` unless the cluster is collected with `read_committed`.
    read_committed_client: Option<Client>,
    /// The last metadata; `None` before the first answer.
    metadata: Option<Metadata>,
    /// The number of collections in a row, up to the last one, that could not read metadata.
    n_without_metadata: u32,
    /// The groups that the last collection showed, with their coordinators.
    known_groups: BTreeMap<Name, i32>,
    members: GroupMembers,
    unseen_assignments: UnseenAssignments,
    cleanup_policies: CleanupPolicies,
    topic_ids: TopicIds,
    timestamps: TimestampSource,
    connection_errors: ConnectionErrors,
}

/// The source of time lag, by `timestamp_sampling.mode`.
enum TimestampSource {
    Off,
    /// Records are read from Kafka for their timestamps.
    Records(Box<RecordTimestamps>),
    /// The times of records are estimated from the history of high watermarks.
    History(History),
}

// === impl Session ===

impl Session {
    /// Makes the clients, behind `fence`. Connects to nothing yet.
    ///
    /// # Errors
    /// librdkafka refuses a property, or a file that a property names.
    pub(super) fn open(
        cluster: Arc<Cluster>,
        exporter: Arc<Exporter>,
        fence: Arc<Fence>,
    ) -> Result<Self, CreateError> {
        let timestamps = match exporter.time_lag {
            TimeLagMode::Off => TimestampSource::Off,
            TimeLagMode::Message { .. } => {
                let added = [isolation(&cluster), records::properties()].concat();
                let properties = properties::of(&cluster, &added);
                let records = RecordTimestamps::new(properties, Arc::clone(&fence));
                TimestampSource::Records(Box::new(records))
            }
            TimeLagMode::Rate { samples, max_age } => {
                TimestampSource::History(History::new(history::HistoryLimits { samples, max_age }))
            }
        };
        Ok(Self {
            timeouts: Timeouts::of(&exporter),
            client: read_uncommitted_client(&cluster, &fence)?,
            read_committed_client: read_committed_client(&cluster, &fence)?,
            fence,
            cluster,
            exporter,
            metadata: None,
            n_without_metadata: 0,
            known_groups: BTreeMap::new(),
            members: GroupMembers::default(),
            unseen_assignments: UnseenAssignments::default(),
            cleanup_policies: CleanupPolicies::default(),
            topic_ids: TopicIds::default(),
            timestamps,
            connection_errors: ConnectionErrors::new(),
        })
    }

    /// Serves the clients: writes their logs, records the errors of connections, and lets librdkafka refresh tokens.
    pub(super) fn serve_clients(&mut self) {
        if let TimestampSource::Records(records) = &self.timestamps {
            records.serve_client();
        }
        let clients = std::iter::once(&self.client).chain(&self.read_committed_client);
        let notices: Vec<_> = clients.flat_map(Client::notices).collect();
        for notice in notices {
            match notice {
                ClientNotice::Error { code, text } => self.record_connection_error(code, &text),
                ClientNotice::Log {
                    level,
                    facility,
                    text,
                } => {
                    debug!(target: "librdkafka", level, "{facility}: {text}");
                    if let Some((code, text)) =
                        connection_errors::error_in_log(level, &facility, &text)
                    {
                        self.record_connection_error(code, &text);
                    }
                }
            }
        }
    }

    /// Records the error of a connection, and logs it if it is new. Once the fence is closed, errors are ignored, because this
    /// process has ended the connections itself.
    fn record_connection_error(&mut self, code: ErrorCode, text: &str) {
        if self.fence.is_closed() {
            return;
        }
        let reason = code.reason_with_text(text);
        if let Novelty::New(advice) = self.connection_errors.record(code, reason, text) {
            warn!(
                reason = reason.label(),
                error = text,
                likely_cause = advice,
                "Kafka connection trouble"
            );
        }
    }

    /// Returns a receiver of the errors that keep connections from working. They are dropped when metadata is read.
    pub(super) fn connection_errors(&self) -> watch::Receiver<Vec<ConnectionError>> {
        self.connection_errors.subscribe()
    }

    /// Makes one collection. Closing the fence abandons it: no further request begins, and the result is useless.
    pub(super) fn collect(&mut self, progress: &watch::Sender<Progress>) -> Snapshot {
        self.serve_clients();
        let fence = Arc::clone(&self.fence);
        let mut context = CollectionContext::begin(self.timeouts, &fence, progress);
        context.connection_reason = self.connection_errors.definite_reason();
        context.report_progress(|progress| progress.step = Step::Connecting);
        self.refresh_metadata(&mut context);
        let mut snapshot = Snapshot::default();
        if let Some(mut metadata) = self.metadata.take() {
            self.read_cluster(&mut metadata, &mut snapshot, &mut context);
            self.metadata = Some(metadata);
            // librdkafka queues the report of a failed connection before it fails the requests that waited for that connection.
            // So all reports about this collection's failures can be handled here, before `note_collection`.
            self.serve_clients();
            self.connection_errors.note_collection(&context.failures);
        }
        Snapshot {
            failures: context.failures,
            requests: context.requests,
            phases: context.phases,
            ..snapshot
        }
    }

    /// Reads the metadata if a refresh is due. After [`COLLECTIONS_BEFORE_NEW_CLIENT`] collections in a row without metadata, the
    /// clients are replaced.
    fn refresh_metadata(&mut self, context: &mut CollectionContext<'_>) {
        let ttl = self.exporter.performance.metadata_ttl;
        if self
            .metadata
            .as_ref()
            .is_some_and(|metadata| !metadata.needs_refresh(ttl))
        {
            return;
        }
        match Metadata::read(&self.client, &self.cluster.topics, context) {
            Ok(metadata) => {
                self.metadata = Some(metadata);
                self.n_without_metadata = 0;
                self.connection_errors.clear();
                context.connection_reason = None;
            }
            Err(code) => {
                self.serve_clients();
                if code == ErrorCode::LOCAL_UNSUPPORTED_FEATURE {
                    self.record_connection_error(
                        code,
                        "Metadata: Required feature not supported by broker",
                    );
                }
                context.connection_reason = self.connection_errors.definite_reason();
                context.record_failure(
                    Api::Metadata,
                    self.connection_errors.reason_without_metadata(code),
                    CLUSTER_SUBJECT,
                );
                self.n_without_metadata += 1;
            }
        }
        if self.n_without_metadata >= COLLECTIONS_BEFORE_NEW_CLIENT {
            self.replace_clients();
        }
    }

    /// Makes new clients in the place of those that cannot read metadata.
    fn replace_clients(&mut self) {
        let made = (
            read_uncommitted_client(&self.cluster, &self.fence),
            read_committed_client(&self.cluster, &self.fence),
        );
        match made {
            (Ok(client), Ok(read_committed_client)) => {
                info!("No metadata for several collections, starting with a new client");
                (self.client, self.read_committed_client) = (client, read_committed_client);
                self.n_without_metadata = 0;
                self.connection_errors.forget_success();
            }
            (Err(error), _) | (_, Err(error)) => warn!(%error, "Cannot make a new client"),
        }
    }
}

const READ_UNCOMMITTED: &[(&str, &str)] = &[("isolation.level", "read_uncommitted")];
const READ_COMMITTED: &[(&str, &str)] = &[("isolation.level", "read_committed")];

/// Makes each kind of client that a session has and drops it again, behind a closed fence and without any broker's address.
///
/// # Errors
/// librdkafka refuses a property, or a file that a property names.
pub(super) fn check(cluster: &Cluster) -> Result<(), CreateError> {
    let fence = Fence::new(ClientGuard::without_election().permit_check());
    fence.close();
    for added in [READ_UNCOMMITTED, READ_COMMITTED, records::properties()] {
        let properties = properties::of(cluster, added).without_brokers();
        Client::create(&properties, &fence)?;
    }
    Ok(())
}

/// Returns the property with the isolation level at which the groups of this cluster are taken to read.
const fn isolation(cluster: &Cluster) -> &'static [(&'static str, &'static str)] {
    match cluster.isolation {
        IsolationLevel::ReadUncommitted => READ_UNCOMMITTED,
        IsolationLevel::ReadCommitted => READ_COMMITTED,
    }
}

/// Makes the client that everything is read with, except last stable offsets.
fn read_uncommitted_client(cluster: &Cluster, fence: &Arc<Fence>) -> Result<Client, CreateError> {
    Client::create(&properties::of(cluster, READ_UNCOMMITTED), fence)
}

/// Makes the client that last stable offsets are read with; returns `None` if the cluster is not collected with `read_committed`.
fn read_committed_client(
    cluster: &Cluster,
    fence: &Arc<Fence>,
) -> Result<Option<Client>, CreateError> {
    match cluster.isolation {
        IsolationLevel::ReadUncommitted => Ok(None),
        IsolationLevel::ReadCommitted => {
            Client::create(&properties::of(cluster, READ_COMMITTED), fence).map(Some)
        }
    }
}
