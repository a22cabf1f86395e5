//! The HTTP endpoints of the collector.
//!
//! `/metrics` serves bytes that were rendered before, if the gate allows it. The gate is compared with the clock when an answer
//! is begun, so a permission that has ended shows at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use tokio::sync::watch;
use tokio::time::Instant;

use crate::exposition::Published;
use crate::gate::{ClosedReason, Gate, Until, wait};
use crate::leadership::Availability;
use crate::telemetry::Telemetry;

use self::encoding::Encoding;
use self::plain_text::TextSlots;

mod encoding;
mod metrics_response;
mod plain_text;

/// The content type of every exposition, even of an empty one, because Prometheus fails a scrape without a content type.
const EXPOSITION_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The endpoints and their descriptions on the page at `/`. The paths are values of the label `path` too, beside `/` and `other`.
const ENDPOINTS: [(&str, &str); 7] = [
    ("/metrics", "lag of consumer groups, empty on a standby"),
    ("/telemetry", "metrics about this process"),
    (
        "/health",
        "200 while the process turns, whatever Kafka does",
    ),
    (
        "/ready",
        "200 once the first collection is published, 503 on a standby",
    ),
    ("/available", "200 while this pod leads or could lead"),
    ("/leader", "whether this pod collects"),
    (
        "/prestop",
        "for a preStop hook: answers when this pod may be stopped",
    ),
];

/// The endpoints that are answered to all clients, whatever the web configuration demands. The kubelet calls them without a certificate or
/// a password, and their answers say nothing about Kafka.
pub const OPEN_PATHS: [&str; 5] = ["/health", "/ready", "/available", "/leader", "/prestop"];

/// The values that the endpoints are answered from.
#[derive(Clone, Debug)]
pub struct HttpState {
    /// The permission to collect, on which every answer but those of `/health` and `/` depends.
    pub gate: watch::Receiver<Gate>,
    /// The states and the exposition that were published last; `None` before the first time.
    pub published: watch::Receiver<Option<Published>>,
    /// The families of `/telemetry`.
    pub telemetry: Arc<Telemetry>,
    /// The availability of this pod: it leads, could lead, or does not take part.
    pub availability: watch::Receiver<Availability>,
    /// The time for which a leading pod delays the answer of `/prestop`.
    pub handover_delay: Duration,
}

/// Builds the router of all endpoints, which counts the answers.
pub fn router(state: HttpState) -> Router {
    let state = Arc::new(state);
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics).layer(Extension(TextSlots::new())))
        .route("/telemetry", get(telemetry))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/available", get(available))
        .route("/leader", get(leader))
        .route("/prestop", get(prestop))
        .fallback(not_found)
        .layer(from_fn_with_state(Arc::clone(&state), count))
        .with_state(state)
}

async fn metrics(
    State(state): State<Arc<HttpState>>,
    Extension(text_slots): Extension<TextSlots>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let mut response = match (state.shown(Instant::now()), encoding::negotiate(&headers)) {
        (Err(_), _) => StatusCode::OK.into_response(),
        (Ok(published), Encoding::Gzip) => metrics_response::gzip(published.gzip),
        (Ok(published), Encoding::Identity) if method == Method::HEAD => {
            metrics_response::head(&published.gzip)
        }
        (Ok(_), Encoding::Identity) => as_text(&state, &text_slots).await,
    };
    if response.status() == StatusCode::OK {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, EXPOSITION_TYPE);
    }
    response
}

/// Answers with the exposition as text. The gate is read again once a slot is free, because it may have closed in the meantime.
async fn as_text(state: &HttpState, text_slots: &TextSlots) -> Response {
    let Some(text_slot) = text_slots.take().await else {
        return metrics_response::busy();
    };
    match state.shown(Instant::now()) {
        Ok(published) => metrics_response::text(published.gzip, text_slot),
        Err(_) => StatusCode::OK.into_response(),
    }
}

