//! Reading files that come from outside the programs, such as mounted Secrets: regular files only, of a bounded size.
//!
//! Such a file may be replaced by something else at any time. Opening a pipe would wait for its writer and a device may have no end, so both
//! are refused, and so are directories. A file is opened without waiting, because it may become a pipe after it was looked at.
//!
//! Not promised: an answer where the file system hangs. Callers read on a thread that may be held.

use std::fmt;
use std::fs::{self, File, FileType, Metadata, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::text::sanitize;

/// The number of bytes in a mebibyte.
const MIB: usize = 1024 * 1024;

/// A regular file that is open for reading.
#[derive(Debug)]
pub struct RegularFile {
    file: File,
    metadata: Metadata,
    path: PathBuf,
}

/// The marks that change when a file is replaced or written to: its device, inode, size in bytes, and time of modification in seconds and
/// nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Stamp {
    inode: (u64, u64),
    size: u64,
    modified: (i64, i64),
}

/// The error for a file that cannot be read. The message names the path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("cannot read {path}: {cause}")]
pub struct FileError {
    path: String,
    /// The reason why the file cannot be read.
    pub cause: FileErrorCause,
}

/// The reasons why a file cannot be read. Each is shown as a sentence without the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FileErrorCause {
    /// There is no file at the path.
    Missing,
    /// The user of this process may not read the file.
    Forbidden,
    /// A directory is at the path.
    Directory,
    /// Something else is at the path; the text says what, such as "a pipe".
    NoFile(&'static str),
    /// The file has more bytes than this bound.
    TooLong(usize),
    /// The operating system reports another error, with this text.
    Other(String),
}

/// Reads the file at `path`, which may have `max_bytes` bytes at most. Links are followed.
///
/// # Errors
/// The file does not exist, may not be read, is not a regular file, or is longer than `max_bytes`.
pub fn read(path: &Path, max_bytes: usize) -> Result<Vec<u8>, FileError> {
    RegularFile::open(path)?.read(max_bytes)
}

// === impl FileError ===

impl FileError {
    /// Makes the error for an error of the operating system about the file or the directory at `path`.
    pub fn new(path: &Path, error: &io::Error) -> Self {
        Self::of(path, FileErrorCause::of(error))
    }

    fn of(path: &Path, cause: FileErrorCause) -> Self {
        Self {
            path: sanitize(&path.display().to_string()),
            cause,
        }
    }
}

// === impl RegularFile ===

impl RegularFile {
    /// Opens the file at `path`. Links are followed.
    ///
    /// # Errors
    /// The file does not exist, may not be read, or is not a regular file.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        let (file, metadata) = open(path).map_err(|cause| FileError::of(path, cause))?;
        Ok(Self {
            file,
            metadata,
            path: path.to_owned(),
        })
    }

    /// Returns the size of the file in bytes at the time when it was opened.
    pub fn size(&self) -> u64 {
        self.metadata.size()
    }

    /// Returns the marks of the file at the time when it was opened.
    pub fn stamp(&self) -> Stamp {
        Stamp::of(&self.metadata)
    }

    /// Reads the file, which may have `max_bytes` bytes at most.
    ///
    /// # Errors
    /// The file has more bytes than that, or the operating system reports an error.
    pub fn read(self, max_bytes: usize) -> Result<Vec<u8>, FileError> {
        let mut bytes = Vec::new();
        let limit = u64::try_from(max_bytes)
            .unwrap_or(u64::MAX)
            .saturating_add(1);
        let read = self.file.take(limit).read_to_end(&mut bytes);
        let cause = match read {
            Ok(n_bytes) if n_bytes <= max_bytes => return Ok(bytes),
            Ok(_) => FileErrorCause::TooLong(max_bytes),
            Err(error) => FileErrorCause::of(&error),
        };
        Err(FileError::of(&self.path, cause))
    }
}

/// Opens a file whose kind is looked at twice: before the opening, since opening a device may have an effect on it, and after the
/// opening, since the file may have been replaced in between.
fn open(path: &Path) -> Result<(File, Metadata), FileErrorCause> {
    require_file(fs::metadata(path).map_err(|error| FileErrorCause::of(&error))?)?;
    let opened = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY)
        .open(path);
    let file = opened.map_err(|error| FileErrorCause::of(&error))?;
    let metadata = file.metadata();
    let metadata = require_file(metadata.map_err(|error| FileErrorCause::of(&error))?)?;
    Ok((file, metadata))
}

