//! The project's programs as files, brought up to date once for each test process.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};

use super::process;

/// A program under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The collector: `KLAG_COLLECTOR`, else the one beside the running test.
    Collector,
    /// The elector: `KLAG_ELECTOR`, else the one beside the running test.
    Elector,
    /// An elector made of kube-lease-manager alone, for comparison: `KLAG_PLAIN_ELECTOR`, else the one beside the running test.
    PlainElector,
}

type Built = OnceLock<Result<PathBuf, String>>;

// === impl Program ===

impl Program {
    /// The path of the program, which is built first if it was not named.
    pub fn path(self) -> Result<PathBuf> {
        static COLLECTOR: Built = OnceLock::new();
        static ELECTOR: Built = OnceLock::new();
        static PLAIN: Built = OnceLock::new();
        let built = match self {
            Self::Collector => &COLLECTOR,
            Self::Elector => &ELECTOR,
            Self::PlainElector => &PLAIN,
        };
        let found = built.get_or_init(|| self.find().map_err(|error| format!("{error:#}")));
        found.clone().map_err(anyhow::Error::msg)
    }

    /// The file's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::Elector => "elector",
            Self::PlainElector => "plain-elector",
        }
    }

    fn find(self) -> Result<PathBuf> {
        let (package, named) = match self {
            Self::Collector => ("collector", std::env::var_os("KLAG_COLLECTOR")),
            Self::Elector => ("elector", std::env::var_os("KLAG_ELECTOR")),
            Self::PlainElector => ("e2e", std::env::var_os("KLAG_PLAIN_ELECTOR")),
        };
        match named {
            Some(path) => Ok(path.into()),
            None => build(package, self.name()),
        }
    }
}

fn build(package: &str, bin: &str) -> Result<PathBuf> {
    let test = std::env::current_exe()?;
    let profile = test
        .ancestors()
        .nth(2)
        .context("a test outside of a target directory")?;
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.args(["build", "--quiet", "--package", package, "--bin", bin]);
    if profile.file_name().is_some_and(|name| name == "release") {
        cargo.arg("--release");
    }
    cargo.current_dir(env!("CARGO_MANIFEST_DIR"));
    process::run(cargo, Duration::from_secs(1800))?;
    Ok(profile.join(bin))
}
