//! Tests of the state, the reason and the name of the leader, as the contract defines them.

use elector::leadership::Asker;
use elector::lease_status::{Holding, LeaseStatus, Presence, Problem};
use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{State, StateReason};

use crate::fixture::{MachineFixture, OTHER_POD, POD};

#[test]
fn the_first_state_is_starting() {
    let fixture = MachineFixture::new();
    assert_eq!(fixture.state(), (State::Starting, StateReason::Starting));
    assert_eq!(fixture.report().name, "");
}

#[test]
fn a_leader_reports_its_own_name_and_a_standby_the_name_of_the_leader() {
    let mut fixture = MachineFixture::leading();
    assert_eq!(fixture.report().name, POD);
    fixture.held_by(OTHER_POD, 20_000);
    assert_eq!(fixture.report().name, OTHER_POD);
    fixture.advance_to(14_000);
    fixture.says(Closed);
    assert_eq!(fixture.state(), (State::Standby, StateReason::NotHolder));
}

#[test]
fn an_old_leader_is_not_named_after_its_lease_has_run_out() {
    let mut fixture = MachineFixture::new();
    fixture.held_by(OTHER_POD, 15_000);
    fixture.advance_to(14_999);
    fixture.says(Closed);
    assert_eq!(fixture.report().name, OTHER_POD);
    fixture.advance_to(15_000);
    assert_eq!(fixture.report().name, "");
    assert_eq!(
        fixture.state(),
        (State::Campaigning, StateReason::NotHolder)
    );
}

#[test]
fn a_holder_that_vanished_without_a_release_has_no_name() {
    let mut fixture = MachineFixture::new();
    fixture.says(Closed);
    fixture.held_by("", 20_000);
    fixture.advance_to(5_000);
    fixture.says(Closed);
    assert_eq!(
        fixture.state(),
        (State::Campaigning, StateReason::NotHolder)
    );
    assert_eq!(fixture.report().name, "");
}

#[test]
fn a_claim_past_its_deadline_is_lease_expired_without_a_new_lease_status() {
    let mut fixture = MachineFixture::leading();
    fixture.holds_until(12_000);
    fixture.polled_until(12_000);
    assert_eq!(fixture.state(), (State::LeaseExpired, StateReason::Expired));
    assert_eq!(fixture.report().name, "");
    fixture.free();
    assert_eq!(fixture.state(), (State::LeaseExpired, StateReason::Expired));
    fixture.held_by(OTHER_POD, 30_000);
    assert_eq!(fixture.state(), (State::Standby, StateReason::NotHolder));
}

#[test]
fn a_problem_that_a_person_has_to_repair_is_reported_as_blocked() {
    for reason in [
        StateReason::Forbidden,
        StateReason::LeaseMissing,
        StateReason::DuplicateIdentity,
    ] {
        let mut fixture = MachineFixture::new();
        fixture.problem(reason);
        assert_eq!(fixture.state(), (State::Blocked, reason));
        fixture.says(Closed);
        assert_eq!(fixture.state(), (State::Blocked, reason));
        fixture.advance_to(60_000);
        fixture.says(Closed);
        assert_eq!(fixture.state(), (State::Blocked, reason));
        fixture.holds_until(70_000);
        assert_eq!(fixture.says(Closed).state, State::Leading);
    }
}

#[test]
fn an_unreachable_api_server_is_reported_as_blocked_while_no_leader_is_known() {
    let mut fixture = MachineFixture::new();
    fixture.says(Closed);
    fixture.problem(StateReason::ApiUnreachable);
    assert_eq!(
        fixture.state(),
        (State::Blocked, StateReason::ApiUnreachable)
    );
}

#[test]
fn an_unreachable_api_server_changes_no_claim() {
    let mut fixture = MachineFixture::leading();
    let now = fixture.moment(10_000);
    let claim = fixture.machine.claim(now).unwrap();
    fixture.seen(LeaseStatus {
        holding: Holding::Held(claim),
        presence: Presence::Present,
        rival: None,
        problem: Some(Problem {
            reason: StateReason::ApiUnreachable,
            cause: "patch",
            detail: String::new(),
        }),
    });
    let report = fixture.says(Open);
    assert!(report.is_leader);
    assert_eq!(
        (report.state, report.reason),
        (State::Leading, StateReason::ApiUnreachable)
    );
}

#[test]
fn the_state_is_draining_while_the_lease_is_given_back() {
    let mut fixture = MachineFixture::leading();
    fixture.says_unhealthy(Closed);
    fixture.seen(LeaseStatus {
        holding: Holding::Releasing,
        presence: Presence::Present,
        ..LeaseStatus::default()
    });
    assert_eq!(
        fixture.state(),
        (State::Draining, StateReason::ConsumerUnhealthy)
    );
}

#[test]
fn the_answer_key_changes_with_the_report_and_with_the_permission() {
    let mut fixture = MachineFixture::leading();
    let now = fixture.moment(10_000);
    let poll = fixture.next(Open);
    let asker = fixture.hears(&poll);
    let before = fixture.machine.answer_key(&asker, now);
    assert_eq!(fixture.machine.answer_key(&asker, now), before);
    assert_ne!(fixture.machine.answer_key(&Asker::Other, now), before);
    let second = shared::leadership::Query {
        instance: "second".to_owned(),
        ..fixture.next(Closed)
    };
    let second = fixture.hears(&second);
    let waits = fixture.machine.answer_key(&second, now);
    fixture.advance_to(15_000);
    assert_ne!(
        fixture.machine.answer_key(&second, fixture.moment(15_000)),
        waits
    );
}
