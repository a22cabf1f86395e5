//! The address of the API server, and clients for it.

use std::io::ErrorKind;
use std::time::Duration;

use kube::config::{ExecInteractiveMode, KubeConfigOptions, KubeconfigError};
use kube::{Client, Config};

use super::classify_error;
use crate::guard::outcome::RequestFailure;

/// The time that opening a connection is given, TLS included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);

/// The source of the API server's address and credentials.
#[derive(Clone, Debug, Default)]
pub enum ApiServer {
    /// The same source as kubectl's: `KUBECONFIG`, else `~/.kube/config`, else the service account of the pod.
    #[default]
    Inferred,
    /// A configuration that the caller gives, as tests do.
    Given(Box<Config>),
}

/// The purpose of a client, on which its time limits depend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ClientPurpose {
    /// Short requests, each with a deadline of its own.
    Requests,
    /// A watch, which goes on until the API server ends it, or is silent for this time.
    Watch(Duration),
}

// === impl ApiServer ===

impl ApiServer {
    /// Opens a client, which repeats no request by itself and reads a token file again when the file has changed. Opening reads
    /// files, and waits for a credential plugin without a limit.
    ///
    /// # Errors
    /// Returns a failure if the configuration is wrong or cannot be read.
    pub(super) async fn connect(&self, purpose: ClientPurpose) -> Result<Client, RequestFailure> {
        let mut config = match self {
            Self::Inferred => inferred().await?,
            Self::Given(config) => (**config).clone(),
        };
        if let Some(plugin) = &mut config.auth_info.exec {
            // An interactive plugin would inherit this process's stderr, so that its text would reach the log unchecked.
            plugin.interactive_mode = Some(ExecInteractiveMode::Never);
        }
        config.default_retry = false;
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        if let ClientPurpose::Watch(silence) = purpose {
            config.read_timeout = Some(silence);
            config.reset_reader_on_write = true;
        }
        Client::try_from(config).map_err(|error| classify_error::failure_of(&error))
    }
}

/// Returns the configuration that kubectl would use.
async fn inferred() -> Result<Config, RequestFailure> {
    let mut config = match Config::from_kubeconfig(&KubeConfigOptions::default()).await {
        Ok(config) => config,
        Err(error) => match Config::incluster() {
            Ok(config) => config,
            Err(in_cluster) if is_absent(&error) => {
                return Err(classify_error::failure_of(&in_cluster));
            }
            Err(_) => return Err(classify_error::failure_of(&error)),
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
