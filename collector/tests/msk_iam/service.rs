//! A stand-in for a service of AWS that gives credentials: STS, or the agent of a pod.

use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::tls::{self, Stream};

/// A running service that answers each request with a status and a body of the test.
pub(crate) struct Service {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

/// Returns the answer of STS to a request for this action, with credentials that expire so many seconds from now.
pub(crate) fn sts_credentials(action: &str, expires_in: i64) -> String {
    #[expect(clippy::disallowed_methods, reason = "the answer has wall clock time")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let expires = Duration::from_secs(now.as_secs().saturating_add_signed(expires_in));
    // A date of HTTP is the only form that a library at hand writes: Sat, 28 Nov 2026 13:20:07 GMT.
    let date = httpdate::fmt_http_date(UNIX_EPOCH + expires);
    let words: Vec<&str> = date.split(' ').collect();
    let months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec";
    let month = months
        .split(' ')
        .position(|month| month == words[2])
        .unwrap()
        + 1;
    let expiration = format!("{}-{month:02}-{}T{}Z", words[3], words[1], words[4]);
    format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><{action}Result>\
         <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/lag/x</Arn><AssumedRoleId>AROA:x</AssumedRoleId></AssumedRoleUser>\
         <Credentials><AccessKeyId>ASIASTS</AccessKeyId><SecretAccessKey>S3CRETsts</SecretAccessKey>\
         <SessionToken>session+token/=</SessionToken><Expiration>{expiration}</Expiration></Credentials>\
         </{action}Result></{action}Response>"
    )
}

// === impl Service ===

impl Service {
    /// Starts a service without TLS that answers the request of each number, from 0 on, by `answer`, until the process ends.
    pub(crate) fn start(answer: impl FnMut(usize) -> (u16, String) + Send + 'static) -> Self {
        Self::serve("http", answer, |stream| Box::new(stream))
    }

    /// Starts a service that speaks TLS.
    pub(crate) fn start_with_tls(
        answer: impl FnMut(usize) -> (u16, String) + Send + 'static,
    ) -> Self {
        Self::serve("https", answer, tls::accept)
    }

    fn serve(
        scheme: &str,
        mut answer: impl FnMut(usize) -> (u16, String) + Send + 'static,
        accept: fn(std::net::TcpStream) -> Box<dyn Stream>,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}", listener.local_addr().unwrap());
        let requests = Arc::<Mutex<Vec<String>>>::default();
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = accept(stream.unwrap());
                let Some(request) = read_request(&mut *stream) else {
                    continue;
                };
                let n = seen.lock().unwrap().len();
                seen.lock().unwrap().push(request);
                let (status, body) = answer(n);
                let size = body.len();
                // The error is ignored, because the client may have closed the connection by now.
                write!(
                    stream,
                    "HTTP/1.1 {status} x\r\ncontent-length: {size}\r\nconnection: close\r\n\r\n{body}"
                )
                .ok();
                stream.flush().ok();
            }
        });
        Self { url, requests }
    }

    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Returns the requests so far, each with its headers and its body.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Returns the request, of which there must be one.
    #[track_caller]
    pub(crate) fn only_request(&self) -> String {
        let requests = self.requests();
        assert_eq!(requests.len(), 1, "{requests:?}");
        requests.into_iter().next().unwrap()
    }
}

/// Reads a request with its body; `None` where the connection ends before, or its TLS fails.
fn read_request(stream: &mut dyn Stream) -> Option<String> {
    let mut text = String::new();
    let mut part = [0; 4096];
    loop {
        let n = stream.read(&mut part).ok().filter(|n| *n > 0)?;
        text.push_str(&String::from_utf8_lossy(&part[..n]));
        let Some((head, body)) = text.split_once("\r\n\r\n") else {
            continue;
        };
        let mut sizes = head
            .lines()
            .filter_map(|line| line.strip_prefix("content-length: "));
        let size: usize = sizes.next_back().map_or(0, |size| size.parse().unwrap());
        if body.len() >= size {
            return Some(text);
        }
    }
}
