//! The messages to the task that owns the guard.

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use tokio::sync::oneshot;
use tower::BoxError;

use crate::guard::observation::{Continuity, SeenLease};
use crate::guard::outcome::RequestFailure;

/// A message to the guard task.
#[derive(Debug)]
pub(super) enum Message {
    /// kube-lease-manager wants to send this request.
    Request(Box<ProxyRequest>),
    /// The watch, or a read in its place, showed the Lease.
    Seen(SeenLease, Continuity),
    /// The watch failed for another reason than a missing right.
    WatchFailed(RequestFailure),
    /// An access review says that the Lease may be written.
    MayPatch,
    /// An access review says that the Lease may not be written; the text is for people.
    MayNotPatch(String),
    /// The Lease is about to be given back.
    ReleaseBegins,
    /// The Lease has been given back, or could not be.
    ReleaseEnded,
}

/// A request of kube-lease-manager, and the channel for its response.
#[derive(Debug)]
pub(super) struct ProxyRequest {
    pub(super) request: Request<Bytes>,
    pub(super) respond: oneshot::Sender<ProxyResponse>,
}

/// The response to kube-lease-manager, or the error that stands for a missing response.
pub(super) type ProxyResponse = Result<Response<Full<Bytes>>, BoxError>;
