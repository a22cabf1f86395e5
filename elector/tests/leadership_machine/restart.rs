//! A restarted elector does not know what its predecessor granted.

use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, Reason, State};

use crate::world::{OTHER_POD, World, poll};

#[test]
fn it_acts_as_if_a_full_grant_had_been_given_at_its_start() {
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
fn the_consumer_that_is_heard_first_can_give_back_what_the_predecessor_granted() {
    let mut world = World::new();
    world.says(Open);
    world.holds_until(60_000);
    world.tokens();
    world.says(Closed);
    assert!(!world.campaigns());
}

#[test]
fn a_consumer_that_came_after_cannot_give_it_back() {
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
fn a_consumer_that_acts_goes_on_without_a_gap() {
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
fn it_wants_nothing_before_it_has_heard_a_healthy_consumer() {
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
