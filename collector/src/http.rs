//! What the collector serves. Bytes that others made, behind the gate.
//!
//! The gate is compared with the clock when an answer is begun, never before, so a permission that ran out shows at once.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use bytes::Bytes;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gate::{Gate, Reason, wait};
use crate::leadership::Outlook;
use crate::telemetry::Telemetry;

use self::encoding::Encoding;
use self::text::Places;

mod encoding;
mod exposition;
mod text;

/// The type of every exposition, also of an empty one: Prometheus fails a scrape that has none.
const EXPOSITION_TYPE: HeaderValue =
    HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");

/// The endpoints, with what the page at `/` says of them. Also the closed set of the label `path`.
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

/// An exposition that is ready to be served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Published {
    /// The text, as one gzip member.
    pub gzip: Bytes,
    /// The opening of the gate it was collected in; in any other it is not shown.
    pub opening: u64,
}

/// What the endpoints are answered from.
#[derive(Clone, Debug)]
pub struct Surface {
    /// The permission.
    pub gate: watch::Receiver<Gate>,
    /// The latest exposition; `None` before the first.
    pub published: watch::Receiver<Option<Published>>,
    /// The families of `/telemetry`.
    pub telemetry: Arc<Telemetry>,
    /// What the source of leadership lets hope for.
    pub outlook: watch::Receiver<Outlook>,
    /// How long whoever collects holds back the answer of `/prestop`.
    pub handover_delay: Duration,
}

/// The router of every endpoint, counting what it answers.
pub fn router(surface: Surface) -> Router {
    let surface = Arc::new(surface);
    Router::new()
        .route("/", get(index))
        .route("/metrics", get(metrics).layer(Extension(Places::new())))
        .route("/telemetry", get(telemetry))
        .route("/health", get(health))
        .route("/ready", get(ready))
        .route("/available", get(available))
        .route("/leader", get(leader))
        .route("/prestop", get(prestop))
        .fallback(nowhere)
        .layer(from_fn_with_state(Arc::clone(&surface), count))
        .with_state(surface)
}

async fn metrics(
    State(surface): State<Arc<Surface>>,
    Extension(places): Extension<Places>,
    method: Method,
    headers: HeaderMap,
) -> Response {
    let mut response = match (surface.shown(Instant::now()), encoding::chosen(&headers)) {
        (Err(_), _) => StatusCode::OK.into_response(),
        (Ok(published), Encoding::Gzip) => exposition::gzip(published.gzip),
        (Ok(published), Encoding::Identity) if method == Method::HEAD => {
            exposition::head(&published.gzip)
        }
        (Ok(_), Encoding::Identity) => as_text(&surface, &places).await,
    };
    if response.status() == StatusCode::OK {
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, EXPOSITION_TYPE);
    }
    response
}

/// Waits for a place, so that what is shown is decided when the answer begins.
async fn as_text(surface: &Surface, places: &Places) -> Response {
    let Some(place) = places.take().await else {
        return exposition::busy();
    };
    match surface.shown(Instant::now()) {
        Ok(published) => exposition::text(published.gzip, place),
        Err(_) => StatusCode::OK.into_response(),
    }
}

async fn telemetry(State(surface): State<Arc<Surface>>) -> Response {
    let gate = *surface.gate.borrow();
    match surface.telemetry.render(gate, Instant::now()) {
        Ok(text) => ([(header::CONTENT_TYPE, EXPOSITION_TYPE)], text).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}

async fn health() -> &'static str {
    "healthy\n"
}

async fn ready(State(surface): State<Arc<Surface>>) -> Response {
    match surface.shown(Instant::now()) {
        Ok(_) => "ready\n".into_response(),
        Err(why) => unavailable("not ready", why.label()),
    }
}

async fn available(State(surface): State<Arc<Surface>>) -> Response {
    let now = Instant::now();
    let outlook = *surface.outlook.borrow();
    match (surface.permit(now), outlook.check(now)) {
        (Ok(()), _) => "available\n".into_response(),
        (Err(Reason::ShuttingDown), _) => {
            unavailable("not available", Reason::ShuttingDown.label())
        }
        (Err(reason), Ok(())) => format!("available: {}\n", reason.label()).into_response(),
        (Err(_), Err(why)) => unavailable("not available", why),
    }
}

async fn leader(State(surface): State<Arc<Surface>>) -> Response {
    let body = match surface.permit(Instant::now()) {
        Ok(()) => r#"{"is_leader":true}"#,
        Err(_) => r#"{"is_leader":false}"#,
    };
    ([(header::CONTENT_TYPE, "application/json")], body).into_response()
}

async fn prestop(State(surface): State<Arc<Surface>>) -> &'static str {
    let mut gate = surface.gate.clone();
    tokio::select! { biased;
    _ = wait::closed(&mut gate) => "standby\n",
    () = tokio::time::sleep(surface.handover_delay) => "handover delay is over\n" }
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

async fn nowhere() -> (StatusCode, &'static str) {
    (StatusCode::NOT_FOUND, "no such endpoint; / lists them\n")
}

/// Counts each answer, and keeps caches from holding what is true for a moment.
async fn count(State(surface): State<Arc<Surface>>, request: Request, next: Next) -> Response {
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
    surface
        .telemetry
        .count_request(known.unwrap_or("other"), response.status().as_u16());
    response
}

/// Why there is no exposition to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unshown {
    /// The gate is closed.
    Closed(Reason),
    /// Nothing has been collected since the gate opened.
    NothingYet,
}

fn unavailable(what: &str, why: &str) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, format!("{what}: {why}\n")).into_response()
}

// === impl Unshown ===

impl Unshown {
    const fn label(self) -> &'static str {
        match self {
            Self::Closed(reason) => reason.label(),
            Self::NothingYet => "no collection yet",
        }
    }
}

// === impl Surface ===

impl Surface {
    fn permit(&self, now: Instant) -> Result<(), Reason> {
        self.gate.borrow().permit(now).map(|_| ())
    }

    /// The exposition that may be shown at `now`.
    fn shown(&self, now: Instant) -> Result<Published, Unshown> {
        let gate = *self.gate.borrow();
        gate.permit(now).map_err(Unshown::Closed)?;
        let published = self.published.borrow();
        let admitted = published
            .as_ref()
            .filter(|published| gate.admits(published.opening, now));
        admitted.cloned().ok_or(Unshown::NothingYet)
    }
}
