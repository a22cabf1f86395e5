//! A Kubernetes control plane on loopback: etcd and the API server, with RBAC and an audit log, but without controllers and nodes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::runtime::Runtime;

use self::keys::ControlPlaneKeys;
use super::host::{self, TempDir};
use super::ports;
use super::process::{Process, Signal};

mod access;
pub mod audit;
mod keys;
mod kube;
mod lease;
mod rights;

pub use access::Account;

pub use kube::{Kube, NAMESPACE};
pub use lease::{Lease, LeaseRecord};
pub use rights::Rights;

/// The version of Kubernetes that the tests run, which `tests/kubernetes/build` builds.
pub const VERSION: &str = "1.34.4";

/// The longest time until the control plane is ready. A start takes 3 s on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(120);

/// The audit policy of the API server: requests about Leases are logged with their user, verb and status, and nothing else is.
const AUDIT: &str = "apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, resources: [{group: coordination.k8s.io, resources: [leases]}]}
- level: None
";

/// A running control plane; its processes are killed and its files deleted when dropped.
#[derive(Debug)]
pub struct ControlPlane {
    // Fields are dropped in this order: first the API server and etcd, then the files and the runtime.
    api_server: Option<Process>,
    etcd: Option<Process>,
    kube: Kube,
    keys: ControlPlaneKeys,
    ports: ControlPlanePorts,
    scratch: TempDir,
    /// The runtime on which proxies and the administrator's requests run.
    #[expect(dead_code, reason = "it runs as long as it is held")]
    runtime: Runtime,
}

#[derive(Clone, Copy, Debug)]
struct ControlPlanePorts {
    api: u16,
    etcd: u16,
    peer: u16,
}

/// A process of the control plane, which tests kill, stop and start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Component {
    /// The process of kube-apiserver.
    ApiServer,
    /// The process of etcd, where the API server keeps its objects.
    Etcd,
}

/// Returns the path of the program that is etcd, kube-apiserver and kubectl in one: `KLAG_KUBERNETES`, else a file in the cache. If
/// there is no such file, the error says how to make it.
pub fn program() -> Result<PathBuf> {
    let path = match std::env::var_os("KLAG_KUBERNETES") {
        Some(path) => PathBuf::from(path),
        None => host::cache()?.join(format!("kubernetes-{VERSION}/kubelab")),
    };
    ensure!(
        path.is_file(),
        "no Kubernetes at {0}: run tests/kubernetes/build {0} (needs Go), or tests/run, which does it",
        path.display()
    );
    Ok(path)
}

// === impl ControlPlane ===

impl ControlPlane {
    /// Starts a control plane, waits until it is ready, and makes the namespace [`NAMESPACE`].
    pub fn start() -> Result<Self> {
        let scratch = TempDir::new("kubernetes")?;
        let keys = ControlPlaneKeys::make(&scratch.path().join("keys"))?;
        let [api, etcd, peer] = ports::free_ports()?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        scratch.write("audit-policy.yaml", AUDIT)?;
        let dir = scratch.path();
        let kube = Kube::new(runtime.handle(), (api, &keys, dir, program()?))?;
        let mut plane = Self {
            api_server: None,
            etcd: None,
            kube,
            keys,
            ports: ControlPlanePorts { api, etcd, peer },
            scratch,
            runtime,
        };
        plane.launch(Component::Etcd)?;
        plane.launch(Component::ApiServer)?;
        plane.wait_until_ready()?;
        plane.kube.make_namespace()?;
        Ok(plane)
    }

    /// Returns the handle for requests as the administrator and for making the accounts of pods.
    pub fn kube(&self) -> &Kube {
        &self.kube
    }

    /// Sends SIGKILL to a component and reaps it; an error if the component is not running.
    pub fn kill(&mut self, component: Component) -> Result<()> {
        drop(self.slot(component).take().context("it is not running")?);
        Ok(())
    }

    /// Starts a component that was killed. [`ControlPlane::wait_until_ready`] waits until both components work again.
    pub fn launch(&mut self, component: Component) -> Result<()> {
        let mut command = Command::new(program()?);
        let (name, args) = match component {
            Component::Etcd => ("etcd", self.etcd_args()),
            Component::ApiServer => ("kube-apiserver", self.api_server_args()),
        };
        command.arg(name).args(args);
        let log = self.scratch.path().join(format!("{name}.log"));
        let process = Process::spawn(name, command, &log)?;
        *self.slot(component) = Some(process);
        Ok(())
    }

    /// Sends a signal to a component; an error if the component is not running.
    pub fn signal(&mut self, component: Component, signal: Signal) -> Result<()> {
        let process = self.slot(component).as_mut();
        process.context("it is not running")?.signal(signal)
    }

    /// Waits until the API server answers `/readyz` with 200. If it does not, the error has the last 20 lines of its log.
    pub fn wait_until_ready(&mut self) -> Result<()> {
        let log = self.scratch.path().join("kube-apiserver.log");
        super::wait_for("the API server", START_LIMIT, || {
            for component in [Component::Etcd, Component::ApiServer] {
                let process = self.slot(component).as_mut().context("it is not running")?;
                let ended = process.ended()?;
                ensure!(ended.is_none(), "{component:?}: {ended:?}");
            }
            self.kube.text("/readyz")
        })
        .with_context(|| tail(&fs::read_to_string(&log).unwrap_or_default()))?;
        Ok(())
    }

    fn slot(&mut self, component: Component) -> &mut Option<Process> {
        match component {
            Component::ApiServer => &mut self.api_server,
            Component::Etcd => &mut self.etcd,
        }
    }

    fn etcd_args(&self) -> Vec<String> {
        let client = format!("http://127.0.0.1:{}", self.ports.etcd);
        let peer = format!("http://127.0.0.1:{}", self.ports.peer);
        let data = self.scratch.path().join("etcd");
        let words = format!(
            // With `--unsafe-no-fsync` etcd does not wait for the disk: test data need not survive a crash of the machine.
            "--name lab --data-dir {} --unsafe-no-fsync --log-level warn --listen-client-urls {client} \
             --advertise-client-urls {client} --listen-peer-urls {peer} --initial-advertise-peer-urls {peer} \
             --initial-cluster lab={peer}",
            data.display()
        );
        words.split_ascii_whitespace().map(str::to_owned).collect()
    }

    fn api_server_args(&self) -> Vec<String> {
        let dir = self.scratch.path().display();
        let key = |file| self.keys.path(file).display().to_string();
        let words = format!(
            "--etcd-servers http://127.0.0.1:{} --bind-address 127.0.0.1 --secure-port {} --advertise-address 127.0.0.1 \
             --tls-cert-file {} --tls-private-key-file {} --client-ca-file {} --authorization-mode=RBAC \
             --service-account-issuer=https://kubernetes.default.svc --service-account-key-file {accounts} \
             --service-account-signing-key-file {accounts} --service-cluster-ip-range 10.96.0.0/16 \
             --endpoint-reconciler-type=none --profiling=false --audit-policy-file {dir}/audit-policy.yaml \
             --audit-log-path {dir}/audit.log --audit-log-mode=blocking",
            self.ports.etcd,
            self.ports.api,
            key("apiserver.crt"),
            key("apiserver.key"),
            key("ca.crt"),
            accounts = key("accounts.key"),
        );
        words.split_ascii_whitespace().map(str::to_owned).collect()
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
