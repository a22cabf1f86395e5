//! The HTTP endpoints of the elector: `/leader` for the consumer in its own pod, `/health` and `/metrics` for everybody.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State as Extracted};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use shared::leadership::{self, LeaderReport, State};

use crate::answer::{LeaderAnswer, MetricValues};
use crate::leadership_task::Handle;
use crate::single_instance::SingleInstance;
use crate::telemetry::Telemetry;

/// The content type of the exposition: Prometheus' text format 0.0.4.
const EXPOSITION_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The endpoint of [`telemetry_router`] that is answered to all clients, whatever the web configuration demands, because the kubelet calls it
/// without a certificate or a password.
pub const OPEN_PATHS: [&str; 1] = ["/health"];

/// The part of the answer to a bad query that says how to ask.
const HOW_TO_ASK: &str = "write consumer=NAME&instance=WORD&seq=N&healthy=true|false&gate=open|closed&wait_ms=N, or no query for the facts";

/// The source of leadership that answers `/leader`.
#[derive(Clone, Debug)]
pub enum LeadershipSource {
    /// The leadership task, whose pod takes part in the election.
    Elected(Handle),
    /// The source without an election: this pod always leads.
    SingleInstance(SingleInstance),
}

/// The values that the endpoints are answered from.
#[derive(Clone, Debug)]
pub struct AppState {
    /// The source of leadership that answers `/leader`.
    pub source: LeadershipSource,
    /// The metric families that `/metrics` serves.
    pub telemetry: Arc<Telemetry>,
}

/// Returns the endpoints for this pod: all of them.
pub fn router(state: AppState) -> Router {
    with_layers(
        public_routes()
            .route("/", get(leader))
            .route("/leader", get(leader)),
        state,
    )
}

/// Returns the endpoints for everybody. `/leader` is not among them, because its answers grant leadership.
pub fn telemetry_router(state: AppState) -> Router {
    with_layers(public_routes(), state)
}

fn public_routes() -> Router<AppState> {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
}

fn with_layers(router: Router<AppState>, state: AppState) -> Router {
    router
        .fallback(not_found)
        .layer(from_fn(set_no_store))
        .with_state(state)
}

async fn leader(Extracted(state): Extracted<AppState>, uri: Uri) -> Response {
    let query = match query(&uri) {
        Ok(query) => query,
        Err(error) => {
            let text = format!("bad query: {error}; {HOW_TO_ASK}\n");
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    match state.source.leader(query).await {
        Some(answer) => (status(&answer.report), axum::Json(answer)).into_response(),
        None => ending(),
    }
}

/// Parses the query of a request; `None` without a query.
///
/// # Errors
/// Returns a text for the client if the query is not as the contract defines it.
fn query(uri: &Uri) -> Result<Option<leadership::Query>, String> {
    if uri.query().unwrap_or_default().is_empty() {
        return Ok(None);
    }
    match Query::try_from_uri(uri) {
        Ok(Query(query)) => Ok(Some(query)),
        Err(error) => Err(error.body_text()),
    }
}

/// Returns the HTTP status of an answer: 503 while the leader is not known, 200 otherwise.
const fn status(report: &LeaderReport) -> StatusCode {
    match report.state {
        State::Starting | State::Blocked => StatusCode::SERVICE_UNAVAILABLE,
        State::Parked
        | State::Standby
        | State::Campaigning
        | State::Leading
        | State::Draining
        | State::LeaseExpired
        | State::SingleInstance => StatusCode::OK,
    }
}

async fn health() -> &'static str {
    "healthy\n"
}

async fn metrics(Extracted(state): Extracted<AppState>) -> Response {
    let Some(values) = state.source.metric_values().await else {
        return ending();
    };
    match state.telemetry.render(&values) {
        Ok(text) => ([(header::CONTENT_TYPE, EXPOSITION_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn not_found() -> (StatusCode, &'static str) {
    let text = "no such endpoint; there are /leader, /health and /metrics\n";
    (StatusCode::NOT_FOUND, text)
}

fn ending() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the elector is ending\n").into_response()
}

/// Forbids caches to store an answer, which is true only for a moment.
async fn set_no_store(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

// === impl LeadershipSource ===

impl LeadershipSource {
    async fn leader(&self, query: Option<leadership::Query>) -> Option<LeaderAnswer> {
        match self {
            Self::Elected(handle) => handle.leader(query).await,
            Self::SingleInstance(single) => Some(single.leader(query.as_ref()).await),
        }
    }

    async fn metric_values(&self) -> Option<MetricValues> {
        match self {
            Self::Elected(handle) => handle.metric_values().await,
            Self::SingleInstance(single) => Some(single.metric_values()),
        }
    }
}
