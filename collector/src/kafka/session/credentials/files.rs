//! The states of files with credentials, by which a change of them is noticed.
//!
//! Contents are compared, not times, so every way of replacing a file is noticed: writing it anew, renaming another one to its
//! name, and the swap of a symbolic link by which the kubelet replaces all files of a mounted Secret at once.

#[cfg(test)]
mod tests;

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::{BuildHasher as _, Hash as _, Hasher};
use std::io;
use std::path::Path;

use shared::config::CredentialFile;
use shared::file::{FileError, FileErrorCause, RegularFile, Stamp};

use crate::kafka::native::CreateError;

/// The largest size in bytes of a file whose content is read. Larger ones are compared by their [`Stamp`].
const MAX_BYTES: usize = 1024 * 1024;

/// The largest number of entries of a directory that are compared. Debian's directory of authorities has fewer than 300.
const MAX_ENTRIES: usize = 4096;

/// The files that a cluster's properties name.
#[derive(Debug)]
pub(super) struct CredentialFiles {
    files: Vec<CredentialFile>,
    /// Hashes are comparable within this value only.
    hashes: RandomState,
}

/// The states of all files at one look, in the order of the files.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileStates(Vec<FileState>);

/// The state of one file.
#[derive(Clone, Debug, PartialEq, Eq)]
enum FileState {
    /// The hash of what there is to compare.
    Readable(u64),
    /// The words about why the file cannot be read.
    Unreadable(String),
}

/// A problem with files that were changed, in words without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileProblem {
    /// The properties that name the files, separated by commas.
    pub(super) properties: String,
    /// The paths of the files, in the same order.
    pub(super) paths: String,
    /// The reason why the files cannot be used.
    pub(super) reason: String,
}

// === impl CredentialFiles ===

impl CredentialFiles {
    /// Takes the files to look at.
    pub(super) fn new(files: Vec<CredentialFile>) -> Self {
        Self {
            files,
            hashes: RandomState::new(),
        }
    }

    /// Returns true if there is nothing to look at.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Reads all files. Blocks for as long as their file system does.
    pub(super) fn look(&self) -> FileStates {
        let states = self.files.iter().map(|file| match self.hash(&file.path) {
            Ok(hash) => FileState::Readable(hash),
            Err(error) => FileState::Unreadable(error.cause.to_string()),
        });
        FileStates(states.collect())
    }

    /// Requires that all files could be read at the look that gave `states`. librdkafka's own errors about a file name neither its
    /// path nor the reason.
    pub(super) fn require_readable(&self, states: &FileStates) -> Result<(), CreateError> {
        for (file, state) in self.files.iter().zip(&states.0) {
            if let FileState::Unreadable(why) = state {
                return Err(CreateError::File {
                    name: file.property,
                    path: file.path.display().to_string(),
                    why: why.clone(),
                });
            }
        }
        Ok(())
    }

    /// Returns the problem that a changed file cannot be read; `None` if all can be.
    pub(super) fn unreadable(&self, in_use: &FileStates, now: &FileStates) -> Option<FileProblem> {
        let mut changed = self.changed(in_use, now);
        changed.find_map(|(file, state)| match state {
            FileState::Readable(_) => None,
            FileState::Unreadable(words) => Some(problem([file], words.clone())),
        })
    }

    /// Returns the problem that `reason` describes: that of the file whose property it names, else that of all changed files.
    pub(super) fn unusable(
        &self,
        in_use: &FileStates,
        now: &FileStates,
        reason: String,
    ) -> FileProblem {
        match self.files.iter().find(|it| reason.contains(it.property)) {
            Some(file) => problem([file], reason),
            None => problem(self.changed(in_use, now).map(|(file, _)| file), reason),
        }
    }

    /// Returns the properties whose files have changed, separated by commas.
    pub(super) fn changed_properties(&self, in_use: &FileStates, now: &FileStates) -> String {
        let changed = self.changed(in_use, now).map(|(file, _)| file);
        problem(changed, String::new()).properties
    }

    fn changed<'a>(
        &'a self,
        in_use: &'a FileStates,
        now: &'a FileStates,
    ) -> impl Iterator<Item = (&'a CredentialFile, &'a FileState)> {
        let states = in_use.0.iter().zip(&now.0);
        let with_files = self.files.iter().zip(states);
        with_files
            .filter(|(_, (in_use, now))| in_use != now)
            .map(|(file, (_, now))| (file, now))
    }

    /// Returns the hash of what there is to compare of the file or directory at `path`.
    fn hash(&self, path: &Path) -> Result<u64, FileError> {
        let mut hasher = self.hashes.build_hasher();
        match RegularFile::open(path) {
            Ok(file) if file.size() > MAX_BYTES as u64 => file.stamp().hash(&mut hasher),
            Ok(file) => file.read(MAX_BYTES)?.hash(&mut hasher),
            Err(error) if error.cause == FileErrorCause::Directory => {
                let hashed = hash_entries(path, &mut hasher);
                hashed.map_err(|error| FileError::new(path, &error))?;
            }
            Err(error) => return Err(error),
        }
        Ok(hasher.finish())
    }
}

// === impl FileStates ===

#[cfg(test)]
impl FileStates {
    /// Returns the states of one file with this hash.
    pub(super) fn of_test(hash: u64) -> Self {
        Self(vec![FileState::Readable(hash)])
    }
}

/// Hashes names and stamps of the entries of a directory. Contents are not read: OpenSSL reads those that it needs.
fn hash_entries(path: &Path, hasher: &mut impl Hasher) -> io::Result<()> {
    let entries = fs::read_dir(path)?.take(MAX_ENTRIES);
    let names: io::Result<Vec<_>> = entries
        .map(|entry| entry.map(|entry| entry.file_name()))
        .collect();
    let mut names = names?;
    names.sort_unstable();
    for name in names {
        // A link that leads nowhere has no stamp.
        let stamp = fs::metadata(path.join(&name)).ok().as_ref().map(Stamp::of);
        (name, stamp).hash(hasher);
    }
    Ok(())
}

fn problem<'a>(files: impl IntoIterator<Item = &'a CredentialFile>, reason: String) -> FileProblem {
    let (properties, paths): (Vec<_>, Vec<_>) = files
        .into_iter()
        .map(|file| (file.property, file.path.display().to_string()))
        .unzip();
    FileProblem {
        properties: properties.join(", "),
        paths: paths.join(", "),
        reason,
    }
}
