//! A real Kafka outside of the Kubernetes cluster: a broker in the node's network that is not a pod.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::{ADDRESS, Node};
use crate::lab::kafka::Version;
use crate::lab::kafka_tools::{KafkaTools, Tool};
use crate::lab::process::{self, Process};

const PORT: u16 = 9092;

/// The cluster id with which the broker's data directory is formatted. Its value does not matter, but must be a UUID in Base64.
const CLUSTER_ID: &str = "a2xhZy1lMmUtbm9kZS1sYQ";

/// The time limit of the broker's start, which takes 3 s on an idle machine, and of a command of the fixture.
const START_LIMIT: Duration = Duration::from_secs(120);

/// A cluster of one broker, which is killed when dropped.
#[derive(Debug)]
pub struct NodeKafka<'a> {
    node: &'a Node,
    tools: KafkaTools,
    #[expect(dead_code, reason = "the broker runs as long as it is held")]
    process: Process,
}

// === impl NodeKafka ===

impl<'a> NodeKafka<'a> {
    /// Starts the broker and waits until it listens.
    pub fn start(node: &'a Node) -> Result<Self> {
        let tools = KafkaTools::open(Version::from_env()?)?;
        let dir = node.scratch().path().join("kafka");
        fs::create_dir_all(&dir)?;
        let file = dir.join("server.properties");
        let text = format!(
            "process.roles=broker,controller\n\
             node.id=1\n\
             controller.quorum.voters=1@127.0.0.1:9093\n\
             listeners=PLAINTEXT://{ADDRESS}:{PORT},CONTROLLER://127.0.0.1:9093\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAINTEXT\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT\n\
             log.dirs={}/data\n\
             offsets.topic.replication.factor=1\n\
             offsets.topic.num.partitions=4\n\
             transaction.state.log.replication.factor=1\n\
             transaction.state.log.min.isr=1\n\
             group.initial.rebalance.delay.ms=0\n",
            dir.display()
        );
        fs::write(&file, text)?;
        let path = file.to_str().context("a path that is not UTF-8")?;
        tools.run(Tool::Storage, &["format", "-t", CLUSTER_ID, "-c", path])?;
        let mut java = tools.broker(&[]);
        java.arg(&file).current_dir(&dir);
        let log = dir.join("kafka.log");
        let process = Process::spawn("Kafka", within(node, &java), &log)?;
        let kafka = Self {
            node,
            tools,
            process,
        };
        wait_until_up(node).with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(kafka)
    }

    /// Returns the address of the broker, as `bootstrap_servers` takes it.
    pub fn bootstrap(&self) -> String {
        format!("{ADDRESS}:{PORT}")
    }

    /// Runs a command of the fixture (`tests/kafka`) in the node's network to its end; returns its output.
    pub fn fixture(&self, command: &str, args: &[&str]) -> Result<String> {
        let mut java = self.tools.fixture_command();
        java.arg(command).arg(self.bootstrap()).args(args);
        process::run(within(self.node, &java), START_LIMIT)
    }
}

fn wait_until_up(node: &Node) -> Result<()> {
    crate::lab::wait_for("the broker to listen", START_LIMIT, || {
        node.net().inside(|| {
            let connected = std::net::TcpStream::connect((ADDRESS, PORT));
            ensure!(connected.is_ok(), "{connected:?}");
            Ok(())
        })
    })
}

/// Returns a command that runs `command` in the node's network.
fn within(node: &Node, command: &Command) -> Command {
    let mut inside = node.command(command.get_program());
    inside.args(command.get_args());
    if let Some(dir) = command.get_current_dir() {
        inside.current_dir(dir);
    }
    inside
}
