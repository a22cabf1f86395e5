//! The clients of one cluster, and everything that is kept from one collection to the next. All calls block.

mod clients;
mod collection;
mod connection_errors;
mod credentials;
mod gone_partitions;
mod missing_rights;
#[cfg(test)]
mod tests;
mod timestamps;
mod token_events;

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::config::{Cluster, Exporter, Mask, TimeLagMode};
use tokio::sync::watch;
use tracing::{info, warn};

use super::cleanup_policies::CleanupPolicies;
use super::collection_context::{CLUSTER_SUBJECT, CollectionContext, Timeouts};
use super::error_code::ErrorCode;
use super::members::GroupMembers;
use super::metadata::Metadata;
use super::native::{Client, CreateError, Fence};
use super::oauth::{Login, StartError};
use super::records::RecordTimestamps;
use super::topic_ids::TopicIds;
use super::unseen_assignments::UnseenAssignments;
use crate::gate::client_slot::ClientGuard;
use crate::history::{self, History};
use crate::progress::{Progress, Step};
use crate::snapshot::{Api, Name, Reason, Snapshot};

use self::clients::{ClientMaker, Clients, ReaderTime, errors_of};
use self::connection_errors::{ConnectionErrors, Novelty};
use self::credentials::{Credentials, Look};
use self::token_events::Uncounted;

pub(super) use self::clients::check;
pub use self::connection_errors::{ConnectionError, SaidBy};

/// The number of collections in a row without metadata after which the clients are replaced.
const COLLECTIONS_BEFORE_NEW_CLIENT: u32 = 3;

/// One cluster's clients, and the state that outlives a collection.
pub(super) struct Session {
    cluster: Arc<Cluster>,
    exporter: Arc<Exporter>,
    timeouts: Timeouts,
    fence: Arc<Fence>,
    /// The login that gets tokens for the clients; `None` where they need no token or librdkafka makes unsecured ones itself.
    login: Option<Login>,
    /// The maker of the clients in use, and of those that replace them.
    maker: ClientMaker,
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
    /// The requests for tokens and the troubles with them since the last collection.
    uncounted: Uncounted,
    /// The files with credentials, and the clients that are made when they change. The last field, because dropping it waits for
    /// threads.
    credentials: Credentials,
}

/// The source of time lag, by `timestamp_sampling.mode`.
enum TimestampSource {
    Off,
    /// Records are read from Kafka for their timestamps.
    Records(Box<RecordTimestamps>),
    /// The times of records are estimated from the history of high watermarks.
    History(History),
}

/// The error that keeps a session from being opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum OpenError {
    /// A client cannot be made.
    #[error(transparent)]
    Client(#[from] CreateError),
    /// The operating system does not start the thread that gets tokens.
    #[error(transparent)]
    Login(#[from] StartError),
}

// === impl Session ===

impl Session {
    /// Makes the clients, behind `fence`. The clients connect to no broker yet. Where they need tokens, a thread begins to get them, which
    /// holds `client_guard` until it has ended.
    ///
    /// # Errors
    /// librdkafka refuses a property or a file that a property names, or the thread that gets tokens cannot be started.
    pub(super) fn open(
        cluster: Arc<Cluster>,
        exporter: Arc<Exporter>,
        fence: Arc<Fence>,
        client_guard: &Arc<ClientGuard>,
    ) -> Result<Self, OpenError> {
        let mask = Mask::of(&cluster.consumer_properties);
        let login = cluster.oauth.as_ref();
        let login = login
            .map(|login| Login::start(login, mask.clone(), &fence, Arc::clone(client_guard)))
            .transpose()?;
        let credentials = Credentials::new(cluster.credential_files(), mask.clone())?;
        let reads_records = matches!(exporter.time_lag, TimeLagMode::Message { .. });
        let maker = ClientMaker {
            cluster: Arc::clone(&cluster),
            fence: Arc::clone(&fence),
            tokens: login.as_ref().map(|login| Arc::clone(login.handover())),
            reader: if reads_records && !credentials.is_empty() {
                ReaderTime::Early
            } else {
                ReaderTime::Late
            },
        };
        let Clients {
            client,
            read_committed_client,
            reader,
        } = maker.make()?;
        let timestamps = match exporter.time_lag {
            TimeLagMode::Off => TimestampSource::Off,
            TimeLagMode::Message { .. } => {
                let mut records = maker.record_timestamps();
                records.replace_reader(reader);
                TimestampSource::Records(Box::new(records))
            }
            TimeLagMode::Rate { samples, max_age } => {
                TimestampSource::History(History::new(history::HistoryLimits { samples, max_age }))
            }
        };
        Ok(Self {
            timeouts: Timeouts::of(&exporter),
            login,
            maker,
            client,
            read_committed_client,
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
            uncounted: Uncounted::default(),
            credentials,
        })
    }

    /// Serves the clients: writes their logs, and takes in the errors of their connections and the events of their tokens.
    pub(super) fn serve_clients(&mut self) {
        self.take_token_events();
        if let TimestampSource::Records(records) = &self.timestamps {
            records.serve_client();
        }
        let clients = std::iter::once(&self.client).chain(&self.read_committed_client);
        let errors: Vec<_> = clients.flat_map(errors_of).collect();
        for (code, text) in errors {
            self.record_connection_error(code, &text);
        }
    }

    /// Does what is due between two collections: serves the clients, and follows changes of files with credentials.
    pub(super) fn pass_time(&mut self) {
        self.serve_clients();
        self.follow_credentials(Look::WhenDue);
    }

    /// Records the error of a connection, and logs it if it is new. Once the fence is closed, errors are ignored, because this
    /// process has ended the connections itself.
    fn record_connection_error(&mut self, code: ErrorCode, text: &str) {
        if self.fence.is_closed() {
            return;
        }
        let reason = code.reason_with_text(text);
        self.take_broker_refusal(text);
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
        self.follow_credentials(Look::Now);
        let fence = Arc::clone(&self.fence);
        let mut context = CollectionContext::begin(self.timeouts, &fence, progress);
        context.report_progress(|progress| progress.step = Step::Connecting);
        self.refresh_metadata(&mut context);
        self.count_token_events(&mut context);
        let reloads = self.count_reloads(&mut context);
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
            reloads,
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
            context.connection_reason = self.connection_reason();
            return;
        }
        if let Err(reason) = self.first_token(context) {
            context.record_failure(Api::Metadata, reason, CLUSTER_SUBJECT);
            return;
        }
        context.connection_reason = self.connection_reason();
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
                context.connection_reason = self.connection_reason();
                let reason = match context.reason_of(code) {
                    reason @ Reason::TokenExpired => reason,
                    _ => self.connection_errors.reason_without_metadata(code),
                };
                context.record_failure(Api::Metadata, reason, CLUSTER_SUBJECT);
                self.n_without_metadata += 1;
            }
        }
        if self.n_without_metadata >= COLLECTIONS_BEFORE_NEW_CLIENT {
            self.replace_clients();
        }
    }

    /// Makes new clients in the place of those that cannot read metadata.
    fn replace_clients(&mut self) {
        match self.replace_clients_untried() {
            Ok(()) => info!("No metadata for several collections, starting with a new client"),
            Err(error) => warn!(%error, "Cannot make a new client"),
        }
    }
}
