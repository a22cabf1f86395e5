//! An HTTP proxy in front of the API server: counts requests, delays them, and answers some with errors.
//!
//! The proxy speaks plain HTTP to its clients, who bring their own tokens. A request is passed on even if its sender has given up.

use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, Method, StatusCode, header};
use kube::Client;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{self, Instant};

/// The verb of a request, as the API server sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the API server's own words")]
pub enum Verb {
    Get,
    List,
    Watch,
    Create,
    Update,
    Patch,
    Delete,
}

/// One request as it came in.
#[derive(Clone, Copy, Debug)]
pub struct ApiRequest {
    /// The time at which the head of the request had been read.
    pub at: Instant,
    /// The verb that the API server sees.
    pub verb: Verb,
}

/// A fault that happens to requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpFault {
    /// The time between a request's arrival and its passing on.
    pub latency: Duration,
    /// The error with which this proxy answers requests itself.
    pub error: Option<ErrorInjection>,
}

/// Some requests are answered with an error instead of being passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorInjection {
    /// The status code.
    pub status: u16,
    /// The interval at which requests are answered so: every `every`th; 1 means all.
    pub every: usize,
}

/// A proxy; closed when dropped.
#[derive(Debug)]
pub struct HttpProxy {
    port: u16,
    http_fault: watch::Sender<HttpFault>,
    requests: watch::Sender<Vec<ApiRequest>>,
    task: AbortHandle,
}

#[derive(Clone)]
struct Shared {
    upstream: Client,
    http_fault: watch::Receiver<HttpFault>,
    requests: watch::Sender<Vec<ApiRequest>>,
}

// === impl HttpProxy ===

impl HttpProxy {
    /// Opens a proxy; `upstream` is a client for the API server without credentials.
    pub(in crate::lab) fn open(runtime: &Handle, upstream: Client) -> Result<Self> {
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let port = listener.local_addr()?.port();
        let http_fault = watch::Sender::new(HttpFault::default());
        let requests = watch::Sender::new(Vec::new());
        let shared = Shared {
            upstream,
            http_fault: http_fault.subscribe(),
            requests: requests.clone(),
        };
        let router = Router::new().fallback(answer).with_state(shared);
        let task = runtime.spawn(async move { axum::serve(listener, router).await });
        Ok(Self {
            port,
            http_fault,
            requests,
            task: task.abort_handle(),
        })
    }

    /// The port of the proxy.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the fault of all requests from the next one on.
    pub fn set(&self, http_fault: HttpFault) {
        self.http_fault.send_replace(http_fault);
    }

    /// All requests so far.
    pub fn asked(&self) -> Vec<ApiRequest> {
        self.requests.borrow().clone()
    }
}

impl Drop for HttpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<Shared>, request: Request) -> Response {
    let asked = ApiRequest {
        at: Instant::now(),
        verb: Verb::of(&request),
    };
    let mut n = 0;
    shared.requests.send_modify(|requests| {
        requests.push(asked);
        n = requests.len();
    });
    let http_fault = *shared.http_fault.borrow();
    // The request runs on a task of its own, so that it goes on when its sender gives up waiting.
    let under_way = tokio::spawn(async move {
        time::sleep(http_fault.latency).await;
        match http_fault.error {
            Some(error) if n % error.every == 0 => error_answer(error.status),
            _ => pass_on(&shared.upstream, request).await,
        }
    });
    under_way
        .await
        .unwrap_or_else(|_| StatusCode::BAD_GATEWAY.into_response())
}

async fn pass_on(upstream: &Client, mut request: Request) -> Response {
    request.headers_mut().remove(header::HOST);
    let (head, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, 1 << 20).await else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let request = http::Request::from_parts(head, kube::client::Body::from(body.to_vec()));
    match upstream.send(request).await {
        Ok(answer) => answer.map(Body::new),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

/// An error answer with the body that the API server would send.
fn error_answer(status: u16) -> Response {
    let body = json!({
        "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "code": status,
        "message": "the lab says no", "reason": "InternalError",
    });
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut answer = (status, axum::Json(body)).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        let wait = HeaderValue::from_static("1");
        answer.headers_mut().insert(header::RETRY_AFTER, wait);
    }
    answer
}

// === impl Verb ===

impl Verb {
    fn of(request: &Request) -> Self {
        let uri = request.uri();
        let one = !uri.path().ends_with("/leases");
        let watch = uri
            .query()
            .is_some_and(|query| query.contains("watch=true") || query.contains("watch=1"));
        match *request.method() {
            Method::POST => Self::Create,
            Method::PUT => Self::Update,
            Method::PATCH => Self::Patch,
            Method::DELETE => Self::Delete,
            _ if watch => Self::Watch,
            _ if one => Self::Get,
            _ => Self::List,
        }
    }
}
