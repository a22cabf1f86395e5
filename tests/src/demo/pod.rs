//! A pod of the demo: a collector, and an elector if there is an election; with one configuration file and logs.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

use anyhow::{Result, bail, ensure};

use super::kubernetes::{LEASE, NAMESPACE};
use super::programs::Programs;
use super::status_poller::PodPorts;
use crate::lab::host::TempDir;
use crate::lab::pod::config::{self, ElectionKeys, PodConfig};
use crate::lab::process::{Process, Signal};

/// `lease_duration_secs` and `grace_period_secs`: shorter than the defaults, so that nobody waits long for a change of leader.
pub(super) const DURATIONS: (u64, u64) = (5, 2);

/// A pod of one or two processes, which are killed when the pod is dropped.
#[derive(Debug)]
pub(super) struct DemoPod {
    // Fields are dropped in this order: first the processes, last the directory that they use.
    containers: Vec<Container>,
    name: &'static str,
    ports: PodPorts,
    life: Life,
    scratch: TempDir,
}

#[derive(Debug)]
struct Container {
    name: &'static str,
    binary: PathBuf,
    process: Option<Process>,
}

/// The state that a pod is expected to be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    /// The pod runs until it is ended.
    Runs,
    /// The pod has been asked to end.
    Ends,
    /// The pod has ended as expected.
    Ended,
}

/// A container that something other than the demo killed, and that the demo has started again.
#[derive(Debug)]
pub(super) struct Restarted {
    pub(super) container: &'static str,
    pub(super) status: ExitStatus,
}

// === impl DemoPod ===

impl DemoPod {
    /// Returns a pod that competes for the Lease.
    pub(super) fn elected(
        name: &'static str,
        programs: &Programs,
        [collector, elector]: [u16; 2],
        (bootstrap, kubeconfig): (&str, &str),
    ) -> Result<Self> {
        let ports = PodPorts {
            collector,
            elector: Some(elector),
        };
        let pod = Self {
            containers: vec![
                Container::of("elector", &programs.elector),
                Container::of("collector", &programs.collector),
            ],
            name,
            ports,
            life: Life::Ended,
            scratch: TempDir::new(name)?,
        };
        pod.scratch.write("config.toml", file(bootstrap, ports))?;
        pod.scratch.write("kubeconfig", kubeconfig)?;
        Ok(pod)
    }

    /// Returns a pod of one collector that competes with nobody.
    pub(super) fn alone(
        name: &'static str,
        programs: &Programs,
        port: u16,
        bootstrap: &str,
    ) -> Result<Self> {
        let ports = PodPorts {
            collector: port,
            elector: None,
        };
        let pod = Self {
            containers: vec![Container::of("collector", &programs.collector)],
            name,
            ports,
            life: Life::Ended,
            scratch: TempDir::new(name)?,
        };
        pod.scratch.write("config.toml", file(bootstrap, ports))?;
        Ok(pod)
    }

    /// Starts all containers of the pod.
    pub(super) fn start(&mut self) -> Result<()> {
        let dir = self.scratch.path();
        for container in &mut self.containers {
            container.start(dir, self.name)?;
        }
        self.life = Life::Runs;
        Ok(())
    }

    /// Sends SIGKILL to all containers, and reaps them.
    pub(super) fn kill(&mut self) -> Result<()> {
        // All containers get the signal before one is waited for, since the containers of a pod die together.
        self.signal(Signal::Kill)?;
        for container in &mut self.containers {
            container.process = None;
        }
        self.life = Life::Ended;
        Ok(())
    }

    /// Sends SIGTERM to all containers that run.
    pub(super) fn terminate(&mut self) -> Result<()> {
        self.signal(Signal::Terminate)?;
        self.life = Life::Ends;
        Ok(())
    }

