//! An HTTP proxy in front of the API server, which records requests, delays them, and answers some with errors.
//!
//! The proxy speaks plain HTTP with its clients, whose requests carry their own tokens. A request is passed on even if its sender
//! has given up waiting.

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

/// The verb of a request, as RBAC and the audit log of the API server name it.
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

/// A request that arrived at the proxy, whether it was passed on or not.
#[derive(Clone, Copy, Debug)]
pub struct ApiRequest {
    /// The time at which the head of the request had been read.
    pub at: Instant,
    /// The verb, derived from the request's method, path and query.
    pub verb: Verb,
}

/// A fault that the proxy applies to requests; the default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HttpFault {
    /// The time for which the proxy holds each request before it passes the request on or answers it with an error.
    pub latency: Duration,
    /// The error with which the proxy answers some requests itself; `None` passes all requests on.
    pub error: Option<ErrorInjection>,
}

/// An error answer that some requests get instead of being passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ErrorInjection {
    /// The status code of the error answer.
    pub status: u16,
    /// The number of requests of which one gets the error: 1 for all requests, 2 for every second. It must not be 0.
    pub every: usize,
}

/// A proxy on a free port of loopback, which accepts no connections after it is dropped.
#[derive(Debug)]
pub struct HttpProxy {
    port: u16,
    http_fault: watch::Sender<HttpFault>,
    requests: watch::Sender<Vec<ApiRequest>>,
    task: AbortHandle,
}

#[derive(Clone)]
struct HttpProxyState {
    upstream: Client,
    http_fault: watch::Receiver<HttpFault>,
    requests: watch::Sender<Vec<ApiRequest>>,
}

// === impl HttpProxy ===

impl HttpProxy {
    /// Opens a proxy on `runtime`. `upstream` is a client for the API server without credentials, as requests bring their own.
    pub(in crate::lab) fn open(runtime: &Handle, upstream: Client) -> Result<Self> {
        let listener = runtime.block_on(TcpListener::bind(("127.0.0.1", 0)))?;
        let port = listener.local_addr()?.port();
        let http_fault = watch::Sender::new(HttpFault::default());
        let requests = watch::Sender::new(Vec::new());
        let shared = HttpProxyState {
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

    /// Returns the port on which the proxy listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Sets the fault of all requests that arrive from now on.
    pub fn set(&self, http_fault: HttpFault) {
        self.http_fault.send_replace(http_fault);
    }

    /// Returns all requests so far, in the order in which they arrived.
    pub fn requests(&self) -> Vec<ApiRequest> {
        self.requests.borrow().clone()
    }
}

impl Drop for HttpProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn answer(State(shared): State<HttpProxyState>, request: Request) -> Response {
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
    // Axum drops this future when the sender closes its connection. A task of its own lets the request go on to the API server all
    // the same.
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

/// Returns an error answer with a `Status` object as its body, as the API server sends. The answer 429 asks for a pause of one
/// second.
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
