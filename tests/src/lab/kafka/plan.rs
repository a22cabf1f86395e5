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
    /// Further listeners of each broker, in the order of the node ids. Brokers without an entry have none.
    pub proxied: Vec<Vec<ProxiedListener>>,
    /// Further lines of every broker's server.properties.
    pub extra: String,
    /// Options for the Java virtual machine of each broker.
    pub jvm: Vec<String>,
}

/// A listener of a broker without security, whose clients are told to connect to a proxy in front of it.
#[derive(Clone, Copy, Debug)]
pub struct ProxiedListener {
    /// The port of loopback on which the broker listens.
    pub port: u16,
    /// The port of loopback on which the proxy listens, and which the broker names to the clients of this listener.
    pub proxy: u16,
}

// === impl Plan ===

impl Plan {
    /// Returns the plan of this number of brokers, without security and of the default version.
    pub fn of(nodes: u16) -> Self {
        Self {
            nodes,
            version: None,
            listeners: Listeners::Plain,
            proxied: Vec::new(),
            extra: String::new(),
            jvm: Vec::new(),
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
