//! A source of leadership that says what a test tells it to, and remembers what it was asked.

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

/// What the source does with a question.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// Answers at once.
    Now(u16, String),
    /// Answers at once with status 200, one after the other and then from the beginning.
    InTurn(Vec<String>),
    /// Answers after a while.
    After(Duration, u16, String),
    /// Points elsewhere.
    Redirect(String),
    /// Never answers.
    Silence,
}

/// One question.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) at: Instant,
    /// The parameters.
    pub(crate) query: HashMap<String, String>,
}

/// A running source. It ends when dropped.
pub(crate) struct Source {
    pub(crate) url: String,
    reply: watch::Sender<Reply>,
    asked: watch::Receiver<Vec<Asked>>,
    runtime: Runtime,
}

#[derive(Clone)]
struct Shared {
    reply: watch::Receiver<Reply>,
    asked: watch::Sender<Vec<Asked>>,
}

/// A whole answer of the contract; `more` overwrites fields or adds some.
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

/// A definite no.
pub(crate) fn no() -> String {
    contract(serde_json::json!({
        "is_leader": false, "valid_for_ms": 0, "name": "pod-b", "state": "standby", "reason": "not_holder",
    }))
}

async fn leader(
    State(shared): State<Shared>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let asked = Asked {
        at: Instant::now(),
        query,
    };
    let mut n_before = 0;
    shared.asked.send_modify(|all| {
        n_before = all.len();
        all.push(asked);
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
    /// Listens on loopback.
    pub(crate) fn tcp(reply: Reply) -> Self {
        let runtime = Runtime::new().unwrap();
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        let listener = runtime.block_on(TcpListener::bind(any)).unwrap();
        let url = format!("http://{}/leader", listener.local_addr().unwrap());
        Self::serve(url, reply, runtime, |router| {
            axum::serve(listener, router).into_future()
        })
    }

    /// Listens on a socket at `path`.
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
        let (asked, seen) = watch::channel(Vec::new());
        let shared = Shared {
            reply: replies,
            asked,
        };
        let router = Router::new()
            .route("/leader", get(leader))
            .with_state(shared);
        runtime.spawn(start(router));
        Self {
            url,
            reply,
            asked: seen,
            runtime,
        }
    }

    /// What every question from now on is answered with.
    pub(crate) fn say(&self, reply: Reply) {
        self.reply.send_replace(reply);
    }

    /// Every question so far.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.borrow().clone()
    }

    /// Waits until so many more questions have come than by now.
    pub(crate) fn until_asked(&self, more: usize) {
        let n = self.asked.borrow().len() + more;
        self.until(|all| all.len() >= n);
    }

    /// Waits for a question; returns it.
    pub(crate) fn until_said(&self, name: &str, value: &str) -> Asked {
        let from = self.asked.borrow().len();
        self.until(|all| all.iter().skip(from).any(|asked| asked.is(name, value)));
        let all = self.asked();
        let found = all
            .into_iter()
            .skip(from)
            .find(|asked| asked.is(name, value));
        found.unwrap()
    }

    fn until(&self, met: impl FnMut(&Vec<Asked>) -> bool) {
        let mut asked = self.asked.clone();
        let waited = async {
            tokio::time::timeout(Duration::from_secs(20), asked.wait_for(met))
                .await
                .is_ok()
        };
        assert!(self.runtime.block_on(waited), "{:?}", self.asked().last());
    }
}

// === impl Asked ===

impl Asked {
    pub(crate) fn get(&self, name: &str) -> &str {
        self.query.get(name).map_or("", String::as_str)
    }

    pub(crate) fn is(&self, name: &str, value: &str) -> bool {
        self.get(name) == value
    }
}
