//! The plan of a cluster.

use anyhow::Result;

use super::{Listeners, Version};

/// A cluster to be started.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The number of brokers, 1 to 3; node ids count from 1.
    pub nodes: u16,
    /// The version of the brokers; `None` is [`Version::from_env`].
    pub version: Option<Version>,
    /// The ways in which clients may connect.
    pub listeners: Listeners,
    /// Further lines for server.properties.
    pub extra: String,
}

// === impl Plan ===

impl Plan {
    /// A plan of this number of brokers without security.
    pub fn of(nodes: u16) -> Self {
        Self {
            nodes,
            version: None,
            listeners: Listeners::Plain,
            extra: String::new(),
        }
    }

    /// The same brokers, of this version.
    #[must_use]
    pub fn with(self, version: Version) -> Self {
        Self {
            version: Some(version),
            ..self
        }
    }

    /// The same brokers, with users, certificates and rights.
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
