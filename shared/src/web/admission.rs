//! The admission of requests: each is let in or refused by the present state of the web configuration.
//!
//! Some paths are open: probes and the preStop hook come from the kubelet, which has neither a certificate nor a password. Open paths are
//! answered to all clients, in plain HTTP too, and their answers say nothing about Kafka. On a listener with TLS, the first byte of a
//! connection shows whether the client speaks TLS: a handshake begins with byte 22, with which no HTTP request begins.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{CONNECTION, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse as _, Response};
use prometheus::IntCounterVec;
use rustls::ServerConfig;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::either::Either;

use super::authenticator::{Answer, PasswordChecker};
use super::credentials::Credentials;
use super::policy::Policy;
use super::verdicts::Attempt;

/// The first byte of a TLS handshake.
const HANDSHAKE: u8 = 22;

/// The bytes of a connection, encrypted or not.
pub(crate) type Stream = Either<TcpStream, TlsStream<TcpStream>>;

/// Lets requests in or refuses them, by the present policy. Clones share the policy and the counter.
#[derive(Clone, Debug)]
pub struct Admission {
    policy: watch::Receiver<Arc<Policy>>,
    passwords: PasswordChecker,
    open_paths: &'static [&'static str],
    refused: IntCounterVec,
}

/// The facts about a client that its connection shows.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    peer: IpAddr,
    /// The TLS configuration with which the connection was made; `None` if the connection is not encrypted.
    tls: Option<Arc<ServerConfig>>,
}

/// The reasons for refusing a handshake or a request. They are values of the label `reason`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// The TLS handshake failed, in most cases because the client showed no certificate that is accepted.
    Handshake,
    /// The request came in plain HTTP, for a path that is not open.
    Plain,
    /// The request has no password, a wrong password, or the name of a user who does not exist.
    Password,
    /// Too many passwords wait to be compared, or too many handshakes wait to begin.
    Busy,
}

// === impl Admission ===

impl Admission {
    pub(super) fn new(
        policy: watch::Receiver<Arc<Policy>>,
        passwords: PasswordChecker,
        open_paths: &'static [&'static str],
        refused: IntCounterVec,
    ) -> Self {
        for reason in Refusal::ALL {
            refused.with_label_values(&[reason.label()]);
        }
        Self {
            policy,
            passwords,
            open_paths,
            refused,
        }
    }

    /// Returns words for what the present policy asks of clients.
    pub(super) fn asks_for(&self) -> String {
        self.present().demands.to_string()
    }

    /// Begins a connection from `peer`. If the listener has TLS and the client begins a handshake, the handshake waits until `turn`, and is
    /// refused if `turn` is `None`.
    ///
    /// # Errors
    /// The handshake failed or was refused, or the connection broke.
    pub(crate) async fn begin(
        &self,
        stream: TcpStream,
        peer: IpAddr,
        turn: Option<Instant>,
    ) -> io::Result<(Stream, Client)> {
        let tls = self.present().tls.clone();
        if let Some(tls) = tls
            && first_byte(&stream).await? == Some(HANDSHAKE)
        {
            let Some(turn) = turn else {
                self.count(Refusal::Busy);
                return Err(io::Error::other("too many handshakes"));
            };
            tokio::time::sleep_until(turn).await;
            let accepted = TlsAcceptor::from(Arc::clone(&tls)).accept(stream).await;
            let stream = accepted.inspect_err(|_| self.count(Refusal::Handshake))?;
            let tls = Some(tls);
            return Ok((Either::Right(stream), Client { peer, tls }));
        }
        Ok((Either::Left(stream), Client { peer, tls: None }))
    }

    /// Decides whether a request for `path` is let in.
    ///
    /// # Errors
    /// Returns the response to a request that is refused.
    pub(crate) async fn admit(
        &self,
        path: &str,
        headers: &HeaderMap,
        client: &Client,
    ) -> Result<(), Response> {
        if self.open_paths.contains(&path) {
            return Ok(());
        }
        let policy = self.present();
        if policy.tls.is_some() && client.tls.is_none() {
            return Err(self.refuse(Refusal::Plain));
        }
        if policy.users.is_empty() {
            return Ok(());
        }
        let credentials = Credentials::of(headers);
        let attempt = credentials.and_then(|credentials| Attempt::new(credentials, &policy.users));
        let answer = match attempt {
            Some(attempt) => self.passwords.check(attempt, client.peer).await,
            None => Answer::Rejected,
        };
        match answer {
            Answer::Accepted => Ok(()),
            Answer::Rejected => Err(self.refuse(Refusal::Password)),
            Answer::Busy => Err(self.refuse(Refusal::Busy)),
        }
    }

    /// Adds the headers of the policy to a response. A connection that was made with another TLS configuration than the present one ends
    /// after this response.
    pub(crate) fn complete(&self, response: &mut Response, client: &Client) {
        let policy = self.present();
        let headers = response.headers_mut();
        for (name, value) in &policy.headers {
            headers.insert(name, value.clone());
        }
        let is_present = match (&client.tls, &policy.tls) {
            (Some(before), Some(now)) => Arc::ptr_eq(before, now),
            (Some(_), None) => false,
            (None, _) => true,
        };
        if !is_present {
            headers.insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    fn present(&self) -> Arc<Policy> {
        Arc::clone(&self.policy.borrow())
    }

    fn refuse(&self, refusal: Refusal) -> Response<Body> {
        self.count(refusal);
        match refusal {
            Refusal::Handshake | Refusal::Plain => {
                let close = [(CONNECTION, HeaderValue::from_static("close"))];
                let text = "this is served with TLS only: write https://\n";
                (StatusCode::BAD_REQUEST, close, text).into_response()
            }
            Refusal::Password => {
                let ask = [(WWW_AUTHENTICATE, HeaderValue::from_static("Basic"))];
                (StatusCode::UNAUTHORIZED, ask, "a password is needed\n").into_response()
            }
            Refusal::Busy => {
                let later = [(RETRY_AFTER, HeaderValue::from_static("1"))];
                let text = "too many passwords wait to be compared\n";
                (StatusCode::TOO_MANY_REQUESTS, later, text).into_response()
            }
        }
    }

    fn count(&self, refusal: Refusal) {
        self.refused.with_label_values(&[refusal.label()]).inc();
    }
}

/// Waits for the first byte of a connection and leaves the byte unread; `None` if the client closed the connection.
async fn first_byte(stream: &TcpStream) -> io::Result<Option<u8>> {
    let mut first = [0];
    let n_bytes = stream.peek(&mut first).await?;
    Ok((n_bytes > 0).then_some(first[0]))
}

// === impl Refusal ===

impl Refusal {
    const ALL: [Self; 4] = [Self::Handshake, Self::Plain, Self::Password, Self::Busy];

    const fn label(self) -> &'static str {
        match self {
            Self::Handshake => "handshake",
            Self::Plain => "plain",
            Self::Password => "password",
            Self::Busy => "busy",
        }
    }
}
