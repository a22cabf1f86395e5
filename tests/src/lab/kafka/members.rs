//! Live members of groups, which a process of the fixture keeps.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::Kafka;
use crate::lab::process::Process;
use crate::lab::{self, oracle};

impl Kafka {
    /// Starts the live members of the fixture's groups and waits until `g-live` and `g-live848` are stable. The members end without
    /// leaving when the returned process is dropped.
    pub fn hold(&self) -> Result<Process> {
        let log = self.scratch.path().join("hold.log");
        let args = ["hold", &self.bootstrap()];
        let process = self.tools.staying(&args, &log, "holding")?;
        lab::wait_for("members to settle", Duration::from_secs(90), || {
            let states = oracle::states(self)?;
            for (group, members) in [("g-live", 3), ("g-live848", 2)] {
                let stable = oracle::State {
                    state: "Stable".to_owned(),
                    members,
                };
                let state = states.get(group);
                ensure!(state == Some(&stable), "{group} is {state:?}");
            }
            Ok(())
        })
        .with_context(|| fs::read_to_string(&log).unwrap_or_default())?;
        Ok(process)
    }

    /// Starts the load of a soak, in which some topics get another partition every `grow_secs` seconds. Returns the process, which
    /// ends when dropped, and the path of its output, which has its journal.
    pub fn soak(&self, grow_secs: &str) -> Result<(Process, PathBuf)> {
        let log = self.scratch.path().join("soak.log");
        let args = ["soak", &self.bootstrap(), grow_secs];
        Ok((self.tools.staying(&args, &log, "soaking")?, log))
    }

    /// Starts live groups of one member each and returns when every member is assigned its topics and has committed. `groups` has
    /// four words for each group, as the fixture's command `stay` takes them. The members end without leaving when the returned
    /// process is dropped.
    pub fn stay(&self, groups: &[&str]) -> Result<Process> {
        let bootstrap = self.bootstrap();
        let mut args = vec!["stay", &*bootstrap];
        args.extend(groups);
        let log = self.scratch.path().join("stay.log");
        self.tools.staying(&args, &log, "holding")
    }
}
