//! The clients of a session, and the properties in which they differ.

use std::sync::Arc;

use shared::config::{Cluster, IsolationLevel};
use tracing::debug;

use super::{connection_errors, credentials};
use crate::gate::client_slot::ClientGuard;
use crate::kafka::error_code::ErrorCode;
use crate::kafka::native::{Client, ClientNotice, CreateError, Fence, TokenHandover};
use crate::kafka::oauth;
use crate::kafka::properties::{self, Properties};
use crate::kafka::records::{self, RecordReader, RecordTimestamps};

const READ_UNCOMMITTED: &[(&str, &str)] = &[("isolation.level", "read_uncommitted")];
const READ_COMMITTED: &[(&str, &str)] = &[("isolation.level", "read_committed")];

/// The maker of the clients of one session.
#[derive(Clone)]
pub(super) struct ClientMaker {
    pub(super) cluster: Arc<Cluster>,
    pub(super) fence: Arc<Fence>,
    /// The handover of tokens; `None` where the clients need no token or librdkafka makes unsecured ones itself.
    pub(super) tokens: Option<Arc<TokenHandover>>,
    pub(super) reader: ReaderTime,
}

/// The time at which the client that reads records is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReaderTime {
    /// Together with the other clients, because the files that properties name may be broken later.
    Early,
    /// At its first use.
    Late,
}

/// The clients of one session.
pub(super) struct Clients {
    pub(super) client: Client,
    /// The client that reads last stable offsets; `None` unless the cluster is collected with `read_committed`.
    pub(super) read_committed_client: Option<Client>,
    /// The client that reads records; `None` with [`ReaderTime::Late`].
    pub(super) reader: Option<RecordReader>,
}

/// Makes each kind of client that a session has and drops it again, behind a closed fence and without any broker's address.
///
/// # Errors
/// librdkafka refuses a property, or a file that the login needs cannot be used.
pub(in crate::kafka) fn check(cluster: &Cluster) -> Result<(), CreateError> {
    credentials::require_readable(cluster.credential_files())?;
    let fence = Fence::new(ClientGuard::without_election().permit_check());
    fence.close();
    for added in [READ_UNCOMMITTED, READ_COMMITTED, records::properties()] {
        let properties = properties::of(cluster, added).without_brokers();
        Client::create(&properties, &fence)?;
    }
    if let Some(login) = &cluster.oauth {
        oauth::check(login).map_err(|text| CreateError::Login { text })?;
    }
    Ok(())
}

/// Reads the notices of `client`: writes its log, and returns the errors of connections.
pub(super) fn errors_of(client: &Client) -> Vec<(ErrorCode, String)> {
    let notices = client.notices().into_iter();
    let errors = notices.filter_map(|notice| match notice {
        ClientNotice::Error { code, text } => Some((code, text)),
        ClientNotice::Log {
            level,
            facility,
            text,
        } => {
            debug!(target: "librdkafka", level, "{facility}: {text}");
            connection_errors::error_in_log(level, &facility, &text)
        }
    });
    errors.collect()
}

// === impl ClientMaker ===

impl ClientMaker {
    /// Makes the clients, which connect when they are first used.
    ///
    /// # Errors
    /// librdkafka refuses a property, or a file that a property names.
    pub(super) fn make(&self) -> Result<Clients, CreateError> {
        let read_committed_client = match self.cluster.isolation {
            IsolationLevel::ReadUncommitted => None,
            IsolationLevel::ReadCommitted => Some(self.client(READ_COMMITTED)?),
        };
        let reader = match self.reader {
            ReaderTime::Early => Some(RecordReader::open(&self.of_reader(), &self.fence)?),
            ReaderTime::Late => None,
        };
        Ok(Clients {
            client: self.client(READ_UNCOMMITTED)?,
            read_committed_client,
            reader,
        })
    }

    /// Returns the lookup of timestamps, which makes a client when it needs one and has none.
    pub(super) fn record_timestamps(&self) -> RecordTimestamps {
        RecordTimestamps::new(self.of_reader(), Arc::clone(&self.fence))
    }

    fn client(&self, added: &[(&str, &str)]) -> Result<Client, CreateError> {
        Client::create(&self.properties(added), &self.fence)
    }

    /// Returns the properties of the client that reads records.
    fn of_reader(&self) -> Properties {
        self.properties(&[self.isolation(), records::properties()].concat())
    }

    fn properties(&self, added: &[(&str, &str)]) -> Properties {
        properties::of(&self.cluster, added).with_tokens(self.tokens.as_ref())
    }

    /// Returns the property with the isolation level at which the groups of this cluster are taken to read.
    fn isolation(&self) -> &'static [(&'static str, &'static str)] {
        match self.cluster.isolation {
            IsolationLevel::ReadUncommitted => READ_UNCOMMITTED,
            IsolationLevel::ReadCommitted => READ_COMMITTED,
        }
    }
}
