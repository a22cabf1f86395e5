//! The policy of a listener, made from the files: certificates and keys are parsed, and it is checked that they fit together.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::http::HeaderMap;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::{Error, RootCertStore, ServerConfig};

use super::algorithms::Preference;
use super::client_verifier::NamedClients;
use super::contents::Contents;
use super::demands::Demands;
use super::expiry;
use super::settings::Settings;
use super::tls_settings::{ClientCertificates, Pem, TlsSettings};
use super::users::Users;
use crate::config::{ConfigError, ConfigProblem};

/// The demands on clients, and the additions to responses. A policy is never printed, because it has the server's private key.
#[derive(Clone)]
pub(super) struct Policy {
    /// The demands, as a set that can be named and compared.
    pub(super) demands: Demands,
    /// The TLS configuration of rustls; `None` if the listener has no TLS.
    pub(super) tls: Option<Arc<ServerConfig>>,
    /// The last second, counted from 1970, in which all of the server's certificates are valid; `None` without TLS.
    pub(super) certificates_expire: Option<u64>,
    /// The headers that are added to every response.
    pub(super) headers: HeaderMap,
    /// The users with their hashes. If there are none, no password is asked for.
    pub(super) users: Users,
}

// === impl Policy ===

impl Policy {
    /// Makes the policy from the contents of the files.
    ///
    /// # Errors
    /// A file could not be read, or its content cannot be used.
    pub(super) fn new(contents: &Contents) -> Result<Self, ConfigError> {
        let settings = contents
            .settings()
            .map_err(|problems| contents.error(problems))?;
        let demands = Demands::of(&settings);
        let Settings {
            tls,
            headers,
            users,
        } = settings;
        let encrypted = tls.map(|tls| server_config(&tls, contents)).transpose();
        let encrypted = encrypted.map_err(|problem| contents.error(vec![problem]))?;
        let (tls, certificates_expire) = encrypted.unzip();
        Ok(Self {
            demands,
            tls,
            certificates_expire: certificates_expire.flatten(),
            headers,
            users,
        })
    }

    /// Returns the warning that a certificate of the server has expired, with the date; `None` if none has.
    pub(super) fn expired(&self) -> Option<String> {
        let date = expiry::date_if_past(self.certificates_expire?, since_1970())?;
        Some(format!(
            "A certificate of tls_server_config has expired on {date}, so clients refuse it; renew it"
        ))
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy").finish_non_exhaustive()
    }
}

/// Makes the configuration of rustls. Returns it with the last second in which all of the server's certificates are valid.
fn server_config(
    tls: &TlsSettings,
    contents: &Contents,
) -> Result<(Arc<ServerConfig>, Option<u64>), ConfigProblem> {
    let provider = Arc::new(CryptoProvider {
        cipher_suites: tls.algorithms.cipher_suites.clone(),
        kx_groups: tls.algorithms.curves.clone(),
        ..ring::default_provider()
    });
    let chain = certificates(&tls.certificate, contents)?;
    let certificates_expire = expiry::earliest(&chain);
    let key = private_key(&tls.key, contents)?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&tls.versions)
        .map_err(|error| problem(&tls.key, format!("no TLS is possible so: {error}")))?;
    let builder = match verifier(&tls.clients, contents, provider)? {
        Some(verifier) => builder.with_client_cert_verifier(verifier),
        None => builder.with_no_client_auth(),
    };
    let mut config = builder
        .with_single_cert(chain, key)
        .map_err(|error| mismatch(tls, &error))?;
    config.ignore_client_order = tls.algorithms.preference == Preference::Server;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok((Arc::new(config), certificates_expire))
}

fn verifier(
    clients: &ClientCertificates,
    contents: &Contents,
    provider: Arc<CryptoProvider>,
) -> Result<Option<Arc<dyn ClientCertVerifier>>, ConfigProblem> {
    let pem = match clients {
        ClientCertificates::NotAsked => return Ok(None),
        ClientCertificates::VerifiedIfGiven(pem) | ClientCertificates::Required(pem, _) => pem,
    };
    let mut roots = RootCertStore::empty();
    for certificate in certificates(pem, contents)? {
        let added = roots.add(certificate);
        added.map_err(|_| {
            problem(
                pem,
                "has a certificate that cannot be used; write those of authorities, in PEM and of X.509 version 3",
            )
        })?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    let builder = match clients {
        ClientCertificates::VerifiedIfGiven(_) => builder.allow_unauthenticated(),
        ClientCertificates::NotAsked | ClientCertificates::Required(..) => builder,
    };
    let issued = builder
        .build()
        .map_err(|error| problem(pem, format!("cannot be used: {error}")))?;
    Ok(Some(match clients {
        ClientCertificates::Required(_, Some(allowed)) => Arc::new(NamedClients {
            issued,
            allowed: allowed.clone(),
        }),
        _ => issued,
    }))
}

fn certificates(
    pem: &Pem,
    contents: &Contents,
) -> Result<Vec<CertificateDer<'static>>, ConfigProblem> {
    let bytes = contents.bytes_of(pem).map_err(|why| problem(pem, why))?;
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(bytes).collect();
    match certificates {
        Ok(certificates) if !certificates.is_empty() => Ok(certificates),
        _ => Err(problem(
            pem,
            "has no certificate in PEM, which begins with -----BEGIN CERTIFICATE-----",
        )),
    }
}

fn private_key(pem: &Pem, contents: &Contents) -> Result<PrivateKeyDer<'static>, ConfigProblem> {
    let bytes = contents.bytes_of(pem).map_err(|why| problem(pem, why))?;
    PrivateKeyDer::from_pem_slice(bytes).map_err(|_| {
        let is_encrypted = String::from_utf8_lossy(bytes).contains("ENCRYPTED");
        let message = if is_encrypted {
            "is encrypted with a password; write it without one: openssl pkey -in FILE -out FILE"
        } else {
            "has no private key in PEM, which begins with -----BEGIN PRIVATE KEY-----"
        };
        problem(pem, message)
    })
}

/// Makes the problem from the error of rustls about a certificate and a key that do not fit together or cannot be used.
fn mismatch(tls: &TlsSettings, error: &Error) -> ConfigProblem {
    match error {
        Error::InconsistentKeys(_) => {
            let message = format!(
                "is not the key of {}; write those that belong together",
                tls.certificate.name
            );
            problem(&tls.key, message)
        }
        Error::InvalidCertificate(_) => problem(
            &tls.certificate,
            "has a certificate that cannot be used; write one of X.509 version 3, which openssl makes of requests with extensions, \
             such as subjectAltName",
        ),
        _ => problem(
            &tls.key,
            "is of a kind that cannot be used; make one with RSA (2048 bits or more), P-256, P-384 or Ed25519",
        ),
    }
}

fn problem(pem: &Pem, message: impl Into<String>) -> ConfigProblem {
    ConfigProblem {
        line: pem.line,
        path: format!("tls_server_config.{}", pem.name),
        message: message.into(),
    }
}

/// Returns the time since 1970 by the clock of this machine.
#[expect(
    clippy::disallowed_methods,
    reason = "certificates expire in wall clock time"
)]
fn since_1970() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}
