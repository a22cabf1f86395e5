//! A certificate authority of a test, and the certificates that it issues.

use std::sync::Arc;

use rcgen::string::Ia5String;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, SanType};
use rustls::RootCertStore;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// A certificate authority.
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

/// A certificate with its key.
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) certificate_pem: String,
    key: KeyPair,
}

// === impl Authority ===

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        Self(CertifiedIssuer::self_signed(params, key).unwrap())
    }

    /// Returns the certificate of the authority, in PEM.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// Returns a store of trusted certificates that has only this authority.
    pub(crate) fn roots(&self) -> Arc<RootCertStore> {
        let mut roots = RootCertStore::empty();
        roots.add(self.0.der().clone()).unwrap();
        Arc::new(roots)
    }

    /// Issues a certificate with these alternative names: IP addresses, URIs or DNS names.
    pub(crate) fn issue(&self, names: &[&str]) -> Issued {
        self.sign(CertificateParams::new(Vec::new()).unwrap(), names)
    }

    /// Issues a certificate that expired at the end of the year 2020, for the DNS name "localhost".
    pub(crate) fn issue_expired(&self) -> Issued {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_after = rcgen::date_time_ymd(2020, 12, 31);
        self.sign(params, &["localhost"])
    }

    fn sign(&self, mut params: CertificateParams, names: &[&str]) -> Issued {
        params.subject_alt_names = names.iter().map(|name| subject(name)).collect();
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.0).unwrap();
        Issued {
            certificate: certificate.der().clone(),
            certificate_pem: certificate.pem(),
            key,
        }
    }
}

fn subject(name: &str) -> SanType {
    if let Ok(address) = name.parse() {
        return SanType::IpAddress(address);
    }
    let text = Ia5String::try_from(name).unwrap();
    if name.contains("://") {
        SanType::URI(text)
    } else {
        SanType::DnsName(text)
    }
}

// === impl Issued ===

impl Issued {
    pub(crate) fn key_pem(&self) -> String {
        self.key.serialize_pem()
    }

    pub(crate) fn key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::try_from(self.key.serialize_der()).unwrap()
    }
}
