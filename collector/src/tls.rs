//! TLS of the collector's own HTTP clients, by rustls. librdkafka has a TLS of its own for brokers.

use std::sync::Arc;

use rustls::crypto::ring;
use rustls::{ClientConfig, RootCertStore};

/// Returns the settings of a client that trusts servers with a certificate of these authorities, and shows no certificate itself.
pub(crate) fn client_config(authorities: RootCertStore) -> ClientConfig {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("ring has TLS 1.2 and 1.3");
    builder
        .with_root_certificates(authorities)
        .with_no_client_auth()
}
