//! The bytes of the web configuration and of the files that it names.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::settings::{self, Settings};
use super::tls_settings::{ClientCertificates, Pem, PemPlace, TlsSettings};
use crate::config::{ConfigError, ConfigProblem};

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
                Some(Err(why)) => Err(format!("{} {why}", path.display())),
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

fn read(path: &Path) -> FileContent {
    let mut bytes = Vec::new();
    let limit = u64::try_from(MAX_BYTES + 1).unwrap_or(u64::MAX);
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut bytes));
    match read {
        Ok(n_bytes) if n_bytes > MAX_BYTES => Err("has more than 1 MiB".to_owned()),
        Ok(_) => Ok(bytes),
        Err(error) => Err(format!("cannot be read: {}", words(&error))),
    }
}

fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "there is no such file".to_owned(),
        io::ErrorKind::PermissionDenied => "this user may not read it".to_owned(),
        _ => error.to_string(),
    }
}