fn require_file(metadata: Metadata) -> Result<Metadata, FileErrorCause> {
    if metadata.is_file() {
        Ok(metadata)
    } else if metadata.is_dir() {
        Err(FileErrorCause::Directory)
    } else {
        Err(FileErrorCause::NoFile(kind(metadata.file_type())))
    }
}

fn kind(file_type: FileType) -> &'static str {
    if file_type.is_fifo() {
        "a pipe"
    } else if file_type.is_socket() {
        "a socket"
    } else {
        "a device"
    }
}

// === impl Stamp ===

impl Stamp {
    /// Returns the marks of the file that `metadata` is about.
    pub fn of(metadata: &Metadata) -> Self {
        Self {
            inode: (metadata.dev(), metadata.ino()),
            size: metadata.size(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

// === impl FileErrorCause ===

impl FileErrorCause {
    fn of(error: &io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing,
            io::ErrorKind::PermissionDenied => Self::Forbidden,
            _ => Self::Other(error.to_string()),
        }
    }
}

impl fmt::Display for FileErrorCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file"),
            Self::Forbidden => f.write_str("this user may not read it"),
            Self::Directory => f.write_str("it is a directory, where a file is needed"),
            Self::NoFile(kind) => write!(f, "it is {kind}, where a file is needed"),
            Self::TooLong(bytes) if bytes % MIB == 0 => {
                write!(f, "it has more than {} MiB", bytes / MIB)
            }
            Self::TooLong(bytes) => write!(f, "it has more than {} KiB", bytes / 1024),
            Self::Other(text) => f.write_str(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;
    use std::process::Command;

    use super::*;

    fn temporary(name: &str) -> PathBuf {
        std::env::temp_dir().join(format!("klag-file-{}-{name}", std::process::id()))
    }

    fn told(path: &Path) -> String {
        read(path, 4096).unwrap_err().to_string()
    }

    #[test]
    fn anything_but_a_file_is_refused_without_waiting_for_it() {
        let (pipe, socket) = (temporary("pipe"), temporary("socket"));
        assert!(
            Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );
        let listener = UnixListener::bind(&socket).unwrap();
        for (path, kind) in [
            (pipe.as_path(), "a pipe"),
            (socket.as_path(), "a socket"),
            (Path::new("/dev/zero"), "a device"),
            (Path::new("/"), "a directory"),
        ] {
            let wanted = format!(
                "cannot read {}: it is {kind}, where a file is needed",
                path.display()
            );
            assert_eq!(told(path), wanted);
        }
        drop(listener);
        fs::remove_file(pipe).unwrap();
        fs::remove_file(socket).unwrap();
    }

    #[test]
    fn a_file_is_read_up_to_its_bound() {
        let path = temporary("long");
        fs::write(&path, vec![b'x'; 4096]).unwrap();
        assert_eq!(read(&path, 4096).unwrap().len(), 4096);
        assert_eq!(RegularFile::open(&path).unwrap().size(), 4096);
        let error = read(&path, 3072).unwrap_err();
        assert_eq!(error.cause, FileErrorCause::TooLong(3072));
        assert!(error.to_string().ends_with("it has more than 3 KiB"));
        fs::remove_file(&path).unwrap();
        let wanted = format!("cannot read {}: there is no such file", path.display());
        assert_eq!(told(&path), wanted);
        assert_eq!(
            FileErrorCause::TooLong(4 * MIB).to_string(),
            "it has more than 4 MiB"
        );
    }

    #[test]
    fn the_stamp_changes_when_the_file_is_replaced() {
        let path = temporary("stamp");
        let stamp = || RegularFile::open(&path).unwrap().stamp();
        fs::write(&path, "a").unwrap();
        let before = stamp();
        assert_eq!(stamp(), before);
        fs::write(&path, "ab").unwrap();
        assert_ne!(stamp(), before);
        fs::remove_file(&path).unwrap();
    }
}
