//! Tests of edits of the Lease by people.

use std::time::Duration;

use elector::lease_status::Presence;
use serde_json::json;
use tokio::time::Instant;

use crate::api_server::FakeApiServer;
use crate::pods::{A, B, ElectorPod, SHORT, duel};

/// Starts a leader, and a standby that has seen the leader, and runs `tell` with both. Checks that they never lead at the same
/// time.
async fn story(tell: impl AsyncFn(&FakeApiServer, &ElectorPod, &ElectorPod)) {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let b = ElectorPod::start(&api, B, SHORT);
    b.comes_to(|status| status.rival.is_some()).await;
    duel(&a, &b, tell(&api, &a, &b)).await;
}

/// The longest time in which the leader takes its Lease back.
const AT_ONCE: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_removed_holder_takes_the_lease_back_at_once() {
    story(async |api, a, b| {
        let term = a.term();
        let edited = Instant::now();
        api.edit(&json!({"holderIdentity": null}));
        a.follows().await;
        assert!(a.leads().await - edited < AT_ONCE);
        assert!(a.term() > term);
        assert!(!b.is_leading());
    })
    .await;
}

#[tokio::test]
async fn a_deleted_lease_is_created_again_by_its_holder() {
    story(async |api, a, b| {
        let deleted = Instant::now();
        api.delete();
        a.follows().await;
        assert!(a.leads().await - deleted < AT_ONCE);
        assert!(!b.is_leading());
    })
    .await;
}

#[tokio::test]
async fn a_lease_deleted_and_applied_again_is_taken_back_too() {
    story(async |api, a, b| {
        let deleted = Instant::now();
        api.delete();
        api.create();
        a.follows().await;
        assert!(a.leads().await - deleted < AT_ONCE);
        assert!(!b.is_leading());
    })
    .await;
}

#[tokio::test]
async fn a_made_up_holder_is_waited_for_during_one_lease_duration() {
    story(async |api, a, b| {
        let edited = Instant::now();
        api.edit(&json!({"holderIdentity": "stranger"}));
        a.follows().await;
        let led_again = tokio::select! {
            at = a.leads() => at,
            at = b.leads() => at,
        };
        let took = led_again - edited;
        let lease = Duration::from_secs(SHORT.lease);
        assert!(
            took > lease && took < lease + Duration::from_millis(600),
            "{took:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn writing_the_standbys_name_into_the_lease_does_not_make_two_leaders() {
    story(async |api, a, b| {
        api.edit(&json!({"holderIdentity": "pod-b"}));
        a.follows().await;
        tokio::select! {
            _ = a.leads() => {}
            _ = b.leads() => {}
        }
    })
    .await;
}

#[tokio::test]
async fn an_edited_duration_or_another_field_changes_nothing() {
    story(async |api, a, _| {
        api.edit(&json!({"leaseDurationSeconds": 1}));
        a.leads_on_for(Duration::from_secs(2)).await;
        let lease = api.store().lease.object.clone().unwrap();
        assert_eq!(lease["spec"]["leaseDurationSeconds"], 3);
        api.edit(&json!({"preferredHolder": "x"}));
        a.leads_on_for(Duration::from_secs(2)).await;
    })
    .await;
}

#[tokio::test]
async fn a_lease_that_was_created_with_a_spec_can_be_taken() {
    let api = FakeApiServer::start().await;
    api.create();
    api.edit(&json!({"leaseDurationSeconds": 15, "holderIdentity": ""}));
    let a = ElectorPod::start(&api, A, SHORT);
    a.comes_to(|status| status.presence == Presence::Present)
        .await;
    a.leads().await;
}
