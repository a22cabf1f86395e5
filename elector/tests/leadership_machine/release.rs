//! Release comes last: nothing is given back while anybody may be acting on it.

use elector::leadership::Rules;
use shared::config::ConsumerRequirement;
use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, Reason, State};

use crate::world::{World, poll, rules};

#[test]
fn at_the_end_the_answer_is_no_and_the_lease_is_kept_until_the_consumer_has_closed() {
    let mut world = World::leading();
    world.says(Open);
    world.tokens();
    assert_eq!(world.state(), (State::Draining, Reason::ShuttingDown));
    let report = world.says(Open);
    assert_eq!((report.is_leader, report.name.as_str()), (false, ""));
    assert!(world.campaigns());
    world.says(Closed);
    assert!(!world.campaigns());
    assert!(world.machine.has_ended());
}

#[test]
fn at_the_end_a_silent_consumer_is_waited_for_until_its_grant_is_over() {
    let mut world = World::leading();
    world.tokens();
    world.advance_to(14_999);
    assert!(world.campaigns());
    world.advance_to(15_000);
    assert!(!world.campaigns());
    assert!(world.machine.has_ended());
}

#[test]
fn a_standby_that_granted_nothing_ends_at_once() {
    let mut world = World::new();
    world.advance_to(5_000);
    world.says(Closed);
    assert!(world.campaigns());
    world.tokens();
    assert!(world.machine.has_ended());
}

#[test]
fn a_gate_closed_of_before_the_last_grant_acknowledges_nothing() {
    let mut world = World::leading();
    let (abandoned, granted) = (world.next(Closed), world.next(Closed));
    assert!(world.asks(&granted).is_leader);
    world.tokens();
    world.asks(&abandoned);
    assert!(world.campaigns());
    world.says(Closed);
    assert!(!world.campaigns());
}

#[test]
fn a_gate_closed_of_before_draining_acknowledges_nothing() {
    let mut world = World::leading();
    let held = world.next(Closed);
    let held = world.hears(&held);
    world.tokens();
    assert!(!world.answers(&held).is_leader);
    assert!(world.campaigns());
}

#[test]
fn a_gate_closed_of_another_process_acknowledges_nothing() {
    let mut world = World::leading();
    world.tokens();
    let second = Query {
        instance: "second".to_owned(),
        ..poll(100, Closed)
    };
    world.asks(&second);
    assert!(world.campaigns());
    world.advance_to(15_000);
    assert!(!world.campaigns());
}

#[test]
fn a_grant_whose_answer_nobody_read_is_waited_for() {
    let mut world = World::leading();
    world.advance_to(13_000);
    let poll = world.next(Open);
    let asker = world.hears(&poll);
    drop(world.answers(&asker));
    world.tokens();
    world.advance_to(17_999);
    assert!(world.campaigns());
    world.advance_to(18_000);
    assert!(!world.campaigns());
}

#[test]
fn a_shorter_grant_does_not_shorten_the_one_before() {
    let mut world = World::leading();
    world.holds_until(11_000);
    assert_eq!(world.says(Open).valid_for_ms, 1_000);
    world.tokens();
    world.advance_to(14_999);
    assert!(world.campaigns());
}

#[test]
fn the_last_word_of_a_consumer_is_released_upon_at_once() {
    let mut world = World::leading();
    world.says(Open);
    let report = world.says_unhealthy(Closed);
    assert_eq!((report.is_leader, report.state), (false, State::Draining));
    assert_eq!(report.reason, Reason::ConsumerUnhealthy);
    assert!(!world.campaigns());
}

#[test]
fn while_it_drains_nobody_is_granted_even_if_all_is_well_again() {
    let mut world = World::leading();
    world.says_unhealthy(Open);
    assert_eq!(world.state().0, State::Draining);
    assert!(!world.says(Open).is_leader);
    assert!(world.campaigns());
    world.advance_to(15_000);
    assert!(!world.campaigns());
}

#[test]
fn a_grant_is_waited_for_even_if_the_lease_is_gone_already() {
    let mut world = World::leading();
    world.held_by("", 25_000);
    world.tokens();
    assert!(world.campaigns(), "a claim of before may still be acted on");
    world.advance_to(15_000);
    assert!(!world.campaigns());
}

#[test]
fn where_everybody_is_granted_nobody_speaks_for_the_others() {
    let mut world = World::with(Rules {
        consumer: ConsumerRequirement::NotRequired,
        ..rules()
    });
    world.advance_to(6_000);
    world.holds_until(60_000);
    let asker = world.machine.receive_poll(None, world.moment(6_000));
    assert!(world.answers(&asker).is_leader);
    assert!(world.says(Open).is_leader);
    world.tokens();
    world.says(Closed);
    assert!(world.campaigns());
    world.advance_to(11_000);
    assert!(!world.campaigns());
}

#[test]
fn the_end_overtakes_a_giving_up_that_is_under_way() {
    let mut world = World::leading();
    world.says_unhealthy(Open);
    world.tokens();
    assert_eq!(world.state(), (State::Draining, Reason::ShuttingDown));
    world.says(Closed);
    assert!(world.machine.has_ended());
}
