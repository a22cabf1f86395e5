//! Java programs that connect to a Kafka: Kafka's own command-line tools, and the fixture of `tests/kafka`.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::host::{self, TempDir};
use super::kafka::Version;
use super::process::{self, Process};

const SOURCES: [(&str, &str); 11] = [
    ("Fixture.java", include_str!("../../kafka/Fixture.java")),
    ("Client.java", include_str!("../../kafka/Client.java")),
    ("Ages.java", include_str!("../../kafka/Ages.java")),
    (
        "Situations.java",
        include_str!("../../kafka/Situations.java"),
    ),
    ("Volumes.java", include_str!("../../kafka/Volumes.java")),
    ("Groups.java", include_str!("../../kafka/Groups.java")),
    ("Probe.java", include_str!("../../kafka/Probe.java")),
    ("Journal.java", include_str!("../../kafka/Journal.java")),
    ("Soak.java", include_str!("../../kafka/Soak.java")),
    (
        "SoakTopics.java",
        include_str!("../../kafka/SoakTopics.java"),
    ),
    (
        "SoakGroups.java",
        include_str!("../../kafka/SoakGroups.java"),
    ),
];

/// The time limit of a tool, of a command of the fixture, and of the compiler. Most take seconds; beside a build they take far
/// longer.
const TOOL_LIMIT: Duration = Duration::from_secs(180);

/// The jars of one version of the brokers, the jars of the tools, and the compiled fixture.
#[derive(Clone, Debug)]
pub struct KafkaTools {
    /// The folder with the brokers' jars.
    brokers: PathBuf,
    /// The folder with the jars of the tools and the fixture, the same for every version of the brokers.
    jars: PathBuf,
    fixture: PathBuf,
}

/// Kafka's command-line tools, by the names of their scripts, so that tests need not name Java classes.
#[derive(Clone, Copy, Debug)]
pub enum Tool {
    /// `kafka-consumer-groups`, which prints the members, commits and lag of groups.
    ConsumerGroups,
    /// `kafka-get-offsets`, which prints log starts and high watermarks.
    GetOffsets,
    /// `kafka-configs`, which changes the configuration of a running broker.
    Configs,
    /// `kafka-topics`, which creates, changes, describes and deletes topics.
    Topics,
    /// `kafka-features`, which prints and changes the feature levels of a cluster.
    Features,
    /// `kafka-storage`, which formats the data directory of a broker before its first start.
    Storage,
}

// === impl KafkaTools ===

impl KafkaTools {
    /// Finds the jars of this version and of the tools, and compiles the fixture unless the cache has it compiled.
    pub fn open(version: Version) -> Result<Self> {
        let jars = host::jars(Version::V4_1)?;
        let mut hasher = DefaultHasher::new();
        SOURCES.hash(&mut hasher);
        let fixture = host::cache()?.join(format!("fixture-{:016x}", hasher.finish()));
        let tools = Self {
            brokers: host::jars(version)?,
            jars,
            fixture,
        };
        if !tools.fixture.is_dir() {
            tools.compile()?;
        }
        Ok(tools)
    }

    /// Runs one of Kafka's tools; returns its output, standard error included. `kafka-storage` has the brokers' version; the other
    /// tools have version 4.1.
    pub fn run(&self, tool: Tool, args: &[&str]) -> Result<String> {
        let mut java = match tool {
            Tool::Storage => java("-Xmx256m", &class_path(&self.brokers)),
            _ => self.java("-Xmx256m"),
        };
        java.arg(tool.class()).args(args);
        process::run(java, TOOL_LIMIT).with_context(|| format!("{tool:?} {args:?}"))
    }

    /// Runs a command of the fixture to its end; returns its output, standard error included.
    pub fn fixture(&self, args: &[&str]) -> Result<String> {
        let mut java = self.fixture_command();
        java.args(args);
        process::run(java, TOOL_LIMIT).with_context(|| format!("fixture {args:?}"))
    }

    /// Starts a command of the fixture that keeps running, and waits until `log`, its output, contains the text `ready`.
    pub fn staying(&self, args: &[&str], log: &Path, ready: &str) -> Result<Process> {
        let mut java = self.fixture_command();
        java.args(args);
        let mut process = Process::spawn("fixture", java, log)?;
        super::wait_for(ready, TOOL_LIMIT, || {
            let text = fs::read_to_string(log)?;
            anyhow::ensure!(process.ended()?.is_none(), "the fixture ended:\n{text}");
            anyhow::ensure!(text.contains(ready), "the fixture printed:\n{text}");
            Ok(())
        })?;
        Ok(process)
    }

    /// Returns the command that starts a broker with these options of Java; the caller adds the path of the broker's
    /// server.properties.
    pub(super) fn broker(&self, options: &[String]) -> Command {
        let mut java = java("-Xmx400m", &class_path(&self.brokers));
        java.args(options).arg("kafka.Kafka");
        java
    }

    /// Returns the command that runs the fixture; the caller adds the fixture's arguments.
    pub(super) fn fixture_command(&self) -> Command {
        let mut java = self.java("-Xmx320m");
        java.arg("Fixture");
        java
    }

    fn java(&self, heap: &str) -> Command {
        let class_path = format!("{}:{}", self.fixture.display(), class_path(&self.jars));
        java(heap, &class_path)
    }

    /// Compiles the fixture into a directory beside the final one and renames it, so that a test that is killed leaves no partial
    /// result.
    fn compile(&self) -> Result<()> {
        let source = TempDir::new("fixture")?;
        let mut javac = Command::new("javac");
        javac.arg("-cp").arg(class_path(&self.jars));
        javac.arg("-d").arg(source.path().join("classes"));
        for (name, text) in SOURCES {
            javac.arg(source.write(name, text)?);
        }
        process::run(javac, TOOL_LIMIT).context("is a JDK installed, not just a JRE?")?;
        let beside = self.fixture.with_extension(std::process::id().to_string());
        copy_flat(&source.path().join("classes"), &beside)?;
        if fs::rename(&beside, &self.fixture).is_err() {
            // The rename fails if another process has compiled the fixture in the meantime; its classes are the same.
            fs::remove_dir_all(&beside)?;
        }
        Ok(())
    }
}

/// Returns a Java command; the caller adds the main class. With the Serial collector and C1 alone, Java starts twice as fast on few
/// cores.
fn java(heap: &str, class_path: &str) -> Command {
    let mut java = Command::new("java");
    java.args([heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"]);
    java.args([
        class_path,
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=HH:mm:ss.SSS",
    ]);
    java
}

fn class_path(jars: &Path) -> String {
    format!("{}/*", jars.display())
}

fn copy_flat(from: &Path, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    Ok(())
}

// === impl Tool ===

impl Tool {
    fn class(self) -> &'static str {
        match self {
            Self::ConsumerGroups => "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
            Self::GetOffsets => "org.apache.kafka.tools.GetOffsetShell",
            Self::Configs => "kafka.admin.ConfigCommand",
            Self::Topics => "org.apache.kafka.tools.TopicCommand",
            Self::Features => "org.apache.kafka.tools.FeatureCommand",
            Self::Storage => "kafka.tools.StorageTool",
        }
    }
}
