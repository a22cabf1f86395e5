//! The bytes of the web configuration and of the files that it names.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use super::settings::{self, Settings};
use super::tls_settings::{ClientCertificates, Pem, PemPlace, TlsSettings};
use crate::config::{ConfigError, ConfigProblem};
use crate::file::{FileError, RegularFile, Stamp};

/// The greatest size of each file.
const MAX_BYTES: usize = 1024 * 1024;

/// The contents of the files at the time of reading. The contents are never printed, because they have a private key and hashes of
/// passwords.
pub(super) struct Contents {
    path: PathBuf,
    text: FileContent,
    /// The contents of the files that the text names, by path. Empty if the text is not valid.
    named: BTreeMap<PathBuf, FileContent>,
}

/// The content of a file at one reading.
#[derive(PartialEq, Eq)]
struct FileContent {
    /// The bytes of the file, or the reason why the file cannot be read.
    bytes: Result<Vec<u8>, FileError>,
    /// The marks of the file; `None` if it could not be opened.
    stamp: Option<Stamp>,
}

// === impl Contents ===

impl Contents {
    /// Reads the web configuration at `path` and the files that it names, and calls `begin` with the path of each file before the file is
    /// read, unless the path is no path but the text of a key. A file that cannot be read becomes an error in the contents.
    pub(super) fn read(path: &Path, mut begin: impl FnMut(&Path)) -> Self {
        begin(path);
        let mut contents = Self {
            path: path.to_owned(),
            text: FileContent::read(path),
            named: BTreeMap::new(),
        };
        if let Ok(settings) = contents.settings() {
            for path in named(&settings) {
                if !is_pem(path) {
                    begin(path);
                }
                let content = FileContent::read(path);
                contents.named.insert(path.to_owned(), content);
            }
        }
        contents
    }

    /// Returns true if the files have the same bytes as those of `other`.
    pub(super) fn has_bytes_of(&self, other: &Self) -> bool {
        fn bytes(
            contents: &Contents,
        ) -> impl Iterator<Item = (&PathBuf, &Result<Vec<u8>, FileError>)> {
            let named = contents.named.iter();
            named.map(|(path, content)| (path, &content.bytes))
        }
        self.text.bytes == other.text.bytes && bytes(self).eq(bytes(other))
    }

    /// Returns true if no file was written to or replaced between the readings of `other` and of these contents, as far as bytes, sizes and
    /// times of modification show.
    pub(super) fn is_unchanged_since(&self, other: &Self) -> bool {
        self.text == other.text && self.named == other.named
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
        let text = match &self.text.bytes {
            Ok(bytes) => std::str::from_utf8(bytes)
                .map_err(|_| "not UTF-8; save the file in that encoding".to_owned()),
            Err(error) => Err(format!(
                "cannot be read: {}; exporter.web.config_file names it",
                error.cause
            )),
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
            PemPlace::File(path) => match self.named.get(path).map(|content| &content.bytes) {
                Some(Ok(bytes)) => Ok(bytes),
                Some(Err(_)) if is_pem(path) => Err(
                    "has the text itself instead of a path; write the text as cert, key or client_ca"
                        .to_owned(),
                ),
                Some(Err(error)) => Err(error.to_string()),
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

// === impl FileContent ===

impl FileContent {
    fn read(path: &Path) -> Self {
        match RegularFile::open(path) {
            Ok(file) => Self {
                stamp: Some(file.stamp()),
                bytes: file.read(MAX_BYTES),
            },
            Err(error) => Self {
                stamp: None,
                bytes: Err(error),
            },
        }
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

/// Returns true if a value that should be a path is the text of a certificate or key, which must not be printed.
fn is_pem(path: &Path) -> bool {
    let text = path.to_string_lossy();
    text.contains("-----BEGIN") || text.contains('\n')
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

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
        let contents = Contents::read(&path, |_| {});
        fs::remove_dir_all(&folder).unwrap();
        let tls = contents.settings().unwrap().tls.unwrap();
        let why = contents.bytes_of(&tls.key).unwrap_err();
        assert!(why.contains("instead of a path"), "{why}");
        assert!(!why.contains("hunter2"), "{why}");
    }
}
