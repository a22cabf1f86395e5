//! The figures that are kept in the repository, and the table of README.md that is made from them.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::record::Record;
use super::report;
use crate::documents;

/// The directory of the figures, relative to the root of the repository.
const MEASURED: &str = "tests/measured";
/// The ends of the names of the files that are kept.
const KEPT: [&str; 3] = ["json", "md", "svg"];

/// Returns the table of README.md.
///
/// # Errors
/// The figures in the repository cannot be read, or there are none.
pub fn table() -> Result<String> {
    let record = Record::read(&measured().join("bench.json"))?;
    ensure!(!record.runs.is_empty(), "no figures in {MEASURED}");
    Ok(report::overview(&record).join("\n") + "\n")
}

/// Replaces the figures in the repository by those in the directory `out`.
///
/// # Errors
/// A file cannot be read or written.
pub(super) fn keep(out: &Path) -> Result<()> {
    let measured = measured();
    fs::create_dir_all(&measured)?;
    if fs::canonicalize(out)? == fs::canonicalize(&measured)? {
        return Ok(());
    }
    for path in files(&measured)? {
        fs::remove_file(path)?;
    }
    for path in files(out)? {
        let name = path.file_name().context("a file without a name")?;
        fs::copy(&path, measured.join(name)).with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn measured() -> PathBuf {
    documents::root().join(MEASURED)
}

/// The files in a directory that are kept.
fn files(directory: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let kind = path.extension().unwrap_or_default();
        if KEPT.iter().any(|kept| kind == *kept) {
            files.push(path);
        }
    }
    Ok(files)
}
