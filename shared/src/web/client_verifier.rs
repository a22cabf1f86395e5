//! The check of a client's certificate: by the authorities that issued it, and then by its names.

use std::sync::Arc;

use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use webpki::EndEntityCert;

use super::client_names::AllowedName;

/// A verifier that accepts the certificates that `issued` accepts and that have an allowed name.
#[derive(Debug)]
pub(super) struct NamedClients {
    /// The verifier that checks issuers, dates and signatures.
    pub(super) issued: Arc<dyn ClientCertVerifier>,
    /// The allowed names. A certificate needs one of them.
    pub(super) allowed: Vec<AllowedName>,
}

// === impl NamedClients ===

impl ClientCertVerifier for NamedClients {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.issued.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self
            .issued
            .verify_client_cert(end_entity, intermediates, now)?;
        let certificate = EndEntityCert::try_from(end_entity)
            .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
        if self.allowed.iter().any(|name| has_name(&certificate, name)) {
            return Ok(verified);
        }
        Err(Error::InvalidCertificate(
            CertificateError::ApplicationVerificationFailure,
        ))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issued.verify_tls12_signature(message, cert, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.issued.verify_tls13_signature(message, cert, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.issued.supported_verify_schemes()
    }
}

/// Returns true if `name` is one of the alternative names of the certificate.
fn has_name(certificate: &EndEntityCert<'_>, name: &AllowedName) -> bool {
    match name {
        AllowedName::Dns(dns) => certificate.valid_dns_names().any(|name| name == dns),
        AllowedName::Uri(uri) => certificate.valid_uri_names().any(|name| name == uri),
        AllowedName::Address(address) => {
            let address = ServerName::IpAddress((*address).into());
            certificate
                .verify_is_valid_for_subject_name(&address)
                .is_ok()
        }
    }
}
