//! The collector as a process of its own, as operators run it.

use std::fs;
use std::process::{Command, ExitStatus};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::config::Config;
use super::host::TempDir;
use super::http::{self, Answer, Coding};
use super::ports;
use super::process::{Process, Signal, Usage};
use super::programs::Program;
use super::prom::{self, Exposition};

/// The time limit of an answer: no answer of the collector may take this long, whatever Kafka does.
const HTTP_LIMIT: Duration = Duration::from_secs(10);

/// A running collector; killed when dropped.
#[derive(Debug)]
pub struct Collector {
    process: Process,
    port: u16,
    scratch: TempDir,
}

/// Runs the collector with these options to its end; returns the exit status and everything that was printed.
pub fn run_to_end(
    config: &Config,
    options: &[&str],
    limit: Duration,
) -> Result<(ExitStatus, String)> {
    let scratch = TempDir::new("collector")?;
    let [port] = ports::free_ports()?;
    let mut process = launch(&scratch, config, options, port)?;
    let status = process.wait(limit);
    let text = fs::read_to_string(scratch.path().join("log"))?;
    Ok((status.with_context(|| text.clone())?, text))
}

fn launch(scratch: &TempDir, config: &Config, options: &[&str], port: u16) -> Result<Process> {
    let file = scratch.write("config.toml", config.text(port))?;
    let mut command = Command::new(Program::Collector.path()?);
    command
        .arg("--config")
        .arg(file)
        .args(options)
        .env("NO_COLOR", "1");
    Process::spawn("collector", command, &scratch.path().join("log"))
}

// === impl Collector ===

impl Collector {
    /// Starts the collector and waits until `/health` answers.
    pub fn start(config: &Config) -> Result<Self> {
        let scratch = TempDir::new("collector")?;
        let [port] = ports::free_ports()?;
        let process = launch(&scratch, config, &[], port)?;
        let mut collector = Self {
            process,
            port,
            scratch,
        };
        super::wait_for("the collector", Duration::from_secs(20), || {
            if let Some(status) = collector.process.ended()? {
                anyhow::bail!("it ended: {status}\n{}", collector.log()?);
            }
            let health = collector.get("/health")?;
            ensure!(health.status == 200, "/health says {}", health.status);
            Ok(())
        })?;
        Ok(collector)
    }

    /// `GET path`.
    pub fn get(&self, path: &str) -> Result<Answer> {
        http::get(self.port, path, Coding::Plain, HTTP_LIMIT)
    }

    /// `GET path` as Prometheus asks for it, compressed.
    pub fn get_gzip(&self, path: &str) -> Result<Answer> {
        http::get(self.port, path, Coding::Gzip, HTTP_LIMIT)
    }

    /// Reads `/metrics`; fails where the text breaks a rule of the format.
    pub fn metrics(&self) -> Result<Exposition> {
        let answer = self.get_gzip("/metrics")?;
        ensure!(answer.status == 200, "/metrics says {}", answer.status);
        prom::parse(&answer.text()?)
    }

    /// The number of collections with this result so far, over all clusters.
    pub fn collections(metrics: &Exposition, result: &str) -> u64 {
        metrics.count("kafka_lag_exporter_collections_total", [("result", result)])
    }

    /// Waits until `right` is true of `/metrics`.
    pub fn wait_for(
        &self,
        what: &str,
        limit: Duration,
        mut right: impl FnMut(&Exposition) -> Result<()>,
    ) -> Result<Exposition> {
        super::wait_for(what, limit, || {
            let metrics = self.metrics()?;
            right(&metrics)?;
            Ok(metrics)
        })
        .with_context(|| format!("the collector's log:\n{}", self.log().unwrap_or_default()))
    }

    /// Waits for the first complete collection.
    pub fn wait_until_complete(&self, limit: Duration) -> Result<Exposition> {
        self.wait_for("a complete collection", limit, |metrics| {
            ensure!(Self::collections(metrics, "complete") >= 1, "none so far");
            Ok(())
        })
    }

    /// Everything that the collector has logged.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.scratch.path().join("log"))?)
    }

    /// The port that the collector listens on.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The collector's CPU time and memory so far.
    pub fn usage(&self) -> Result<Usage> {
        self.process.usage()
    }

    /// The collector's process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// The exit status, if the process has ended.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    /// Sends a signal to the collector.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Sends SIGTERM; returns the time until the collector ended, and the exit status.
    pub fn stop(&mut self, limit: Duration) -> Result<(Duration, ExitStatus)> {
        let asked = Instant::now();
        self.signal(Signal::Terminate)?;
        let status = self.process.wait(limit)?;
        Ok((asked.elapsed(), status))
    }
}
