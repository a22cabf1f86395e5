//! Sending one request to the API server.

use bytes::Bytes;
use http::uri::{InvalidUriParts, PathAndQuery};
use http::{Request, StatusCode, Uri};
use http_body_util::BodyExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::Client;
use kube::client::Body;
use tokio::time::{Instant, timeout_at};
use tracing::Dispatch;
use tracing::instrument::WithSubscriber as _;

use super::classify_error;
use crate::guard::outcome::Outcome;

/// Sends `request`, and waits for the whole answer until `deadline`.
pub(super) async fn send(client: Client, request: Request<Bytes>, deadline: Instant) -> Outcome {
    timeout_at(deadline, without_kube_logs(request_lease(client, request)))
        .await
        .unwrap_or(Outcome::TimedOut)
}

/// Sends `request` and reads its answer. The client limits the length of the answer: see [`super::reloading_client`].
async fn request_lease(client: Client, request: Request<Bytes>) -> Outcome {
    let response = match client.send(request.map(Body::from)).await {
        Ok(response) => response,
        Err(error) => return Outcome::Failed(classify_error::failure_of(&error)),
    };
    let status = response.status();
    let body = match response.into_body().collect().await {
        Ok(body) => body.to_bytes(),
        Err(error) => return Outcome::Failed(classify_error::failure_of(&error)),
    };
    outcome_of(status, &body)
}

/// Reads an answer of the API server, from its status and its body.
pub fn outcome_of(status: StatusCode, body: &[u8]) -> Outcome {
    if !status.is_success() {
        return Outcome::Status {
            code: status.as_u16(),
            summary: classify_error::status_summary(body),
        };
    }
    match serde_json::from_slice::<Lease>(body) {
        Ok(lease) => Outcome::Lease(Box::new(lease)),
        Err(error) => Outcome::Failed(classify_error::failure_of(&error)),
    }
}

/// Awaits `request` without the log lines of kube. kube logs every failure as an error, and repeats text of kubeconfigs,
/// plugins and servers, which may contain secrets. The status publisher logs failures in words of this program instead.
pub(super) async fn without_kube_logs<T>(request: impl Future<Output = T>) -> T {
    request.with_subscriber(Dispatch::none()).await
}

/// Adds `force=true` to the query of `uri`, so that a server-side apply takes over fields that another field manager wrote.
pub(super) fn with_force(uri: Uri) -> Result<Uri, InvalidUriParts> {
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
    fn force_is_added_to_the_query_that_is_there() {
        let forced = |uri: &str| with_force(uri.parse().unwrap()).unwrap().to_string();
        assert_eq!(forced("/apis/x?"), "/apis/x?&force=true");
        assert_eq!(
            forced("/apis/x?fieldManager=a"),
            "/apis/x?fieldManager=a&force=true"
        );
        assert_eq!(forced("/apis/x"), "/apis/x?force=true");
    }
}
