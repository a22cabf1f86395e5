//! The programs that manifests are made for, as `tests/manifests/get-tools` installs them.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::lab::{host, kubernetes, process};

/// No tool takes this long, but on a machine that is building something else at the time.
const LIMIT: Duration = Duration::from_secs(120);

/// The path of a tool: in `KLAG_MANIFEST_TOOLS`, else in the cache. An absent one is an error that says what to do.
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

/// Runs a tool to its end; what it printed.
pub fn run(name: &str, args: &[&str]) -> Result<String> {
    run_within(LIMIT, name, args)
}

/// The same for what may take longer.
pub fn run_within(limit: Duration, name: &str, args: &[&str]) -> Result<String> {
    let mut command = Command::new(path(name)?);
    command.args(args);
    process::run(command, limit).with_context(|| format!("{name} {args:?}"))
}

/// Runs kubectl without any cluster; what it printed.
pub fn kubectl(args: &[&str]) -> Result<String> {
    let mut command = Command::new(kubernetes::program()?);
    command.arg("kubectl").args(args);
    process::run(command, LIMIT).with_context(|| format!("kubectl {args:?}"))
}
