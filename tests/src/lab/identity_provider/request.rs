//! Reading the HTTP requests of a provider's clients.

use std::io::Read;

use anyhow::{Result, ensure};

/// Reads a request with its body, whose length is in the header `Content-Length`.
///
/// # Errors
/// The connection ends or is silent before the request is whole, or the request is not UTF-8.
pub(super) fn read_request(stream: &mut impl Read) -> Result<String> {
    let mut text = String::new();
    let mut part = [0; 4096];
    loop {
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let head = head.to_ascii_lowercase();
            let size = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            let size: usize = size.map_or(Ok(0), str::parse)?;
            if body.len() >= size {
                return Ok(text);
            }
        }
        let n = stream.read(&mut part)?;
        ensure!(n > 0, "the request has no end");
        text.push_str(std::str::from_utf8(&part[..n])?);
    }
}
