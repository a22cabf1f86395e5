//! The kube client that kube-lease-manager is given. The client sends every request to the guard task instead of the API
//! server.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::message::{Message, ProxyRequest, ProxyResponse};
use crate::guard::outcome::Outcome;
use crate::guard::request::{Patch, RequestKind};

/// The error of a request that comes after the guard task has ended.
#[derive(Debug, thiserror::Error)]
#[error("the elector is ending")]
struct Ending;

/// Returns a client whose requests go to the guard task behind `messages`. The client is for kube-lease-manager alone, because
/// every request is taken for one about the Lease.
pub(super) fn client(messages: mpsc::UnboundedSender<Message>, namespace: &str) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let messages = messages.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let (respond, response) = oneshot::channel();
            let request = ProxyRequest {
                request: Request::from_parts(head, body),
                respond,
            };
            messages
                .send(Message::Request(Box::new(request)))
                .map_err(|_| Ending)?;
            response.await.map_err(|_| Ending)?
        }
    });
    Client::new(service, namespace)
}

/// Writes the `outcome` of a request of this `kind` as the API server would have written it. A request that was not answered
/// becomes an error.
pub(super) fn encode(kind: RequestKind, outcome: &Outcome) -> ProxyResponse {
    match outcome {
        Outcome::Lease(lease) => response(StatusCode::OK, serde_json::to_vec(lease)?),
        Outcome::Status { code, summary } => {
            let reason = match (kind, code) {
                (RequestKind::Create, 409) => "AlreadyExists",
                (_, 409) => "Conflict",
                (RequestKind::Patch(Patch::Release), 412) => "Precondition Failed",
                _ => "",
            };
            let status = json!({
                "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
                "message": summary.message, "reason": reason, "code": code,
            });
            response(StatusCode::from_u16(*code)?, serde_json::to_vec(&status)?)
        }
        Outcome::TimedOut => Err("the API server did not answer in time".into()),
        Outcome::Failed(failure) => Err(failure.text.clone().into()),
    }
}

fn response(status: StatusCode, body: Vec<u8>) -> ProxyResponse {
    let response = Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    Ok(response)
}
