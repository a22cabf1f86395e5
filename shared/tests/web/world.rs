//! A server with a web configuration, and the requests of its clients.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use prometheus::{Registry, TextEncoder};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use shared::http;
use shared::tasks::{self, Tasks};
use shared::web::{WebConfig, WebMetrics};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::authority::{Authority, Issued};

/// A folder for the web configuration and the files that it names; removed when dropped.
pub(crate) struct Folder(PathBuf);

/// A server that answers "here" at `/metrics`, and "healthy" at `/health`, which is an open path.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    registry: Registry,
    tasks: Tasks,
}

/// A request of a client, with the way of connecting.
#[derive(Clone)]
pub(crate) struct Ask {
    path: &'static str,
    headers: String,
    tls: Option<ClientConfig>,
}

// === impl Folder ===

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let n = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("klag-exporter-web-{}-{n}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.0.join(name), text).unwrap();
    }

    /// Writes the certificate and the key of the server.
    pub(crate) fn write_server(&self, issued: &Issued) {
        self.write("tls.crt", &issued.certificate_pem);
        self.write("tls.key", &issued.key_pem());
    }

    /// Writes the web configuration, and starts a server with it.
    pub(crate) async fn serve(&self, text: &str) -> Server {
        self.write("web.config.yml", text);
        Server::start(self.read().unwrap()).await
    }

    /// Reads the web configuration. In the text of an error, `FOLDER` stands for the path of the folder.
    pub(crate) fn read(&self) -> Result<WebConfig, String> {
        let read = WebConfig::read(&self.0.join("web.config.yml"));
        let folder = self.0.display().to_string();
        read.map_err(|error| error.to_string().replace(&folder, "FOLDER"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

// === impl Server ===

impl Server {
    async fn start(web: WebConfig) -> Self {
        let (tasks, supervisor) = tasks::supervise(tokio::runtime::Handle::current());
        let registry = Registry::new();
        let metrics = WebMetrics::register("test", &registry).unwrap();
        let shutdown = tasks.shutdown();
        let access = web.restrict(&tasks, &shutdown, &["/health"], metrics);
        let listener = http::bind("127.0.0.1:0".parse().unwrap(), "key")
            .await
            .unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/metrics", get(async || "here"))
            .route("/health", get(async || "healthy"));
        let grace = Duration::from_millis(200);
        tasks.spawn(
            "http",
            http::serve(listener, router, access, shutdown, grace),
        );
        // No supervisor is needed: the tasks end with the runtime of the test.
        drop(supervisor);
        Self {
            address,
            registry,
            tasks,
        }
    }

    /// Sends a request on a new connection, and returns the whole response: status line, headers and body.
    pub(crate) async fn answer(&self, ask: &Ask) -> io::Result<String> {
        let stream = TcpStream::connect(self.address).await?;
        match ask.connector() {
            None => exchange(stream, &ask.text("close")).await,
            Some(connector) => {
                let name = ServerName::try_from("localhost").unwrap();
                exchange(connector.connect(name, stream).await?, &ask.text("close")).await
            }
        }
    }

    /// Sends a request on a new connection, and returns the status of the response, or the error of the connection as text.
    pub(crate) async fn status(&self, ask: &Ask) -> Result<u16, String> {
        let answer = self.answer(ask).await.map_err(|error| error.to_string())?;
        let status = answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        status.ok_or(answer)
    }

    /// Returns the value of a series as text; "absent" if there is no such series.
    pub(crate) fn count(&self, series: &str) -> String {
        let text = TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap();
        let mut lines = text.lines();
        let line = lines.find_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
        line.unwrap_or("absent").to_owned()
    }

    pub(crate) fn end(&self) {
        self.tasks.shutdown().cancel();
    }
}

async fn exchange(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    request: &str,
) -> io::Result<String> {
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer)
}

// === impl Ask ===

impl Ask {
    /// Makes a request in plain HTTP.
    pub(crate) fn plain(path: &'static str) -> Self {
        Self {
            path,
            headers: String::new(),
            tls: None,
        }
    }

    /// Makes a request by TLS. The client trusts `roots` and offers `versions`.
    pub(crate) fn tls(
        path: &'static str,
        roots: Arc<RootCertStore>,
        versions: &[&'static SupportedProtocolVersion],
    ) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(roots);
        Self {
            tls: Some(builder.with_no_client_auth()),
            ..Self::plain(path)
        }
    }

    /// Makes a request by TLS with a client's certificate. The client trusts `authority` and offers `version`.
    pub(crate) fn certified(
        path: &'static str,
        authority: &Authority,
        issued: &Issued,
        version: &'static SupportedProtocolVersion,
    ) -> Self {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(authority.roots());
        let chain = vec![issued.certificate.clone()];
        Self {
            tls: Some(builder.with_client_auth_cert(chain, issued.key()).unwrap()),
            ..Self::plain(path)
        }
    }

    /// Adds a user name and a password, which are given in base64.
    pub(crate) fn with_password(mut self, encoded: &str) -> Self {
        self.headers = format!("Authorization: Basic {encoded}\r\n");
        self
    }

    fn connector(&self) -> Option<TlsConnector> {
        let tls = self.tls.clone()?;
        Some(TlsConnector::from(Arc::new(tls)))
    }

    /// Returns the text of the request. `connection` is the value of the header `Connection`.
    pub(crate) fn text(&self, connection: &str) -> String {
        let Self { path, headers, .. } = self;
        format!("GET {path} HTTP/1.1\r\nHost: test\r\n{headers}Connection: {connection}\r\n\r\n")
    }
}
