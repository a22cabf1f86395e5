//! Tests of the beginning, the continuation and the end of a leadership.

use std::time::Duration;

use http::Method;
use k8s_openapi::jiff::SignedDuration;
use serde_json::json;

use super::world::{CLAIM, D, World, just_before, release_body};
use crate::guard::Refusal;
use crate::guard::claim::MARGIN;
use crate::guard::control::RecordHeld;
use crate::guard::outcome::Outcome;
use crate::lease_status::{Holding, Presence};

const SECOND: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(200);

fn holder(outcome: Outcome) -> Option<String> {
    match outcome {
        Outcome::Lease(lease) => lease.spec.and_then(|spec| spec.holder_identity),
        outcome => panic!("{outcome:?}"),
    }
}

#[test]
fn a_fresh_installation_leads_after_one_lease_duration() {
    let mut world = World::new(1);
    assert_eq!(world.lease_status(0).presence, Presence::Unseen);
    assert!(holder(world.read(0).unwrap()).is_some());
    assert_eq!(world.acquire(0), Err(Refusal::Occupied));
    world.advance(D);
    assert_eq!(holder(world.read(0).unwrap()), None);
    world.acquire(0).unwrap();
    assert!(world.leads(0));
}

#[test]
fn a_write_is_refused_before_the_first_read() {
    let mut world = World::new(1);
    assert_eq!(world.acquire(0), Err(Refusal::NoVersion));
}

#[test]
fn a_claim_ends_by_itself_before_another_pod_may_take_the_lease() {
    let mut world = World::led(2);
    world.advance(just_before(CLAIM));
    assert!(world.leads(0));
    world.advance(Duration::from_millis(1));
    assert_eq!(world.lease_status(0).holding, Holding::Nothing);
    world.read(1).unwrap();
    assert_eq!(world.acquire(1), Err(Refusal::Occupied));
    world.advance(MARGIN + SLACK);
    assert_eq!(holder(world.read(1).unwrap()), None);
    world.acquire(1).unwrap();
    assert!(world.leads(1));
}

#[test]
fn reading_the_own_name_extends_no_claim() {
    let mut world = World::led(1);
    for _ in 0..3 {
        world.advance(D / 3);
        world.read(0).unwrap();
        world.show(0);
    }
    assert!(!world.leads(0));
}

#[test]
fn a_renewal_keeps_the_term() {
    let mut world = World::led(2);
    let term = world.term(0);
    for _ in 0..10 {
        world.advance(5 * SECOND);
        world.renew(0).unwrap();
        world.show(1);
    }
    assert_eq!(world.term(0), term);
}

#[test]
fn a_term_ends_with_its_deadline() {
    let mut world = World::led(1);
    let term = world.term(0);
    world.advance(D);
    world.renew(0).unwrap();
    assert!(world.term(0) > term);
}

#[test]
fn a_write_that_changes_nothing_extends_no_claim() {
    let mut world = World::led(1);
    // The wall clock is set back by the time that passed, so the renew time is the same as before.
    world.advance(5 * SECOND);
    world.pods[0].ahead = SignedDuration::from_secs(-5);
    world.renew(0).unwrap();
    world.advance(CLAIM.checked_sub(5 * SECOND).unwrap());
    assert!(!world.leads(0));
}

#[test]
fn after_a_release_another_pod_takes_the_lease_at_once() {
    let mut world = World::led(2);
    world.advance(SECOND);
    world.pods[0].guard.begin_release();
    assert_eq!(world.lease_status(0).holding, Holding::Releasing);
    let generation = world.pods[1].guard.manager_control().generation;
    world.release(0).unwrap();
    world.pods[0].guard.end_release();
    assert_eq!(world.lease_status(0).holding, Holding::Nothing);
    world.show(1);
    assert_ne!(
        world.pods[1].guard.manager_control().generation,
        generation,
        "kube-lease-manager is built anew"
    );
    world.read(1).unwrap();
    world.acquire(1).unwrap();
    assert!(world.leads(1));
}

