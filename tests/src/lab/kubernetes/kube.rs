//! Requests to the API server of a control plane as its administrator, who may do everything.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use http::{Method, Request, header::CONTENT_TYPE};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use super::keys::ControlPlaneKeys;
use crate::lab::process;

/// The namespace of all objects that tests on the control plane create.
pub const NAMESPACE: &str = "lab";

/// The time limit of each request of the administrator, and of kubectl.
const LIMIT: Duration = Duration::from_secs(20);

/// A handle for requests to a control plane as its administrator. Each request blocks its thread, so a clone may be used on any
/// thread except those of the control plane's own runtime.
#[derive(Clone)]
pub struct Kube {
    admin: Client,
    runtime: Handle,
    port: u16,
    dir: PathBuf,
    program: PathBuf,
}

/// The method with which an object is written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Write {
    /// POST, which creates an object.
    Create,
    /// PATCH with a JSON merge patch (RFC 7386), which changes an object.
    Merge,
}

// === impl Kube ===

impl Kube {
    pub(super) fn new(
        runtime: &Handle,
        (port, keys, dir, program): (u16, &ControlPlaneKeys, &Path, PathBuf),
    ) -> Result<Self> {
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "lab",
            "clusters": [{"name": "lab", "cluster": {
                "server": format!("https://127.0.0.1:{port}"), "certificate-authority": keys.path("ca.crt")}}],
            "users": [{"name": "admin", "user": {
                "client-certificate": keys.path("admin.crt"), "client-key": keys.path("admin.key")}}],
            "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "admin", "namespace": NAMESPACE}}],
        });
        let text = serde_json::to_string_pretty(&kubeconfig)?;
        std::fs::write(dir.join("admin.kubeconfig"), text)?;
        Ok(Self {
            admin: client(runtime, &kubeconfig)?,
            runtime: runtime.clone(),
            port,
            dir: dir.to_owned(),
            program,
        })
    }

    /// Runs kubectl as the administrator; returns its output, standard error included. A failed command is an error with the
    /// output.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        let mut kubectl = Command::new(&self.program);
        kubectl.arg("kubectl").args(args);
        kubectl.env("KUBECONFIG", self.dir.join("admin.kubeconfig"));
        process::run(kubectl, LIMIT).with_context(|| format!("kubectl {args:?}"))
    }

    /// Returns the port on which the API server serves TLS.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of the API server.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    /// Returns the cluster entry of a kubeconfig for the API server: its URL, and the authority that signed its certificate.
    pub(crate) fn cluster(&self) -> Value {
        json!({"server": self.url(), "certificate-authority": self.authority()})
    }

    /// Returns the control plane's runtime, on which the proxies of routes run too.
    pub(crate) fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Returns the path of the certificate of the authority that signed the API server's certificate.
    pub(crate) fn authority(&self) -> PathBuf {
        self.dir.join("keys/ca.crt")
    }

    /// Returns a client for this kubeconfig that retries no request.
    pub(crate) fn client(&self, kubeconfig: &Value) -> Result<Client> {
        client(&self.runtime, kubeconfig)
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn make_namespace(&self) -> Result<()> {
        let body = json!({"metadata": {"name": NAMESPACE}});
        self.write(Write::Create, "/api/v1/namespaces", &body)?;
        Ok(())
    }

    /// Sends `GET path`; returns the answer's text. A status that is not a success is an error.
    pub(super) fn text(&self, path: &str) -> Result<String> {
        let request = Request::get(path).body(Vec::new())?;
        self.bounded(self.admin.request_text(request))
    }

    /// Sends `GET path`; returns the object, or `None` if the status is 404.
    pub(super) fn read(&self, path: &str) -> Result<Option<Value>> {
        let request = Request::get(path).body(Vec::new())?;
        match self.bounded(async { Ok(self.admin.request::<Value>(request).await) })? {
            Ok(value) => Ok(Some(value)),
            Err(kube::Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(error).with_context(|| format!("GET {path}")),
        }
    }

    /// Creates or changes an object; returns the object as the API server stored it.
    pub(super) fn write(&self, how: Write, path: &str, body: &Value) -> Result<Value> {
        let (method, kind) = match how {
            Write::Create => (Method::POST, "application/json"),
            Write::Merge => (Method::PATCH, "application/merge-patch+json"),
        };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(CONTENT_TYPE, kind)
            .body(serde_json::to_vec(body)?)?;
        self.bounded(self.admin.request::<Value>(request))
            .with_context(|| format!("{how:?} {path} {body}"))
    }

    /// Deletes the object at `path`; an error if it does not exist.
    pub(super) fn delete(&self, path: &str) -> Result<()> {
        let request = Request::delete(path).body(Vec::new())?;
        self.bounded(self.admin.request_text(request))?;
        Ok(())
    }

    fn bounded<T>(&self, asked: impl Future<Output = Result<T, kube::Error>>) -> Result<T> {
        self.runtime.block_on(async {
            match tokio::time::timeout(LIMIT, asked).await {
                Ok(answer) => Ok(answer?),
                Err(_) => bail!("no answer of the API server in {LIMIT:?}"),
            }
        })
    }
}

impl fmt::Debug for Kube {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Kube")
            .field("port", &self.port)
            .finish_non_exhaustive()
    }
}

fn client(runtime: &Handle, kubeconfig: &Value) -> Result<Client> {
    let kubeconfig = Kubeconfig::from_yaml(&kubeconfig.to_string())?;
    runtime.block_on(async {
        let options = KubeConfigOptions::default();
        let mut config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
        config.default_retry = false;
        Ok(Client::try_from(config)?)
    })
}
