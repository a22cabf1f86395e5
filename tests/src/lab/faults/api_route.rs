//! The way from a pod to the API server.

use anyhow::{Context, Result};
use serde_json::json;

use super::http_proxy::{ApiRequest, HttpFault, HttpProxy};
use super::tcp_proxy::{TcpFault, TcpProxy};
use crate::lab::kubernetes::{Account, Kube};

/// What requests go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// A door to the API server's own TLS.
    Direct,
    /// A door to a gateway, in plain HTTP.
    Watched,
}

/// A pod's own way, with its token.
#[derive(Debug)]
pub struct ApiRoute {
    tcp_proxy: TcpProxy,
    http_proxy: Option<HttpProxy>,
    account: Account,
    kubeconfig: String,
}

// === impl Road ===

impl ApiRoute {
    /// Builds one for an account.
    pub fn build(kube: &Kube, account: &Account, route_kind: RouteKind) -> Result<Self> {
        let authority = kube.authority();
        let http_proxy = match route_kind {
            RouteKind::Direct => None,
            RouteKind::Watched => {
                let server = format!("https://127.0.0.1:{}", kube.port());
                let cluster = json!({"server": server, "certificate-authority": authority});
                let upstream = kube.client(&json!({
                    "apiVersion": "v1", "kind": "Config", "current-context": "lab",
                    "clusters": [{"name": "lab", "cluster": cluster}],
                    "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "nobody"}}],
                    "users": [{"name": "nobody", "user": {}}],
                }))?;
                Some(HttpProxy::open(kube.runtime(), upstream)?)
            }
        };
        let to = http_proxy.as_ref().map_or(kube.port(), HttpProxy::port);
        let tcp_proxy = TcpProxy::open(kube.runtime(), to)?;
        let cluster = match route_kind {
            RouteKind::Direct => json!({
                "server": format!("https://127.0.0.1:{}", tcp_proxy.port()), "certificate-authority": authority}),
            RouteKind::Watched => {
                json!({"server": format!("http://127.0.0.1:{}", tcp_proxy.port())})
            }
        };
        let kubeconfig = account.kubeconfig(&cluster).to_string();
        Ok(Self {
            tcp_proxy,
            http_proxy,
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
    pub fn set(&self, fault: TcpFault) {
        self.tcp_proxy.set(fault);
    }

    /// What becomes of requests from now on; only on a [`RouteKind::Watched`] road.
    pub fn http_fault(&self, http_fault: HttpFault) -> Result<()> {
        self.http_proxy()?.set(http_fault);
        Ok(())
    }

    /// What was asked so far; only on a [`RouteKind::Watched`] road.
    pub fn asked(&self) -> Result<Vec<ApiRequest>> {
        Ok(self.http_proxy()?.asked())
    }

    fn http_proxy(&self) -> Result<&HttpProxy> {
        self.http_proxy.as_ref().context("nobody watches this road")
    }
}
