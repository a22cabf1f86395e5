//! What the elector serves: who leads, to the consumer in its pod; metrics, to whoever scrapes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Query, Request, State as Given};
use axum::http::{HeaderValue, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use shared::leadership::{self, LeaderReport, State};

use crate::desk::{Answer, Facts, Inquiries};
use crate::single::Single;
use crate::telemetry::Telemetry;

/// The type of the exposition.
const EXPOSITION_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

const HOW_TO_ASK: &str = "write consumer=NAME&instance=WORD&seq=N&healthy=true|false&gate=open|closed&wait_ms=N, or no query for the facts";

/// Who decides.
#[derive(Clone, Debug)]
pub enum Source {
    /// An election.
    Elected(Inquiries),
    /// Nobody: this pod leads.
    Single(Single),
}

/// What the endpoints are answered from.
#[derive(Clone, Debug)]
pub struct Surface {
    /// Who decides.
    pub source: Source,
    /// The families of `/metrics`.
    pub telemetry: Arc<Telemetry>,
}

/// The endpoints for this pod: everything.
pub fn router(surface: Surface) -> Router {
    finish(
        everywhere()
            .route("/", get(leader))
            .route("/leader", get(leader)),
        surface,
    )
}

/// The endpoints for everybody: nothing that could be granted.
pub fn telemetry_router(surface: Surface) -> Router {
    finish(everywhere(), surface)
}

fn everywhere() -> Router<Surface> {
    Router::new()
        .route("/health", get(health))
        .route("/metrics", get(metrics))
}

fn finish(router: Router<Surface>, surface: Surface) -> Router {
    router
        .fallback(nowhere)
        .layer(from_fn(never_stored))
        .with_state(surface)
}

async fn leader(Given(surface): Given<Surface>, uri: Uri) -> Response {
    let query = match query(&uri) {
        Ok(query) => query,
        Err(error) => {
            let text = format!("bad query: {error}; {HOW_TO_ASK}\n");
            return (StatusCode::BAD_REQUEST, text).into_response();
        }
    };
    match surface.source.leader(query).await {
        Some(answer) => (status(&answer.report), axum::Json(answer)).into_response(),
        None => ended(),
    }
}

/// What is asked; `None` without a query.
fn query(uri: &Uri) -> Result<Option<leadership::Query>, String> {
    if uri.query().unwrap_or_default().is_empty() {
        return Ok(None);
    }
    match Query::try_from_uri(uri) {
        Ok(Query(query)) => Ok(Some(query)),
        Err(error) => Err(error.body_text()),
    }
}

/// Definite, or not known.
const fn status(report: &LeaderReport) -> StatusCode {
    match report.state {
        State::Starting | State::Blocked => StatusCode::SERVICE_UNAVAILABLE,
        State::Parked
        | State::Standby
        | State::Campaigning
        | State::Leading
        | State::Draining
        | State::Fenced
        | State::SingleInstance => StatusCode::OK,
    }
}

async fn health() -> &'static str {
    "healthy\n"
}

async fn metrics(Given(surface): Given<Surface>) -> Response {
    let Some(facts) = surface.source.facts().await else {
        return ended();
    };
    match surface.telemetry.render(&facts) {
        Ok(text) => ([(header::CONTENT_TYPE, EXPOSITION_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn nowhere() -> (StatusCode, &'static str) {
    let text = "no such endpoint; there are /leader, /health and /metrics\n";
    (StatusCode::NOT_FOUND, text)
}

fn ended() -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, "the elector is ending\n").into_response()
}

/// Keeps caches from holding what is true for a moment.
async fn never_stored(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

// === impl Source ===

impl Source {
    async fn leader(&self, query: Option<leadership::Query>) -> Option<Answer> {
        match self {
            Self::Elected(inquiries) => inquiries.leader(query).await,
            Self::Single(single) => Some(single.leader(query.as_ref()).await),
        }
    }

    async fn facts(&self) -> Option<Facts> {
        match self {
            Self::Elected(inquiries) => inquiries.facts().await,
            Self::Single(single) => Some(single.facts()),
        }
    }
}
