//! The division of the machine's cores: the last one for the collector under test, the others for servers and clients.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};

use super::record::Machine;
use crate::lab::process;

/// The division, as lists that `taskset` takes.
#[derive(Clone, Debug)]
pub(super) struct Cores {
    servers: String,
    collector: String,
}

/// The cores that this process may run on.
fn allowed() -> Result<Vec<u32>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let list = status
        .lines()
        .find_map(|line| line.strip_prefix("Cpus_allowed_list:"))
        .context("no Cpus_allowed_list")?;
    parse(list.trim())
}

/// Parses a list such as `0-3,8`.
fn parse(list: &str) -> Result<Vec<u32>> {
    let mut cores = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cores.extend(first.parse::<u32>()?..=last.parse()?);
    }
    Ok(cores)
}

// === impl Cores ===

impl Cores {
    /// Divides the cores, and moves all threads of this process to those of the servers. Processes that are started later inherit them. With
    /// a single core everything runs on it.
    pub(super) fn divide() -> Result<Self> {
        let all = allowed()?;
        let (collector, others) = all.split_last().context("no core")?;
        let servers = if others.is_empty() { &all } else { others };
        let servers: Vec<_> = servers.iter().map(u32::to_string).collect();
        let cores = Self {
            servers: servers.join(","),
            collector: collector.to_string(),
        };
        let mut taskset = Command::new("taskset");
        taskset.args([
            "-a",
            "-c",
            "-p",
            &cores.servers,
            &std::process::id().to_string(),
        ]);
        process::run(taskset, Duration::from_secs(10)).context("taskset of util-linux")?;
        Ok(cores)
    }

    /// The command that runs this program on the core of the collector under test.
    pub(super) fn command(&self, program: &Path) -> Command {
        let mut taskset = Command::new("taskset");
        taskset.args(["-c", &self.collector]).arg(program);
        taskset
    }

    /// The machine with this division.
    pub(super) fn machine(&self) -> Machine {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let model = info.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            (name.trim() == "model name").then(|| value.trim().to_owned())
        });
        Machine {
            processor: model.unwrap_or_else(|| "unknown".to_owned()),
            servers: self.servers.clone(),
            collector: self.collector.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_cores_are_read_as_the_kernel_writes_them() {
        assert_eq!(parse("0-2,7").unwrap(), [0, 1, 2, 7]);
        assert_eq!(parse("5").unwrap(), [5]);
    }
}
