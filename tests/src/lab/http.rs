//! A minimal HTTP client, which shows a test an answer exactly as it was sent.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use flate2::read::GzDecoder;
use tokio::time::Instant;

/// The answer to an HTTP request.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers, by name in lower case; the last one of a name that occurs more than once.
    pub headers: BTreeMap<String, String>,
    /// The body as it was sent: chunked transfer is undone, but compression is not.
    pub body: Vec<u8>,
    /// The time from before the connection was opened until the last byte had arrived.
    pub took: Duration,
}

/// The content coding that a request accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    /// The body is not to be compressed: `Accept-Encoding: identity`.
    Plain,
    /// The body may be compressed: `Accept-Encoding: gzip`, as Prometheus sends.
    Gzip,
}

/// Sends `GET path` to a port of loopback, on a connection of its own. Connecting, each read and each write take at most `limit`.
/// An answer that was cut short is an error.
pub fn get(port: u16, path: &str, coding: Coding, limit: Duration) -> Result<Answer> {
    let started = Instant::now();
    let address = SocketAddr::from(([127, 0, 0, 1], port));
    let mut stream = TcpStream::connect_timeout(&address, limit)?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    let accept = match coding {
        Coding::Plain => "identity",
        Coding::Gzip => "gzip",
    };
    let request = format!(
        "GET {path} HTTP/1.1\r\nHost: {address}\r\nAccept: text/plain, */*;q=0.1\r\nAccept-Encoding: {accept}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut raw = Vec::new();
    stream.read_to_end(&mut raw)?;
    parse(&raw, started.elapsed())
}

fn parse(raw: &[u8], took: Duration) -> Result<Answer> {
    let end = raw.windows(4).position(|four| four == b"\r\n\r\n");
    let end = end.context("the answer has no end of headers")?;
    let head = std::str::from_utf8(&raw[..end])?;
    let mut lines = head.split("\r\n");
    let status = lines.next().and_then(|line| line.split(' ').nth(1));
    let status = status.context("no status line")?.parse()?;
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let sent = &raw[end + 4..];
    let body = if headers
        .get("transfer-encoding")
        .is_some_and(|t| t == "chunked")
    {
        unchunk(sent)?
    } else {
        if let Some(length) = headers.get("content-length") {
            ensure!(length.parse::<usize>()? == sent.len(), "the answer was cut");
        }
        sent.to_vec()
    };
    Ok(Answer {
        status,
        headers,
        body,
        took,
    })
}

fn unchunk(mut sent: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = sent.windows(2).position(|two| two == b"\r\n");
        let end = end.context("the answer was cut in a chunk's length")?;
        let length = usize::from_str_radix(std::str::from_utf8(&sent[..end])?.trim(), 16)?;
        if length == 0 {
            return Ok(body);
        }
        let chunk = sent.get(end + 2..end + 2 + length);
        body.extend_from_slice(chunk.context("the answer was cut in a chunk")?);
        sent = &sent[end + 4 + length..];
    }
}

// === impl Answer ===

impl Answer {
    /// Returns the body as text, decompressed if it is compressed with gzip.
    pub fn text(&self) -> Result<String> {
        let mut text = String::new();
        if self
            .headers
            .get("content-encoding")
            .is_some_and(|c| c == "gzip")
        {
            GzDecoder::new(self.body.as_slice()).read_to_string(&mut text)?;
        } else {
            text.push_str(std::str::from_utf8(&self.body)?);
        }
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_joined() {
        let raw = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        let answer = parse(raw, Duration::ZERO).unwrap();
        assert_eq!(answer.text().unwrap(), "abcde");
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        let raw = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc";
        assert!(parse(raw, Duration::ZERO).is_err());
    }
}
