//! The route from a pod to the API server through proxies that can have faults, with the kubeconfig that leads there.

use anyhow::{Context, Result};
use serde_json::json;

use super::http_proxy::{ApiRequest, HttpFault, HttpProxy};
use super::tcp_proxy::{TcpFault, TcpProxy};
use crate::lab::kubernetes::{Account, Kube};

/// The proxies between a pod and the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RouteKind {
    /// A TCP proxy alone: the pod speaks TLS with the API server, so requests can be neither seen nor answered with errors.
    Direct,
    /// A TCP proxy in front of an HTTP proxy: the pod speaks plain HTTP, so requests are seen and can be answered with errors.
    Watched,
}

/// The route of one pod: its proxies, and a kubeconfig with the token of its service account.
#[derive(Debug)]
pub struct ApiRoute {
    tcp_proxy: TcpProxy,
    http_proxy: Option<HttpProxy>,
    account: Account,
    kubeconfig: String,
}

// === impl ApiRoute ===

impl ApiRoute {
    /// Opens the proxies and writes the kubeconfig of `account` for them. The proxies run on the runtime of `kube`.
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

    /// Returns the contents of the kubeconfig file with which the pod reaches the API server over this route.
    pub fn kubeconfig(&self) -> &str {
        &self.kubeconfig
    }

    /// Returns the service account of the pod.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Sets the fault of this route's connections, both open and future ones.
    pub fn set(&self, fault: TcpFault) {
        self.tcp_proxy.set(fault);
    }

    /// Sets the fault of requests that arrive from now on; an error unless the route is [`RouteKind::Watched`].
    pub fn http_fault(&self, http_fault: HttpFault) -> Result<()> {
        self.http_proxy()?.set(http_fault);
        Ok(())
    }

    /// Returns the requests so far; an error unless the route is [`RouteKind::Watched`].
    pub fn requests(&self) -> Result<Vec<ApiRequest>> {
        Ok(self.http_proxy()?.requests())
    }

    fn http_proxy(&self) -> Result<&HttpProxy> {
        self.http_proxy
            .as_ref()
            .context("this route has no HTTP proxy")
    }
}
