//! Endpoints that a web configuration closes: the files of that configuration, and clients that are let in.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::certificates::{Authority, Issued};

/// The name of the only user in each web configuration with users.
pub const USER: &str = "prom";

/// The password of [`USER`].
pub const PASSWORD: &str = "hunter2";

/// The name of the web configuration's file, as `manifests/` has it.
pub const WEB_CONFIG: &str = "web.config.yml";

/// The host name that a client's certificate must have to be let in.
pub const CLIENT: &str = "prometheus";

/// The host name in every server's certificate, which has 127.0.0.1 too.
const HOST: &str = "klag-exporter";

const SERVER: [&str; 2] = [HOST, "127.0.0.1"];

const TLS: &str = "tls_server_config:\n  cert_file: tls.crt\n  key_file: tls.key\n";

const CLIENTS: &str = "  client_auth_type: RequireAndVerifyClientCert\n  client_ca_file: ca.crt\n  client_allowed_sans: [prometheus]\n";

/// The section with [`USER`], whose hash of [`PASSWORD`] has the usual cost of 10.
const USERS: &str =
    "basic_auth_users:\n  prom: $2b$10$1LJnI.H7RcOFNWPKpo.E6ewHhi7NoyU5TuMjdpucA715z1m0c.Xj6\n";

/// A way of closing the endpoints: the protocol and the credentials that a client needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// The client needs a password, and sends it in plain HTTP.
    Password,
    /// The client needs TLS.
    Tls,
    /// The client needs TLS and a password.
    TlsAndPassword,
    /// The client needs TLS, and a certificate of its own.
    Certificate,
    /// The client needs TLS, a certificate of its own, and a password.
    Everything,
}

/// The files that close the endpoints of one test, and the credentials of a client that is let in. Each closing has its own authority.
#[derive(Clone, Debug)]
pub struct Closing {
    way: Way,
    authority: Arc<Authority>,
    server: Issued,
    client: Issued,
}

// === impl Way ===

impl Way {
    /// All ways, from the fewest demands to the most.
    pub const ALL: [Self; 5] = [
        Self::Password,
        Self::Tls,
        Self::TlsAndPassword,
        Self::Certificate,
        Self::Everything,
    ];

    /// Returns true if the endpoints speak TLS.
    pub fn has_tls(self) -> bool {
        self != Self::Password
    }

    /// Returns true if the endpoints ask for a password.
    pub fn asks_for_password(self) -> bool {
        matches!(
            self,
            Self::Password | Self::TlsAndPassword | Self::Everything
        )
    }

    /// Returns true if the endpoints ask for a certificate of the client.
    pub fn asks_for_certificate(self) -> bool {
        matches!(self, Self::Certificate | Self::Everything)
    }

    /// Returns the text of the web configuration. The files that it names must be in the folder of the web configuration.
    pub fn web_config(self) -> String {
        let mut text = String::new();
        if self.has_tls() {
            text.push_str(TLS);
        }
        if self.asks_for_certificate() {
            text.push_str(CLIENTS);
        }
        if self.asks_for_password() {
            text.push_str(USERS);
        }
        text
    }
}

// === impl Closing ===

impl Closing {
    /// Makes an authority, and its certificates for the server and the client.
    pub fn by(way: Way) -> Result<Self> {
        let authority = Authority::new()?;
        Ok(Self {
            way,
            server: authority.issue("server", &SERVER)?,
            client: authority.issue("client", &[CLIENT])?,
            authority: Arc::new(authority),
        })
    }

    /// Returns this closing with a new key of the server. The common name of the new certificate is `name`.
    pub fn renewed(&self, name: &str) -> Result<Self> {
        let server = self.authority.issue(name, &SERVER)?;
        Ok(Self {
            server,
            ..self.clone()
        })
    }

    /// Returns the way in which the endpoints are closed.
    pub fn way(&self) -> Way {
        self.way
    }

    /// Returns the authority that issued the certificates of the server and of the client.
    pub fn authority(&self) -> &Authority {
        &self.authority
    }

    /// Returns the names and texts of the files that the server reads.
    pub fn files(&self) -> [(&'static str, String); 4] {
        [
            (WEB_CONFIG, self.way.web_config()),
            ("tls.crt", self.server.certificate.clone()),
            ("tls.key", self.server.key.clone()),
            ("ca.crt", self.authority.pem()),
        ]
    }

    /// Writes the files that the server reads, and the client's `client.crt` and `client.key`, into `folder`.
    pub fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder)?;
        for (name, text) in self.files() {
            fs::write(folder.join(name), text)?;
        }
        fs::write(folder.join("client.crt"), &self.client.certificate)?;
        fs::write(folder.join("client.key"), &self.client.key)?;
        Ok(())
    }

    /// Returns a client that the server at `address` lets in. The client gives up after `limit`.
    pub fn client(&self, address: SocketAddr, limit: Duration) -> Result<kube::Client> {
        let scheme = if self.way.has_tls() { "https" } else { "http" };
        let mut config = kube::Config::new(format!("{scheme}://{address}").parse()?);
        config.root_cert = Some(vec![self.authority.der()]);
        config.tls_server_name = Some(HOST.to_owned());
        config.connect_timeout = Some(limit);
        config.read_timeout = Some(limit);
        config.auth_info = serde_json::from_value(self.credentials())?;
        Ok(kube::Client::try_from(config)?)
    }

    /// Returns the credentials of the client, in the form of a kubeconfig's user.
    fn credentials(&self) -> Value {
        let mut credentials = json!({});
        if self.way.asks_for_certificate() {
            credentials["client-certificate-data"] =
                STANDARD.encode(&self.client.certificate).into();
            credentials["client-key-data"] = STANDARD.encode(&self.client.key).into();
        }
        if self.way.asks_for_password() {
            credentials["username"] = USER.into();
            credentials["password"] = PASSWORD.into();
        }
        credentials
    }
}
