//! The collectors under test, as processes.

use std::fmt;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::cell::Cell;
use super::cores::Cores;
use crate::lab::host::TempDir;
use crate::lab::http::{self, Coding};
use crate::lab::process::{self, Process, Signal, Usage};
use crate::lab::programs::Program;
use crate::lab::{self, ports};

/// A collector under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    /// The collector of this project.
    Ours,
    /// klag-exporter 0.1.29.
    Klag,
}

/// The program of a collector under test.
#[derive(Clone, Debug)]
pub(super) struct Tested {
    pub(super) subject: Subject,
    pub(super) version: String,
    program: PathBuf,
}

/// A running collector; killed when dropped.
#[derive(Debug)]
pub(super) struct Running {
    process: Process,
    subject: Subject,
    port: u16,
    started: Instant,
    scratch: TempDir,
    /// The log, read up to the last line that was whole.
    log: BufReader<File>,
    /// The beginning of a line of the log whose end has not come yet.
    line: String,
}

// === impl Subject ===

impl Subject {
    /// Both collectors.
    pub const ALL: [Self; 2] = [Self::Ours, Self::Klag];

    /// The variable `RUST_LOG`: what is usual, and a line for each collection.
    fn log_filter(self) -> &'static str {
        match self {
            Self::Ours => "info,collector::cluster::leader_loop=debug",
            Self::Klag => "info,klag_exporter::cluster::manager=debug",
        }
    }

    /// The duration of the collection that ended with this line of the log, in ms, from its start until what it shows is computed; `None`
    /// for other lines, also for those about collections that failed.
    fn ended(self, line: &str) -> Option<f64> {
        let field = |name: &str| {
            let rest = line.split_once(&format!(" {name}="))?.1;
            let end = rest.find(' ').unwrap_or(rest.len());
            rest[..end].parse::<f64>().ok()
        };
        match self {
            Self::Ours => {
                let ended = line.contains("Collected") && line.contains("result=\"complete\"");
                ended.then_some(())?;
                Some(1e3 * (field("seconds")? + field("render_seconds")?))
            }
            Self::Klag => {
                let ended = line.contains("Collection cycle completed");
                ended.then(|| field("elapsed_ms")).flatten()
            }
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ours => "this",
            Self::Klag => "klag-exporter",
        })
    }
}

// === impl Tested ===

impl Tested {
    /// Finds the program; klag-exporter's must be named.
    pub(super) fn find(subject: Subject, klag_exporter: Option<&Path>) -> Result<Self> {
        let program = match subject {
            Subject::Ours => Program::Collector.path()?,
            Subject::Klag => klag_exporter
                .context("no klag-exporter: tests/run bench builds it; --only ours does without")?
                .to_owned(),
        };
        let mut command = Command::new(&program);
        command.arg("--version");
        let version = process::run(command, Duration::from_secs(10))?;
        let version = version.trim().to_owned();
        Ok(Self {
            subject,
            version,
            program,
        })
    }

    /// Starts the collector at this cell with a poll interval in seconds.
    pub(super) fn start(
        &self,
        cell: Cell,
        bootstrap: &str,
        (cores, poll_interval): (&Cores, u64),
    ) -> Result<Running> {
        let scratch = TempDir::new("bench")?;
        let [port] = ports::free_ports()?;
        let config = cell.config(bootstrap, (port, poll_interval));
        let config = scratch.write("config.toml", config)?;
        let mut command = cores.command(&self.program);
        command
            .arg("--config")
            .arg(config)
            .env("RUST_LOG", self.subject.log_filter())
            .env("NO_COLOR", "1");
        let started = Instant::now();
        let log = scratch.path().join("log");
        let process = Process::spawn(&self.subject.to_string(), command, &log)?;
        Ok(Running {
            process,
            subject: self.subject,
            port,
            started,
            log: BufReader::new(File::open(log)?),
            line: String::new(),
            scratch,
        })
    }
}

// === impl Running ===

impl Running {
    /// The port of the endpoints.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// The process id.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// The resources that were used so far.
    pub(super) fn usage(&self) -> Result<Usage> {
        self.process.usage()
    }

    /// Waits until `/ready` says that there is data; returns the time since the start.
    pub(super) fn wait_for_data(&mut self, limit: Duration) -> Result<Duration> {
        loop {
            let ready = http::get(self.port, "/ready", Coding::Plain, limit);
            let waited = self.started.elapsed();
            if ready.is_ok_and(|answer| answer.status == 200) {
                return Ok(waited);
            }
            self.check_alive()?;
            ensure!(waited < limit, "nothing within {} s", limit.as_secs());
            lab::pause(Duration::from_millis(10));
        }
    }

    /// Waits until one more collection has ended; returns its duration.
    pub(super) fn wait_for_end(&mut self, limit: Duration) -> Result<Duration> {
        let begun = Instant::now();
        loop {
            if let Some(duration) = self.next_end()? {
                return Ok(duration);
            }
            self.check_alive()?;
            ensure!(
                begun.elapsed() < limit,
                "nothing within {} s",
                limit.as_secs()
            );
            lab::pause(Duration::from_millis(5));
        }
    }

    /// Asks the process to end, and waits for it.
    pub(super) fn stop(mut self) -> Result<()> {
        self.process.signal(Signal::Terminate)?;
        // Whatever does not end in time is killed: it has been measured.
        self.process.wait(Duration::from_secs(15)).ok();
        Ok(())
    }

    fn next_end(&mut self) -> Result<Option<Duration>> {
        while self.log.read_line(&mut self.line)? > 0 {
            if self.line.ends_with('\n') {
                let line = std::mem::take(&mut self.line);
                if let Some(ended) = self.subject.ended(line.trim_end()) {
                    return Ok(Some(Duration::from_secs_f64(ended / 1e3)));
                }
            }
        }
        Ok(None)
    }

    fn check_alive(&mut self) -> Result<()> {
        if let Some(status) = self.process.ended()? {
            let log = fs::read_to_string(self.scratch.path().join("log"))?;
            bail!(
                "it ended, {status}: {}",
                log.lines().last().unwrap_or_default()
            );
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_of_collections_are_found_in_both_logs() {
        let ours = "DEBUG collector::cluster::leader_loop: Collected result=\"complete\" seconds=0.25 render_seconds=0.125 groups=5";
        assert_eq!(Subject::Ours.ended(ours), Some(375.0));
        let klag = "DEBUG run: klag_exporter::cluster::manager: Collection cycle completed cluster=bench elapsed_ms=42 timestamp_cache_size=0";
        assert_eq!(Subject::Klag.ended(klag), Some(42.0));
        assert_eq!(Subject::Ours.ended(klag), None);
        assert_eq!(
            Subject::Ours.ended(&ours.replace("complete", "partial")),
            None
        );
    }
}
