//! The service of one connection: its beginning, which may be a TLS handshake, and its requests one after the other.

use std::net::IpAddr;

use axum::Router;
use axum::response::Response;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::Watcher;
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::either::Either;
use tokio_util::sync::CancellationToken;
use tracing::{debug, trace};

use super::connections::ConnectionState;
use super::serve::HEAD_TIMEOUT;
use crate::web::{Access, Admission, Client, Stream};

/// The parts with which every connection of a listener is served.
#[derive(Clone)]
pub(super) struct ConnectionServer {
    pub(super) http: http1::Builder,
    pub(super) router: Router,
    pub(super) access: Access,
    /// The token that ends connections whose beginning is not complete.
    pub(super) shutdown: CancellationToken,
}

/// A connection that was accepted, before its beginning.
#[derive(Debug)]
pub(super) struct Accepted {
    pub(super) stream: TcpStream,
    pub(super) peer: IpAddr,
    /// The instant from which on a TLS handshake may begin; `None` if it may not begin at all.
    pub(super) turn: Option<Instant>,
}

/// The parts with which each request of one connection is answered.
#[derive(Clone)]
struct Answering {
    router: TowerToHyperService<Router>,
    /// The admission, and the client of this connection; `None` if all clients are answered.
    restricted: Option<(Admission, Client)>,
    state: watch::Sender<ConnectionState>,
}

// === impl ConnectionServer ===

impl ConnectionServer {
    /// Serves a connection until its end, and keeps `state` up to date. `watcher` ends the connection after its present response.
    pub(super) async fn serve(
        self,
        accepted: Accepted,
        state: watch::Sender<ConnectionState>,
        watcher: Watcher,
    ) {
        let begun = match &self.access {
            Access::Everybody => Some((Either::Left(accepted.stream), None)),
            Access::Restricted(admission) => self.begin(admission, accepted).await,
        };
        let Some((stream, restricted)) = begun else {
            return;
        };
        let answering = Answering {
            router: TowerToHyperService::new(self.router),
            restricted,
            state,
        };
        let service = service_fn(move |request| answering.clone().answer(request));
        let connection = self.http.serve_connection(TokioIo::new(stream), service);
        if let Err(error) = watcher.watch(connection).await {
            trace!(%error, "Connection broken off");
        }
    }

    /// Begins a connection whose access is restricted; `None` if that fails, takes longer than [`HEAD_TIMEOUT`], or the listener shuts down.
    async fn begin(
        &self,
        admission: &Admission,
        Accepted { stream, peer, turn }: Accepted,
    ) -> Option<(Stream, Option<(Admission, Client)>)> {
        let begun = tokio::select! { biased;
        () = self.shutdown.cancelled() => return None,
        begun = timeout(HEAD_TIMEOUT, admission.begin(stream, peer, turn)) => begun };
        match begun {
            Ok(Ok((stream, client))) => Some((stream, Some((admission.clone(), client)))),
            Ok(Err(error)) => {
                debug!(%peer, %error, "TLS handshake failed");
                None
            }
            Err(_) => None,
        }
    }
}

// === impl Answering ===

impl Answering {
    async fn answer(
        self,
        request: Request<Incoming>,
    ) -> Result<Response, std::convert::Infallible> {
        self.state
            .send_replace(ConnectionState::responding(Instant::now()));
        let response = match &self.restricted {
            None => self.router.call(request).await,
            Some((admission, client)) => {
                let admitted = admission.admit(request.uri().path(), request.headers(), client);
                let mut response = match admitted.await {
                    Ok(()) => self.router.call(request).await?,
                    Err(refused) => refused,
                };
                admission.complete(&mut response, client);
                Ok(response)
            }
        };
        self.state
            .send_replace(ConnectionState::awaiting_client(Instant::now()));
        response
    }
}
