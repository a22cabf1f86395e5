//! A router, and the senders of the values that its answers depend on.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use collector::exposition::Published;
use collector::gate::Gate;
use collector::http::{HttpState, router};
use collector::leadership::Availability;
use collector::telemetry::Telemetry;
use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::sync::watch;
use tower::ServiceExt as _;

/// A router, and the senders of the values that its answers depend on.
pub(crate) struct Harness {
    router: Router,
    pub(crate) gate: watch::Sender<Gate>,
    pub(crate) published: watch::Sender<Option<Published>>,
    pub(crate) availability: watch::Sender<Availability>,
}

pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    headers: HeaderMap,
    pub(crate) body: Bytes,
}

pub(crate) fn harness(gate: Gate) -> Harness {
    let (gate, gate_seen) = watch::channel(gate);
    let (published, published_seen) = watch::channel(None);
    let (availability, availability_seen) = watch::channel(Availability::Pending);
    let router = router(HttpState {
        gate: gate_seen,
        published: published_seen,
        telemetry: Arc::new(Telemetry::new().unwrap()),
        availability: availability_seen,
        handover_delay: Duration::from_secs(20),
    });
    Harness {
        router,
        gate,
        published,
        availability,
    }
}

pub(crate) fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

// === impl Harness ===

impl Harness {
    pub(crate) fn publish(&self, text: &str, opening: u64) {
        self.published.send_replace(Some(Published {
            clusters: Arc::default(),
            term: 0,
            opening,
            gzip: gzip(text).into(),
        }));
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "identity").await
    }

    /// Sends a request, and returns the answer with its body unread.
    pub(crate) fn begin(
        &self,
        method: &str,
        path: &str,
        accepts: &str,
    ) -> impl Future<Output = Response> + Send + use<> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::ACCEPT_ENCODING, accepts)
            .body(Body::empty())
            .unwrap();
        let router = self.router.clone();
        async { router.oneshot(request).await.unwrap() }
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, accepts: &str) -> Answer {
        let response = self.begin(method, path, accepts).await;
        let (parts, body) = response.into_parts();
        Answer {
            status: parts.status,
            headers: parts.headers,
            body: to_bytes(body, usize::MAX).await.unwrap(),
        }
    }
}

// === impl Answer ===

impl Answer {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
