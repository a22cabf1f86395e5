//! A pod: an elector and a collector with one configuration file, a route to the API server, and a Kafka of its own, so that each
//! request to Kafka shows which pod sent it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tokio::time::Instant;

use super::faults::ApiRoute;
use super::host::TempDir;
use super::http::{self, Coding};
use super::ports;
use super::process::{Process, Signal, Usage};
use super::programs::Program;
use crate::standin::{GroupSpec, PartitionSpec, StandIn};

pub(crate) mod config;
mod plan;

pub use plan::PodPlan;

/// The time limit for a container to end after a signal, which is long because other trials run on the same machine.
const LIMIT: Duration = Duration::from_secs(20);

/// A container of a pod, which is a process of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The elector, or the program that the plan names in its place.
    Elector,
    /// The collector, which reads the pod's Kafka.
    Collector,
}

/// Both containers, in the order in which they are started and sent signals.
pub const BOTH: [Part; 2] = [Part::Elector, Part::Collector];

/// A pod on this machine: two processes as its containers, which are killed when the pod is dropped, and their files.
#[derive(Debug)]
pub struct Pod {
    // Fields are dropped in this order: first the processes, then the route, Kafka and files that the processes use.
    elector: Option<Process>,
    collector: Option<Process>,
    name: String,
    plan: PodPlan,
    route: ApiRoute,
    kafka: StandIn,
    ports: PodPorts,
    scratch: TempDir,
}

#[derive(Clone, Copy, Debug)]
struct PodPorts {
    elector: u16,
    collector: u16,
}

// === impl Pod ===

