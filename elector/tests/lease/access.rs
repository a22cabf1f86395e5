//! Tests with Roles that allow too little: the elector reports a missing right until it is allowed.

use std::time::Duration;

use elector::lease_status::{Desired, LeaseStatus, Presence};
use tokio::time::Instant;

use crate::api_server::{FakeApiServer, Fault};
use crate::pods::{A, B, ElectorPod, SHORT, duel};

/// The longest time until the elector reports a missing right.
const SOON: Duration = Duration::from_secs(2);

fn is_trouble(reason: &'static str, verb: &'static str) -> impl Fn(&LeaseStatus) -> bool {
    move |status| {
        let problem = status.problem.as_ref();
        problem.is_some_and(|problem| {
            problem.reason.label() == reason && problem.detail.contains(verb)
        })
    }
}

#[tokio::test]
async fn a_missing_get_is_reported_until_it_is_allowed() {
    let api = FakeApiServer::start().await;
    api.create();
    api.behave(Fault::Denies(&["get"]));
    let started = Instant::now();
    let a = ElectorPod::start(&api, A, SHORT);
    let said = a
        .comes_to(is_trouble("forbidden", "get is not allowed"))
        .await;
    assert!(said - started < SOON);
    api.behave(Fault::None);
    a.leads().await;
    a.comes_to(|status| status.problem.is_none()).await;
}

#[tokio::test]
async fn a_missing_patch_is_reported() {
    let api = FakeApiServer::start().await;
    api.create();
    api.behave(Fault::Denies(&["patch"]));
    let a = ElectorPod::start(&api, A, SHORT);
    a.comes_to(is_trouble("forbidden", "patch is not allowed"))
        .await;
    api.behave(Fault::None);
    a.leads().await;
}

#[tokio::test]
async fn a_standby_reports_a_missing_patch_until_it_is_allowed() {
    let api = FakeApiServer::start().await;
    api.create();
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    api.behave(Fault::Denies(&["patch"]));
    let started = Instant::now();
    let b = ElectorPod::start(&api, B, SHORT);
    let said = b
        .comes_to(is_trouble("forbidden", "patch is not allowed"))
        .await;
    assert!(said - started < SOON);
    api.behave(Fault::None);
    b.comes_to(|status| status.problem.is_none()).await;
}

#[tokio::test]
async fn a_lease_that_may_not_be_created_is_reported_until_it_exists() {
    let api = FakeApiServer::start().await;
    api.behave(Fault::Denies(&["create"]));
    let started = Instant::now();
    let a = ElectorPod::start(&api, A, SHORT);
    let said = a.comes_to(is_trouble("lease_missing", "create")).await;
    assert!(said - started < SOON);
    api.create();
    a.comes_to(|status| status.problem.is_none() && status.presence == Presence::Present)
        .await;
    a.leads().await;
}

#[tokio::test]
async fn after_a_deletion_without_the_right_to_create_the_leader_leads_again_once_the_lease_exists()
{
    let api = FakeApiServer::start().await;
    api.create();
    api.behave(Fault::Denies(&["create"]));
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    api.delete();
    a.comes_to(is_trouble("lease_missing", "create")).await;
    api.create();
    let made = Instant::now();
    let took = a.leads().await - made;
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[tokio::test]
async fn without_list_and_watch_the_lease_is_read_instead() {
    let api = FakeApiServer::start().await;
    api.create();
    api.behave(Fault::Denies(&["list", "watch"]));
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let b = ElectorPod::start(&api, B, SHORT);
    b.comes_to(|status| status.rival.is_some()).await;
    duel(&a, &b, async {
        a.desired.send_replace(Desired::Observe);
        let asked = Instant::now();
        let took = b.leads().await - asked;
        assert!(
            took < Duration::from_secs(SHORT.renew) + Duration::from_millis(500),
            "{took:?}"
        );
        b.leads_on_for(Duration::from_secs(4)).await;
    })
    .await;
}
