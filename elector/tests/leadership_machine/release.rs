//! Tests of the release, which comes last: the Lease is not given back while anybody may be acting on a grant.

use elector::leadership::Rules;
use shared::config::ConsumerRequirement;
use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, State, StateReason};

use crate::fixture::{MachineFixture, poll, rules};

#[test]
fn at_shutdown_the_answer_is_no_and_the_lease_is_kept_until_the_gate_is_closed() {
    let mut fixture = MachineFixture::leading();
    fixture.says(Open);
    fixture.tokens();
    assert_eq!(
        fixture.state(),
        (State::Draining, StateReason::ShuttingDown)
    );
    let report = fixture.says(Open);
    assert_eq!((report.is_leader, report.name.as_str()), (false, ""));
    assert!(fixture.campaigns());
    fixture.says(Closed);
    assert!(!fixture.campaigns());
    assert!(fixture.machine.has_ended());
}

#[test]
fn at_shutdown_the_grant_of_a_silent_consumer_is_waited_for() {
    let mut fixture = MachineFixture::leading();
    fixture.tokens();
    fixture.advance_to(14_999);
    assert!(fixture.campaigns());
    fixture.advance_to(15_000);
    assert!(!fixture.campaigns());
    assert!(fixture.machine.has_ended());
}

#[test]
fn a_standby_that_granted_nothing_ends_at_once() {
    let mut fixture = MachineFixture::new();
    fixture.advance_to(5_000);
    fixture.says(Closed);
    assert!(fixture.campaigns());
    fixture.tokens();
    assert!(fixture.machine.has_ended());
}

#[test]
fn a_closed_gate_in_a_poll_from_before_the_last_grant_confirms_nothing() {
    let mut fixture = MachineFixture::leading();
    let (abandoned, granted) = (fixture.next(Closed), fixture.next(Closed));
    assert!(fixture.asks(&granted).is_leader);
    fixture.tokens();
    fixture.asks(&abandoned);
    assert!(fixture.campaigns());
    fixture.says(Closed);
    assert!(!fixture.campaigns());
}

#[test]
fn a_closed_gate_in_a_poll_from_before_draining_confirms_nothing() {
    let mut fixture = MachineFixture::leading();
    let held = fixture.next(Closed);
    let held = fixture.hears(&held);
    fixture.tokens();
    assert!(!fixture.answers(&held).is_leader);
    assert!(fixture.campaigns());
}

#[test]
fn a_closed_gate_of_another_process_confirms_nothing() {
    let mut fixture = MachineFixture::leading();
    fixture.tokens();
    let second = Query {
        instance: "second".to_owned(),
        ..poll(100, Closed)
    };
    fixture.asks(&second);
    assert!(fixture.campaigns());
    fixture.advance_to(15_000);
    assert!(!fixture.campaigns());
}

#[test]
fn a_grant_is_waited_for_even_if_nobody_read_its_answer() {
    let mut fixture = MachineFixture::leading();
    fixture.advance_to(13_000);
    let poll = fixture.next(Open);
    let asker = fixture.hears(&poll);
    drop(fixture.answers(&asker));
    fixture.tokens();
    fixture.advance_to(17_999);
    assert!(fixture.campaigns());
    fixture.advance_to(18_000);
    assert!(!fixture.campaigns());
}

#[test]
fn a_shorter_grant_does_not_shorten_the_one_before() {
    let mut fixture = MachineFixture::leading();
    fixture.holds_until(11_000);
    assert_eq!(fixture.says(Open).valid_for_ms, 1_000);
    fixture.tokens();
    fixture.advance_to(14_999);
    assert!(fixture.campaigns());
}

#[test]
fn a_last_poll_with_a_closed_gate_releases_the_lease_at_once() {
    let mut fixture = MachineFixture::leading();
    fixture.says(Open);
    let report = fixture.says_unhealthy(Closed);
    assert_eq!((report.is_leader, report.state), (false, State::Draining));
    assert_eq!(report.reason, StateReason::ConsumerUnhealthy);
    assert!(!fixture.campaigns());
}

#[test]
fn nobody_is_granted_while_draining_even_if_the_consumer_is_healthy_again() {
    let mut fixture = MachineFixture::leading();
    fixture.says_unhealthy(Open);
    assert_eq!(fixture.state().0, State::Draining);
    assert!(!fixture.says(Open).is_leader);
    assert!(fixture.campaigns());
    fixture.advance_to(15_000);
    assert!(!fixture.campaigns());
}

#[test]
fn a_grant_is_waited_for_even_if_the_lease_is_lost_already() {
    let mut fixture = MachineFixture::leading();
    fixture.held_by("", 25_000);
    fixture.tokens();
    assert!(
        fixture.campaigns(),
        "a grant under the earlier claim may still be acted on"
    );
    fixture.advance_to(15_000);
    assert!(!fixture.campaigns());
}

#[test]
fn where_everybody_is_granted_no_asker_can_confirm_for_the_others() {
    let mut fixture = MachineFixture::with(Rules {
        consumer: ConsumerRequirement::NotRequired,
        ..rules()
    });
    fixture.advance_to(6_000);
    fixture.holds_until(60_000);
    let asker = fixture.machine.receive_poll(None, fixture.moment(6_000));
    assert!(fixture.answers(&asker).is_leader);
    assert!(fixture.says(Open).is_leader);
    fixture.tokens();
    fixture.says(Closed);
    assert!(fixture.campaigns());
    fixture.advance_to(11_000);
    assert!(!fixture.campaigns());
}

#[test]
fn a_shutdown_during_draining_ends_the_machine() {
    let mut fixture = MachineFixture::leading();
    fixture.says_unhealthy(Open);
    fixture.tokens();
    assert_eq!(
        fixture.state(),
        (State::Draining, StateReason::ShuttingDown)
    );
    fixture.says(Closed);
    assert!(fixture.machine.has_ended());
}