async fn telemetry(State(state): State<Arc<HttpState>>) -> Response {
    let gate = *state.gate.borrow();
    match state.telemetry.render(gate, Instant::now()) {
        Ok(plain_text) => ([(header::CONTENT_TYPE, EXPOSITION_TYPE)], plain_text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn health() -> &'static str {
    "healthy\n"
}

async fn ready(State(state): State<Arc<HttpState>>) -> Response {
    match state.shown(Instant::now()) {
        Ok(_) => "ready\n".into_response(),
        Err(why) => unavailable("not ready", why.label()),
    }
}

async fn available(State(state): State<Arc<HttpState>>) -> Response {
    let now = Instant::now();
    let availability = *state.availability.borrow();
    match (state.permit(now), availability.check(now)) {
        (Ok(()), _) => "available\n".into_response(),
        (Err(ClosedReason::ShuttingDown), _) => {
            unavailable("not available", ClosedReason::ShuttingDown.label())
        }
        (Err(reason), Ok(())) => format!("available: {}\n", reason.label()).into_response(),
        (Err(_), Err(why)) => unavailable("not available", why),
    }
}

async fn leader(State(state): State<Arc<HttpState>>) -> Response {
    let body = match state.permit(Instant::now()) {
        Ok(()) => r#"{"is_leader":true}"#,
        Err(_) => r#"{"is_leader":false}"#,
    };
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

/// Answers when this process may be stopped. Without an election there is nothing to hand over: a pod in this one's place begins by itself,
/// and both would export everything twice while this one waits.
async fn prestop(State(state): State<Arc<HttpState>>) -> &'static str {
    let mut gate = state.gate.clone();
    let permit = state.gate.borrow().permit(Instant::now());
    if permit.is_ok_and(|permit| permit.until == Until::Forever) {
        return "alone\n";
    }
    tokio::select! { biased;
    _ = wait::closed(&mut gate) => "standby\n",
    () = tokio::time::sleep(state.handover_delay) => "handover delay is over\n" }
}

async fn index() -> Html<String> {
    let items: Vec<String> = ENDPOINTS
        .iter()
        .map(|(path, words)| format!("<li><a href=\"{path}\">{path}</a>: {words}</li>\n"))
        .collect();
    let items = items.concat();
    Html(format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><title>klag-exporter</title></head><body>\n\
         <h1>klag-exporter</h1>\n<ul>\n{items}</ul>\n</body></html>\n"
    ))
}

async fn not_found() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "no such endpoint; / lists them\n")
}

/// Counts each answer by path and status, and forbids caches to keep it.
async fn count(State(state): State<Arc<HttpState>>, request: Request, next: Next) -> Response {
    let asked = request.uri().path();
    let known = ENDPOINTS
        .iter()
        .map(|(path, _)| *path)
        .chain(["/"])
        .find(|path| *path == asked);
    let mut response = next.run(request).await;
    response
        .headers_mut()
        .insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    state
        .telemetry
        .count_request(known.unwrap_or("other"), response.status().as_u16());
    response
}

/// The reasons why no exposition is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NotShown {
    /// The gate is closed.
    Closed(ClosedReason),
    /// No collection has ended since the gate opened.
    NothingYet,
}

fn unavailable(what: &str, why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{what}: {why}\n")).into_response()
}

// === impl NotShown ===

impl NotShown {
    const fn label(self) -> &'static str {
        match self {
            Self::Closed(reason) => reason.label(),
            Self::NothingYet => "no collection yet",
        }
    }
}

// === impl HttpState ===

impl HttpState {
    fn permit(&self, now: Instant) -> Result<(), ClosedReason> {
        self.gate.borrow().permit(now).map(|_| ())
    }

    /// Returns the exposition that may be shown at `now`.
    fn shown(&self, now: Instant) -> Result<Published, NotShown> {
        let gate = *self.gate.borrow();
        gate.permit(now).map_err(NotShown::Closed)?;
        let published = self.published.borrow();
        let admitted = published
            .as_ref()
            .filter(|published| gate.admits(published.opening, now));
        admitted.cloned().ok_or(NotShown::NothingYet)
    }
}
