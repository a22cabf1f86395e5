//! The bytes of the web configuration and of the files that it names.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::settings::{self, Settings};
use super::tls_settings::{ClientCertificates, Pem, PemPlace, TlsSettings};
use crate::config::{ConfigError, ConfigProblem};
use crate::text::sanitize;

/// The greatest size of each file.
const MAX_BYTES: usize = 1024 * 1024;

/// The contents of the files at the time of reading. Two values are equal if no file changed in between. The contents are never printed,
/// because they have a private key and hashes of passwords.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Contents {
    path: PathBuf,
    text: FileContent,
    /// The contents of the files that the text names, by path. Empty if the text is not valid.
    named: BTreeMap<PathBuf, FileContent>,
}

/// The bytes of a file, or the part of a message that says why the file cannot be read.
type FileContent = Result<Vec<u8>, String>;

// === impl Contents ===

impl Contents {
    /// Reads the web configuration at `path` and the files that it names. A file that cannot be read becomes an error in the contents.
    pub(super) fn read(path: &Path) -> Self {
        let mut contents = Self {
            path: path.to_owned(),
            text: read(path),
            named: BTreeMap::new(),
        };
        if let Ok(settings) = contents.settings() {
            for path in named(&settings) {
                contents.named.insert(path.to_owned(), read(path));
            }
        }
        contents
    }

    /// Returns the path of the web configuration.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Parses the text of the web configuration.
    ///
    /// # Errors
    /// The web configuration could not be read, or it has problems, of which all are returned.
    pub(super) fn settings(&self) -> Result<Settings, Vec<ConfigProblem>> {
        let text = match &self.text {
            Ok(bytes) => std::str::from_utf8(bytes)
                .map_err(|_| "not UTF-8; save the file in that encoding".to_owned()),
            Err(why) => Err(format!("{why}; exporter.web.config_file names it")),
        };
        let text = text.map_err(|message| vec![ConfigProblem::of_file(message)])?;
        let folder = self.path.parent().unwrap_or_else(|| Path::new(""));
        settings::parse(text, folder)
    }

    /// Returns the bytes of a certificate or key.
    ///
    /// # Errors
    /// The file of the certificate or key could not be read. The text is the message for the user.
    pub(super) fn bytes_of<'a>(&'a self, pem: &'a Pem) -> Result<&'a [u8], String> {
        match &pem.place {
            PemPlace::Inline(text) => Ok(text.as_bytes()),
            PemPlace::File(path) => match self.named.get(path) {
                Some(Ok(bytes)) => Ok(bytes),
                Some(Err(_)) if is_pem(path) => Err(
                    "has the text itself instead of a path; write the text as cert, key or client_ca"
                        .to_owned(),
                ),
                Some(Err(why)) => Err(format!("{} {why}", sanitize(&path.display().to_string()))),
                // This does not happen: `read` takes the paths from the same text as `pem`.
                None => Err(format!("{} was not read", path.display())),
            },
        }
    }

    /// Makes an error with the path of the web configuration and these problems.
    pub(super) fn error(&self, problems: Vec<ConfigProblem>) -> ConfigError {
        ConfigError::new(&self.path.display().to_string(), problems)
    }
}

impl fmt::Debug for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.path.display())
    }
}

/// Returns the paths of the files that the settings name.
fn named(settings: &Settings) -> Vec<&Path> {
    let Some(TlsSettings {
        certificate,
        key,
        clients,
        ..
    }) = &settings.tls
    else {
        return Vec::new();
    };
    let authorities = match clients {
        ClientCertificates::NotAsked => None,
        ClientCertificates::VerifiedIfGiven(authorities)
        | ClientCertificates::Required(authorities, _) => Some(authorities),
    };
    let pems = [Some(certificate), Some(key), authorities]
        .into_iter()
        .flatten();
    let files = pems.filter_map(|pem| match &pem.place {
        PemPlace::File(path) => Some(path.as_path()),
        PemPlace::Inline(_) => None,
    });
    files.collect()
}

/// Opens a regular file. Opening a pipe would wait for its writer, and no later change of the files would be noticed.
fn open_file(path: &Path) -> io::Result<File> {
    if fs::metadata(path)?.is_file() {
        File::open(path)
    } else {
        Err(io::Error::other("it is no regular file"))
    }
}

fn read(path: &Path) -> FileContent {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
    let read = open_file(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match read {
        Ok(n_bytes) if n_bytes > MAX_BYTES => Err("has more than 1 MiB".to_owned()),
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("cannot be read: {}", words(&error))),
    }
}

/// Returns true if a value that should be a path is the text of a certificate or key, which must not be printed.
fn is_pem(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains("-----BEGIN") || text.contains('\n')
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    /// Opening a pipe or a socket as a file would wait or fail in another way.
    #[test]
    fn only_regular_files_are_opened() {
        let path = std::env::temp_dir().join(format!("klag-web-{}", std::process::id()));
        let _socket = UnixListener::bind(&path).unwrap();
        let found = read(&path);
        fs::remove_file(&path).unwrap();
        assert_eq!(found.unwrap_err(), "cannot be read: it is no regular file");
    }

    #[test]
    fn a_key_that_stands_where_its_path_should_be_is_not_shown() {
        let folder = std::env::temp_dir().join(format!("klag-web-key-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("web.yml");
        let key = "key_file: |\n    -----BEGIN PRIVATE KEY-----\n    hunter2\n    -----END PRIVATE KEY-----\n";
        fs::write(
            &path,
            format!("tls_server_config:\n  cert_file: tls.crt\n  {key}"),
        )
        .unwrap();
        let contents = Contents::read(&path);
        fs::remove_dir_all(&folder).unwrap();
        let tls = contents.settings().unwrap().tls.unwrap();
        let why = contents.bytes_of(&tls.key).unwrap_err();
        assert!(why.contains("instead of a path"), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
    }
}
