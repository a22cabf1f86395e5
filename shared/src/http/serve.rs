//! Accepting connections and answering their requests.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, trace, warn};

use super::connections::{Crowd, Stance};

/// Connections of one listener at a time: many more than probes and scrapes need, and few enough to leave most of the usual 1024
/// file descriptors to others, such as connections to Kafka.
///
/// One more is accepted all the same, and room is made for it: the connection that has waited longest for its client is closed.
/// Leaving newcomers in the backlog, or closing them, would let whoever holds all connections, by sending nothing, keep probes
/// from being answered for [`HEAD`] and longer; this way a probe is answered unless that many others come before its request has
/// been read. Among honest clients, who are few, nobody is closed.
pub(super) const CONNECTIONS: usize = 256;

/// How long a client has for the head of a request, from the connection's begin or from the last answer on.
pub(super) const HEAD: Duration = Duration::from_secs(10);

/// Bytes of a request's head, and of an answer that waits to be read. Scrapers send less than one thousand.
const BUFFER: usize = 32 * 1024;

/// From an error of the listener, such as a lack of file descriptors, to the next attempt.
const PAUSE: Duration = Duration::from_millis(100);

/// From one log line about such errors to the next.
const REPEAT: Duration = Duration::from_secs(60);

/// How much is done, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    /// Connections at a time.
    pub(super) connections: usize,
    /// How long answers that have begun may take after shutdown.
    pub(super) grace: Duration,
}

/// What lets connections in.
struct Door {
    listener: TcpListener,
    http: http1::Builder,
    router: Router,
    shutdown: CancellationToken,
    bounds: Bounds,
    crowd: Crowd,
    /// When to accept again after an error.
    resume: Instant,
    /// When the log was last told of an error.
    logged: Option<Instant>,
}

enum Event {
    Shutdown,
    Ended,
    Accepted(io::Result<TcpStream>),
}

/// Serves `router` on `listener` until `shutdown`, then lets answers that have begun finish, for `grace` at most.
///
/// # Errors
/// Where the listener's own address cannot be read.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    grace: Duration,
) -> anyhow::Result<()> {
    let bounds = Bounds {
        connections: CONNECTIONS,
        grace,
    };
    serve_within(listener, router, shutdown, bounds).await
}

/// Serves within other bounds.
pub(super) async fn serve_within(
    listener: TcpListener,
    router: Router,
    shutdown: CancellationToken,
    bounds: Bounds,
) -> anyhow::Result<()> {
    info!(address = %listener.local_addr()?, "Serving HTTP");
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(BUFFER);
    let door = Door {
        listener,
        http,
        router,
        shutdown,
        bounds,
        crowd: Crowd::default(),
        resume: Instant::now(),
        logged: None,
    };
    door.run().await;
    Ok(())
}

// === impl Door ===

impl Door {
    async fn run(mut self) {
        loop {
            match self.next().await {
                Event::Shutdown => break,
                // It has given back a file descriptor.
                Event::Ended => self.resume = Instant::now(),
                Event::Accepted(Ok(stream)) => self.admit(stream),
                Event::Accepted(Err(error)) => self.refused(&error),
            }
        }
        let Self {
            listener,
            bounds,
            mut crowd,
            ..
        } = self;
        drop(listener);
        let drained = tokio::time::timeout(bounds.grace, crowd.all_ended()).await;
        if drained.is_err() {
            debug!(grace = ?bounds.grace, "Connections left behind");
        }
    }

    async fn next(&mut self) -> Event {
        tokio::select! { biased;
        () = self.shutdown.cancelled() => Event::Shutdown,
        () = self.crowd.ended() => Event::Ended,
        accepted = accept(&self.listener, self.resume) => Event::Accepted(accepted) }
    }

    fn admit(&mut self, stream: TcpStream) {
        if self.crowd.len() >= self.bounds.connections {
            self.crowd.dismiss();
        }
        // A small answer would wait for the acknowledgement of what went before it. Without, it is only slower.
        stream.set_nodelay(true).ok();
        let (stance, seen) = watch::channel(Stance::waiting(Instant::now()));
        let router = TowerToHyperService::new(self.router.clone());
        let service = service_fn(move |request| {
            let (stance, answer) = (stance.clone(), router.call(request));
            async move {
                stance.send_replace(Stance::answering(Instant::now()));
                let answer = answer.await;
                stance.send_replace(Stance::waiting(Instant::now()));
                answer
            }
        });
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        let shutdown = self.shutdown.clone();
        self.crowd.admit(seen, async move {
            let mut connection = pin!(connection);
            let served = tokio::select! { biased;
            served = connection.as_mut() => served,
            () = shutdown.cancelled() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            } };
            if let Err(error) = served {
                trace!(%error, "Connection broken off");
            }
        });
    }

    fn refused(&mut self, error: &io::Error) {
        if is_the_clients(error) {
            return;
        }
        let now = Instant::now();
        self.resume = now + PAUSE;
        // Where file descriptors are lacking, the one of a client that waits is given to the next.
        self.crowd.dismiss_waiting();
        let told = |logged| now.duration_since(logged) < REPEAT;
        if !self.logged.is_some_and(told) {
            self.logged = Some(now);
            warn!(%error, "Cannot accept connections, trying again");
        }
    }
}

async fn accept(listener: &TcpListener, resume: Instant) -> io::Result<TcpStream> {
    tokio::time::sleep_until(resume).await;
    let (stream, _) = listener.accept().await?;
    Ok(stream)
}

/// Whether the client went away before it was let in.
fn is_the_clients(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted
            | io::ErrorKind::ConnectionReset
            | io::ErrorKind::ConnectionRefused
    )
}