    /// Takes note of containers that have ended. A container that something other than the demo killed is started again, as by
    /// Kubernetes.
    ///
    /// # Errors
    /// A container ended by itself, or after SIGTERM with a failure.
    pub(super) fn check(&mut self) -> Result<Option<Restarted>> {
        let dir = self.scratch.path();
        for container in &mut self.containers {
            let Some(process) = &mut container.process else {
                continue;
            };
            let Some(status) = process.ended()? else {
                continue;
            };
            container.process = None;
            let name = container.name;
            match (self.life, status.signal()) {
                // SIGTERM itself ends a process that has not yet installed its handler, which is no failure.
                (Life::Ends, Some(libc::SIGTERM)) => {}
                (Life::Ends, _) if status.success() => {}
                (Life::Runs, Some(_)) => {
                    container.start(dir, self.name)?;
                    let container = name;
                    return Ok(Some(Restarted { container, status }));
                }
                _ => {
                    let log = fs::read_to_string(dir.join(format!("{name}.log")))?;
                    bail!("the {name} of {} ended: {status}\n{log}", self.name);
                }
            }
        }
        if self.life == Life::Ends && self.containers.iter().all(|c| c.process.is_none()) {
            self.life = Life::Ended;
        }
        Ok(None)
    }

    /// Returns the state that the pod is expected to be in.
    pub(super) fn life(&self) -> Life {
        self.life
    }

    /// Returns the pod's name, which is also its identity in the election.
    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    /// Returns the ports on which the pod's containers serve HTTP.
    pub(super) fn ports(&self) -> PodPorts {
        self.ports
    }

    /// Returns the names and process ids of the pod's containers, as in `elector 4711, collector 4712`.
    pub(super) fn processes(&self) -> String {
        let named = self.containers.iter().filter_map(|container| {
            let process = container.process.as_ref()?;
            Some(format!("{} {}", container.name, process.id()))
        });
        named.collect::<Vec<_>>().join(", ")
    }

    /// Returns lines that tell a person where to look at the pod.
    pub(super) fn introduction(&self) -> Vec<String> {
        let PodPorts { collector, elector } = self.ports;
        let at = |port: u16, path: &str| format!("http://127.0.0.1:{port}{path}");
        let mut lines = vec![
            format!(
                "{:<10}  {}   {}",
                self.name,
                at(collector, "/metrics"),
                self.processes()
            ),
            format!(
                "            {} lists the other endpoints",
                at(collector, "/")
            ),
        ];
        if let Some(elector) = elector {
            lines.push(format!(
                "            {}   what the elector says",
                at(elector, "/leader")
            ));
        }
        let config = self.file("config.toml");
        lines.push(format!("            {config} and logs beside it"));
        lines
    }

    /// Returns the path of one of the pod's files.
    pub(super) fn file(&self, name: &str) -> String {
        self.scratch.path().join(name).display().to_string()
    }

    fn signal(&mut self, signal: Signal) -> Result<()> {
        let containers = self.containers.iter_mut();
        for process in containers.filter_map(|container| container.process.as_mut()) {
            if process.ended()?.is_none() {
                process.signal(signal)?;
            }
        }
        Ok(())
    }
}

// === impl Container ===

impl Container {
    fn of(name: &'static str, binary: &Path) -> Self {
        Self {
            name,
            binary: binary.to_owned(),
            process: None,
        }
    }

    fn start(&mut self, dir: &Path, pod: &str) -> Result<()> {
        ensure!(self.process.is_none(), "the {} is running", self.name);
        let command = config::command(&self.binary, dir, pod);
        let log = dir.join(format!("{}.log", self.name));
        self.process = Some(Process::spawn(self.name, command, &log)?);
        Ok(())
    }
}

fn file(bootstrap: &str, ports: PodPorts) -> String {
    let election = ports.elector.map(|elector| ElectionKeys {
        elector,
        lease: LEASE,
        namespace: NAMESPACE,
        durations: DURATIONS,
        identity: None,
    });
    let config = PodConfig {
        collector: ports.collector,
        poll_interval: "2s",
        cluster: "demo",
        bootstrap,
        properties: &[],
        election,
    };
    config.text()
}
