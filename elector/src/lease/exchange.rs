//! One request to the API server, and what it came to.

use bytes::Bytes;
use http::uri::{InvalidUriParts, PathAndQuery};
use http::{Request, Uri};
use http_body_util::BodyExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::client::Body;
use tokio::time::{Instant, timeout_at};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use super::failure;
use crate::guard::Reply;

/// Sends `request`, and waits for the whole answer until `deadline`.
pub(super) async fn exchange(client: Client, request: Request<Bytes>, deadline: Instant) -> Reply {
    timeout_at(deadline, quietly(send(client, request)))
        .await
        .unwrap_or(Reply::TimedOut)
}

/// The client bounds the answer: see [`super::line`].
async fn send(client: Client, request: Request<Bytes>) -> Reply {
    let response = match client.send(request.map(Body::from)).await {
        Ok(response) => response,
        Err(error) => return Reply::Failed(failure::of(&error)),
    };
    let status = response.status();
    let body = match response.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Reply::Failed(failure::of(&error)),
    };
    if !status.is_success() {
        return Reply::Status {
            code: status.as_u16(),
            said: failure::said(&body),
        };
    }
    match serde_json::from_slice::<Lease>(&body) {
        Ok(lease) => Reply::Lease(Box::new(lease)),
        Err(error) => Reply::Failed(failure::of(&error)),
    }
}

/// Awaits `request` without what kube logs meanwhile: it calls every failure an error, and repeats what kubeconfigs, plugins and
/// servers say. What failures come to is said by the herald.
pub(super) async fn quietly<T>(request: impl Future<Output = T>) -> T {
    request.with_subscriber(Dispatch::none()).await
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
}
