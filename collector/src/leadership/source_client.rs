//! The HTTP client of the source of leadership, the only one in the program.
//!
//! Proxies, redirects and retries are switched off: a request must be answered by the process that listens at the configured
//! address, once.

use std::time::Duration;

use reqwest::{Client, Response, Url, redirect, retry};
use rustls::RootCertStore;
use shared::config::SourceUrl;
use shared::leadership::{Query, ReportedGate};

use super::answer::{Answer, MAX_BODY, Unusable};
use crate::tls;

/// A client of one source, with one request at a time.
#[derive(Debug)]
pub struct SourceClient {
    client: Client,
    url: Url,
}

/// The error that the configured address of the source is not usable.
#[derive(Debug, thiserror::Error)]
#[error("exporter.leadership.url: {source} is no address that can be asked")]
pub struct InvalidSource {
    source: SourceText,
    #[source]
    why: Box<dyn std::error::Error + Send + Sync>,
}

/// The address of a source, for messages.
#[derive(Debug)]
struct SourceText(String);

// === impl SourceClient ===

impl SourceClient {
    /// Makes a client of `source`. It connects at the first request.
    ///
    /// # Errors
    /// The address cannot be parsed, or the client cannot be built.
    pub fn new(source: &SourceUrl) -> Result<Self, InvalidSource> {
        let builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .http1_only()
            // Sources of leadership are asked in plain HTTP, so this client trusts no authority.
            .tls_backend_preconfigured(tls::client_config(RootCertStore::empty()))
            .pool_max_idle_per_host(1);
        let (builder, url) = match source {
            SourceUrl::Http(url) => (builder, url.as_str()),
            SourceUrl::Unix(path) => (
                builder.unix_socket(path.as_path()),
                "http://localhost/leader",
            ),
        };
        let bad = |why| InvalidSource {
            source: SourceText(source.to_string()),
            why,
        };
        let url = Url::parse(url).map_err(|error| bad(error.into()))?;
        let client = builder.build().map_err(|error| bad(error.into()))?;
        Ok(Self { client, url })
    }

    /// Sends `query` and reads the answer, for `timeout` at most. Dropping the future closes the connection, so a late answer is
    /// never read.
    ///
    /// # Errors
    /// No answer comes in time, the connection is refused or breaks, or the answer is not usable.
    pub async fn query(
        &self,
        query: Option<&Query>,
        timeout: Duration,
    ) -> Result<Answer, Unusable> {
        tokio::time::timeout(timeout, self.exchange(query))
            .await
            .unwrap_or(Err(Unusable::Timeout))
    }

    async fn exchange(&self, query: Option<&Query>) -> Result<Answer, Unusable> {
        let mut url = self.url.clone();
        if let Some(query) = query {
            write(query, &mut url);
        }
        let mut response = self.client.get(url).send().await.map_err(unreachable)?;
        let body = body(&mut response).await?;
        Answer::read(response.status().as_u16(), &body)
    }
}

/// Returns a random number as text, which tells this process apart from others and from its earlier runs.
pub fn random_instance() -> String {
    format!("{:016x}", fastrand::u64(..))
}

fn write(query: &Query, url: &mut Url) {
    let Query {
        consumer,
        instance,
        seq,
        healthy,
        gate,
        wait_ms,
    } = query;
    let gate = match gate {
        ReportedGate::Open => "open",
        ReportedGate::Closed => "closed",
    };
    url.query_pairs_mut()
        .append_pair("consumer", consumer)
        .append_pair("instance", instance)
        .append_pair("seq", &seq.to_string())
        .append_pair("healthy", if *healthy { "true" } else { "false" })
        .append_pair("gate", gate)
        .append_pair("wait_ms", &wait_ms.to_string());
}

/// Reads the body, and no more than one byte beyond [`MAX_BODY`].
async fn body(response: &mut Response) -> Result<Vec<u8>, Unusable> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(unreachable)? {
        let room = MAX_BODY + 1 - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if body.len() > MAX_BODY {
            break;
        }
    }
    Ok(body)
}

/// Makes the error of a failed exchange from its innermost cause alone, because the outer causes repeat the address.
fn unreachable(error: reqwest::Error) -> Unusable {
    let error = error.without_url();
    let mut cause: &dyn std::error::Error = &error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    Unusable::Unreachable(cause.to_string())
}

impl std::fmt::Display for SourceText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}
