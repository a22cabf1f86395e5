//! Asks the API server at the start whether this pod may write the Lease.
//!
//! Without this question, a missing right shows only when this pod is the one to take over, which is the worst moment. A Lease
//! with a holder is not written before that holder's lease has run out.

use std::convert::Infallible;
use std::future;
use std::time::Duration;

use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::api::PostParams;
use kube::{Api, Client};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use super::backoff;
use super::message::Message;
use super::send::without_kube_logs;

/// The time limit of one access review.
const TIMEOUT: Duration = Duration::from_millis(1500);
/// The longest pause before the next review, after a denial or a failure.
const MAX_PAUSE: Duration = Duration::from_secs(5);

/// The task that asks whether the Lease may be written.
pub(super) struct AccessReview {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) messages: mpsc::UnboundedSender<Message>,
}

/// The result of one access review.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ReviewResult {
    /// The API server says that the Lease may be written.
    Allowed,
    /// The API server says that the Lease may not be written.
    Denied,
    /// The review failed, and a later review may succeed.
    Failed,
    /// This account may not ask for reviews, or the API server does not know them. The first write will show whether the Lease
    /// may be written.
    Unavailable,
}

// === impl AccessReview ===

impl AccessReview {
    /// Asks until the Lease may be written, and then never again: a right that is taken away later shows with the next renewal.
    pub(super) async fn run(self) -> Infallible {
        for n in 0.. {
            match self.review().await {
                ReviewResult::Allowed => {
                    self.send(Message::MayPatch);
                    break;
                }
                ReviewResult::Unavailable => break,
                ReviewResult::Denied => self.send(Message::MayNotPatch(self.denial())),
                ReviewResult::Failed => {}
            }
            sleep(backoff::failure_pause(n, MAX_PAUSE)).await;
        }
        future::pending().await
    }

    async fn review(&self) -> ReviewResult {
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let body = self.review_body();
        let parameters = PostParams::default();
        let created = without_kube_logs(api.create(&parameters, &body));
        match timeout(TIMEOUT, created).await {
            Ok(Ok(review)) => match review.status {
                Some(status) if status.allowed => ReviewResult::Allowed,
                Some(_) => ReviewResult::Denied,
                None => ReviewResult::Failed,
            },
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 403..=405) => {
                ReviewResult::Unavailable
            }
            Ok(Err(_)) | Err(_) => ReviewResult::Failed,
        }
    }

    fn review_body(&self) -> SelfSubjectAccessReview {
        SelfSubjectAccessReview {
            spec: SelfSubjectAccessReviewSpec {
                resource_attributes: Some(ResourceAttributes {
                    group: Some("coordination.k8s.io".to_owned()),
                    name: Some(self.name.clone()),
                    namespace: Some(self.namespace.clone()),
                    resource: Some("leases".to_owned()),
                    verb: Some("patch".to_owned()),
                    ..ResourceAttributes::default()
                }),
                ..SelfSubjectAccessReviewSpec::default()
            },
            ..SelfSubjectAccessReview::default()
        }
    }

    fn denial(&self) -> String {
        format!(
            "patch is not allowed on leases.coordination.k8s.io \"{}\" in namespace \"{}\"",
            self.name, self.namespace
        )
    }

    fn send(&self, message: Message) {
        // Sending cannot fail: the guard task is dropped together with this loop.
        self.messages.send(message).ok();
    }
}
