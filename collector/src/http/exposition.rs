//! An exposition as an answer: its bytes as they are kept, or inflated while they are sent.

use std::fmt;
use std::io::{self, Read};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::buf::Reader;
use bytes::{Buf, Bytes, BytesMut};
use flate2::bufread::MultiGzDecoder;
use http_body::Frame;

use super::encoding::Encoding;

/// How much text is inflated at a time: a fraction of a millisecond's work, and all the memory that a slow reader costs.
const CHUNK: usize = 64 * 1024;

/// The text of a gzip stream, inflated as fast as it is read.
struct Inflating {
    decoder: MultiGzDecoder<Reader<Bytes>>,
}

/// An answer with `gzip` in the asker's `encoding`.
pub(super) fn answer(gzip: Bytes, encoding: Encoding) -> Response {
    let mut response = match encoding {
        Encoding::Gzip => {
            let mut response = Body::from(gzip).into_response();
            let gzip = HeaderValue::from_static("gzip");
            response
                .headers_mut()
                .insert(header::CONTENT_ENCODING, gzip);
            response
        }
        Encoding::Identity => {
            let decoder = MultiGzDecoder::new(gzip.reader());
            Body::new(Inflating { decoder }).into_response()
        }
    };
    let vary = HeaderValue::from_static("accept-encoding");
    response.headers_mut().insert(header::VARY, vary);
    response
}

// === impl Inflating ===

impl http_body::Body for Inflating {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        let mut chunk = BytesMut::zeroed(CHUNK);
        let mut filled = 0;
        while filled < CHUNK {
            match self.decoder.read(&mut chunk[filled..]) {
                Ok(0) => break,
                Ok(n) => filled += n,
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
        }
        chunk.truncate(filled);
        Poll::Ready((filled > 0).then(|| Ok(Frame::data(chunk.freeze()))))
    }
}

impl fmt::Debug for Inflating {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inflating").finish_non_exhaustive()
    }
}
