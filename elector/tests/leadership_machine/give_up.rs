//! Tests of the reasons for giving the Lease up.

use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, State, StateReason};

use crate::fixture::{MachineFixture, OTHER_POD, POD};

#[test]
fn the_lease_is_given_up_when_the_last_grant_of_a_silent_consumer_is_over() {
    let mut fixture = MachineFixture::leading();
    fixture.advance_to(14_999);
    assert_eq!(fixture.state(), (State::Leading, StateReason::Renewed));
    fixture.advance_to(15_000);
    assert_eq!(
        fixture.state(),
        (State::Draining, StateReason::ConsumerSilent)
    );
    assert!(!fixture.campaigns());
    fixture.free();
    assert_eq!(
        fixture.state(),
        (State::Parked, StateReason::ConsumerSilent)
    );
}

#[test]
fn a_poll_that_still_waits_for_its_answer_counts() {
    let mut fixture = MachineFixture::leading();
    fixture.advance_to(14_900);
    let held = fixture.next(Open);
    let held = fixture.hears(&held);
    fixture.advance_to(15_100);
    assert!(fixture.answers(&held).is_leader);
}

#[test]
fn the_lease_of_an_unhealthy_consumer_is_given_up_when_its_grant_is_over() {
    let mut fixture = MachineFixture::leading();
    fixture.says_unhealthy(Open);
    assert_eq!(
        fixture.state(),
        (State::Draining, StateReason::ConsumerUnhealthy)
    );
    assert!(fixture.campaigns());
    fixture.says_unhealthy(Open);
    assert!(fixture.campaigns());
    fixture.advance_to(15_000);
    assert!(!fixture.campaigns());
}

#[test]
fn the_lease_is_given_up_if_the_consumer_keeps_its_gate_closed_for_two_seconds_while_granted() {
    let mut fixture = MachineFixture::leading();
    for ms in (10_200..12_000).step_by(200) {
        fixture.advance_to(ms);
        assert!(fixture.says(Closed).is_leader, "{ms}");
    }
    fixture.advance_to(12_000);
    let report = fixture.says(Closed);
    assert_eq!(
        (report.is_leader, report.reason),
        (false, StateReason::ConsumerRefuses)
    );
    assert!(!fixture.campaigns(), "this poll confirms the closed gate");
}

#[test]
fn an_open_gate_restarts_the_two_seconds() {
    let mut fixture = MachineFixture::leading();
    for (ms, gate) in [
        (11_000, Closed),
        (11_900, Open),
        (12_100, Closed),
        (14_000, Closed),
    ] {
        fixture.advance_to(ms);
        assert!(fixture.says(gate).is_leader, "{ms}");
    }
    fixture.advance_to(14_100);
    assert!(!fixture.says(Closed).is_leader);
}

#[test]
fn a_closed_gate_of_a_standby_does_not_count_as_refusal() {
    let mut fixture = MachineFixture::leading();
    fixture.held_by(OTHER_POD, 30_000);
    for ms in (11_000..20_000).step_by(1_000) {
        fixture.advance_to(ms);
        assert_eq!(fixture.says(Closed).state, State::Standby);
    }
    fixture.holds_until(60_000);
    assert!(fixture.says(Closed).is_leader);
    assert!(fixture.campaigns());
}

#[test]
fn losing_the_consumer_while_another_pod_leads_starts_no_hold_off() {
    let mut fixture = MachineFixture::new();
    fixture.held_by(OTHER_POD, 60_000);
    fixture.advance_to(6_000);
    fixture.says(Closed);
    assert!(fixture.campaigns());
    fixture.advance_to(11_000);
    assert_eq!(
        fixture.state(),
        (State::Parked, StateReason::ConsumerSilent)
    );
    assert!(!fixture.campaigns());
    fixture.says(Closed);
    assert!(
        fixture.campaigns(),
        "nothing was given up, so there is no hold-off"
    );
}

#[test]
fn polls_of_another_pods_consumer_do_not_count() {
    let mut fixture = MachineFixture::leading();
    for ms in (10_500..=15_000).step_by(500) {
        fixture.advance_to(ms);
        let foreign = Query {
            consumer: OTHER_POD.to_owned(),
            ..fixture.next(Open)
        };
        fixture.asks(&foreign);
    }
    assert!(!fixture.campaigns());
    assert_eq!(fixture.report().identity, POD);
}
