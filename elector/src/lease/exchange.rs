//! One request to the API server, and what it came to.

use std::error::Error;
use std::iter;

use bytes::Bytes;
use http::uri::{InvalidUriParts, PathAndQuery};
use http::{Request, Uri};
use http_body_util::{BodyExt as _, Limited};
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::client::Body;
use serde_json::Value;
use tokio::time::{Instant, timeout_at};
use tracing::instrument::WithSubscriber as _;
use tracing::{Dispatch, Level, enabled};

use crate::guard::Reply;

/// More than any Lease has.
const MOST: usize = 1 << 20;

/// Sends `request`, and waits for the whole answer until `deadline`.
pub(super) async fn exchange(client: Client, request: Request<Bytes>, deadline: Instant) -> Reply {
    timeout_at(deadline, quietly(send(client, request)))
        .await
        .unwrap_or(Reply::TimedOut)
}

async fn send(client: Client, request: Request<Bytes>) -> Reply {
    let response = match client.send(request.map(Body::from)).await {
        Ok(response) => response,
        Err(error) => return Reply::Failed(chain(&error)),
    };
    let status = response.status();
    let body = match Limited::new(response.into_body(), MOST).collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Reply::Failed(chain(&*error)),
    };
    if !status.is_success() {
        return Reply::Status {
            code: status.as_u16(),
            message: message(&body),
        };
    }
    match serde_json::from_slice::<Lease>(&body) {
        Ok(lease) => Reply::Lease(Box::new(lease)),
        Err(error) => Reply::Failed(format!("the answer is not a Lease: {error}")),
    }
}

/// Awaits `request` without what kube logs meanwhile: it calls every failure an error, and what failures come to is said by the
/// herald. A filter that lets `kube_client` log at debug level gets everything.
pub(super) async fn quietly<T>(request: impl Future<Output = T>) -> T {
    if enabled!(target: "kube_client", Level::DEBUG) {
        request.await
    } else {
        request.with_subscriber(Dispatch::none()).await
    }
}

/// What the API server says about an error; not all that stands between it and us answers in JSON.
fn message(body: &[u8]) -> String {
    let status = serde_json::from_slice::<Value>(body).ok();
    let message = status
        .as_ref()
        .and_then(|status| status["message"].as_str());
    message.map_or_else(
        || {
            String::from_utf8_lossy(&body[..body.len().min(200)])
                .trim()
                .to_owned()
        },
        str::to_owned,
    )
}

/// `error` and what it came from, in one line.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut line = String::new();
    for error in iter::successors(Some(error), |error| (*error).source()) {
        let text = error.to_string();
        // Many errors repeat their source.
        if !line.contains(&text) {
            if !line.is_empty() {
                line.push_str(": ");
            }
            line.push_str(&text);
        }
    }
    line
}

/// `uri` with `force=true`, so that fields which somebody else wrote are taken over.
pub(super) fn forced(uri: Uri) -> Result<Uri, InvalidUriParts> {
    let mut parts = uri.into_parts();
    let path = parts.path_and_query.as_ref();
    let text = path.map_or("/", PathAndQuery::as_str);
    let with = if text.contains('?') { '&' } else { '?' };
    parts.path_and_query = format!("{text}{with}force=true").parse().ok();
    Uri::from_parts(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn force_is_added_to_what_is_asked_already() {
        let forced = |uri: &str| forced(uri.parse().unwrap()).unwrap().to_string();
        assert_eq!(forced("/apis/x?"), "/apis/x?&force=true");
        assert_eq!(
            forced("/apis/x?fieldManager=a"),
            "/apis/x?fieldManager=a&force=true"
        );
        assert_eq!(forced("/apis/x"), "/apis/x?force=true");
    }

    #[test]
    fn an_error_says_what_it_came_from_once() {
        let inner = std::io::Error::other("connection refused");
        let outer = kube::Error::Service(Box::new(inner));
        let line = chain(&outer);
        assert_eq!(line.matches("connection refused").count(), 1, "{line}");
    }

    #[test]
    fn an_answer_that_is_no_status_is_quoted() {
        assert_eq!(message(b"bad gateway\n"), "bad gateway");
        assert_eq!(message(br#"{"kind":"Status","message":"no"}"#), "no");
    }
}
