//! Tests of a restarted elector, which does not know the grants of its earlier process.

use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Query, State, StateReason};

use crate::fixture::{MachineFixture, OTHER_POD, poll};

#[test]
fn a_restarted_elector_assumes_a_full_grant_at_its_start() {
    let mut fixture = MachineFixture::new();
    fixture.says(Open);
    fixture.holds_until(60_000);
    fixture.tokens();
    assert!(fixture.campaigns());
    fixture.advance_to(4_999);
    assert!(fixture.campaigns());
    fixture.advance_to(5_000);
    assert!(!fixture.campaigns());
}

#[test]
fn the_consumer_process_that_polls_first_can_end_an_inherited_grant() {
    let mut fixture = MachineFixture::new();
    fixture.says(Open);
    fixture.holds_until(60_000);
    fixture.tokens();
    fixture.says(Closed);
    assert!(!fixture.campaigns());
}

#[test]
fn a_later_consumer_process_cannot_end_an_inherited_grant() {
    let mut fixture = MachineFixture::new();
    fixture.says(Open);
    fixture.holds_until(60_000);
    fixture.tokens();
    let second = Query {
        instance: "second".to_owned(),
        ..poll(100, Closed)
    };
    fixture.asks(&second);
    assert!(fixture.campaigns());
}

#[test]
fn an_acting_consumer_is_granted_again_without_a_gap() {
    let mut fixture = MachineFixture::new();
    let report = fixture.says(Open);
    assert_eq!(
        (report.state, report.reason),
        (State::Starting, StateReason::Starting)
    );
    fixture.free();
    assert_eq!(fixture.says(Open).state, State::Starting);
    fixture.holds_until(15_000);
    assert_eq!(fixture.says(Open).valid_for_ms, 5_000);
}

#[test]
fn another_leader_is_known_at_once() {
    let mut fixture = MachineFixture::new();
    fixture.says(Closed);
    fixture.held_by(OTHER_POD, 15_000);
    let report = fixture.says(Closed);
    assert_eq!(
        (report.state, report.reason),
        (State::Standby, StateReason::NotHolder)
    );
    assert_eq!(report.name, OTHER_POD);
}

#[test]
fn the_machine_does_not_campaign_before_a_healthy_consumer_polls() {
    let mut fixture = MachineFixture::new();
    fixture.free();
    fixture.advance_to(5_000);
    assert_eq!(
        fixture.state(),
        (State::Parked, StateReason::ConsumerSilent)
    );
    assert!(!fixture.campaigns());
    fixture.says_unhealthy(Closed);
    assert_eq!(
        fixture.state(),
        (State::Parked, StateReason::ConsumerUnhealthy)
    );
    assert!(!fixture.campaigns());
    fixture.says(Closed);
    assert_eq!(
        fixture.state(),
        (State::Campaigning, StateReason::NotHolder)
    );
    assert!(fixture.campaigns());
}
