//! The lab's share of the machine: the cache, and temporary directories.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::{Context, Result, ensure};

use super::kafka::Version;

/// A temporary directory, removed when dropped. If the environment variable `KLAG_KEEP` is set, it is kept, and its path is
/// printed.
#[derive(Debug)]
pub struct TempDir(PathBuf);

/// Returns the cache directory `${XDG_CACHE_HOME:-$HOME/.cache}/klag-exporter`, which is made if absent.
pub fn cache() -> Result<PathBuf> {
    let base = match std::env::var_os("XDG_CACHE_HOME") {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => PathBuf::from(std::env::var_os("HOME").context("HOME is not set")?).join(".cache"),
    };
    let dir = base.join("klag-exporter");
    fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
    Ok(dir)
}

/// Returns the directory of the jars of this version of Kafka, in the cache. If the jars are absent, the error says how to get
/// them.
pub fn jars(version: Version) -> Result<PathBuf> {
    let dir = cache()?.join(format!("kafka-{version}"));
    ensure!(
        dir.is_dir(),
        "no Kafka in {}: run tests/kafka/get-jars {version} (needs Maven), or tests/run, which does it",
        dir.display()
    );
    Ok(dir)
}

/// Runs a program with an argument that makes it end at once, such as `--version`. Errors are: the program is not there, or its
/// exit status is not 0.
pub fn check_that_it_runs(program: &str, arg: &str) -> Result<()> {
    let status = Command::new(program)
        .arg(arg)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let status = status.with_context(|| format!("no {program}"))?;
    ensure!(status.success(), "{program} does not run");
    Ok(())
}

// === impl TempDir ===

impl TempDir {
    /// Makes a new directory in the system's directory for temporary files. Its name has `name` in it.
    pub fn new(name: &str) -> Result<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let n = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("klag-{name}-{}-{n}", process::id()));
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        Ok(Self(dir))
    }

    /// Returns the path of the directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes or replaces a file in the directory; returns the file's path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.0.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if std::env::var_os("KLAG_KEEP").is_some() {
            super::say(format_args!("kept for reading: {}", self.0.display()));
        } else if let Err(error) = fs::remove_dir_all(&self.0) {
            super::say(format_args!("{} stays: {error}", self.0.display()));
        }
    }
}
