//! Where the API server is, and a client for it.

use std::io::ErrorKind;
use std::time::Duration;

use kube::config::{ExecInteractiveMode, KubeConfigOptions, KubeconfigError};
use kube::{Client, Config};

use super::failure;
use crate::guard::troubles::Failure;

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
    /// A client. It repeats nothing by itself; tokens that lie in a file are read again when they have changed. Reads files, and
    /// waits for a credential plugin, as long as that takes.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub(super) async fn connect(&self, purpose: Purpose) -> Result<Client, Failure> {
        let mut config = match self {
            Self::Inferred => inferred().await?,
            Self::Given(config) => (**config).clone(),
        };
        if let Some(plugin) = &mut config.auth_info.exec {
            // Otherwise it writes to our stderr what nobody has looked at.
            plugin.interactive_mode = Some(ExecInteractiveMode::Never);
        }
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT);
        if let Purpose::Watch(silence) = purpose {
            config.read_timeout = Some(silence);
            config.reset_reader_on_write = true;
        }
        Client::try_from(config).map_err(|error| failure::of(&error))
    }
}

/// Where kubectl would look.
async fn inferred() -> Result<Config, Failure> {
    let mut config = match Config::from_kubeconfig(&KubeConfigOptions::default()).await {
        Ok(config) => config,
        Err(error) => match Config::incluster() {
            Ok(config) => config,
            Err(in_cluster) if is_absent(&error) => return Err(failure::of(&in_cluster)),
            Err(_) => return Err(failure::of(&error)),
        },
    };
    config.apply_debug_overrides();
    Ok(config)
}

fn is_absent(error: &KubeconfigError) -> bool {
    match error {
        KubeconfigError::FindPath => true,
        KubeconfigError::ReadConfig(error, _) => error.kind() == ErrorKind::NotFound,
        _ => false,
    }
}
