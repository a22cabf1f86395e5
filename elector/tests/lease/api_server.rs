//! A fake Kubernetes API server with one Lease, which fails in the way that a test asks for.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Query, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use futures_util::stream;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

use crate::fake_lease::{FakeLease, NAME};
use crate::store::{Mode, Store, json_of, status};

pub const PATH: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";
const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
/// The content type of a server-side apply.
const APPLY: &str = "application/apply-patch+yaml";

/// A fake API server, which ends with the runtime of its test.
#[derive(Clone)]
pub struct FakeApiServer {
    pub url: String,
    store: Arc<watch::Sender<Store>>,
}

/// The fault of the fake API server. One fault at a time is active.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Fault {
    /// The server has no fault.
    #[default]
    None,
    /// Every request about the Lease is answered with this status, and every access review with 503.
    Status(u16),
    /// Every n-th request about the Lease is answered with this status, and every access review with 503.
    Every(usize, u16),
    /// Requests with these verbs are answered 403, and access reviews deny them.
    Denies(&'static [&'static str]),
    /// Every request about the Lease takes this time. Access reviews are not answered.
    Slow(Duration),
    /// No request is answered or has an effect, and watches send no event.
    Silent,
    /// Each PATCH takes effect and is not answered.
    LosesAnswers,
}

#[derive(Deserialize)]
struct Parameters {
    watch: Option<bool>,
    #[serde(rename = "resourceVersion")]
    version: Option<String>,
    #[serde(rename = "fieldSelector")]
    only: Option<String>,
    force: Option<bool>,
}

// === impl FakeApiServer ===

impl FakeApiServer {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let api = Self {
            url,
            store: Arc::new(watch::Sender::new(Store::new())),
        };
        let router = Router::new()
            .route(PATH, get(collection).post(serve))
            .route(&format!("{PATH}/{NAME}"), get(serve).patch(serve))
            .route(REVIEWS, post(review))
            .with_state(api.clone());
        #[expect(clippy::disallowed_methods, reason = "a stand-in for another process")]
        tokio::spawn(async move { axum::serve(listener, router).await });
        api
    }

    /// Sets the fault from now on.
    pub fn behave(&self, fault: Fault) {
        self.store.send_modify(|store| store.fault = fault);
    }

    /// Edits fields of the Lease's spec, as a person would.
    pub fn edit(&self, spec: &Value) {
        self.store
            .send_modify(|store| store.change(|lease| lease.edit(spec)));
    }

    pub fn delete(&self) {
        self.store
            .send_modify(|store| store.change(FakeLease::delete));
    }

    /// Applies the manifest of a Lease that nobody holds, as a person would.
    pub fn create(&self) {
        self.store
            .send_modify(|store| store.change(FakeLease::apply_manifest));
    }

    pub fn store(&self) -> watch::Ref<'_, Store> {
        self.store.borrow()
    }

    /// Returns the verbs of the requests since the last call.
    pub fn take_asked(&self) -> Vec<&'static str> {
        let mut asked = Vec::new();
        self.store.send_if_modified(|store| {
            asked = std::mem::take(&mut store.asked);
            false
        });
        asked
    }

    /// Counts a request with this `verb`, and applies the current fault. Returns the answer that the fault makes; `None` if the
    /// request may go on.
    async fn fail(&self, verb: &'static str) -> Option<Response> {
        let mut n = 0;
        self.store.send_if_modified(|store| {
            store.asked.push(verb);
            n = store.asked.len();
            false
        });
        let fault = self.store.borrow().fault.clone();
        match fault {
            Fault::Status(code) => Some(status(code, "told to")),
            Fault::Every(nth, code) if n.is_multiple_of(nth) => Some(status(code, "told to")),
            Fault::Denies(verbs) if verbs.contains(&verb) => {
                let message = format!(
                    "leases.coordination.k8s.io \"{NAME}\" is forbidden: User \"u\" cannot {verb} resource \"leases\""
                );
                Some(status(403, &message))
            }
            Fault::Slow(time) => {
                tokio::time::sleep(time).await;
                None
            }
            Fault::Silent => std::future::pending().await,
            Fault::None | Fault::Every(..) | Fault::Denies(_) | Fault::LosesAnswers => None,
        }
    }
}

async fn serve(
    State(api): State<FakeApiServer>,
    Query(asked): Query<Parameters>,
    request: Request,
) -> Response {
    let (head, body) = request.into_parts();
    let verb = match head.method {
        Method::GET => "get",
        Method::POST => "create",
        _ => "patch",
    };
    if let Some(failure) = api.fail(verb).await {
        return failure;
    }
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let apply = head
        .headers
        .get("content-type")
        .is_some_and(|kind| kind == APPLY);
    let mode = match (apply, asked.force) {
        (true, Some(true)) => Mode::Forced,
        (true, _) => Mode::Apply,
        (false, _) => Mode::Merge,
    };
    let mut reply = status(500, "nothing happened");
    api.store.send_if_modified(|store| {
        let before = store.lease.version;
        reply = match verb {
            "get" => store.get(),
            "create" => store.post(),
            _ => store.patch(&serde_json::from_slice(&body).unwrap(), mode),
        };
        store.lease.version != before
    });
    if verb == "patch" && api.store.borrow().fault == Fault::LosesAnswers {
        std::future::pending::<()>().await;
    }
    reply
}

/// Answers an access review, which is not counted because it is no request about the Lease.
async fn review(State(api): State<FakeApiServer>, body: Bytes) -> Response {
    let mut review: Value = serde_json::from_slice(&body).unwrap();
    let fault = api.store.borrow().fault.clone();
    let denied = match fault {
        Fault::None | Fault::LosesAnswers => false,
        Fault::Denies(verbs) => {
            let asked = review["spec"]["resourceAttributes"]["verb"].as_str();
            verbs.iter().any(|verb| Some(*verb) == asked)
        }
        Fault::Status(_) | Fault::Every(..) => return status(503, "told to"),
        Fault::Slow(_) | Fault::Silent => std::future::pending().await,
    };
    review["status"] = json!({ "allowed": !denied });
    json_of(201, &review)
}

/// Answers LIST and WATCH of Leases, which are refused without a field selector for the one Lease.
async fn collection(State(api): State<FakeApiServer>, Query(asked): Query<Parameters>) -> Response {
    let watches = asked.watch.unwrap_or_default();
    let only_this = format!("metadata.name={NAME}");
    let denied = asked.only.as_ref() != Some(&only_this);
    if denied {
        return status(403, "only with the field selector");
    }
    let verb = if watches { "watch" } else { "list" };
    if let Some(failure) = api.fail(verb).await {
        return failure;
    }
    if !watches {
        let store = api.store.borrow();
        let items: Vec<_> = store.lease.object.iter().collect();
        let list = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "LeaseList",
            "metadata": {"resourceVersion": store.lease.version.to_string()}, "items": items,
        });
        return json_of(200, &list);
    }
    let from = asked.version.and_then(|version| version.parse().ok());
    let state = (api.store.subscribe(), from.unwrap_or(0_u64));
    let lines = stream::unfold(state, |(mut store, seen)| async move {
        let next = |store: &Store| store.events.iter().find(|(v, _)| *v > seen).cloned();
        // A silent server sends no events either.
        let ready = |store: &Store| next(store).is_some() && store.fault != Fault::Silent;
        let (version, event) = {
            let store = store.wait_for(ready).await.ok()?;
            next(&store)?
        };
        let line = Bytes::from(format!("{event}\n"));
        Some((Ok::<_, Infallible>(line), (store, version)))
    });
    Response::new(Body::from_stream(lines))
}
