//! Tests of requests and events that arrive late, are lost, or are overtaken by others.

use std::time::Duration;

use http::Method;
use serde_json::json;

use super::world::{CLAIM, D, World, just_before, release_body};
use crate::guard::Refusal;
use crate::guard::observation::{Continuity, SeenLease};
use crate::guard::outcome::Outcome;
use crate::guard::outcome::{RequestFailure, StatusSummary};

const SECOND: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(200);

#[test]
fn a_late_patch_changes_the_version_that_was_seen_or_nothing() {
    let mut world = World::led(2);
    world.advance(D + SLACK);
    world.read(1).unwrap();
    let body = world.acquire_body(1);
    let late = world.send(1, &Method::PATCH, body).unwrap();
    world.renew(0).unwrap();
    let outcome = world.effect(&late);
    assert!(matches!(outcome, Outcome::Status { code: 409, .. }));
    let generation = world.pods[1].guard.manager_control().generation;
    world.answer(&late, outcome);
    assert_ne!(
        world.pods[1].guard.manager_control().generation,
        generation,
        "kube-lease-manager is built anew"
    );
    assert!(!world.leads(1));
}

#[test]
fn a_newer_version_that_was_read_meanwhile_does_not_free_the_lease() {
    // The precondition alone would not help: the decision was made on an expired record, and the write carries the version of a
    // renewed one.
    let mut world = World::led(2);
    world.advance(D + SLACK);
    world.read(1).unwrap();
    world.renew(0).unwrap();
    world.read(1).unwrap();
    assert_eq!(world.acquire(1), Err(Refusal::Occupied));
}

#[test]
fn a_claim_counts_from_before_the_write_was_sent_and_not_from_its_answer() {
    let mut world = World::new(2);
    world.read(0).unwrap();
    world.advance(D);
    let body = world.acquire_body(0);
    let slow = world.send(0, &Method::PATCH, body).unwrap();
    let outcome = world.effect(&slow);
    world.show(1);
    world.advance(CLAIM);
    world.answer(&slow, outcome);
    assert!(!world.leads(0));
}

#[test]
fn an_answer_that_arrives_after_another_holder_was_seen_makes_no_claim() {
    let mut world = World::led(2);
    world.advance(SECOND);
    let body = world.renew_body(0);
    let renew_body = world.send(0, &Method::PATCH, body).unwrap();
    let outcome = world.effect(&renew_body);
    world.server.edit(&json!({"holderIdentity": "stranger"}));
    world.show(0);
    assert!(!world.leads(0));
    world.answer(&renew_body, outcome);
    assert!(!world.leads(0));
}

#[test]
fn an_event_older_than_the_last_state_is_ignored() {
    let mut world = World::led(2);
    let old = world.server.seen();
    world.pods[0].guard.begin_release();
    world.release(0).unwrap();
    let released = world.server.seen();
    world.read(1).unwrap();
    world.acquire(1).unwrap();
    for event in [old, released.clone()] {
        world.event(1, event, Continuity::Unbroken);
        assert!(world.leads(1));
    }
    // Pod 0 must ignore the old event of its own release, although it has seen a newer state.
    world.pods[0].guard.end_release();
    world.show(0);
    world.event(0, released, Continuity::Unbroken);
    world.read(0).unwrap();
    assert_eq!(world.acquire(0), Err(Refusal::Occupied));
}

#[test]
fn a_list_without_the_lease_causes_a_read_before_a_claim_is_given_up() {
    let mut world = World::led(1);
    let generation = world.pods[0].guard.manager_control().generation;
    world.event(0, SeenLease::Absent(None), Continuity::Unknown);
    assert!(world.leads(0));
    assert_ne!(
        world.pods[0].guard.manager_control().generation,
        generation,
        "kube-lease-manager is built anew"
    );
}

#[test]
fn an_acquisition_that_was_given_up_and_takes_effect_late_makes_no_claim() {
    let mut world = World::new(2);
    world.read(0).unwrap();
    world.advance(D);
    let body = world.acquire_body(0);
    let orphan = world.send(0, &Method::PATCH, body).unwrap();
    world.answer(&orphan, Outcome::TimedOut);
    world.effect(&orphan);
    world.show(0);
    world.read(0).unwrap();
    assert!(!world.leads(0));
    world.advance(SECOND);
    world.renew(0).unwrap();
    assert!(world.leads(0), "the record was written by this pod");
}

#[test]
fn after_a_write_of_unknown_outcome_the_lease_is_read_before_the_next_write() {
    let mut world = World::led(1);
    world.advance(SECOND);
    for outcome in [
        Outcome::TimedOut,
        Outcome::Failed(RequestFailure::default()),
        Outcome::Status {
            code: 504,
            summary: StatusSummary::default(),
        },
    ] {
        let body = world.renew_body(0);
        let lost = world.send(0, &Method::PATCH, body).unwrap();
        world.answer(&lost, outcome);
        assert_eq!(world.renew(0), Err(Refusal::NoVersion));
        world.read(0).unwrap();
    }
    assert!(world.leads(0));
}

#[test]
fn nothing_is_claimed_after_a_release_that_was_given_up_because_it_may_still_take_effect() {
    let mut world = World::led(2);
    world.pods[0].guard.begin_release();
    let release = world.send(0, &Method::PATCH, release_body()).unwrap();
    world.answer(&release, Outcome::TimedOut);
    world.pods[0].guard.end_release();
    world.advance(SECOND);
    assert!(!world.leads(0));
    world.effect(&release);
    world.read(1).unwrap();
    world.acquire(1).unwrap();
    assert_eq!(world.acting(), [1]);
}

#[test]
fn a_renewal_answered_after_the_deadline_begins_a_new_term() {
    let mut world = World::led(1);
    let term = world.term(0);
    world.advance(just_before(CLAIM));
    let body = world.renew_body(0);
    let renew_body = world.send(0, &Method::PATCH, body).unwrap();
    let outcome = world.effect(&renew_body);
    world.advance(SECOND);
    world.answer(&renew_body, outcome);
    assert!(world.term(0) > term);
}
