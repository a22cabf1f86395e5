//! The reasons for giving the Lease up.

use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, Reason, State};

use crate::world::{OTHER_POD, POD, World};

#[test]
fn the_lease_is_given_up_when_the_last_grant_of_a_silent_consumer_is_over() {
    let mut world = World::leading();
    world.advance_to(14_999);
    assert_eq!(world.state(), (State::Leading, Reason::Renewed));
    world.advance_to(15_000);
    assert_eq!(world.state(), (State::Draining, Reason::ConsumerSilent));
    assert!(!world.campaigns());
    world.free();
    assert_eq!(world.state(), (State::Parked, Reason::ConsumerSilent));
}

#[test]
fn a_poll_that_still_waits_for_its_answer_counts() {
    let mut world = World::leading();
    world.advance_to(14_900);
    let held = world.next(Open);
    let held = world.hears(&held);
    world.advance_to(15_100);
    assert!(world.answers(&held).is_leader);
}

#[test]
fn the_lease_of_an_unhealthy_consumer_is_given_up_when_its_grant_is_over() {
    let mut world = World::leading();
    world.says_unhealthy(Open);
    assert_eq!(world.state(), (State::Draining, Reason::ConsumerUnhealthy));
    assert!(world.campaigns());
    world.says_unhealthy(Open);
    assert!(world.campaigns());
    world.advance_to(15_000);
    assert!(!world.campaigns());
}

#[test]
fn the_lease_is_given_up_if_the_consumer_keeps_its_gate_closed_for_two_seconds_while_granted() {
    let mut world = World::leading();
    for ms in (10_200..12_000).step_by(200) {
        world.advance_to(ms);
        assert!(world.says(Closed).is_leader, "{ms}");
    }
    world.advance_to(12_000);
    let report = world.says(Closed);
    assert_eq!(
        (report.is_leader, report.reason),
        (false, Reason::ConsumerRefuses)
    );
    assert!(!world.campaigns(), "this poll confirms the closed gate");
}

#[test]
fn an_open_gate_restarts_the_two_seconds() {
    let mut world = World::leading();
    for (ms, gate) in [
        (11_000, Closed),
        (11_900, Open),
        (12_100, Closed),
        (14_000, Closed),
    ] {
        world.advance_to(ms);
        assert!(world.says(gate).is_leader, "{ms}");
    }
    world.advance_to(14_100);
    assert!(!world.says(Closed).is_leader);
}

#[test]
fn a_closed_gate_of_a_standby_does_not_count_as_refusal() {
    let mut world = World::leading();
    world.held_by(OTHER_POD, 30_000);
    for ms in (11_000..20_000).step_by(1_000) {
        world.advance_to(ms);
        assert_eq!(world.says(Closed).state, State::Standby);
    }
    world.holds_until(60_000);
    assert!(world.says(Closed).is_leader);
    assert!(world.campaigns());
}

#[test]
fn losing_the_consumer_while_another_pod_leads_starts_no_hold_off() {
    let mut world = World::new();
    world.held_by(OTHER_POD, 60_000);
    world.advance_to(6_000);
    world.says(Closed);
    assert!(world.campaigns());
    world.advance_to(11_000);
    assert_eq!(world.state(), (State::Parked, Reason::ConsumerSilent));
    assert!(!world.campaigns());
    world.says(Closed);
    assert!(
        world.campaigns(),
        "nothing was given up, so there is no hold-off"
    );
}

#[test]
fn polls_of_another_pods_consumer_do_not_count() {
    let mut world = World::leading();
    for ms in (10_500..=15_000).step_by(500) {
        world.advance_to(ms);
        let foreign = Query {
            consumer: OTHER_POD.to_owned(),
            ..world.next(Open)
        };
        world.asks(&foreign);
    }
    assert!(!world.campaigns());
    assert_eq!(world.report().identity, POD);
}
