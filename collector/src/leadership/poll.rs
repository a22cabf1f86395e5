//! Asking the source: the only HTTP client of the program.
//!
//! Deliberately absent: proxies, redirects and repeated requests. What is asked must be answered by whoever listens there, once.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use reqwest::{Client, Response, Url, redirect, retry};
use shared::config::SourceUrl;
use shared::leadership::{Query, ReportedGate};

use super::answer::{Answer, MAX_BODY, Unusable};

/// Asks one source, one question at a time.
#[derive(Debug)]
pub struct Asker {
    client: Client,
    url: Url,
}

/// The source cannot be asked at all.
#[derive(Debug, thiserror::Error)]
#[error("exporter.leadership.url: {source} is no address that can be asked")]
pub struct BadSource {
    source: SourceText,
    #[source]
    why: Box<dyn std::error::Error + Send + Sync>,
}

/// A source's address, for messages.
#[derive(Debug)]
struct SourceText(String);

// === impl Asker ===

impl Asker {
    /// Asks at `source`. Connects when the first question is asked.
    ///
    /// # Errors
    /// An address that is none.
    pub fn new(source: &SourceUrl) -> Result<Self, BadSource> {
        let builder = Client::builder()
            .no_proxy()
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .http1_only()
            .pool_max_idle_per_host(1);
        let (builder, url) = match source {
            SourceUrl::Http(url) => (builder, url.as_str()),
            SourceUrl::Unix(path) => (
                builder.unix_socket(path.as_path()),
                "http://localhost/leader",
            ),
        };
        let bad = |why| BadSource {
            source: SourceText(source.to_string()),
            why,
        };
        let url = Url::parse(url).map_err(|error| bad(error.into()))?;
        let client = builder.build().map_err(|error| bad(error.into()))?;
        Ok(Self { client, url })
    }

    /// Asks `query` and reads the answer, for `patience` at most. Dropping the future gives the answer up for good: the connection
    /// is closed, and nobody reads what may still come on it.
    ///
    /// # Errors
    /// Where there is no answer that says something.
    pub async fn ask(&self, query: Option<&Query>, patience: Duration) -> Result<Answer, Unusable> {
        tokio::time::timeout(patience, self.exchange(query))
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

/// A number that another process, or another run of this one, hardly draws as well.
pub fn instance() -> String {
    format!("{:016x}", RandomState::new().hash_one(()))
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

/// The body, or one byte more than is read of it.
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

/// The innermost cause says it best: the others repeat the address.
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
