//! A restarted elector does not know the grants of its earlier process.

use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, Reason, State};

use crate::world::{OTHER_POD, World, poll};

#[test]
fn a_restarted_elector_assumes_a_full_grant_at_its_start() {
    let mut world = World::new();
    world.says(Open);
    world.holds_until(60_000);
    world.tokens();
    assert!(world.campaigns());
    world.advance_to(4_999);
    assert!(world.campaigns());
    world.advance_to(5_000);
    assert!(!world.campaigns());
}

#[test]
fn the_consumer_process_that_polls_first_can_end_an_inherited_grant() {
    let mut world = World::new();
    world.says(Open);
    world.holds_until(60_000);
    world.tokens();
    world.says(Closed);
    assert!(!world.campaigns());
}

#[test]
fn a_later_consumer_process_cannot_end_an_inherited_grant() {
    let mut world = World::new();
    world.says(Open);
    world.holds_until(60_000);
    world.tokens();
    let second = Query {
        instance: "second".to_owned(),
        ..poll(100, Closed)
    };
    world.asks(&second);
    assert!(world.campaigns());
}

#[test]
fn an_acting_consumer_is_granted_again_without_a_gap() {
    let mut world = World::new();
    let report = world.says(Open);
    assert_eq!(
        (report.state, report.reason),
        (State::Starting, Reason::Starting)
    );
    world.free();
    assert_eq!(world.says(Open).state, State::Starting);
    world.holds_until(15_000);
    assert_eq!(world.says(Open).valid_for_ms, 5_000);
}

#[test]
fn another_leader_is_known_at_once() {
    let mut world = World::new();
    world.says(Closed);
    world.held_by(OTHER_POD, 15_000);
    let report = world.says(Closed);
    assert_eq!(
        (report.state, report.reason),
        (State::Standby, Reason::NotHolder)
    );
    assert_eq!(report.name, OTHER_POD);
}

#[test]
fn the_machine_does_not_campaign_before_a_healthy_consumer_polls() {
    let mut world = World::new();
    world.free();
    world.advance_to(5_000);
    assert_eq!(world.state(), (State::Parked, Reason::ConsumerSilent));
    assert!(!world.campaigns());
    world.says_unhealthy(Closed);
    assert_eq!(world.state(), (State::Parked, Reason::ConsumerUnhealthy));
    assert!(!world.campaigns());
    world.says(Closed);
    assert_eq!(world.state(), (State::Campaigning, Reason::NotHolder));
    assert!(world.campaigns());
}
