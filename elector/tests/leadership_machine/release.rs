//! The release comes last: the Lease is not given back while anybody may be acting on a grant.

use elector::leadership::Rules;
use shared::config::ConsumerRequirement;
use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, Reason, State};

use crate::world::{World, poll, rules};

#[test]
fn at_shutdown_the_answer_is_no_and_the_lease_is_kept_until_the_gate_is_closed() {
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
fn at_shutdown_the_grant_of_a_silent_consumer_is_waited_for() {
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
fn a_closed_gate_in_a_poll_from_before_the_last_grant_confirms_nothing() {
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
fn a_closed_gate_in_a_poll_from_before_draining_confirms_nothing() {
    let mut world = World::leading();
    let held = world.next(Closed);
    let held = world.hears(&held);
    world.tokens();
    assert!(!world.answers(&held).is_leader);
    assert!(world.campaigns());
}

#[test]
fn a_closed_gate_of_another_process_confirms_nothing() {
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
fn a_grant_is_waited_for_even_if_nobody_read_its_answer() {
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
fn a_last_poll_with_a_closed_gate_releases_the_lease_at_once() {
    let mut world = World::leading();
    world.says(Open);
    let report = world.says_unhealthy(Closed);
    assert_eq!((report.is_leader, report.state), (false, State::Draining));
    assert_eq!(report.reason, Reason::ConsumerUnhealthy);
    assert!(!world.campaigns());
}

#[test]
fn nobody_is_granted_while_draining_even_if_the_consumer_is_healthy_again() {
    let mut world = World::leading();
    world.says_unhealthy(Open);
    assert_eq!(world.state().0, State::Draining);
    assert!(!world.says(Open).is_leader);
    assert!(world.campaigns());
    world.advance_to(15_000);
    assert!(!world.campaigns());
}

#[test]
fn a_grant_is_waited_for_even_if_the_lease_is_lost_already() {
    let mut world = World::leading();
    world.held_by("", 25_000);
    world.tokens();
    assert!(
        world.campaigns(),
        "a grant under the earlier claim may still be acted on"
    );
    world.advance_to(15_000);
    assert!(!world.campaigns());
}

#[test]
fn where_everybody_is_granted_no_asker_can_confirm_for_the_others() {
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
fn a_shutdown_during_draining_ends_the_machine() {
    let mut world = World::leading();
    world.says_unhealthy(Open);
    world.tokens();
    assert_eq!(world.state(), (State::Draining, Reason::ShuttingDown));
    world.says(Closed);
    assert!(world.machine.has_ended());
}
