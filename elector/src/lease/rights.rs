//! Asks at the start whether the Lease may be written, which otherwise shows only when this pod is the one to lead: at the worst
//! moment, and for a Lease that somebody may still hold not before that has run out.

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

use super::exchange::quietly;
use super::keeper::Mail;
use super::pace;

/// What one question may take.
const ANSWER: Duration = Duration::from_millis(1500);
/// Longest pause before it is asked again, after a no or no answer.
const PAUSE: Duration = Duration::from_secs(5);

/// Asks for the right to write the Lease.
pub(super) struct Rights {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) namespace: String,
    pub(super) mail: mpsc::UnboundedSender<Mail>,
}

/// What was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Allowed,
    Denied,
    /// Not this time.
    None,
    /// This question is not for this account, or not known there. Writing will tell.
    Never,
}

// === impl Rights ===

impl Rights {
    /// Asks until the answer is yes, and then never again: a right that is taken away shows with the next renewal.
    pub(super) async fn run(self) -> Infallible {
        for n in 0.. {
            match self.ask().await {
                Answer::Allowed => {
                    self.tell(Mail::MayPatch);
                    break;
                }
                Answer::Never => break,
                Answer::Denied => self.tell(Mail::MayNotPatch(self.denial())),
                Answer::None => {}
            }
            sleep(pace::back_off(n, PAUSE)).await;
        }
        future::pending().await
    }

    async fn ask(&self) -> Answer {
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let review = self.review();
        let parameters = PostParams::default();
        let asked = quietly(api.create(&parameters, &review));
        match timeout(ANSWER, asked).await {
            Ok(Ok(review)) => match review.status {
                Some(status) if status.allowed => Answer::Allowed,
                Some(_) => Answer::Denied,
                None => Answer::None,
            },
            Ok(Err(kube::Error::Api(status))) if matches!(status.code, 403..=405) => Answer::Never,
            Ok(Err(_)) | Err(_) => Answer::None,
        }
    }

    fn review(&self) -> SelfSubjectAccessReview {
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

    fn tell(&self, mail: Mail) {
        // The keeper is dropped together with this loop.
        self.mail.send(mail).ok();
    }
}
