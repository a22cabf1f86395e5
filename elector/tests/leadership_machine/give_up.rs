//! When the Lease is given up.

use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, Reason, State};

use crate::world::{OTHER_POD, POD, World};

#[test]
fn a_silent_consumer_costs_the_lease_when_its_last_grant_is_over() {
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
fn a_poll_that_is_held_counts_as_heard() {
    let mut world = World::leading();
    world.advance_to(14_900);
    let held = world.next(Open);
    let held = world.hears(&held);
    world.advance_to(15_100);
    assert!(world.answers(&held).is_leader);
}

#[test]
fn an_unhealthy_consumer_costs_the_lease_but_not_while_its_grant_runs() {
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
fn a_consumer_that_stays_closed_for_two_seconds_while_it_is_granted_costs_the_lease() {
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
    assert!(!world.campaigns(), "the very poll says that nothing acts");
}

#[test]
fn a_gate_that_opened_once_begins_the_two_seconds_anew() {
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
fn a_closed_gate_of_a_standby_is_no_refusal() {
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
fn losing_the_consumer_while_another_leads_is_no_giving_up() {
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
fn polls_of_another_pod_keep_nobody_alive() {
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
