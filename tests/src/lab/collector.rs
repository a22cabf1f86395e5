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

/// The time limit of each wait for the collector's HTTP server, which must answer whatever Kafka does.
const HTTP_LIMIT: Duration = Duration::from_secs(10);

/// A running collector with its configuration file and log; killed when dropped.
#[derive(Debug)]
pub struct Collector {
    process: Process,
    port: u16,
    scratch: TempDir,
}

/// Runs the collector with this configuration and these command-line options to its end; returns the exit status and its output.
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
    /// Starts the collector and waits until `/health` answers with 200.
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

    /// Sends `GET path`; returns the answer, which is not compressed.
    pub fn get(&self, path: &str) -> Result<Answer> {
        http::get(self.port, path, Coding::Plain, HTTP_LIMIT)
    }

    /// Sends `GET path` and accepts gzip, as Prometheus does; returns the answer, which may be compressed.
    pub fn get_gzip(&self, path: &str) -> Result<Answer> {
        http::get(self.port, path, Coding::Gzip, HTTP_LIMIT)
    }

    /// Scrapes `/metrics`. A status other than 200 and a text that breaks a rule of the format are errors.
    pub fn metrics(&self) -> Result<Exposition> {
        let answer = self.get_gzip("/metrics")?;
        ensure!(answer.status == 200, "/metrics says {}", answer.status);
        prom::parse(&answer.text()?)
    }

    /// Returns the number of collections with this result that `metrics` shows, over all clusters.
    pub fn collections(metrics: &Exposition, result: &str) -> u64 {
        metrics.count("kafka_lag_exporter_collections_total", [("result", result)])
    }

    /// Scrapes `/metrics` until `right` accepts a scrape; returns that scrape. The error after `limit` has the collector's log.
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

    /// Waits until `/metrics` shows a complete collection of some cluster; returns that scrape.
    pub fn wait_until_complete(&self, limit: Duration) -> Result<Exposition> {
        self.wait_for("a complete collection", limit, |metrics| {
            ensure!(Self::collections(metrics, "complete") >= 1, "none so far");
            Ok(())
        })
    }

    /// Returns everything that the collector has printed so far.
    pub fn log(&self) -> Result<String> {
        Ok(fs::read_to_string(self.scratch.path().join("log"))?)
    }

    /// Returns the port on which the collector listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the CPU time and memory that the collector has used so far.
    pub fn usage(&self) -> Result<Usage> {
        self.process.usage()
    }

    /// Returns the collector's process id.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Returns the exit status, or `None` while the collector runs.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.process.ended()
    }

    /// Sends a signal to the collector; an error if it has ended.
    pub fn signal(&mut self, signal: Signal) -> Result<()> {
        self.process.signal(signal)
    }

    /// Sends SIGTERM; returns the time until the collector ended, and the exit status. An error if it still runs after `limit`.
    pub fn stop(&mut self, limit: Duration) -> Result<(Duration, ExitStatus)> {
        let asked = Instant::now();
        self.signal(Signal::Terminate)?;
        let status = self.process.wait(limit)?;
        Ok((asked.elapsed(), status))
    }
}
