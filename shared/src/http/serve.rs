//! Accepting connections and answering their requests, within bounds that no client can move.
//!
//! The endpoints of both programs are read by probes and scrapers, and may be reachable by others. A client that opens many
//! connections, sends nothing, or does not read its answer must not keep a probe from being answered, since the kubelet would then
//! restart the pod; and it must not use up memory or file descriptors, which the connections to Kafka need too. So:
//!
//! - At most [`MAX_CONNECTIONS`] connections are open. Another one is accepted all the same, and the connection that has waited for its
//!   client for the longest time is closed for it (`connections`). If newcomers were refused instead, a client that holds all
//!   connections without sending anything could keep probes from being answered for [`HEAD_TIMEOUT`] and longer. As it is, a probe is
//!   answered unless that many other connections are opened between its own and the arrival of its request. Honest clients are few,
//!   and none of them is closed.
//! - A client has [`HEAD_TIMEOUT`] to send the head of a request, counted from the beginning of the connection or from the last
//!   answer. If the listener has TLS, the handshake has as much time before that. There is no bound on the time in which an answer is
//!   read: a connection whose client does not read is the first to be closed when there are too many.
//! - A connection buffers at most [`MAX_BUFFER`] bytes of a request's head and of an answer.
//! - Where accepting fails, for example for lack of file descriptors, it is tried again after [`ACCEPT_RETRY`] or as soon as a
//!   connection ends, and a connection that waits for its client is closed to return its descriptor.
//!
//! At shutdown the listener is closed first. Connections without a request are closed, and answers that have begun are finished, for
//! the given grace at most; what is left then is dropped.
//!
//! [`crate::web`] decides which clients are answered, and encrypts connections.
//!
//! Not promised: HTTP/2, fairness among clients, and an answer to a request that arrives while the server shuts down.

use std::io;
use std::net::IpAddr;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::TokioTimer;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

use super::connection::{Accepted, ConnectionServer};
use super::connections::{ConnectionState, Connections};
use crate::web::{Access, HandshakePace};

/// The number of connections that one listener has open: many more than probes and scrapes need, and few enough to leave most of the
/// usual 1024 file descriptors to others, such as connections to Kafka.
pub(super) const MAX_CONNECTIONS: usize = 256;

/// The time that a client is given for the head of a request, from the beginning of the connection or from the last answer on.
pub(super) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The number of bytes of a request's head, and of an answer that waits to be read, that a connection buffers. Scrapers send
/// heads of less than one thousand bytes.
const MAX_BUFFER: usize = 32 * 1024;

/// The time from an error of the listener, such as a lack of file descriptors, to the next attempt.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// The least time from one log line about errors of the listener to the next.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// The bounds of a server that tests make smaller.
#[derive(Clone, Copy, Debug)]
pub(super) struct ServerLimits {
    /// The greatest number of open connections.
    pub(super) connections: usize,
    /// The time after shutdown in which answers that have begun may be finished.
    pub(super) grace: Duration,
}

/// The state of the loop that serves one listener.
struct Server {
    listener: TcpListener,
    /// The parts with which connections are served. Each connection gets a clone.
    serving: ConnectionServer,
    shutdown: CancellationToken,
    limits: ServerLimits,
    connections: Connections,
    handshake_pace: HandshakePace,
    /// The means to ask every connection to end after its present answer.
    graceful: GracefulShutdown,
    /// The time of the next attempt to accept a connection. Later than now only after an error.
    accept_at: Instant,
    /// The time of the last log line about an error of the listener; `None` before the first.
    logged_at: Option<Instant>,
}

enum ServerEvent {
    Shutdown,
    ConnectionEnded,
    Accepted(io::Result<(TcpStream, IpAddr)>),
}

