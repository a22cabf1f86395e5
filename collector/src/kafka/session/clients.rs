//! The clients of a session, and the properties in which they differ.

use std::sync::Arc;

use shared::config::{Cluster, IsolationLevel};

use crate::gate::client_slot::ClientGuard;
use crate::kafka::native::{Client, CreateError, Fence};
use crate::kafka::oauth::{self, Login};
use crate::kafka::properties::{self, Properties};
use crate::kafka::records::{self, RecordTimestamps};

const READ_UNCOMMITTED: &[(&str, &str)] = &[("isolation.level", "read_uncommitted")];
const READ_COMMITTED: &[(&str, &str)] = &[("isolation.level", "read_committed")];

/// The maker of the clients of one session.
pub(super) struct ClientMaker {
    pub(super) cluster: Arc<Cluster>,
    pub(super) fence: Arc<Fence>,
}

/// Makes each kind of client that a session has and drops it again, behind a closed fence and without any broker's address.
///
/// # Errors
/// librdkafka refuses a property, or a file that the login needs cannot be used.
pub(in crate::kafka) fn check(cluster: &Cluster) -> Result<(), CreateError> {
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

// === impl ClientMaker ===

impl ClientMaker {
    /// Makes the client that reads everything except last stable offsets and records.
    pub(super) fn read_uncommitted(&self, login: Option<&Login>) -> Result<Client, CreateError> {
        Client::create(&self.properties(READ_UNCOMMITTED, login), &self.fence)
    }

    /// Makes the client that reads last stable offsets; `None` where the cluster's groups read uncommitted records.
    pub(super) fn read_committed(
        &self,
        login: Option<&Login>,
    ) -> Result<Option<Client>, CreateError> {
        match self.cluster.isolation {
            IsolationLevel::ReadUncommitted => Ok(None),
            IsolationLevel::ReadCommitted => {
                Client::create(&self.properties(READ_COMMITTED, login), &self.fence).map(Some)
            }
        }
    }

    /// Returns the reader of records' timestamps, which makes a client of its own when it first needs one.
    pub(super) fn record_timestamps(&self, login: Option<&Login>) -> RecordTimestamps {
        let added = [self.isolation(), records::properties()].concat();
        RecordTimestamps::new(self.properties(&added, login), Arc::clone(&self.fence))
    }

    fn properties(&self, added: &[(&str, &str)], login: Option<&Login>) -> Properties {
        properties::of(&self.cluster, added).with_tokens(login.map(Login::handover))
    }

    /// Returns the property with the isolation level at which the groups of this cluster are taken to read.
    fn isolation(&self) -> &'static [(&'static str, &'static str)] {
        match self.cluster.isolation {
            IsolationLevel::ReadUncommitted => READ_UNCOMMITTED,
            IsolationLevel::ReadCommitted => READ_COMMITTED,
        }
    }
}
