//! Each way to two leaders that was found in a model of the protocol, as far as it is the guard's to close it.

use std::time::Duration;

use http::Method;
use k8s_openapi::jiff::SignedDuration;
use serde_json::json;
use shared::leadership::Reason;

use super::world::{D, World, just_before, name, release_body};
use crate::guard::Refusal;
use crate::guard::outcome::Outcome;

const SECOND: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(200);

/// Pod 1 wants the Lease and is refused until `wait` has passed from now; then it leads.
fn taken_only_after(world: &mut World, wait: Duration) {
    world.read(1).unwrap();
    world.advance(just_before(wait));
    world.read(1).unwrap();
    assert_eq!(world.acquire(1), Err(Refusal::Occupied));
    world.advance(Duration::from_millis(1));
    world.read(1).unwrap();
    world.acquire(1).unwrap();
    assert!(world.leads(1));
}

#[test]
fn a_holder_nulled_by_hand_counts_for_one_more_duration() {
    let mut world = World::led(2);
    world.api_server.edit(&json!({"holderIdentity": null}));
    world.advance(SECOND);
    // It has until first sight of the old holder, or of the vanishing, whichever ends later.
    taken_only_after(&mut world, D);
}

#[test]
fn a_lease_deleted_and_applied_again_frees_nobodys_claim() {
    let mut world = World::led(2);
    world.api_server.recreate();
    taken_only_after(&mut world, D.max(D + SLACK));
}