/// Serves `router` on `listener`, to the clients that `access` lets in, until `shutdown`. Then lets answers that have begun finish, for
/// `grace` at most.
///
/// # Errors
/// Returns an error if the address of the listener cannot be read.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    access: Access,
    shutdown: CancellationToken,
    grace: Duration,
) -> anyhow::Result<()> {
    let limits = ServerLimits {
        connections: MAX_CONNECTIONS,
        grace,
    };
    serve_with_limits(listener, router, access, shutdown, limits).await
}

/// Serves as [`serve`] does, within the given `limits`.
pub(super) async fn serve_with_limits(
    listener: TcpListener,
    router: Router,
    access: Access,
    shutdown: CancellationToken,
    limits: ServerLimits,
) -> anyhow::Result<()> {
    info!(address = %listener.local_addr()?, asks_for = %access.asks_for(), "Serving HTTP");
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_BUFFER);
    let serving = ConnectionServer {
        http,
        router,
        access,
        shutdown: shutdown.clone(),
    };
    let server = Server {
        listener,
        serving,
        shutdown,
        limits,
        connections: Connections::default(),
        handshake_pace: HandshakePace::new(Instant::now()),
        graceful: GracefulShutdown::new(),
        accept_at: Instant::now(),
        logged_at: None,
    };
    server.run().await;
    Ok(())
}

// === impl Server ===

impl Server {
    async fn run(mut self) {
        loop {
            match self.next_event().await {
                ServerEvent::Shutdown => break,
                // The connection that ended has returned a file descriptor, so accepting may succeed now.
                ServerEvent::ConnectionEnded => self.accept_at = Instant::now(),
                ServerEvent::Accepted(Ok((stream, peer))) => self.serve_connection(stream, peer),
                ServerEvent::Accepted(Err(error)) => self.accept_failed(&error),
            }
        }
        let Self {
            listener,
            limits,
            mut connections,
            graceful,
            ..
        } = self;
        drop(listener);
        // Both futures wait for the same connections; `all_ended` also logs answers that panicked.
        let drained = async { tokio::join!(graceful.shutdown(), connections.all_ended()) };
        if tokio::time::timeout(limits.grace, drained).await.is_err() {
            debug!(grace = ?limits.grace, "Connections left behind");
        }
    }

    async fn next_event(&mut self) -> ServerEvent {
        tokio::select! { biased;
        () = self.shutdown.cancelled() => ServerEvent::Shutdown,
        () = self.connections.next_ended() => ServerEvent::ConnectionEnded,
        accepted = accept(&self.listener, self.accept_at) => ServerEvent::Accepted(accepted) }
    }

    fn serve_connection(&mut self, stream: TcpStream, peer: IpAddr) {
        if self.connections.len() >= self.limits.connections {
            self.connections.close_one();
        }
        // Without TCP_NODELAY, a small answer would wait until the client acknowledges the data before it. An error here only
        // leaves the connection slower.
        stream.set_nodelay(true).ok();
        let (state, seen) = watch::channel(ConnectionState::awaiting_client(Instant::now()));
        let watcher = self.graceful.watcher();
        let turn = self.handshake_pace.turn(peer, Instant::now());
        let accepted = Accepted { stream, peer, turn };
        let served = self.serving.clone();
        self.connections
            .add(seen, served.serve(accepted, state, watcher));
    }

    fn accept_failed(&mut self, error: &io::Error) {
        if is_client_abort(error) {
            return;
        }
        let now = Instant::now();
        self.accept_at = now + ACCEPT_RETRY;
        self.connections.close_one_awaiting_client();
        let is_recent = |logged_at| now.duration_since(logged_at) < LOG_INTERVAL;
        if !self.logged_at.is_some_and(is_recent) {
            self.logged_at = Some(now);
            warn!(%error, "Cannot accept connections, trying again");
        }
    }
}

async fn accept(listener: &TcpListener, accept_at: Instant) -> io::Result<(TcpStream, IpAddr)> {
    tokio::time::sleep_until(accept_at).await;
    let (stream, peer) = listener.accept().await?;
    Ok((stream, peer.ip()))
}

/// Returns true for an error that says that the client went away before its connection was accepted.
fn is_client_abort(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
