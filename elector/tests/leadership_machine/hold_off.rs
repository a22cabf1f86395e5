//! Tests of the hold-off: a pod that gave the Lease up leaves it to others for a while.

use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{State, StateReason};

use crate::fixture::{MachineFixture, OTHER_POD};

/// Leads from `ms` for the time `led` with its consumer polling. Then the consumer says in a last poll that it is unhealthy, and
/// another pod takes the Lease. Returns the time until the machine campaigns again. All times are in milliseconds.
fn held_off(fixture: &mut MachineFixture, ms: u64, led: u64) -> u64 {
    fixture.advance_to(ms);
    fixture.says(Closed);
    assert!(fixture.campaigns(), "{ms}");
    fixture.holds_until(ms + led + 60_000);
    fixture.polled_until(ms + led);
    fixture.says_unhealthy(Closed);
    assert!(!fixture.campaigns());
    fixture.held_by(OTHER_POD, ms + led + 1_000_000);
    for waited in (0_u64..).step_by(100) {
        fixture.advance_to(ms + led + waited);
        fixture.says(Closed);
        if fixture.campaigns() {
            return waited;
        }
    }
    unreachable!()
}

#[test]
fn the_hold_off_doubles_from_5_s_to_60_s() {
    let mut fixture = MachineFixture::new();
    let mut ms = 10_000;
    for expected in [5_000, 10_000, 20_000, 40_000, 60_000, 60_000] {
        assert_eq!(held_off(&mut fixture, ms, 1_000), expected);
        ms += 1_000 + expected;
    }
}

#[test]
fn ten_minutes_of_leading_reset_the_hold_off_to_5_s() {
    let mut fixture = MachineFixture::new();
    assert_eq!(held_off(&mut fixture, 10_000, 1_000), 5_000);
    assert_eq!(held_off(&mut fixture, 20_000, 1_000), 10_000);
    assert_eq!(held_off(&mut fixture, 40_000, 600_000), 5_000);
}

#[test]
fn during_a_hold_off_the_pod_is_a_standby_of_the_leader() {
    let mut fixture = MachineFixture::leading();
    fixture.says_unhealthy(Closed);
    fixture.held_by(OTHER_POD, 60_000);
    fixture.says(Closed);
    assert_eq!(fixture.state(), (State::Standby, StateReason::NotHolder));
    assert!(!fixture.campaigns());
}

#[test]
fn a_lease_that_no_other_pod_takes_is_taken_back_after_2_s() {
    let mut fixture = MachineFixture::leading();
    fixture.says_unhealthy(Closed);
    fixture.free();
    fixture.says(Closed);
    assert_eq!(
        fixture.state(),
        (State::Parked, StateReason::ConsumerUnhealthy)
    );
    fixture.advance_to(11_999);
    assert!(!fixture.campaigns());
    fixture.advance_to(12_000);
    assert!(fixture.campaigns());
}

#[test]
fn the_2_s_begin_when_no_other_pod_can_be_acting() {
    let mut fixture = MachineFixture::leading();
    fixture.says_unhealthy(Closed);
    fixture.held_by("", 13_000);
    fixture.says(Closed);
    fixture.advance_to(14_999);
    fixture.says(Closed);
    assert!(!fixture.campaigns());
    fixture.advance_to(15_000);
    assert!(fixture.campaigns());
}

#[test]
fn a_lease_that_no_other_pod_takes_is_not_taken_back_without_a_healthy_consumer() {
    let mut fixture = MachineFixture::leading();
    fixture.says_unhealthy(Closed);
    fixture.free();
    fixture.advance_to(30_000);
    assert!(!fixture.campaigns());
    fixture.says(Open);
    assert!(fixture.campaigns());
}

#[test]
fn no_hold_off_follows_a_claim_that_ended_by_its_deadline() {
    let mut fixture = MachineFixture::leading();
    fixture.holds_until(12_000);
    fixture.polled_until(13_000);
    fixture.free();
    fixture.says(Closed);
    assert!(fixture.campaigns());
}
