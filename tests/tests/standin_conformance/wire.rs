//! One request at a time over a plain connection, without a client library in between.

use std::{
    io::{Read, Write},
    net::TcpStream,
    time::Duration,
};

use anyhow::{Context, Result, ensure};
use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::{
    messages::{RequestHeader, ResponseHeader},
    protocol::{Decodable, HeaderVersion, Request, StrBytes, encode_request_header_into_buffer},
};

const PATIENCE: Duration = Duration::from_secs(20);
const CORRELATION_ID: i32 = 4711;

/// Sends a request to one broker and decodes its answer.
pub(crate) fn ask<R: Request>(address: &str, version: i16, request: &R) -> Result<R::Response> {
    let mut frame = BytesMut::new();
    let header = RequestHeader::default()
        .with_request_api_key(R::KEY)
        .with_request_api_version(version)
        .with_correlation_id(CORRELATION_ID)
        .with_client_id(Some(StrBytes::from_static_str("questions")));
    encode_request_header_into_buffer(&mut frame, &header)?;
    request.encode(&mut frame, version)?;
    let mut answer = exchange(address, &frame)?;
    let header = ResponseHeader::decode(&mut answer, R::Response::header_version(version))?;
    ensure!(
        header.correlation_id == CORRELATION_ID,
        "an answer to another request"
    );
    let decoded = R::Response::decode(&mut answer, version)?;
    ensure!(
        !answer.has_remaining(),
        "{} bytes too many",
        answer.remaining()
    );
    Ok(decoded)
}

/// Sends the bytes of a request, brings those of the answer.
pub(crate) fn exchange(address: &str, frame: &[u8]) -> Result<Bytes> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(&u32::try_from(frame.len())?.to_be_bytes())?;
    stream.write_all(frame)?;
    let mut size = [0; 4];
    stream.read_exact(&mut size).context("no answer")?;
    let mut answer = vec![0; usize::try_from(u32::from_be_bytes(size))?];
    stream.read_exact(&mut answer).context("half an answer")?;
    Ok(Bytes::from(answer))
}
