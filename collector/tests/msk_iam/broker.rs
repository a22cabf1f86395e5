//! A listener with TLS that speaks as much of Kafka's protocol as a login needs, and takes no token.

use std::net::TcpListener;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use crate::tls::{self, Stream};
use crate::token::Token;

const API_VERSIONS: i16 = 18;
const SASL_HANDSHAKE: i16 = 17;
const SASL_AUTHENTICATE: i16 = 36;

/// The answer of a broker of Amazon MSK to a token that it refuses.
const REFUSAL: &str = "[3a8f3e0e-0000-4000-8000-000000000000]: Access denied";

/// A running broker, until the process ends.
pub(crate) struct Broker {
    address: String,
    tokens: Receiver<Token>,
}

// === impl Broker ===

impl Broker {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (sender, tokens) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (stream, sender) = (tls::accept(stream.unwrap()), sender.clone());
                std::thread::spawn(move || serve(stream, &sender));
            }
        });
        Self { address, tokens }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Waits for a token.
    pub(crate) fn wait_for_token(&self) -> Token {
        self.tokens.recv_timeout(Duration::from_secs(60)).unwrap()
    }

    /// Returns the last token that a client has sent; `None` where none has.
    pub(crate) fn last_token(&self) -> Option<Token> {
        self.tokens.try_iter().last()
    }
}

fn serve(mut stream: Box<dyn Stream>, tokens: &Sender<Token>) {
    while let Some((kind, correlation, rest)) = read_request(&mut *stream) {
        let body = match kind {
            API_VERSIONS => versions(),
            SASL_HANDSHAKE => [&[0, 0, 0, 0, 0, 1, 0, 11], &b"OAUTHBEARER"[..]].concat(),
            SASL_AUTHENTICATE => {
                let message = String::from_utf8_lossy(&rest);
                tokens.send(Token::of_login(&message)).ok();
                refusal()
            }
            other => panic!("request {other}"),
        };
        let size = u32::try_from(4 + body.len()).unwrap().to_be_bytes();
        let answer = [&size, &correlation, &body[..]].concat();
        if stream
            .write_all(&answer)
            .and_then(|()| stream.flush())
            .is_err()
        {
            return;
        }
    }
}

/// Returns the answer that names the requests that this broker knows, each with its newest version.
fn versions() -> Vec<u8> {
    let mut body = vec![0, 0, 4];
    for (api, newest) in [
        (API_VERSIONS, 3_i16),
        (SASL_HANDSHAKE, 1),
        (SASL_AUTHENTICATE, 0),
    ] {
        body.extend(api.to_be_bytes());
        body.extend([0, 0]);
        body.extend(newest.to_be_bytes());
        body.push(0);
    }
    body.extend([0; 5]);
    body
}

/// Returns an answer with the error 58, `SASL_AUTHENTICATION_FAILED`.
fn refusal() -> Vec<u8> {
    let size = u16::try_from(REFUSAL.len()).unwrap().to_be_bytes();
    [&[0, 58], &size, REFUSAL.as_bytes(), &[0; 4]].concat()
}

/// Reads a request: its API key, its correlation id and the rest of it; `None` where the client has closed the connection.
fn read_request(stream: &mut dyn Stream) -> Option<(i16, [u8; 4], Vec<u8>)> {
    let mut size = [0; 4];
    stream.read_exact(&mut size).ok()?;
    let mut request = vec![0; usize::try_from(u32::from_be_bytes(size)).unwrap()];
    stream.read_exact(&mut request).ok()?;
    let kind = i16::from_be_bytes(request[..2].try_into().unwrap());
    let correlation = request[4..8].try_into().unwrap();
    Some((kind, correlation, request.split_off(8)))
}
