//! The programs of the demo: named by the environment, or built.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tokio_util::sync::CancellationToken;

/// Their paths.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) collector: PathBuf,
    pub(super) elector: PathBuf,
}

// === impl Programs ===

impl Programs {
    /// `KLAG_COLLECTOR` and `KLAG_ELECTOR`; what is not named is the one beside the demo, brought up to date. `None` if a
    /// signal came first.
    pub(super) async fn find(stop: &CancellationToken) -> Result<Option<Self>> {
        let named = |name| std::env::var_os(name).map(PathBuf::from);
        let (collector, elector) = (named("KLAG_COLLECTOR"), named("KLAG_ELECTOR"));
        let demo = std::env::current_exe()?;
        let profile = demo.parent().context("the demo is in no directory")?;
        if collector.is_none() || elector.is_none() {
            tokio::select! { biased;
            () = stop.cancelled() => return Ok(None),
            built = build(profile) => built? }
        }
        Ok(Some(Self {
            collector: collector.unwrap_or_else(|| profile.join("collector")),
            elector: elector.unwrap_or_else(|| profile.join("elector")),
        }))
    }
}

async fn build(profile: &Path) -> Result<()> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut cargo = tokio::process::Command::new(cargo);
    cargo.args(["build", "--bin", "collector", "--bin", "elector"]);
    // The demo's own package with them: another choice would compile the dependencies with other features.
    for package in ["e2e", "collector", "elector"] {
        cargo.args(["--package", package]);
    }
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    // What `cargo run` says of the demo's package is not for the build: build scripts that ask for it, such as ring's, would
    // run anew, and again when the demo itself is built the next time.
    for (name, _) in std::env::vars_os() {
        let about = name.to_string_lossy();
        if about.starts_with("CARGO_PKG_") || about.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    let mut building = cargo
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .kill_on_drop(true)
        .spawn()
        .context("cannot start cargo")?;
    let status = building.wait().await?;
    ensure!(status.success(), "the programs do not build: {status}");
    Ok(())
}