impl Pod {
    /// Makes a pod: starts its Kafka and writes its files. The containers are yet to be started.
    pub fn make(name: &str, plan: PodPlan, route: ApiRoute) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let kafka = StandIn::builder()
            .nodes(1)
            .topic("orders", 2, |p| {
                PartitionSpec::ending_at(1000 + i64::from(p))
            })
            .group("billing", GroupSpec::classic().committed("orders", 0, 900));
        let [elector, collector] = ports::free_ports()?;
        let pod = Self {
            elector: None,
            collector: None,
            name: name.to_owned(),
            plan,
            route,
            kafka: runtime.block_on(kafka.start()),
            ports: PodPorts { elector, collector },
            scratch: TempDir::new(name)?,
        };
        let text = pod
            .plan
            .config((elector, collector), &pod.kafka.bootstrap());
        pod.scratch.write("config.toml", text)?;
        if let Some(offset) = pod.plan.clock {
            pod.set_clock(offset)?;
        }
        pod.scratch.write("kubeconfig", pod.route.kubeconfig())?;
        Ok(pod)
    }

    /// Starts a container. An error if the container was started before and not killed or reaped since.
    pub fn start(&mut self, part: Part) -> Result<()> {
        let dir = self.scratch.path();
        let program = match part {
            Part::Elector => self.plan.elector,
            Part::Collector => Program::Collector,
        };
        let mut command = config::command(&program.path()?, dir, &self.name);
        if part == Part::Elector && self.plan.clock.is_some() {
            command
                .env("LD_PRELOAD", faketime()?)
                .env("FAKETIME_TIMESTAMP_FILE", dir.join("clock"))
                .env("FAKETIME_CACHE_DURATION", "1")
                .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
                .env("DONT_FAKE_MONOTONIC", "1");
        }
        let process = Process::spawn(program.name(), command, &self.log_file(part))?;
        let slot = self.slot(part);
        ensure!(slot.is_none(), "{part:?} is running");
        *slot = Some(process);
        Ok(())
    }

    /// Starts both containers, the elector first; neither may be running.
    pub fn start_both(&mut self) -> Result<()> {
        BOTH.into_iter().try_for_each(|part| self.start(part))
    }

    /// Replaces the contents of the file that `KUBECONFIG` names for the elector. [`Self::put`] writes the files to which the
    /// contents refer.
    pub fn set_kubeconfig(&self, text: &str) -> Result<()> {
        self.replace("kubeconfig", text)
    }

    /// Writes or replaces the file `name` in the directory of the kubeconfig; returns its path.
    pub fn put(&self, name: &str, text: &str) -> Result<PathBuf> {
        self.replace(name, text)?;
        Ok(self.scratch.path().join(name))
    }

    /// Shifts the elector's wall clock by `offset`, such as `-1h`, within a second. Has an effect only where the plan has a clock.
    pub fn set_clock(&self, offset: &str) -> Result<()> {
        self.replace("clock", offset)
    }

    /// Sends a signal to these containers, one right after the other. A container that has ended is an error.
    pub fn signal(&mut self, parts: &[Part], signal: Signal) -> Result<()> {
        for part in parts {
            let process = self.slot(*part).as_mut();
            process.context("it is not running")?.signal(signal)?;
        }
        Ok(())
    }

    /// Sends SIGKILL to these containers and reaps them, so that they can be started again.
    pub fn kill(&mut self, parts: &[Part]) -> Result<()> {
        self.signal(parts, Signal::Kill)?;
        for part in parts {
            *self.slot(*part) = None;
        }
        Ok(())
    }

    /// Returns true if a container was started, and has neither ended nor been killed or reaped since.
    pub fn runs(&mut self, part: Part) -> Result<bool> {
        match self.slot(part) {
            Some(process) => Ok(process.ended()?.is_none()),
            None => Ok(false),
        }
    }

    /// Kills and reaps a container where it still runs, so that it can be started again. A container that has ended by itself is no
    /// error.
    pub fn clear(&mut self, part: Part) {
        *self.slot(part) = None;
    }

    /// Sends SIGTERM to both containers; returns the time until both had ended. Exit statuses other than 0 are errors.
    pub fn terminate(&mut self) -> Result<Duration> {
        let asked = Instant::now();
        self.signal(&BOTH, Signal::Terminate)?;
        self.reap(asked)
    }

    /// Waits until both containers, which were asked to end at `asked`, have ended; returns the time since `asked`. Exit statuses
    /// other than 0 are errors.
    pub fn reap(&mut self, asked: Instant) -> Result<Duration> {
        for part in BOTH {
            let mut process = self.slot(part).take().context("it is not running")?;
            let status = process.wait(LIMIT)?;
            ensure!(status.success(), "{part:?}: {status}\n{}", self.log(part));
        }
        Ok(asked.elapsed())
    }

    /// Returns the elector's answer to `GET /leader`, with `state`, `reason`, `name` and so on.
    pub fn facts(&self) -> Result<Value> {
        let limit = Duration::from_secs(2);
        let answer = http::get(self.ports.elector, "/leader", Coding::Plain, limit)?;
        Ok(serde_json::from_str(&answer.text()?)?)
    }

    /// Returns true if the collector answers `GET /leader` with `{"is_leader":true}`, which means that its gate is open.
    pub fn acts(&self) -> Result<bool> {
        let limit = Duration::from_secs(2);
        let answer = http::get(self.ports.collector, "/leader", Coding::Plain, limit)?;
        Ok(answer.text()? == r#"{"is_leader":true}"#)
    }

    /// Waits until the log of a running container contains `words`. If the container ends first, the error comes when `limit` is
    /// over.
    pub fn wait_for_log(&mut self, part: Part, words: &str, limit: Duration) -> Result<()> {
        super::wait_for(words, limit, || {
            let process = self.slot(part).as_mut().context("it is not running")?;
            let ended = process.ended()?;
            ensure!(ended.is_none(), "{part:?}: {ended:?}");
            ensure!(self.log(part).contains(words), "not said");
            Ok(())
        })
        .with_context(|| self.logs())
    }

    /// Returns the CPU time and memory that a running container has used so far.
    pub fn usage(&mut self, part: Part) -> Result<Usage> {
        let process = self.slot(part).as_ref();
        process.context("it is not running")?.usage()
    }

    /// Returns the process id of a container; `None` unless it was started, and not killed or reaped since.
    pub fn id(&self, part: Part) -> Option<u32> {
        let process = match part {
            Part::Elector => &self.elector,
            Part::Collector => &self.collector,
        };
        process.as_ref().map(Process::id)
    }

    /// Returns the log of a container over all its runs; empty if it was never started.
    pub fn log(&self, part: Part) -> String {
        fs::read_to_string(self.log_file(part)).unwrap_or_default()
    }

    /// Returns the logs of both containers, each under a heading.
    pub fn logs(&self) -> String {
        let parts = BOTH.map(|part| format!("--- {} {part:?}\n{}", self.name, self.log(part)));
        parts.join("\n")
    }

    /// Returns the pod's name, which is also its identity unless the plan has another.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the pod's route to the API server.
    pub fn route(&self) -> &ApiRoute {
        &self.route
    }

    /// Returns the pod's Kafka, which counts the requests that the pod's collector sends.
    pub fn kafka(&self) -> &StandIn {
        &self.kafka
    }

    /// Returns the port on which the pod's collector serves HTTP.
    pub fn port(&self) -> u16 {
        self.ports.collector
    }

    /// Returns the port on which the pod's elector serves HTTP.
    pub fn elector_port(&self) -> u16 {
        self.ports.elector
    }

    /// Writes a file under another name and renames it, so that a reader sees either the old contents or all of the new.
    fn replace(&self, name: &str, text: &str) -> Result<()> {
        let new = self.scratch.write("new", text)?;
        fs::rename(new, self.scratch.path().join(name))?;
        Ok(())
    }

    fn slot(&mut self, part: Part) -> &mut Option<Process> {
        match part {
            Part::Elector => &mut self.elector,
            Part::Collector => &mut self.collector,
        }
    }

    fn log_file(&self, part: Part) -> PathBuf {
        self.scratch.path().join(format!("{part:?}.log"))
    }
}

/// Returns the path of libfaketime for programs with threads, as Debian installs it; an error if there is no such file.
fn faketime() -> Result<PathBuf> {
    let triple = format!("{}-linux-gnu", std::env::consts::ARCH);
    let path = PathBuf::from(format!("/usr/lib/{triple}/faketime/libfaketimeMT.so.1"));
    ensure!(path.is_file(), "no {}: install libfaketime", path.display());
    Ok(path)
}
