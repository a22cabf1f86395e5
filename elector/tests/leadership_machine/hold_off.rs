//! The hold-off: a pod that gave the Lease up leaves it to others for a while.

use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Reason, State};

use crate::world::{OTHER_POD, World};

/// Leads from `ms` for the time `led` with its consumer polling. Then the consumer says in a last poll that it is unhealthy, and
/// another pod takes the Lease. Returns the time until the machine campaigns again. All times are in milliseconds.
fn held_off(world: &mut World, ms: u64, led: u64) -> u64 {
    world.advance_to(ms);
    world.says(Closed);
    assert!(world.campaigns(), "{ms}");
    world.holds_until(ms + led + 60_000);
    world.polled_until(ms + led);
    world.says_unhealthy(Closed);
    assert!(!world.campaigns());
    world.held_by(OTHER_POD, ms + led + 1_000_000);
    for waited in (0_u64..).step_by(100) {
        world.advance_to(ms + led + waited);
        world.says(Closed);
        if world.campaigns() {
            return waited;
        }
    }
    unreachable!()
}

#[test]
fn the_hold_off_doubles_from_5_s_to_60_s() {
    let mut world = World::new();
    let mut ms = 10_000;
    for expected in [5_000, 10_000, 20_000, 40_000, 60_000, 60_000] {
        assert_eq!(held_off(&mut world, ms, 1_000), expected);
        ms += 1_000 + expected;
    }
}

#[test]
fn ten_minutes_of_leading_reset_the_hold_off_to_5_s() {
    let mut world = World::new();
    assert_eq!(held_off(&mut world, 10_000, 1_000), 5_000);
    assert_eq!(held_off(&mut world, 20_000, 1_000), 10_000);
    assert_eq!(held_off(&mut world, 40_000, 600_000), 5_000);
}

#[test]
fn during_a_hold_off_the_pod_is_a_standby_of_the_leader() {
    let mut world = World::leading();
    world.says_unhealthy(Closed);
    world.held_by(OTHER_POD, 60_000);
    world.says(Closed);
    assert_eq!(world.state(), (State::Standby, Reason::NotHolder));
    assert!(!world.campaigns());
}

#[test]
fn a_lease_that_no_other_pod_takes_is_taken_back_after_2_s() {
    let mut world = World::leading();
    world.says_unhealthy(Closed);
    world.free();
    world.says(Closed);
    assert_eq!(world.state(), (State::Parked, Reason::ConsumerUnhealthy));
    world.advance_to(11_999);
    assert!(!world.campaigns());
    world.advance_to(12_000);
    assert!(world.campaigns());
}

#[test]
fn the_2_s_begin_when_no_other_pod_can_be_acting() {
    let mut world = World::leading();
    world.says_unhealthy(Closed);
    world.held_by("", 13_000);
    world.says(Closed);
    world.advance_to(14_999);
    world.says(Closed);
    assert!(!world.campaigns());
    world.advance_to(15_000);
    assert!(world.campaigns());
}

#[test]
fn a_lease_that_no_other_pod_takes_is_not_taken_back_without_a_healthy_consumer() {
    let mut world = World::leading();
    world.says_unhealthy(Closed);
    world.free();
    world.advance_to(30_000);
    assert!(!world.campaigns());
    world.says(Open);
    assert!(world.campaigns());
}

#[test]
fn no_hold_off_follows_a_claim_that_ended_by_its_deadline() {
    let mut world = World::leading();
    world.holds_until(12_000);
    world.polled_until(13_000);
    world.free();
    world.says(Closed);
    assert!(world.campaigns());
}
