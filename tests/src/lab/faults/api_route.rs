//! The route from a pod to the API server, through proxies that can have faults.

use anyhow::{Context, Result};
use serde_json::json;

use super::http_proxy::{ApiRequest, HttpFault, HttpProxy};
use super::tcp_proxy::{TcpFault, TcpProxy};
use crate::lab::kubernetes::{Account, Kube};

/// The proxies that requests go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// A TCP proxy to the API server's own TLS.
    Direct,
    /// A TCP proxy to an HTTP proxy, in plain HTTP.
    Watched,
}

/// The route of one pod, with its token.
#[derive(Debug)]
pub struct ApiRoute {
    tcp_proxy: TcpProxy,
    http_proxy: Option<HttpProxy>,
    account: Account,
    kubeconfig: String,
}

// === impl ApiRoute ===

impl ApiRoute {
    /// Builds the route of an account.
    pub fn build(kube: &Kube, account: &Account, route_kind: RouteKind) -> Result<Self> {
        let authority = kube.authority();
        let http_proxy = match route_kind {
            RouteKind::Direct => None,
            RouteKind::Watched => {
                let upstream = kube.client(&json!({
                    "apiVersion": "v1", "kind": "Config", "current-context": "lab",
                    "clusters": [{"name": "lab", "cluster": kube.cluster()}],
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

    /// The contents of the kubeconfig file with which the pod reaches the API server over this route.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// The service account of the pod.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Sets the fault that happens to connections from now on.
    pub fn set(&self, fault: TcpFault) {
        self.tcp_proxy.set(fault);
    }

    /// Sets the fault that happens to requests from now on; only on a [`RouteKind::Watched`] route.
    pub fn http_fault(&self, http_fault: HttpFault) -> Result<()> {
        self.http_proxy()?.set(http_fault);
        Ok(())
    }

    /// The requests so far; only on a [`RouteKind::Watched`] route.
    pub fn asked(&self) -> Result<Vec<ApiRequest>> {
        Ok(self.http_proxy()?.asked())
    }

    fn http_proxy(&self) -> Result<&HttpProxy> {
        self.http_proxy
            .as_ref()
            .context("this route has no HTTP proxy")
    }
}
