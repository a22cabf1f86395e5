//! Tests of the faults that could make two pods lead: edits by hand, deletions, restarts and wrong clocks.

use std::time::Duration;

use http::Method;
use k8s_openapi::jiff::SignedDuration;
use serde_json::json;
use shared::leadership::StateReason;

use super::world::{D, World, just_before, name, release_body};
use crate::guard::Refusal;
use crate::guard::outcome::Outcome;

const SECOND: Duration = Duration::from_secs(1);
const SLACK: Duration = Duration::from_millis(200);

/// Checks that pod 1 cannot take the Lease before `wait` has passed, and leads after that.
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
fn a_holder_removed_by_hand_is_waited_for_during_one_lease_duration() {
    let mut world = World::led(2);
    world.server.edit(&json!({"holderIdentity": null}));
    world.advance(SECOND);
    // Pod 1 counts from the moment at which it saw that the holder has vanished.
    taken_only_after(&mut world, D);
}

#[test]
fn a_lease_deleted_and_applied_again_does_not_end_the_claim_of_its_holder() {
    let mut world = World::led(2);
    world.server.recreate();
    taken_only_after(&mut world, D.max(D + SLACK));
}

#[test]
fn a_deleted_lease_may_be_created_again_but_not_taken() {
    let mut world = World::led(2);
    world.server.delete();
    world.read(1).unwrap();
    world.kind(1, &Method::POST, json!({})).unwrap();
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn a_pod_that_has_seen_no_holder_waits_nevertheless_when_the_lease_is_deleted() {
    let mut world = World::new(2);
    world.read(0).unwrap();
    world.advance(D);
    world.read(1).unwrap();
    world.acquire(0).unwrap();
    world.server.delete();
    world.read(1).unwrap();
    world.kind(1, &Method::POST, json!({})).unwrap();
    world.read(1).unwrap();
    assert_eq!(world.acquire(1), Err(Refusal::Occupied));
}

#[test]
fn an_elector_that_finds_no_holder_at_its_start_waits() {
    let mut world = World::led(2);
    world.server.edit(&json!({"holderIdentity": null}));
    world.restart(1);
    taken_only_after(&mut world, D);
}

#[test]
fn the_holder_of_a_claim_retakes_a_vanished_lease_at_once_in_a_new_term() {
    for vanish in [
        |world: &mut World| world.server.edit(&json!({"holderIdentity": null})),
        |world: &mut World| world.server.recreate(),
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
fn a_last_holder_without_a_claim_does_not_retake_a_vanished_lease_at_once() {
    let mut world = World::led(2);
    world.advance(D);
    world.server.edit(&json!({"holderIdentity": null}));
    world.show(0);
    world.read(0).unwrap();
    assert_eq!(world.acquire(0), Err(Refusal::Occupied));
}

#[test]
fn a_lease_created_again_is_taken_at_once_by_a_pod_that_has_watched_its_absence_long_enough() {
    let mut world = World::led(2);
    world.server.delete();
    world.show_next(1);
    world.advance(D + SLACK);
    world.server.recreate();
    world.read(1).unwrap();
    assert_eq!(world.acquire(1), Err(Refusal::Occupied));
    // The Lease that was read may have had a holder before the read. An unbroken watch shows that there was none.
    let generation = world.pods[1].guard.manager_control().generation;
    world.show_next(1);
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
fn a_gap_in_the_watch_may_have_hidden_a_holder_of_a_lease_created_again() {
    let mut world = World::led(2);
    world.server.delete();
    world.show_next(1);
    world.advance(D + SLACK);
    world.server.recreate();
    world.show(1);
    taken_only_after(&mut world, D);
}

#[test]
fn a_record_that_somebody_else_wrote_with_the_name_of_this_pod_is_not_its_own() {
    let mut world = World::led(2);
    world.server.edit(&json!({"holderIdentity": name(1)}));
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
fn a_holder_written_by_hand_is_waited_for_after_a_restart_too() {
    let mut world = World::led(2);
    world.server.edit(&json!({"holderIdentity": name(1)}));
    world.restart(1);
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn two_pods_of_one_identity_never_both_lead_and_the_problem_is_reported() {
    let mut world = World::led(2);
    world.rename(1, 0);
    let Outcome::Lease(shown) = world.read(1).unwrap() else {
        panic!();
    };
    let shown = shown.spec.unwrap().holder_identity.unwrap();
    assert_ne!(shown, name(0), "kube-lease-manager would renew it");
    assert_eq!(world.renew(1), Err(Refusal::NotOurs));
    let problem = world.lease_status(1).problem.unwrap();
    assert_eq!(problem.reason, StateReason::DuplicateIdentity);
    world.advance(D + SLACK);
    assert_eq!(
        world.lease_status(1).problem,
        None,
        "the other instance cannot be acting any more"
    );
}

#[test]
fn a_lease_duration_that_is_edited_down_shortens_no_claim() {
    let mut world = World::led(2);
    world.server.edit(&json!({"leaseDurationSeconds": 3}));
    // After the restart, pod 1 has never seen the original duration.
    world.restart(1);
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn a_longer_lease_duration_of_the_holder_is_waited_for() {
    let mut world = World::led(2);
    world.server.edit(&json!({"leaseDurationSeconds": 60}));
    world.server.edit(&json!({"holderIdentity": "stranger"}));
    taken_only_after(&mut world, Duration::from_secs(60) + SLACK);
}

#[test]
fn a_lease_duration_that_is_edited_up_counts_only_until_the_holder_writes_again() {
    let mut world = World::led(2);
    for seconds in [3600, i32::MAX] {
        world.server.edit(&json!({"leaseDurationSeconds": seconds}));
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
fn a_lease_duration_that_is_edited_up_and_down_again_has_no_effect() {
    let mut world = World::led(2);
    for seconds in [86_400, D.as_secs()] {
        world.server.edit(&json!({"leaseDurationSeconds": seconds}));
        world.show(1);
    }
    taken_only_after(&mut world, D + SLACK);
}

#[test]
fn a_lease_duration_edited_down_and_a_replaced_holder_end_no_claim() {
    let mut world = World::led(2);
    world.server.edit(&json!({"leaseDurationSeconds": 60}));
    world.restart(1);
    world.read(1).unwrap();
    world.server.edit(&json!({"leaseDurationSeconds": 1}));
    world.show(1);
    world.server.edit(&json!({"holderIdentity": "stranger"}));
    taken_only_after(&mut world, Duration::from_secs(60) + SLACK);
}

#[test]
fn a_wrong_wall_clock_takes_the_lease_from_nobody() {
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
fn margin_and_slack_cover_clocks_of_different_speeds() {
    // Each clock runs wrong by 1 %, which is hundreds of times as much as the clocks of real machines.
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
fn a_version_that_went_back_counts_if_it_was_read() {
    // After a restore of etcd the events of the watch look old, but a read still shows the present.
    let mut world = World::led(2);
    let mut lease = world.server.lease.object.clone().unwrap();
    lease["metadata"]["resourceVersion"] = json!("7");
    lease["spec"]["renewTime"] = json!("2001-01-01T00:00:00Z");
    world.server.lease.object = Some(lease);
    world.advance(D);
    world.read(1).unwrap();
    world.advance(D);
    assert_eq!(world.acquire(1), Err(Refusal::Occupied));
}
