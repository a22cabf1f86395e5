//! Answers of `/metrics`: the compressed bytes as they are kept, or inflated text.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::plain_text::{self, InflatedBody, SLOT_TIME, TextSlot};

/// Returns an answer with the compressed bytes of `gzip`.
pub(super) fn gzip(gzip: Bytes) -> Response {
    let encoding = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    ([encoding, vary()], Body::from(gzip)).into_response()
}

/// Returns an answer with the text of `gzip`, which is inflated while the client reads. The body holds `text_slot`.
pub(super) fn text(gzip: Bytes, text_slot: TextSlot) -> Response {
    ([vary()], Body::new(InflatedBody::of(gzip, text_slot))).into_response()
}

/// Returns an answer to HEAD, with the length of the inflated text of `gzip`.
pub(super) fn head(gzip: &[u8]) -> Response {
    let length = (header::CONTENT_LENGTH, plain_text::length(gzip).into());
    [length, vary()].into_response()
}

/// Returns an answer with status 503 to a client that accepts no gzip, because no slot became free in time.
pub(super) fn busy() -> Response {
    let wait = HeaderValue::from(SLOT_TIME.as_secs());
    let why = "too many are asking for text; ask for gzip (Accept-Encoding: gzip), which is never short\n";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    (status, [(header::RETRY_AFTER, wait), vary()], why).into_response()
}

fn vary() -> (HeaderName, HeaderValue) {
    (header::VARY, HeaderValue::from_static("accept-encoding"))
}
