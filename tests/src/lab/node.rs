//! A Kubernetes of one node with real pods: control plane, containerd, kubelet and kube-proxy in namespaces of their own
//! (`tests/node`), and images of the programs under test.
//!
//! The node takes no part in the machine's network. Tests run programs in the node's network ([`Node::command`]) or move a thread
//! into it ([`Net::inside`]). Servers that tests start there listen at [`ADDRESS`], where pods reach them. Pods have no DNS, and
//! network policies are not enforced.

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

pub use exporter::{CollectorImage, Overlay, ServiceAccountRights, Setup};
pub use installation::{Gaps, Installation};
pub use kafka::NodeKafka;
pub use net::Net;
pub use watch::{Seen, Watch};

use super::host::TempDir;
use super::kubernetes;
use super::process::{self, Process};
use super::programs::Program;

/// The node's address in its own network, at which pods reach the servers that tests start there.
pub const ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 87, 0, 1);

/// The tags under which the node knows each image of the programs: the tag in the manifests, and the tag of a next version with the
/// same contents, to which tests upgrade.
pub const TAGS: [&str; 2] = [env!("CARGO_PKG_VERSION"), "next"];

/// The images that `tests/manifests/images` builds, by the names of their files without `.tar`.
pub const BUILT: [&str; 3] = ["elector", "collector", "collector-static"];

/// The longest time until a node is ready. A start takes 10 s on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(180);

/// The time limit of a command that is run to its end, such as kubectl or a script of `tests/node`.
const LIMIT: Duration = Duration::from_secs(180);

/// A running node; all its processes are killed and its files deleted when dropped.
#[derive(Debug)]
pub struct Node {
    process: Option<Process>,
    net: Net,
    /// The id of the first process in the node's namespaces, by which commands enter them.
    init: u32,
    scratch: TempDir,
}

/// Returns the command that runs a script of `tests/node`.
fn script(name: &str) -> Command {
    Command::new(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("node")
            .join(name),
    )
}

// === impl Node ===

impl Node {
    /// Starts a node and waits until it is ready. On a machine that cannot run a node, prints what the machine lacks and returns
    /// `None`.
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

    /// Returns the network namespace of the node.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// Returns a directory that is deleted together with the node.
    pub fn scratch(&self) -> &TempDir {
        &self.scratch
    }

    /// Returns a command that runs `program` in the node's network with the administrator's kubeconfig. The program sees the file
    /// system and the processes of the machine.
    pub fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = Command::new("nsenter");
        command.arg(format!("--net=/proc/{}/ns/net", self.init));
        command.arg("--").arg(program.as_ref());
        command.env("KUBECONFIG", self.kubeconfig());
        command
    }

    /// Runs kubectl as the administrator; returns its output, or an error with the output if the exit status is not 0.
    pub fn kubectl(&self, args: &[&str]) -> Result<String> {
        let (status, text) = self.kubectl_status_and_output(args)?;
        ensure!(status.success(), "kubectl {args:?}: {status}\n{text}");
        Ok(text)
    }

    /// Runs kubectl as the administrator; returns its exit status, which may be a failure, and its output.
    pub fn kubectl_status_and_output(&self, args: &[&str]) -> Result<(ExitStatus, String)> {
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

    /// Returns an object or a list of objects as JSON, selected by `args` as `kubectl get` takes them.
    pub fn get(&self, args: &[&str]) -> Result<Value> {
        let mut all = vec!["get", "-o", "json"];
        all.extend(args);
        Ok(serde_json::from_str(&self.kubectl(&all)?)?)
    }

    /// Runs a command in the node's network, mount, pid and cgroup namespaces; returns its output.
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

    /// Sends SIGKILL to the first process of the container `id`, which is written as in a pod's status: `containerd://` and a hash.
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
        // The script `up` runs under `unshare --kill-child`, so killing it ends all processes in the node's namespaces.
        drop(self.process.take());
        if let Err(error) = process::run(script("sweep"), LIMIT) {
            super::say(format_args!("cgroups stay: {error:#}"));
        }
    }
}

/// Returns the directory of the images that `tests/manifests/images` has built; `None` unless the environment variable
/// `KLAG_IMAGES` names it. An image that is missing there is an error.
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

/// Puts the images of the programs under test, and a pause image, into `scratch`. Links to the built images if there are any;
/// otherwise puts images together from this machine's programs, libraries and curl.
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
