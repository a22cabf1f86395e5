//! Where the API server is, and a client for it.

use std::time::Duration;

use kube::{Client, Config};

use super::exchange::chain;

/// What opening a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(1);

/// Where the API server is.
#[derive(Clone, Debug, Default)]
pub enum Cluster {
    /// Where kubectl would look: KUBECONFIG, else `~/.kube/config`, else the service account of the pod.
    #[default]
    Inferred,
    /// There.
    Given(Box<Config>),
}

/// What a client is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    /// Short requests, each with a deadline of its own.
    Requests,
    /// An answer that goes on until the other side ends it, or is silent for so long.
    Watch(Duration),
}

// === impl Cluster ===

impl Cluster {
    /// A client. It repeats nothing by itself; tokens that lie in a file are read again when they have changed.
    ///
    /// # Errors
    /// What is wrong with the configuration, for people.
    pub(super) async fn connect(&self, purpose: Purpose) -> Result<Client, String> {
        let mut config = match self {
            Self::Inferred => Config::infer().await.map_err(|error| chain(&error))?,
            Self::Given(config) => (**config).clone(),
        };
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT);
        if let Purpose::Watch(silence) = purpose {
            config.read_timeout = Some(silence);
            config.reset_reader_on_write = true;
        }
        Client::try_from(config).map_err(|error| chain(&error))
    }
}
