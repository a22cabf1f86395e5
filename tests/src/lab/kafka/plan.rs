//! The plan of a Kafka cluster.

use anyhow::Result;

use super::{Listeners, Version};

/// The settings with which a Kafka cluster is started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The number of brokers, whose node ids count from 1.
    pub nodes: u16,
    /// The version of the brokers; `None` means that of [`Version::from_env`].
    pub version: Option<Version>,
    /// The listeners of the brokers for clients, which decide on users and rights too.
    pub listeners: Listeners,
    /// Further lines of every broker's server.properties.
    pub extra: String,
}

// === impl Plan ===

impl Plan {
    /// Returns the plan of this number of brokers, without security and of the default version.
    pub fn of(nodes: u16) -> Self {
        Self {
            nodes,
            version: None,
            listeners: Listeners::Plain,
            extra: String::new(),
        }
    }

    /// Sets the version of the brokers.
    #[must_use]
    pub fn with(self, version: Version) -> Self {
        Self {
            version: Some(version),
            ..self
        }
    }

    /// Adds listeners for SASL and TLS, with users and certificates, and lets ACLs decide about their rights.
    #[must_use]
    pub fn secured(self) -> Self {
        Self {
            listeners: Listeners::Secured,
            ..self
        }
    }

    pub(super) fn version(&self) -> Result<Version> {
        self.version.map_or_else(Version::from_env, Ok)
    }
}
