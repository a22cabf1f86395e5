//! A Kubernetes of one node with real pods: control plane, containerd, kubelet and kube-proxy in namespaces of their own (`tests/node`),
//! and images of the programs under test.
//!
//! The node takes no part in the machine's network. Tests run programs in the node's network ([`Node::command`]) or enter it with a thread
//! ([`Net::inside`]); pods reach at [`ADDRESS`] the servers that tests start there. Pods have no DNS, and network policies are not
//! enforced.

mod exporter;
mod installation;
mod kafka;
mod net;
mod watch;

use std::fs;
use std::net::Ipv4Addr;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

pub use exporter::{Collector, Overlay, Rights, Setup};
pub use installation::{Gaps, Installation};
pub use kafka::Kafka;
pub use net::Net;
pub use watch::{Seen, Watch};

use super::host::TempDir;
use super::kubernetes;
use super::process::{self, Process};
use super::programs::Program;

/// The address of the node for its pods.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 87, 0, 1);

/// The tags of the images: the one in the manifests, and a next version with the same contents.
pub const TAGS: [&str; 2] = [env!("CARGO_PKG_VERSION"), "next"];

/// The images that `tests/manifests/images` builds.
pub const BUILT: [&str; 3] = ["elector", "collector", "collector-static"];

/// The longest time until a node is ready, which takes 10 s on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(180);

/// The time limit of a command, unless the command itself waits.
const LIMIT: Duration = Duration::from_secs(180);

/// A node; stopped and deleted when dropped.
#[derive(Debug)]
pub struct Node {
    process: Option<Process>,
    net: Net,
    /// The first process of the node's namespaces.
    init: u32,
    scratch: TempDir,
}

/// A script of `tests/node`.
fn script(name: &str) -> Command {
    Command::new(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("node")
            .join(name),
    )
}

// === impl Node ===

impl Node {
    /// Starts a node and waits until it is ready. `None`, after a line that says what is missing, on a machine that cannot run one.
    pub fn start() -> Result<Option<Self>> {
        if let Err(lacking) = process::run(script("check"), LIMIT) {
            super::say(format_args!("NOT RUN, nothing is proved: {lacking}"));
            return Ok(None);
        }
        let scratch = TempDir::new("node")?;
        images(&scratch)?;
        let log = scratch.path().join("up.log");
        let mut up = script("up");
        up.arg(scratch.path()).args(TAGS);
        up.env("KUBELAB", kubernetes::program()?);
        let mut process = Process::spawn("node", up, &log)?;
        super::wait_for("the node", START_LIMIT, || {
            let ended = process.ended()?;
            ensure!(ended.is_none(), "it has ended: {ended:?}");
            ensure!(scratch.path().join("ready").exists(), "it is not ready");
            Ok(())
        })
        .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        let id = process.id();
        let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children"))?;
        let init = children.trim().parse()?;
        Ok(Some(Self {
            process: Some(process),
            net: Net::of(init)?,
            init,
            scratch,
        }))
    }

    /// The node's network.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// A directory that is deleted together with the node.
    pub fn scratch(&self) -> &TempDir {
        &self.scratch
    }

    /// A command that runs in the node's network, as the administrator; everything else is as on the machine.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.init));
        command.arg("--").arg(program.as_ref());
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Runs kubectl as the administrator; returns what it printed.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        let (status, text) = self.kubectl_says(args)?;
        ensure!(status.success(), "kubectl {args:?}: {status}\n{text}");
        Ok(text)
    }

    /// Runs kubectl as the administrator; returns its exit status, whatever it is, and what it printed.
    pub fn kubectl_says(&self, args: &[&str]) -> Result<(ExitStatus, String)> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let mut command = self.command(kubernetes::program()?);
        command.arg("kubectl").args(args);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let out = self.scratch.path().join(format!("kubectl-{n}"));
        let mut kubectl = Process::spawn("kubectl", command, &out)?;
        let status = kubectl.wait(LIMIT)?;
        let text = String::from_utf8_lossy(&fs::read(&out)?).into_owned();
        fs::remove_file(&out)?;
        Ok((status, text))
    }

    /// An object as JSON.
    pub fn get(&self, args: &[&str]) -> Result<Value> {
        let mut all = vec!["get", "-o", "json"];
        all.extend(args);
        Ok(serde_json::from_str(&self.kubectl(&all)?)?)
    }

    /// Runs a command in all of the node's namespaces; returns what it printed.
    pub fn run_inside(&self, args: &[&str]) -> Result<String> {
        let mut command = Command::new("nsenter");
        command.args(["-t", &self.init.to_string(), "-n", "-m", "-p", "-C", "--"]);
        command.args(args);
        process::run(command, LIMIT)
    }

    /// Sends a signal, such as `STOP`, to the node's kubelet.
    pub fn signal_kubelet(&self, signal: &str) -> Result<()> {
        let id = fs::read_to_string(self.scratch.path().join("kubelet.pid"))?;
        self.run_inside(&["kill", "-s", signal, id.trim()])?;
        Ok(())
    }

    /// Sends SIGKILL to the first process of a container, which `id` names as the pod's status does.
    pub fn kill_container(&self, id: &str) -> Result<()> {
        let id = id
            .strip_prefix("containerd://")
            .context("no container id")?;
        self.run_inside(&["ctr", "-n", "k8s.io", "tasks", "kill", "-s", "SIGKILL", id])?;
        Ok(())
    }

    fn kubeconfig(&self) -> PathBuf {
        self.scratch.path().join("admin.kubeconfig")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        // All processes in the node's namespaces end with it.
        drop(self.process.take());
        if let Err(error) = process::run(script("sweep"), LIMIT) {
            super::say(format_args!("cgroups stay: {error:#}"));
        }
    }
}

/// The directory of the images that `tests/manifests/images` has built, if `KLAG_IMAGES` names one.
pub fn built_images() -> Result<Option<PathBuf>> {
    let Some(dir) = std::env::var_os("KLAG_IMAGES").filter(|dir| !dir.is_empty()) else {
        return Ok(None);
    };
    let dir =
        fs::canonicalize(&dir).with_context(|| format!("KLAG_IMAGES is {}", dir.display()))?;
    for name in BUILT {
        ensure!(
            dir.join(format!("{name}.tar")).is_file(),
            "no {name}.tar in {}",
            dir.display()
        );
    }
    Ok(Some(dir))
}

/// Images of the programs under test: the built ones if there are any, else some that are put together from files of this machine.
fn images(scratch: &TempDir) -> Result<()> {
    let dir = scratch.path().join("images");
    fs::create_dir_all(&dir)?;
    let pause = scratch.path().join("pause");
    let mut gcc = Command::new("gcc");
    gcc.args(["-static", "-O2", "-s", "-o"]).arg(&pause);
    gcc.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("node/pause.c"));
    process::run(gcc, LIMIT)?;
    let image = |name: &str, program: &Path, rest: &[&str]| {
        let mut image = script("image");
        image.arg(name).arg(dir.join(format!("{name}.tar")));
        image.arg(program).args(rest);
        process::run(image, LIMIT)
    };
    image("pause", &pause, &["/pause"])?;
    if let Some(built) = built_images()? {
        for name in BUILT {
            let file = format!("{name}.tar");
            symlink(built.join(&file), dir.join(&file))?;
        }
        return Ok(());
    }
    image("elector", &Program::Elector.path()?, &["/elector"])?;
    let collector = Program::Collector.path()?;
    let rest = ["/usr/local/bin/collector", "/usr/bin/curl"];
    image("collector", &collector, &rest)?;
    Ok(())
}
