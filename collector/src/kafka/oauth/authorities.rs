//! The authorities whose certificates an identity provider may show.

use std::fs;
use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use shared::config::Authorities;
use shared::file::{self, FileError, FileErrorCause};

use crate::tls;

/// The largest size in bytes of a file with authorities. Those of all public authorities together have less than a tenth of that.
const MAX_BYTES: usize = 4 * 1024 * 1024;

/// The largest number of files of a directory that are read. Debian's directory of authorities has fewer than 300.
const MAX_FILES: usize = 4096;

const LOCATION: &str = "https.ca.location";

/// Returns the TLS settings of the client that asks an identity provider. Files are read in this call, so a changed file has an
/// effect on the next request for a token.
///
/// # Errors
/// The named file or text has no certificate. The message names the property.
pub(super) fn tls(authorities: &Authorities) -> Result<ClientConfig, String> {
    let certificates = match authorities {
        Authorities::System => rustls_native_certs::load_native_certs().certs,
        Authorities::Location(path) => {
            from_location(path).map_err(|error| format!("\"{LOCATION}\": {error}"))?
        }
        Authorities::Pem(pem) => certificates(pem.as_bytes()),
    };
    let mut store = RootCertStore::empty();
    store.add_parsable_certificates(certificates);
    match authorities {
        _ if !store.is_empty() => Ok(tls::client_config(store)),
        // An image without authorities is no error yet, because the endpoint may be without TLS. With TLS the handshake fails.
        Authorities::System => Ok(tls::client_config(store)),
        Authorities::Location(path) => Err(format!(
            "\"{LOCATION}\": {} has no certificate in PEM",
            path.display()
        )),
        Authorities::Pem(_) => Err("\"https.ca.pem\": there is no certificate in it".to_owned()),
    }
}

/// Returns the certificates in the file at `path`, or in the files of the directory there.
fn from_location(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    match file::read(path, MAX_BYTES) {
        Ok(pem) => Ok(certificates(&pem)),
        Err(error) if error.cause == FileErrorCause::Directory => from_directory(path),
        Err(error) => Err(error),
    }
}

/// Returns the certificates in the files of a directory, each of them once: links with names for OpenSSL lead to the same files. Fails only
/// if no file can be read.
fn from_directory(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    let entries = fs::read_dir(path).map_err(|error| FileError::new(path, &error))?;
    let (mut found, mut failure) = (Vec::new(), None);
    for entry in entries.take(MAX_FILES).filter_map(Result::ok) {
        match file::read(&entry.path(), MAX_BYTES) {
            Ok(pem) => found.extend(certificates(&pem)),
            Err(error) => failure = failure.or(Some(error)),
        }
    }
    found.sort_unstable_by(|a, b| a.as_ref().cmp(b.as_ref()));
    found.dedup();
    match failure {
        Some(error) if found.is_empty() => Err(error),
        _ => Ok(found),
    }
}

fn certificates(pem: &[u8]) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem)
        .filter_map(Result::ok)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_are_not_there_are_an_error_with_the_property() {
        let folder = std::env::temp_dir().join(format!("klag-authorities-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let empty = folder.join("empty.pem");
        fs::write(&empty, "").unwrap();
        for (authorities, words) in [
            (
                Authorities::Location("/nowhere/ca.pem".into()),
                ["https.ca.location", "cannot read /nowhere/ca.pem"],
            ),
            (
                Authorities::Location("/dev/zero".into()),
                ["https.ca.location", "cannot read /dev/zero: it is a device"],
            ),
            (
                Authorities::Location(empty),
                ["https.ca.location", "no certificate"],
            ),
            (
                Authorities::Location(folder.clone()),
                ["https.ca.location", "no certificate"],
            ),
            (
                Authorities::Pem("hunter2".to_owned()),
                ["https.ca.pem", "no certificate"],
            ),
        ] {
            let told = tls(&authorities).unwrap_err();
            assert!(words.iter().all(|word| told.contains(word)), "{told}");
            assert!(!told.contains("hunter2"), "{told}");
        }
        tls(&Authorities::System).unwrap();

        let pem = include_str!("../session/credentials/tests/authority.pem");
        fs::write(folder.join("a.pem"), pem).unwrap();
        fs::write(folder.join("a.0"), pem).unwrap();
        std::os::unix::fs::symlink("nowhere", folder.join("b.0")).unwrap();
        assert_eq!(from_location(&folder).unwrap().len(), 1);
        fs::remove_dir_all(folder).unwrap();
    }
}
