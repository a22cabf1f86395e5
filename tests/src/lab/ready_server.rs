//! A server process that answers `/-/ready` with 200 once it is ready, as Prometheus and Alertmanager do.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use super::host::TempDir;
use super::http::{self, Coding};
use super::process::Process;

/// The longest time until the server is ready. A start takes less than a second on an idle machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// The time limit of each wait for the server's answer.
const LIMIT: Duration = Duration::from_secs(20);

/// A running server with its files. The server is killed and the files are deleted when dropped.
#[derive(Debug)]
pub(super) struct ReadyServer {
    // Fields are dropped in this order: first the process, then the files that it writes.
    process: Process,
    name: &'static str,
    port: u16,
    files: TempDir,
}

// === impl ReadyServer ===

impl ReadyServer {
    /// Starts a server that listens on `port` of loopback and keeps its files in `files`, and waits until it is ready. If it does
    /// not get ready, the error has its log.
    pub(super) fn start(
        name: &'static str,
        command: Command,
        (port, files): (u16, TempDir),
    ) -> Result<Self> {
        let log = files.path().join("log");
        let mut server = Self {
            process: Process::spawn(name, command, &log)?,
            name,
            port,
            files,
        };
        server.wait_until_ready()?;
        Ok(server)
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        super::wait_for(self.name, START_LIMIT, || {
            let ended = self.process.ended()?;
            ensure!(ended.is_none(), "{ended:?}");
            let answer = http::get(self.port, "/-/ready", Coding::Plain, LIMIT)?;
            ensure!(answer.status == 200, "{}", answer.status);
            Ok(())
        })
        .with_context(|| fs::read_to_string(self.files.path().join("log")).unwrap_or_default())
    }

    /// Sends `GET path`; returns the text of the answer, whatever its status.
    pub(super) fn get(&self, path: &str) -> Result<String> {
        http::get(self.port, path, Coding::Plain, LIMIT)?.text()
    }

    /// Returns the port on which the server listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }
}
