//! The programs that manifests are made for, as `tests/manifests/get-tools` installs them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::lab::{host, kubernetes, process};

/// The time limit of a tool, which only a machine that is building at the same time gets near.
const LIMIT: Duration = Duration::from_secs(120);

/// Returns the path of a tool: in `KLAG_MANIFEST_TOOLS`, else in the cache. If the tool is absent, the error says how to get it.
pub fn path(name: &str) -> Result<PathBuf> {
    let dir = match std::env::var_os("KLAG_MANIFEST_TOOLS") {
        Some(dir) => PathBuf::from(dir),
        None => host::cache()?.join("manifest-tools-2"),
    };
    let path = dir.join(name);
    ensure!(
        path.exists(),
        "no {name} in {0}: run tests/manifests/get-tools {0} (needs Go), or tests/run, which does it",
        dir.display()
    );
    Ok(path)
}

/// Runs a tool to its end; returns what it printed.
pub fn run(name: &str, args: &[&str]) -> Result<String> {
    run_within(LIMIT, name, args)
}

/// Runs a tool to its end, within `limit`; returns what it printed.
pub fn run_within(limit: Duration, name: &str, args: &[&str]) -> Result<String> {
    let mut command = Command::new(path(name)?);
    command.args(args);
    process::run(command, limit).with_context(|| format!("{name} {args:?}"))
}

/// Runs kubectl without a cluster; returns what it printed.
pub fn kubectl(args: &[&str]) -> Result<String> {
    let mut command = Command::new(kubernetes::program()?);
    command.arg("kubectl").args(args);
    process::run(command, LIMIT).with_context(|| format!("kubectl {args:?}"))
}