#[test]
fn an_answer_during_a_release_makes_no_claim() {
    let mut world = World::led(1);
    world.advance(SECOND);
    let body = world.renew_body(0);
    let renew_body = world.send(0, &Method::PATCH, body).unwrap();
    world.pods[0].guard.begin_release();
    let outcome = world.effect(&renew_body);
    world.answer(&renew_body, outcome);
    assert_eq!(world.lease_status(0).holding, Holding::Releasing);
}

#[test]
fn a_conflict_in_a_release_is_shown_to_kube_lease_manager_as_a_failed_precondition() {
    let mut world = World::led(1);
    let release = world.send(0, &Method::PATCH, release_body()).unwrap();
    world.server.edit(&json!({"leaseDurationSeconds": 20}));
    let outcome = world.effect(&release);
    assert!(matches!(
        world.answer(&release, outcome),
        Outcome::Status { code: 412, .. }
    ));
}

#[test]
fn only_the_holder_may_release_and_renew() {
    let mut world = World::led(2);
    for body in [
        release_body(),
        world.renew_body(1),
        json!({"spec": {"leaseTransitions": 2}}),
    ] {
        world.read(1).unwrap();
        let refused = world.kind(1, &Method::PATCH, body);
        assert_eq!(refused, Err(Refusal::NotOurs));
    }
}

#[test]
fn a_request_that_kube_lease_manager_never_sends_is_refused() {
    let mut world = World::led(1);
    let refused = world.kind(0, &Method::DELETE, json!(null));
    assert_eq!(refused, Err(Refusal::Unknown));
}

#[test]
fn a_restarted_holder_has_no_claim_before_its_first_renewal() {
    let mut world = World::led(2);
    let term = world.term(0);
    world.restart(0);
    world.show(0);
    assert_eq!(holder(world.read(0).unwrap()).as_deref(), Some("pod-0"));
    assert!(!world.leads(0));
    assert_eq!(
        world.pods[0].guard.manager_control().record_held,
        RecordHeld::Nothing
    );
    world.advance(SECOND);
    world.renew(0).unwrap();
    assert!(world.term(0) > term);
}

#[test]
fn a_dead_leader_is_replaced_one_lease_duration_after_its_last_renewal_was_seen() {
    let mut world = World::led(2);
    world.advance(5 * SECOND);
    world.renew(0).unwrap();
    world.show(1);
    let generation = world.pods[1].guard.manager_control().generation;
    world.advance(just_before(D + SLACK));
    assert_eq!(world.pods[1].guard.manager_control().generation, generation);
    world.advance(Duration::from_millis(1));
    assert_ne!(
        world.pods[1].guard.manager_control().generation,
        generation,
        "kube-lease-manager is built anew"
    );
}

#[test]
fn a_change_of_another_field_is_no_renewal() {
    let mut world = World::led(2);
    world.advance(D);
    // The edit makes a new version with the same content, as far as the election is concerned.
    world.server.edit(&json!({"preferredHolder": "x"}));
    world.show(1);
    world.advance(SLACK);
    assert_eq!(holder(world.read(1).unwrap()), None);
}

#[test]
fn an_answer_that_was_just_shown_is_shown_again_without_a_request() {
    let mut world = World::led(1);
    world.advance(Duration::from_millis(99));
    let again = world.cached_answer(0).unwrap();
    assert_eq!(holder(again).as_deref(), Some("pod-0"));
    world.advance(Duration::from_millis(1));
    assert_eq!(world.cached_answer(0), None, "the answer is too old");
}

#[test]
fn an_answer_is_not_shown_again_after_the_lease_has_changed() {
    let mut world = World::led(2);
    world.server.edit(&json!({"leaseDurationSeconds": 20}));
    world.show(1);
    assert_eq!(world.cached_answer(1), None);
    world.read(1).unwrap();
    assert!(world.cached_answer(1).is_some());
    assert!(world.renew(1).is_err());
    assert_eq!(
        world.cached_answer(1),
        None,
        "after a refusal the Lease is read again"
    );
}

#[test]
fn an_answer_that_is_shown_again_is_rewritten_for_the_present() {
    let mut world = World::led(2);
    world.advance(just_before(D + SLACK));
    assert!(holder(world.read(1).unwrap()).is_some());
    world.advance(Duration::from_millis(1));
    assert_eq!(holder(world.cached_answer(1).unwrap()), None);
}
