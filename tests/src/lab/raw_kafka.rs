//! Requests to a broker over a plain TCP connection, without a client library in between.

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

const READ_TIMEOUT: Duration = Duration::from_secs(20);
const CORRELATION_ID: i32 = 4711;

/// A connection to one broker, closed when dropped.
#[derive(Debug)]
pub struct Connection(TcpStream);

/// Sends a request to the broker at `address` over a connection of its own; returns the decoded answer.
pub fn ask<R: Request>(address: &str, version: i16, request: &R) -> Result<R::Response> {
    Connection::to(address)?.ask(version, request)
}

// === impl Connection ===

impl Connection {
    /// Connects to the broker at `address`, which is a host and a port. Each read on the connection waits for 20 s at most.
    pub fn to(address: &str) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(READ_TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self(stream))
    }

    /// Sends a request in this version of its API; returns the decoded answer. Bytes that are left over are an error.
    pub fn ask<R: Request>(&mut self, version: i16, request: &R) -> Result<R::Response> {
        let mut frame = BytesMut::new();
        let header = RequestHeader::default()
            .with_request_api_key(R::KEY)
            .with_request_api_version(version)
            .with_correlation_id(CORRELATION_ID)
            .with_client_id(Some(StrBytes::from_static_str("questions")));
        encode_request_header_into_buffer(&mut frame, &header)?;
        request.encode(&mut frame, version)?;
        let mut answer = self.exchange(&frame)?;
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

    /// Sends the bytes of a request, header included, and returns the bytes of the answer, both without the length in front of
    /// them.
    pub fn exchange(&mut self, frame: &[u8]) -> Result<Bytes> {
        let mut sent = u32::try_from(frame.len())?.to_be_bytes().to_vec();
        sent.extend(frame);
        self.0.write_all(&sent)?;
        let mut size = [0; 4];
        self.0.read_exact(&mut size).context("no answer")?;
        let mut answer = vec![0; usize::try_from(u32::from_be_bytes(size))?];
        self.0.read_exact(&mut answer).context("half an answer")?;
        Ok(Bytes::from(answer))
    }
}
