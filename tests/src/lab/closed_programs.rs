//! Both programs with endpoints that a web configuration closes.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::closing::WEB_CONFIG;
use super::collector::Collector;
use super::config::Config;
use super::host::TempDir;
use super::process::Process;
use super::programs::Program;
use super::{http, ports};

/// The time limit of each wait, longer than anything here takes.
const LIMIT: Duration = Duration::from_secs(60);

/// A collector without a Kafka and an elector without an election, which share a web configuration.
#[derive(Debug)]
pub struct ClosedPrograms {
    /// The collector.
    pub collector: Collector,
    _elector: Process,
    elector_port: u16,
}

// === impl ClosedPrograms ===

impl ClosedPrograms {
    /// Starts both programs with the web configuration in `folder`, and waits until they are healthy. Their other files go into `scratch`.
    pub fn start(scratch: &TempDir, folder: &Path) -> Result<Self> {
        let web = folder.join(WEB_CONFIG);
        let collector = Collector::start(&Config::of("127.0.0.1:9").closed_by(&web))?;
        let [listen, elector_port] = ports::free_ports()?;
        let text = format!(
            "[exporter.web]\nconfig_file = \"{}\"\n[exporter.leadership]\nlisten = \"127.0.0.1:{listen}\"\n\
             telemetry_listen = \"127.0.0.1:{elector_port}\"\n",
            web.display()
        );
        let file = scratch.write(&format!("{elector_port}.toml"), text)?;
        let mut command = Command::new(Program::Elector.path()?);
        command.arg("--config").arg(file);
        let log = scratch.path().join(format!("{elector_port}.log"));
        let elector = Process::spawn("elector", command, &log)?;
        super::wait_for("the elector", LIMIT, || {
            let health = http::get(elector_port, "/health", http::Coding::Plain, LIMIT)?;
            ensure!(health.status == 200, "{}", health.status);
            Ok(())
        })?;
        Ok(Self {
            collector,
            _elector: elector,
            elector_port,
        })
    }

    /// Returns each program's name, its port, and the path of the metrics about the program itself.
    pub fn doors(&self) -> [(&'static str, u16, &'static str); 2] {
        [
            ("collector", self.collector.port(), "/telemetry"),
            ("elector", self.elector_port, "/metrics"),
        ]
    }
}
