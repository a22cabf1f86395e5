//! TLS of the servers of these tests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

/// A connection with or without TLS.
pub(crate) trait Stream: Read + Write + Send {}

impl<T: Read + Write + Send> Stream for T {}

/// Returns the path of a PEM file with the certificate of every server of these tests, which is its own authority.
pub(crate) fn certificate_path() -> String {
    concat!(env!("CARGO_MANIFEST_DIR"), "/tests/msk_iam/server.pem").to_owned()
}

/// Returns the side of a server of a connection that speaks TLS.
pub(crate) fn accept(stream: TcpStream) -> Box<dyn Stream> {
    let certificate = CertificateDer::from_pem_file(certificate_path()).unwrap();
    let key = PrivateKeyDer::from_pem_file(certificate_path()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key)
        .unwrap();
    let connection = ServerConnection::new(Arc::new(config)).unwrap();
    Box::new(StreamOwned::new(connection, stream))
}
