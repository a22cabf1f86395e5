//! The collector of the demo: built if need be, started, asked, stopped.

use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use tokio_util::sync::CancellationToken;

use super::table::Row;
use crate::lab::place::Scratch;
use crate::lab::process::{Process, Signal};
use crate::lab::prom;

/// The collector ends within 2 s, whatever Kafka does.
const END_LIMIT: Duration = Duration::from_secs(5);

/// No answer takes this long.
const ANSWER_LIMIT: Duration = Duration::from_secs(5);

/// A running collector; killed when dropped.
#[derive(Debug)]
pub(super) struct Exporter {
    process: Process,
    port: u16,
    client: reqwest::Client,
    config: PathBuf,
    scratch: Scratch,
}

/// The collector's binary: `KLAG_COLLECTOR`, else the one beside the demo, brought up to date; `None` if a signal came
/// first.
pub(super) async fn binary(stop: &CancellationToken) -> Result<Option<PathBuf>> {
    if let Some(path) = std::env::var_os("KLAG_COLLECTOR") {
        return Ok(Some(path.into()));
    }
    let demo = std::env::current_exe()?;
    let profile = demo.parent().context("the demo is in no directory")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = tokio::process::Command::new(cargo);
    // The demo's own package with it: another choice would compile the dependencies with other features.
    cargo.args([
        "build",
        "--package",
        "e2e",
        "--package",
        "collector",
        "--bins",
    ]);
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    let mut building = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .kill_on_drop(true)
        .spawn()
        .context("cannot start cargo")?;
    let status = tokio::select! { biased;
    () = stop.cancelled() => return Ok(None),
    status = building.wait() => status? };
    ensure!(status.success(), "the collector does not build: {status}");
    Ok(Some(profile.join("collector")))
}

fn config(bootstrap: &str, port: u16) -> String {
    format!(
        r#"[exporter]
http_host = "127.0.0.1"
http_port = {port}
poll_interval = "2s"
granularity = "partition"

[[clusters]]
name = "demo"
bootstrap_servers = "{bootstrap}"
"#
    )
}

// === impl Exporter ===

impl Exporter {
    /// Starts it on `port` of loopback.
    pub(super) fn start(binary: &Path, bootstrap: &str, port: u16) -> Result<Self> {
        let scratch = Scratch::new("demo")?;
        let config = scratch.write("config.toml", config(bootstrap, port))?;
        let mut command = Command::new(binary);
        command.arg("--config").arg(&config).env("NO_COLOR", "1");
        let process = Process::spawn("collector", command, &scratch.path().join("log"))?;
        let client = reqwest::Client::builder().timeout(ANSWER_LIMIT).build()?;
        Ok(Self {
            process,
            port,
            client,
            config,
            scratch,
        })
    }

    /// Where it listens.
    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Its process id.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its configuration file.
    pub(super) fn config(&self) -> String {
        self.config.display().to_string()
    }

    /// The table, as `/metrics` has it now; no rows before the first collection.
    pub(super) async fn table(&mut self) -> Result<Vec<Row>> {
        if let Some(status) = self.process.ended()? {
            let log = fs::read_to_string(self.scratch.path().join("log"))?;
            bail!("the collector ended: {status}\n{log}");
        }
        let url = format!("http://127.0.0.1:{}/metrics", self.port);
        let Ok(answer) = self.client.get(url).send().await else {
            // It does not listen yet; if it never will, it ends.
            return Ok(Vec::new());
        };
        let text = answer.error_for_status()?.text().await?;
        Ok(Row::all(&prom::parse(&text)?))
    }

    /// Ends it with SIGTERM.
    pub(super) fn stop(mut self) -> Result<()> {
        if self.process.ended()?.is_none() {
            self.process.signal(Signal::Terminate)?;
        }
        let status = self.process.wait(END_LIMIT)?;
        // The signal itself ends a process that has only just begun.
        let in_order = status.success() || status.signal() == Some(libc::SIGTERM);
        ensure!(in_order, "the collector ended: {status}");
        Ok(())
    }
}
