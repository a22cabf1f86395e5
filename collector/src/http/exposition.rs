//! An exposition as an answer: its bytes as they are kept, or as text.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;

use super::text::{self, Place, TURN, Text};

/// An answer with `gzip` as it is.
pub(super) fn gzip(gzip: Bytes) -> Response {
    let encoding = (header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    ([encoding, vary()], Body::from(gzip)).into_response()
}

/// An answer with the text of `gzip`.
pub(super) fn text(gzip: Bytes, place: Place) -> Response {
    ([vary()], Body::new(Text::of(gzip, place))).into_response()
}

/// An answer to HEAD, about the text of `gzip`.
pub(super) fn head(gzip: &[u8]) -> Response {
    let length = (header::CONTENT_LENGTH, text::length(gzip).into());
    [length, vary()].into_response()
}

/// An answer to whoever takes no gzip, where too many are in line.
pub(super) fn busy() -> Response {
    let wait = HeaderValue::from(TURN.as_secs());
    let why = "too many are asking for text; ask for gzip (Accept-Encoding: gzip), which is never short\n";
    let status = StatusCode::SERVICE_UNAVAILABLE;
    (status, [(header::RETRY_AFTER, wait), vary()], why).into_response()
}

fn vary() -> (HeaderName, HeaderValue) {
    (header::VARY, HeaderValue::from_static("accept-encoding"))
}
