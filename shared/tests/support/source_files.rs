//! The source files of a crate, for the tests of the order of its modules. The tests of each crate include this file by its path.

use std::fs;
use std::path::{Path, PathBuf};

/// Returns the Rust files below `folder`; none where there is no such folder.
pub(crate) fn source_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            files.extend(source_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}
