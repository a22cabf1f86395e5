//! A token endpoint for tests, in plain HTTP on loopback.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A running endpoint that answers each request with a status and a body of the test.
pub(in crate::kafka) struct Provider {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// Returns an answer with a token of this life: the status and the body.
pub(in crate::kafka) fn granted(token: &str, seconds: u64) -> (u16, String) {
    let body = format!(
        "{{\"access_token\":\"{token}\",\"token_type\":\"Bearer\",\"expires_in\":{seconds}}}"
    );
    (200, body)
}

// === impl Provider ===

impl Provider {
    /// Starts an endpoint that answers the request of each number, from 0 on, by `answer`, until the process ends.
    pub(in crate::kafka) fn start(
        mut answer: impl FnMut(usize) -> (u16, String) + Send + 'static,
    ) -> Self {
        let (url, listener) = Self::silent();
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (n, stream) in listener.incoming().enumerate() {
                let mut stream = stream.unwrap();
                let request = read_request(&mut stream);
                seen.lock().unwrap().push(request);
                let (status, body) = answer(n);
                let size = body.len();
                // The error is ignored, because the client may have closed the connection by now.
                write!(
                    stream,
                    "HTTP/1.1 {status} x\r\ncontent-length: {size}\r\n\r\n{body}"
                )
                .ok();
            }
        });
        Self { url, requests }
    }

    /// Returns the URL of a listener that the test itself serves, and the listener.
    pub(super) fn silent() -> (String, TcpListener) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/token", listener.local_addr().unwrap());
        (url, listener)
    }

    pub(in crate::kafka) fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns the requests so far, each with its headers and its body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a request with its body; returns what has arrived where the connection ends before.
pub(super) fn read_request(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    let mut part = [0; 4096];
    loop {
        let n = stream.read(&mut part).unwrap_or(0);
        text.push_str(&String::from_utf8_lossy(&part[..n]));
        let body_size = |head: &str| -> usize {
            let line = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            line.map_or(0, |size| size.parse().unwrap())
        };
        match text.split_once("\r\n\r\n") {
            Some((head, body)) if body.len() >= body_size(head) => return text,
            None if n > 0 && text.starts_with("POST") => {}
            Some(_) if n > 0 => {}
            _ => return text,
        }
    }
}

/// Reads from the connection; returns true where the client has closed it, and false where bytes arrive.
pub(super) fn is_closed(stream: &mut TcpStream) -> bool {
    matches!(stream.read(&mut [0; 8]), Ok(0) | Err(_))
}