#[test]
fn a_deleted_lease_may_be_made_again_but_not_taken() {
    let mut world = World::led(2);
    world.api_server.delete();
    world.read(1).unwrap();
    world.kind(1, &Method::POST, json!({})).unwrap();
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn who_has_seen_no_holder_waits_all_the_same_when_the_lease_is_deleted() {
    let mut world = World::new(2);
    world.read(0).unwrap();
    world.advance(D);
    world.read(1).unwrap();
    world.acquire(0).unwrap();
    world.api_server.delete();
    world.read(1).unwrap();
    world.kind(1, &Method::POST, json!({})).unwrap();
    world.read(1).unwrap();
    assert_eq!(world.acquire(1), Err(Refusal::Occupied));
}

#[test]
fn a_started_elector_that_finds_no_holder_waits() {
    let mut world = World::led(2);
    world.api_server.edit(&json!({"holderIdentity": null}));
    world.restart(1);
    taken_only_after(&mut world, D);
}

#[test]
fn the_incumbent_retakes_what_vanished_at_once_in_a_new_term() {
    for vanish in [
        |world: &mut World| world.api_server.edit(&json!({"holderIdentity": null})),
        |world: &mut World| world.api_server.recreate(),
    ] {
        let mut world = World::led(2);
        let term = world.term(0);
        world.advance(SECOND);
        vanish(&mut world);
        world.show(0);
        assert!(!world.leads(0));
        world.read(0).unwrap();
        world.acquire(0).unwrap();
        assert!(world.term(0) > term);
    }
}

#[test]
fn the_incumbent_is_who_has_a_claim_and_not_who_was_named_last() {
    let mut world = World::led(2);
    world.advance(D);
    world.api_server.edit(&json!({"holderIdentity": null}));
    world.show(0);
    world.read(0).unwrap();
    assert_eq!(world.acquire(0), Err(Refusal::Occupied));
}

#[test]
fn a_lease_made_again_is_taken_at_once_by_who_has_watched_its_absence_long_enough() {
    let mut world = World::led(2);
    world.api_server.delete();
    world.show_next(1);
    world.advance(D + SLACK);
    world.api_server.recreate();
    world.read(1).unwrap();
    assert_eq!(world.acquire(1), Err(Refusal::Occupied));
    // What was read may have a history; the watch says that it has none.
    let generation = world.pods[1].guard.manager_control().generation;
    world.show_next(1);
    assert_ne!(
        world.pods[1].guard.manager_control().generation,
        generation,
        "it is woken"
    );
    world.read(1).unwrap();
    world.acquire(1).unwrap();
    assert!(world.leads(1));
}

#[test]
fn a_lease_made_again_may_have_had_a_holder_where_the_watch_has_a_gap() {
    let mut world = World::led(2);
    world.api_server.delete();
    world.show_next(1);
    world.advance(D + SLACK);
    world.api_server.recreate();
    world.show(1);
    taken_only_after(&mut world, D);
}

#[test]
fn a_record_that_names_this_pod_by_another_hand_is_a_strangers() {
    let mut world = World::led(2);
    world.api_server.edit(&json!({"holderIdentity": name(1)}));
    world.read(1).unwrap();
    assert_eq!(world.renew(1), Err(Refusal::NotOurs));
    world.read(1).unwrap();
    let release = world.kind(1, &Method::PATCH, release_body());
    assert_eq!(release, Err(Refusal::NotOurs));
    world.show(0);
    assert!(!world.leads(0));
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn a_holder_named_by_hand_is_waited_for_at_first_sight_after_a_start_too() {
    let mut world = World::led(2);
    world.api_server.edit(&json!({"holderIdentity": name(1)}));
    world.restart(1);
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn two_pods_of_one_identity_never_lead_both_and_say_so() {
    let mut world = World::led(2);
    world.rename(1, 0);
    let Outcome::Lease(shown) = world.read(1).unwrap() else {
        panic!();
    };
    let shown = shown.spec.unwrap().holder_identity.unwrap();
    assert_ne!(shown, name(0), "the manager would renew it");
    assert_eq!(world.renew(1), Err(Refusal::NotOurs));
    let problem = world.lease_status(1).problem.unwrap();
    assert_eq!(problem.reason, Reason::DuplicateIdentity);
    world.advance(D + SLACK);
    assert_eq!(world.lease_status(1).problem, None, "it has gone");
}

#[test]
fn a_duration_edited_down_shortens_nobodys_claim() {
    let mut world = World::led(2);
    world.api_server.edit(&json!({"leaseDurationSeconds": 3}));
    // It never saw the duration as it was.
    world.restart(1);
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn a_longer_duration_of_the_holder_is_waited_for() {
    let mut world = World::led(2);
    world.api_server.edit(&json!({"leaseDurationSeconds": 60}));
    world
        .api_server
        .edit(&json!({"holderIdentity": "stranger"}));
    taken_only_after(&mut world, Duration::from_secs(60) + SLACK);
}

#[test]
fn a_duration_edited_up_is_waited_for_only_until_the_holder_writes_again() {
    let mut world = World::led(2);
    for seconds in [3600, i32::MAX] {
        world
            .api_server
            .edit(&json!({"leaseDurationSeconds": seconds}));
        world.show(1);
        world.advance(D + SLACK);
        world.read(1).unwrap();
        assert_eq!(world.acquire(1), Err(Refusal::Occupied));
        world.read(0).unwrap();
        world.renew(0).unwrap();
        world.show(1);
    }
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn a_duration_edited_up_and_down_again_costs_nobody_more_than_one() {
    let mut world = World::led(2);
    for seconds in [86_400, D.as_secs()] {
        world
            .api_server
            .edit(&json!({"leaseDurationSeconds": seconds}));
        world.show(1);
    }
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn a_duration_edited_down_and_the_holder_taken_out_frees_nobodys_claim() {
    let mut world = World::led(2);
    world.api_server.edit(&json!({"leaseDurationSeconds": 60}));
    world.restart(1);
    world.read(1).unwrap();
    world.api_server.edit(&json!({"leaseDurationSeconds": 1}));
    world.show(1);
    world
        .api_server
        .edit(&json!({"holderIdentity": "stranger"}));
    taken_only_after(&mut world, Duration::from_secs(60) + SLACK);
}

#[test]
fn a_wall_clock_that_is_wrong_robs_nobody() {
    for hours in [-1, 1] {
        let mut world = World::led(2);
        world.pods[1].ahead = SignedDuration::from_hours(hours);
        taken_only_after(&mut world, D + SLACK);
        world.pods[0].ahead = SignedDuration::from_hours(-hours);
        world.show(0);
        world.read(0).unwrap();
        assert_eq!(world.acquire(0), Err(Refusal::Occupied));
    }
}

#[test]
fn clocks_that_run_apart_are_covered_by_margin_and_slack() {
    // One in a hundred, which is a thousand times what clocks do.
    let mut world = World::new(2);
    world.pods[0].drift = -10;
    world.pods[1].drift = 10;
    world.read(0).unwrap();
    world.advance(2 * D);
    world.acquire(0).unwrap();
    world.read(1).unwrap();
    for _ in 0..20 {
        world.advance(SECOND);
        world.read(1).unwrap();
        world.acquire(1).ok();
    }
    assert!(world.leads(1));
}

#[test]
fn versions_that_went_back_are_believed_when_they_are_read() {
    // As after a restore of etcd: the watch's events look old, but a read is the present.
    let mut world = World::led(2);
    let mut lease = world.api_server.lease.object.clone().unwrap();
    lease["metadata"]["resourceVersion"] = json!("7");
    lease["spec"]["renewTime"] = json!("2001-01-01T00:00:00Z");
    world.api_server.lease.object = Some(lease);
    world.advance(D);
    world.read(1).unwrap();
    world.advance(D);
    assert_eq!(world.acquire(1), Err(Refusal::Occupied));
}
