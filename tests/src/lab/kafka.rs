//! Apache Kafka on loopback: one broker or more, each of which is a controller too.

use std::fs;
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::host::TempDir;
use super::kafka_tools::{KafkaTools, Tool};
use super::keys::Keys;
use super::process::{Process, Signal};

mod members;
mod plan;
mod properties;
mod version;

pub use plan::{Plan, ProxiedListener};
pub use properties::{Listeners, PASSWORD, User};
pub use version::Version;

/// The cluster id with which brokers' data directories are formatted. Its value does not matter, but all brokers of a cluster need
/// the same.
const CLUSTER_ID: &str = "a2xhZy1lMmUtY2x1c3Rlcg";

/// The time limit of a broker's start, which takes 3 s on an idle machine, and of its end in order.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A running cluster; its brokers are killed and its files deleted when dropped.
#[derive(Debug)]
pub struct Kafka {
    // Fields are dropped in this order: first the processes, then the files that they use.
    nodes: Vec<BrokerNode>,
    version: Version,
    tools: KafkaTools,
    listeners: Listeners,
    keys: Option<Keys>,
    jvm: Vec<String>,
    scratch: TempDir,
}

#[derive(Debug)]
struct BrokerNode {
    ports: properties::BrokerPorts,
    process: Option<Process>,
}

// === impl Kafka ===

impl Kafka {
    /// Starts a cluster and waits until each broker accepts connections on all of its ports for clients.
    pub fn start(plan: &Plan) -> Result<Self> {
        let version = plan.version()?;
        let tools = KafkaTools::open(version)?;
        let scratch = TempDir::new("kafka")?;
        let keys = match plan.listeners {
            Listeners::Plain => None,
            Listeners::Secured => Some(Keys::make(&scratch)?),
        };
        let mut nodes = Vec::new();
        for _ in 0..plan.nodes {
            let ports = properties::BrokerPorts::free()?;
            nodes.push(BrokerNode {
                ports,
                process: None,
            });
        }
        let mut kafka = Self {
            nodes,
            version,
            tools,
            listeners: plan.listeners,
            keys,
            jvm: plan.jvm.clone(),
            scratch,
        };
        for id in 1..=plan.nodes {
            kafka.format(id, plan)?;
        }
        for id in 1..=plan.nodes {
            kafka.launch(id)?;
        }
        for id in 1..=plan.nodes {
            kafka.wait_until_up(id)?;
        }
        Ok(kafka)
    }

    /// Returns the version of the brokers.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Returns the addresses of the listeners without security, as `bootstrap.servers` takes them.
    pub fn bootstrap(&self) -> String {
        self.addresses(|ports| ports.plain)
    }

    /// Returns the addresses of the SASL listeners, which brokers open only with [`Listeners::Secured`].
    pub fn bootstrap_sasl(&self) -> String {
        self.addresses(|ports| ports.sasl)
    }

    /// Returns the addresses of the listeners with SASL over TLS, which brokers open only with [`Listeners::Secured`].
    pub fn bootstrap_sasl_tls(&self) -> String {
        self.addresses(|ports| ports.sasl_tls)
    }

    /// Returns the addresses of the TLS listeners, which brokers open only with [`Listeners::Secured`].
    pub fn bootstrap_tls(&self) -> String {
        self.addresses(|ports| ports.tls)
    }

    /// Returns the addresses of the controllers' listeners, which do not serve clients.
    pub fn controllers(&self) -> String {
        self.addresses(|ports| ports.controller)
    }

    /// Returns the certificates of brokers and users; an error unless the listeners are [`Listeners::Secured`].
    pub fn keys(&self) -> Result<&Keys> {
        self.keys.as_ref().context("this Kafka has no certificates")
    }

    /// Runs one of Kafka's tools on this cluster, through the listeners without security; returns its output.
    pub fn tool(&self, tool: Tool, args: &[&str]) -> Result<String> {
        self.tool_at(&self.bootstrap(), tool, args)
    }

    /// Runs one of Kafka's tools through the listeners in `bootstrap`; returns its output.
    pub fn tool_at(&self, bootstrap: &str, tool: Tool, args: &[&str]) -> Result<String> {
        let mut all = vec!["--bootstrap-server", bootstrap];
        all.extend(args);
        self.tools.run(tool, &all)
    }

    /// Runs a command of the fixture (`tests/kafka`) on this cluster to its end; returns its output.
    pub fn fixture(&self, command: &str, args: &[&str]) -> Result<String> {
        let bootstrap = self.bootstrap();
        let mut all = vec![command, &bootstrap];
        all.extend(args);
        self.tools.fixture(&all)
    }

    /// Returns everything that a node has printed so far.
    pub fn log(&self, id: u16) -> Result<String> {
        let path = self.scratch.path().join(format!("n{id}/kafka.log"));
        Ok(fs::read_to_string(path)?)
    }

