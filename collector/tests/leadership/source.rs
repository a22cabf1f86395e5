//! A source of leadership that answers as a test tells it to, and keeps the requests it has received.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use axum::Router;
use axum::extract::{Query, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tokio::net::{TcpListener, UnixListener};
use tokio::runtime::Runtime;
use tokio::sync::watch;
use tokio::time::Instant;

/// The source's reaction to a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers at once, with this status and body.
    Now(u16, String),
    /// Answers at once with status 200 and these bodies in turn, again and again.
    InTurn(Vec<String>),
    /// Answers after this time.
    After(Duration, u16, String),
    /// Redirects to this address, with status 302.
    Redirect(String),
    /// Accepts the request and never answers it.
    Silence,
}

/// A request that the source has received.
#[derive(Clone, Debug)]
pub(crate) struct RecordedRequest {
    pub(crate) at: Instant,
    /// The query parameters of the request.
    pub(crate) query: HashMap<String, String>,
}

/// A running source, which ends when this value is dropped.
pub(crate) struct Source {
    pub(crate) url: String,
    reply: watch::Sender<Reply>,
    requests: watch::Receiver<Vec<RecordedRequest>>,
    runtime: Runtime,
}

#[derive(Clone)]
struct Shared {
    reply: watch::Receiver<Reply>,
    requests: watch::Sender<Vec<RecordedRequest>>,
}

/// Returns a whole answer of the contract, a yes for `pod-a`; `more` overwrites fields or adds some.
pub(crate) fn contract(more: serde_json::Value) -> String {
    let mut answer = serde_json::json!({
        "is_leader": true, "identity": "pod-a", "name": "pod-a", "term": 7, "valid_for_ms": 5000,
        "state": "leading", "reason": "renewed",
    });
    let serde_json::Value::Object(more) = more else {
        panic!("fields are wanted");
    };
    answer.as_object_mut().unwrap().extend(more);
    answer.to_string()
}

/// Returns a whole answer of the contract, which says that `pod-b` leads.
pub(crate) fn not_leader() -> String {
    contract(serde_json::json!({
        "is_leader": false, "valid_for_ms": 0, "name": "pod-b", "state": "standby", "reason": "not_holder",
    }))
}

async fn leader(
    State(shared): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let request = RecordedRequest {
        at: Instant::now(),
        query,
    };
    let mut n_before = 0;
    shared.requests.send_modify(|all| {
        n_before = all.len();
        all.push(request);
    });
    let reply = shared.reply.borrow().clone();
    match reply {
        Reply::Now(status, body) => answer(status, body),
        Reply::InTurn(bodies) => answer(200, bodies[n_before % bodies.len()].clone()),
        Reply::After(time, status, body) => {
            tokio::time::sleep(time).await;
            answer(status, body)
        }
        Reply::Redirect(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Reply::Silence => std::future::pending().await,
    }
}

fn answer(status: u16, body: String) -> Response {
    (StatusCode::from_u16(status).unwrap(), body).into_response()
}

// === impl Source ===

impl Source {
    /// Starts a source that listens on loopback.
    pub(crate) fn tcp(reply: Reply) -> Self {
        let runtime = Runtime::new().unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = runtime.block_on(TcpListener::bind(any)).unwrap();
        let url = format!("http://{}/leader", listener.local_addr().unwrap());
        Self::serve(url, reply, runtime, |router| {
            axum::serve(listener, router).into_future()
        })
    }

    /// Starts a source that listens on a Unix socket at `path`.
    pub(crate) fn unix(path: &Path, reply: Reply) -> Self {
        std::fs::remove_file(path).ok();
        let runtime = Runtime::new().unwrap();
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(path).unwrap()
        };
        let url = format!("unix:{}", path.display());
        Self::serve(url, reply, runtime, |router| {
            axum::serve(listener, router).into_future()
        })
    }

    fn serve<F>(
        url: String,
        reply: Reply,
        runtime: Runtime,
        start: impl FnOnce(Router) -> F,
    ) -> Self
    where
        F: Future<Output = std::io::Result<()>> + Send + 'static,
    {
        let (reply, replies) = watch::channel(reply);
        let (requests, seen) = watch::channel(Vec::new());
        let shared = Shared {
            reply: replies,
            requests,
        };
        let router = Router::new()
            .route("/leader", get(leader))
            .with_state(shared);
        runtime.spawn(start(router));
        Self {
            url,
            reply,
            requests: seen,
            runtime,
        }
    }

    /// Sets the answer to every request from now on.
    pub(crate) fn answer_with(&self, reply: Reply) {
        self.reply.send_replace(reply);
    }

    /// Returns all requests so far.
    pub(crate) fn requests(&self) -> Vec<RecordedRequest> {
        self.requests.borrow().clone()
    }

    /// Waits until this number of further requests has come.
    pub(crate) fn wait_for_requests(&self, more: usize) {
        let n = self.requests.borrow().len() + more;
        self.wait_until(|all| all.len() >= n);
    }

    /// Waits for a further request in which the parameter `name` has this value, and returns the request.
    pub(crate) fn wait_for_request_with(&self, name: &str, value: &str) -> RecordedRequest {
        let from = self.requests.borrow().len();
        self.wait_until(|all| all.iter().skip(from).any(|request| request.is(name, value)));
        let all = self.requests();
        let found = all
            .into_iter()
            .skip(from)
            .find(|request| request.is(name, value));
        found.unwrap()
    }

    fn wait_until(&self, met: impl FnMut(&Vec<RecordedRequest>) -> bool) {
        let mut requests = self.requests.clone();
        let waited = async {
            tokio::time::timeout(Duration::from_secs(20), requests.wait_for(met))
                .await
                .is_ok()
        };
        assert!(
            self.runtime.block_on(waited),
            "{:?}",
            self.requests().last()
        );
    }
}

// === impl RecordedRequest ===

impl RecordedRequest {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == value
    }
}
