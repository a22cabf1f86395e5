//! The kube client that kube-lease-manager is given: what it sends goes to the keeper, what the keeper answers it gets.

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use kube::Client;
use kube::client::Body;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};
use tower::BoxError;

use super::keeper::Mail;
use crate::guard::Reply;
use crate::guard::ask::{Ask, Write};

/// A request of kube-lease-manager.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) request: Request<Bytes>,
    pub(super) answer: oneshot::Sender<Answer>,
}

/// What it gets.
pub(super) type Answer = Result<Response<Full<Bytes>>, BoxError>;

/// The keeper has gone, and the process is ending.
#[derive(Debug, thiserror::Error)]
#[error("the elector is ending")]
struct Ending;

/// A client for one Lease whose every request goes to the keeper behind `mail`. It is for kube-lease-manager alone, which asks
/// about nothing else.
pub(super) fn client(mail: mpsc::UnboundedSender<Mail>, namespace: &str) -> Client {
    let service = tower::service_fn(move |request: Request<Body>| {
        let mail = mail.clone();
        async move {
            let (head, body) = request.into_parts();
            let body = body.collect().await?.to_bytes();
            let (answer, answered) = oneshot::channel();
            let asked = Asked {
                request: Request::from_parts(head, body),
                answer,
            };
            mail.send(Mail::Asked(Box::new(asked)))
                .map_err(|_| Ending)?;
            answered.await.map_err(|_| Ending)?
        }
    });
    Client::new(service, namespace)
}

/// `reply` to `ask` as the API server would have written it.
pub(super) fn answer(ask: Ask, reply: &Reply) -> Answer {
    match reply {
        Reply::Lease(lease) => response(StatusCode::OK, serde_json::to_vec(lease)?),
        Reply::Status { code, said } => {
            let reason = match (ask, code) {
                (Ask::Create, 409) => "AlreadyExists",
                (_, 409) => "Conflict",
                (Ask::Write(Write::Release), 412) => "Precondition Failed",
                _ => "",
            };
            let status = json!({
                "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
                "message": said.words, "reason": reason, "code": code,
            });
            response(StatusCode::from_u16(*code)?, serde_json::to_vec(&status)?)
        }
        Reply::TimedOut => Err("the API server did not answer in time".into()),
        Reply::Failed(failure) => Err(failure.text.clone().into()),
    }
}

fn response(status: StatusCode, body: Vec<u8>) -> Answer {
    let response = Response::builder()
        .status(status)
        .header(http::header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    Ok(response)
}
