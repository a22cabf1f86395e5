//! The project's programs as files, brought up to date once for each test process.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context, Result};

use super::process;

/// A program under test, at the path that an environment variable names or in the target directory of the running test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// The collector, at the path in the environment variable `KLAG_COLLECTOR` if it is set.
    Collector,
    /// The elector, at the path in the environment variable `KLAG_ELECTOR` if it is set.
    Elector,
    /// An elector made of kube-lease-manager alone, for comparison, at the path in the environment variable `KLAG_PLAIN_ELECTOR` if
    /// it is set.
    PlainElector,
}

type Built = OnceLock<Result<PathBuf, String>>;

// === impl Program ===

impl Program {
    /// Returns the path of the program. Unless an environment variable names it, the first call builds it with cargo.
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

    /// Returns the name of the program's file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Collector => "collector",
            Self::Elector => "elector",
            Self::PlainElector => "plain-elector",
        }
    }

    fn find(self) -> Result<PathBuf> {
        let named = match self {
            Self::Collector => std::env::var_os("KLAG_COLLECTOR"),
            Self::Elector => std::env::var_os("KLAG_ELECTOR"),
            Self::PlainElector => std::env::var_os("KLAG_PLAIN_ELECTOR"),
        };
        if let Some(path) = named {
            return Ok(path.into());
        }
        let test = std::env::current_exe()?;
        let profile = test
            .ancestors()
            .nth(2)
            .context("a test outside of a target directory")?;
        let mut cargo = build(profile, &[self.name()]);
        cargo.arg("--quiet");
        process::run(cargo, Duration::from_secs(1800))?;
        Ok(profile.join(self.name()))
    }
}

/// Returns the command that builds these programs with cargo. `profile` is the directory that they are built in, such as
/// `target/debug` or `target/release`.
///
/// The packages are always the same, because cargo would select other features for other packages and compile the dependencies
/// anew.
pub(crate) fn build(profile: &Path, programs: &[&str]) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.arg("build").current_dir(env!("CARGO_MANIFEST_DIR"));
    for package in ["e2e", "collector", "elector"] {
        cargo.args(["--package", package]);
    }
    for program in programs {
        cargo.args(["--bin", program]);
    }
    if profile.ends_with("release") {
        cargo.arg("--release");
    }
    // `cargo run` and `cargo test` set these variables for this package. Build scripts that read them, such as ring's, would run
    // anew because the variables are set, and once more at the next build without them.
    for (name, _) in std::env::vars_os() {
        let about = name.to_string_lossy();
        if about.starts_with("CARGO_PKG_") || about.starts_with("CARGO_MANIFEST_") {
            cargo.env_remove(&name);
        }
    }
    cargo
}
