//! The way from a pod to the API server.

use anyhow::{Context, Result};
use serde_json::json;

use super::door::{Door, Way};
use super::gateway::{Asked, Gateway, Weather};
use crate::lab::kubernetes::{Account, Kube};

/// What requests go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Surface {
    /// A door to the API server's own TLS.
    Direct,
    /// A door to a gateway, in plain HTTP.
    Watched,
}

/// A pod's own way, with its token.
#[derive(Debug)]
pub struct Road {
    door: Door,
    gateway: Option<Gateway>,
    account: Account,
    kubeconfig: String,
}

// === impl Road ===

impl Road {
    /// Builds one for an account.
    pub fn build(kube: &Kube, account: &Account, surface: Surface) -> Result<Self> {
        let authority = kube.authority();
        let gateway = match surface {
            Surface::Direct => None,
            Surface::Watched => {
                let server = format!("https://127.0.0.1:{}", kube.port());
                let cluster = json!({"server": server, "certificate-authority": authority});
                let upstream = kube.client(&json!({
                    "apiVersion": "v1", "kind": "Config", "current-context": "lab",
                    "clusters": [{"name": "lab", "cluster": cluster}],
                    "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "nobody"}}],
                    "users": [{"name": "nobody", "user": {}}],
                }))?;
                Some(Gateway::open(kube.runtime(), upstream)?)
            }
        };
        let to = gateway.as_ref().map_or(kube.port(), Gateway::port);
        let door = Door::open(kube.runtime(), to)?;
        let cluster = match surface {
            Surface::Direct => json!({
                "server": format!("https://127.0.0.1:{}", door.port()), "certificate-authority": authority}),
            Surface::Watched => json!({"server": format!("http://127.0.0.1:{}", door.port())}),
        };
        let kubeconfig = account.kubeconfig(&cluster).to_string();
        Ok(Self {
            door,
            gateway,
            account: account.clone(),
            kubeconfig,
        })
    }

    /// What the pod's `KUBECONFIG` says.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Who the pod is to the API server.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// What becomes of connections from now on.
    pub fn set(&self, way: Way) {
        self.door.set(way);
    }

    /// What becomes of requests from now on; only on a [`Surface::Watched`] road.
    pub fn weather(&self, weather: Weather) -> Result<()> {
        self.gateway()?.set(weather);
        Ok(())
    }

    /// What was asked so far; only on a [`Surface::Watched`] road.
    pub fn asked(&self) -> Result<Vec<Asked>> {
        Ok(self.gateway()?.asked())
    }

    fn gateway(&self) -> Result<&Gateway> {
        self.gateway.as_ref().context("nobody watches this road")
    }
}
