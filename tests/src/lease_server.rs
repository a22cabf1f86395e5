//! A stand-in of the Kubernetes API for one Lease: the requests that the elector makes, in plain HTTP on loopback.
//!
//! The server has GET, POST, PATCH, LIST and WATCH of a Lease of one name, versions that count every change, and a conflict for every write
//! that is conditional on another version. There are no rights and no tokens, and nothing outlives the process. The server does not record
//! which field manager wrote which field: an apply without force conflicts with any other value.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Path, Query, State};
use axum::response::Response;
use axum::routing::get;
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout_at};

mod store;

use store::{Next, Patch, Store};

/// The time after which the server ends a watch whose request sets no timeout, as the API server does too.
const WATCH_LIMIT: Duration = Duration::from_secs(300);

/// The running server, which ends when it is dropped.
#[derive(Debug)]
pub struct LeaseServer {
    url: String,
    name: String,
    namespace: String,
    task: AbortHandle,
}

#[derive(Clone, Debug)]
struct LeaseServerState(Arc<watch::Sender<Store>>);

/// The parameters in the query of a request; unknown ones are ignored.
type Asked = Query<std::collections::BTreeMap<String, String>>;

// === impl LeaseServer ===

impl LeaseServer {
    /// Starts a server that knows the Lease `name` in `namespace`, which does not exist yet.
    pub async fn start(namespace: &str, name: &str) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let store = watch::Sender::new(Store::empty(namespace, name));
        let all = format!("/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases");
        let router = Router::new()
            .route(&all, get(collection).post(create))
            .route(&format!("{all}/{{name}}"), get(read).patch(patch))
            .with_state(LeaseServerState(Arc::new(store)));
        let served = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, router).await {
                tracing::error!(%error, "The stand-in of the Kubernetes API failed");
            }
        });
        Ok(Self {
            url,
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            task: served.abort_handle(),
        })
    }

    /// Returns the URL of the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Returns the URL of the Lease.
    pub fn lease_url(&self) -> String {
        let Self {
            url,
            name,
            namespace,
            ..
        } = self;
        format!("{url}/apis/coordination.k8s.io/v1/namespaces/{namespace}/leases/{name}")
    }

    /// Returns the contents of a client's kubeconfig file.
    pub fn kubeconfig(&self) -> String {
        let namespace = &self.namespace;
        let kubeconfig = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "standin",
            "clusters": [{"name": "standin", "cluster": {"server": self.url}}],
            "users": [{"name": "anybody", "user": {}}],
            "contexts": [{"name": "standin", "context": {
                "cluster": "standin", "user": "anybody", "namespace": namespace}}],
        });
        kubeconfig.to_string()
    }
}

impl Drop for LeaseServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn read(
    State(LeaseServerState(store)): State<LeaseServerState>,
    Path(name): Path<String>,
) -> Response {
    answer(store.borrow().read(&name))
}

async fn create(State(LeaseServerState(store)): State<LeaseServerState>, body: Bytes) -> Response {
    change(&store, &body, Store::create)
}

async fn patch(
    State(LeaseServerState(store)): State<LeaseServerState>,
    Path(name): Path<String>,
    Query(asked): Asked,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .map_or(&b""[..], |kind| kind.as_bytes());
    let forced = asked.get("force").is_some_and(|force| force == "true");
    let how = match (kind, forced) {
        (b"application/apply-patch+yaml", false) => Patch::Apply,
        _ => Patch::Merge,
    };
    change(&store, &body, |store, object| {
        store.patch(&name, object, how)
    })
}

/// Changes the store as `body` says, and wakes the watchers if there is a new version.
fn change(
    store: &watch::Sender<Store>,
    body: &[u8],
    by: impl FnOnce(&mut Store, &Value) -> Result<Value, store::Refusal>,
) -> Response {
    let object = match serde_json::from_slice(body) {
        Ok(object) => object,
        Err(error) => return json_of(400, &json!({"message": error.to_string(), "code": 400})),
    };
    let mut made = Err(store::Refusal::NotFound);
    store.send_if_modified(|store| {
        let before = store.version();
        made = by(store, &object);
        store.version() != before
    });
    answer(made)
}

/// Answers LIST and WATCH. There is one Lease, so a selector by its name selects everything.
async fn collection(
    State(LeaseServerState(store)): State<LeaseServerState>,
    Query(asked): Asked,
) -> Response {
    let number = |name: &str| asked.get(name).and_then(|n| n.parse::<u64>().ok());
    if !matches!(
        asked.get("watch").map(String::as_str),
        Some("true" | "1" | "")
    ) {
        return json_of(200, &store.borrow().list());
    }
    let limit = number("timeoutSeconds").map_or(WATCH_LIMIT, Duration::from_secs);
    let until = Instant::now() + limit;
    let seen = number("resourceVersion").unwrap_or(0);
    let state = Some((store.subscribe(), seen));
    let lines = futures_util::stream::unfold(state, move |state| async move {
        let (mut store, seen) = state?;
        let news = async {
            let store = store.wait_for(|store| store.version() > seen).await.ok()?;
            Some(store.after(seen))
        };
        let (line, rest) = match timeout_at(until, news).await.ok()?? {
            Next::Event(version, event) => (event, Some((store, version))),
            Next::Expired(event) => (event, None),
        };
        let line = Bytes::from(format!("{line}\n"));
        Some((Ok::<_, Infallible>(line), rest))
    });
    let mut response = Response::new(Body::from_stream(lines));
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn answer(made: Result<Value, store::Refusal>) -> Response {
    match made {
        Ok(object) => json_of(200, &object),
        Err(refusal) => json_of(refusal.code(), &refusal.status()),
    }
}

fn json_of(code: u16, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::OK);
    let json = header::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
