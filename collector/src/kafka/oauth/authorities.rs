//! The authorities whose certificates an identity provider may show.

use std::path::Path;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use shared::config::Authorities;

use crate::tls;

/// The largest size in bytes of a file with authorities. Those of all public authorities together have less than a tenth of that.
const MAX_BYTES: u64 = 4 * 1024 * 1024;

const LOCATION: &str = "https.ca.location";

/// Returns the TLS settings of the client that asks an identity provider. Files are read in this call, so a changed file has an
/// effect on the next request for a token.
///
/// # Errors
/// The named file or text has no certificate. The message names the property.
pub(super) fn tls(authorities: &Authorities) -> Result<ClientConfig, String> {
    let certificates = match authorities {
        Authorities::System => rustls_native_certs::load_native_certs().certs,
        Authorities::Location(path) => from_location(path)?,
        Authorities::Pem(pem) => CertificateDer::pem_slice_iter(pem.as_bytes())
            .filter_map(Result::ok)
            .collect(),
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

fn from_location(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unreadable = |error: &dyn std::fmt::Display| {
        format!("\"{LOCATION}\": cannot read {}: {error}", path.display())
    };
    let metadata = std::fs::metadata(path).map_err(|error| unreadable(&error))?;
    let (file, folder) = if metadata.is_dir() {
        (None, Some(path))
    } else if !metadata.is_file() {
        // Opening a pipe would wait for its writer, and a device may have no end.
        return Err(unreadable(&"it is neither a file nor a directory"));
    } else if metadata.len() > MAX_BYTES {
        return Err(unreadable(&"it has more than 4 MiB"));
    } else {
        (Some(path), None)
    };
    let found = rustls_native_certs::load_certs_from_paths(file, folder);
    match found.errors.first() {
        Some(error) if found.certs.is_empty() => Err(unreadable(error)),
        _ => Ok(found.certs),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities_that_are_not_there_are_an_error_with_the_property() {
        let folder = std::env::temp_dir().join(format!("klag-authorities-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let empty = folder.join("empty.pem");
        std::fs::write(&empty, "").unwrap();
        for (authorities, words) in [
            (
                Authorities::Location("/nowhere/ca.pem".into()),
                ["https.ca.location", "cannot read /nowhere/ca.pem"],
            ),
            (
                Authorities::Location("/dev/zero".into()),
                ["https.ca.location", "neither a file nor a directory"],
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
        std::fs::remove_dir_all(folder).unwrap();
    }
}
