//! The HTTP client of AWS' library: the collector's own, so that TLS, proxies and limits are those of its other requests.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use reqwest::Client;
use rustls::ClientConfig;

use crate::kafka::oauth::answer::MAX_BYTES;
use crate::kafka::oauth::endpoint;
use crate::kafka::oauth::trouble::TokenTroubleKind;

/// The failure of one exchange.
#[derive(Debug, thiserror::Error)]
#[error("{text}")]
pub(super) struct ExchangeError {
    pub(super) kind: TokenTroubleKind,
    text: String,
}

/// The facts about the last answer of any of AWS' services, by which a failure is judged: the library does not pass them on.
#[derive(Debug, Default)]
pub(super) struct LastAnswer {
    /// The HTTP status; 0 where no answer has come.
    status: AtomicU16,
    /// The time since 1970 in seconds by the clock of the service; 0 where no answer told it.
    date: AtomicU64,
}

/// A connector for requests with the same limits of time.
#[derive(Debug)]
struct Connector {
    client: Result<Client, String>,
    last_answer: Arc<LastAnswer>,
}

/// Returns a client that notes in `last_answer` what services answer. No connection of it outlives its request.
pub(super) fn client(tls: ClientConfig, last_answer: &Arc<LastAnswer>) -> SharedHttpClient {
    let last_answer = Arc::clone(last_answer);
    http_client_fn(move |settings, _| {
        SharedHttpConnector::new(Connector {
            client: build(tls.clone(), settings),
            last_answer: Arc::clone(&last_answer),
        })
    })
}

fn build(tls: ClientConfig, settings: &HttpConnectorSettings) -> Result<Client, String> {
    let mut builder = endpoint::client(tls);
    if let Some(timeout) = settings.connect_timeout() {
        builder = builder.connect_timeout(timeout);
    }
    if let Some(timeout) = settings.read_timeout() {
        builder = builder.read_timeout(timeout);
    }
    builder.build().map_err(|error| error.to_string())
}

// === impl LastAnswer ===

impl LastAnswer {
    /// Returns the HTTP status of the last answer; `None` where no answer has come.
    pub(super) fn status(&self) -> Option<u16> {
        let status = self.status.load(Ordering::Relaxed);
        (status != 0).then_some(status)
    }

    /// Returns the time since 1970 by the clock of the service that answered last; `None` where no answer told it.
    pub(super) fn date(&self) -> Option<Duration> {
        let date = self.date.load(Ordering::Relaxed);
        (date != 0).then(|| Duration::from_secs(date))
    }

    fn note(&self, status: u16, date: Option<Duration>) {
        self.status.store(status, Ordering::Relaxed);
        let seconds = date.map_or(0, |date| date.as_secs());
        self.date.store(seconds, Ordering::Relaxed);
    }
}

// === impl Connector ===

impl HttpConnector for Connector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let last_answer = Arc::clone(&self.last_answer);
        match self.client.clone() {
            Ok(client) => HttpConnectorFuture::new(exchange(client, request, last_answer)),
            Err(text) => HttpConnectorFuture::ready(Err(ConnectorError::user(text.into()))),
        }
    }
}

async fn exchange(
    client: Client,
    request: HttpRequest,
    last_answer: Arc<LastAnswer>,
) -> Result<HttpResponse, ConnectorError> {
    let user = |error: Box<dyn std::error::Error + Send + Sync>| ConnectorError::user(error);
    let failed = |(kind, text)| ConnectorError::io(Box::new(ExchangeError { kind, text }));
    let request = request
        .try_into_http1x()
        .map_err(|error| user(error.into()))?;
    // The bodies of the library's requests are short texts, so each is there as a whole.
    if request.body().bytes().is_none() {
        return Err(user("a request whose body is a stream".into()));
    }
    let request = request.map(|body| body.bytes().unwrap_or_default().to_vec());
    let request = request
        .try_into()
        .map_err(|error: reqwest::Error| user(error.into()))?;
    let response = client.execute(request).await;
    let mut response = response.map_err(|error| failed(endpoint::failed(error)))?;
    last_answer.note(response.status().as_u16(), endpoint::date(&response));
    let body = endpoint::body(&mut response).await.map_err(failed)?;
    if body.len() > MAX_BYTES {
        let text = format!("an answer of more than {MAX_BYTES} bytes");
        return Err(failed((TokenTroubleKind::AwsCredentials, text)));
    }
    let response = ::http::Response::<reqwest::Body>::from(response);
    let response = response.map(|_| SdkBody::from(body));
    response.try_into().map_err(|error| user(Box::new(error)))
}
