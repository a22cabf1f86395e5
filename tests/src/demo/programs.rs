//! The programs of the demo, which the environment names or cargo builds.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use tokio_util::sync::CancellationToken;

use crate::lab;

/// The paths of the elector and the collector.
#[derive(Clone, Debug)]
pub(super) struct Programs {
    pub(super) collector: PathBuf,
    pub(super) elector: PathBuf,
}

// === impl Programs ===

impl Programs {
    /// Finds the programs that `KLAG_COLLECTOR` and `KLAG_ELECTOR` name. A program that is not named is built by cargo, beside
    /// the binary of the demo. Returns `None` if `stop` is cancelled during the build.
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
    let cargo = lab::programs::build(profile, &["collector", "elector"]);
    let mut building = tokio::process::Command::from(cargo)
        .kill_on_drop(true)
        .spawn()
        .context("cannot start cargo")?;
    let status = building.wait().await?;
    ensure!(status.success(), "the programs do not build: {status}");
    Ok(())
}