    /// Returns a directory that is deleted together with this cluster.
    pub fn scratch(&self) -> &TempDir {
        &self.scratch
    }

    /// Starts a node that was stopped or killed, with its old data, and waits until it accepts connections.
    pub fn start_node(&mut self, id: u16) -> Result<()> {
        self.launch(id)?;
        self.wait_until_up(id)
    }

    /// Sends SIGTERM to a node and waits for its end. The broker hands over the partitions that it leads before it ends.
    pub fn stop_node(&mut self, id: u16) -> Result<()> {
        let mut process = self.take(id)?;
        process.signal(Signal::Terminate)?;
        process.wait(START_LIMIT)?;
        Ok(())
    }

    /// Sends SIGKILL to a node, which ends without handing its partitions over.
    pub fn kill_node(&mut self, id: u16) -> Result<()> {
        drop(self.take(id)?);
        Ok(())
    }

    /// Sends SIGSTOP to a node: its connections stay open, but it answers nothing.
    pub fn pause_node(&mut self, id: u16) -> Result<()> {
        self.process(id)?.signal(Signal::Stop)
    }

    /// Sends SIGCONT to a node, which goes on after [`Kafka::pause_node`].
    pub fn resume_node(&mut self, id: u16) -> Result<()> {
        self.process(id)?.signal(Signal::Continue)
    }

    /// Sends SIGKILL to all nodes, one right after the other, and reaps them.
    pub fn kill_all(&mut self) {
        for node in &mut self.nodes {
            node.process = None;
        }
    }

    fn addresses(&self, port: impl Fn(&properties::BrokerPorts) -> u16) -> String {
        let all = self
            .nodes
            .iter()
            .map(|node| format!("127.0.0.1:{}", port(&node.ports)));
        all.collect::<Vec<_>>().join(",")
    }

    fn node(&mut self, id: u16) -> Result<&mut BrokerNode> {
        let at = usize::from(id)
            .checked_sub(1)
            .context("node ids count from 1")?;
        self.nodes
            .get_mut(at)
            .with_context(|| format!("there is no node {id}"))
    }

    fn process(&mut self, id: u16) -> Result<&mut Process> {
        let process = self.node(id)?.process.as_mut();
        process.with_context(|| format!("node {id} is not running"))
    }

    fn take(&mut self, id: u16) -> Result<Process> {
        let process = self.node(id)?.process.take();
        process.with_context(|| format!("node {id} is not running"))
    }

    fn format(&self, id: u16, plan: &Plan) -> Result<()> {
        let ports: Vec<_> = self.nodes.iter().map(|node| node.ports).collect();
        let dir = self.scratch.path().join(format!("n{id}"));
        fs::create_dir_all(&dir)?;
        let text = properties::Broker {
            id,
            ports: &ports,
            dir: &dir,
            keys: self.keys.as_ref(),
            proxied: plan
                .proxied
                .get(usize::from(id) - 1)
                .map_or(&[], Vec::as_slice),
            extra: &format!("{}{}", self.version.properties(), plan.extra),
        }
        .text();
        let file = self
            .scratch
            .write(&format!("n{id}/server.properties"), text)?;
        let file = file.to_str().context("a path that is not UTF-8")?;
        let mut args = vec!["format", "-t", CLUSTER_ID, "-c", file];
        args.extend(self.version.features());
        let scram = properties::scram_users();
        if self.listeners == Listeners::Secured {
            for user in &scram {
                args.extend(["--add-scram", user]);
            }
        }
        self.tools.run(Tool::Storage, &args)?;
        Ok(())
    }

    fn launch(&mut self, id: u16) -> Result<()> {
        let dir = self.scratch.path().join(format!("n{id}"));
        let mut java = self.tools.broker(&self.jvm);
        java.arg(dir.join("server.properties")).current_dir(&dir);
        let node = self.node(id)?;
        ensure!(node.process.is_none(), "node {id} is running");
        let process = Process::spawn(&format!("Kafka node {id}"), java, &dir.join("kafka.log"))?;
        node.process = Some(process);
        Ok(())
    }

    fn wait_until_up(&mut self, id: u16) -> Result<()> {
        let log = self.scratch.path().join(format!("n{id}/kafka.log"));
        let listeners = self.listeners;
        let node = self.node(id)?;
        let ports = node.ports.for_clients(listeners);
        let process = node.process.as_mut().context("not started")?;
        super::wait_for("a broker to listen", START_LIMIT, || {
            if let Some(status) = process.ended()? {
                anyhow::bail!("node {id} ended: {status}\n{}", fs::read_to_string(&log)?);
            }
            for port in &ports {
                TcpStream::connect(("127.0.0.1", *port))?;
            }
            Ok(())
        })
    }
}
