//! The state, the reason and the name of the leader, as the contract defines them.

use elector::leadership::Asker;
use elector::lease_status::{Holding, LeaseStatus, Presence, Problem};
use shared::leadership::ReportedGate::{Closed, Open};
use shared::leadership::{Reason, State};

use crate::world::{OTHER_POD, POD, World};

#[test]
fn the_first_state_is_starting() {
    let world = World::new();
    assert_eq!(world.state(), (State::Starting, Reason::Starting));
    assert_eq!(world.report().name, "");
}

#[test]
fn a_leader_reports_its_own_name_and_a_standby_the_name_of_the_leader() {
    let mut world = World::leading();
    assert_eq!(world.report().name, POD);
    world.held_by(OTHER_POD, 20_000);
    assert_eq!(world.report().name, OTHER_POD);
    world.advance_to(14_000);
    world.says(Closed);
    assert_eq!(world.state(), (State::Standby, Reason::NotHolder));
}

#[test]
fn an_old_leader_is_not_named_after_its_lease_has_run_out() {
    let mut world = World::new();
    world.held_by(OTHER_POD, 15_000);
    world.advance_to(14_999);
    world.says(Closed);
    assert_eq!(world.report().name, OTHER_POD);
    world.advance_to(15_000);
    assert_eq!(world.report().name, "");
    assert_eq!(world.state(), (State::Campaigning, Reason::NotHolder));
}

#[test]
fn a_holder_that_vanished_without_a_release_has_no_name() {
    let mut world = World::new();
    world.says(Closed);
    world.held_by("", 20_000);
    world.advance_to(5_000);
    world.says(Closed);
    assert_eq!(world.state(), (State::Campaigning, Reason::NotHolder));
    assert_eq!(world.report().name, "");
}

#[test]
fn a_claim_past_its_deadline_is_lease_expired_without_a_new_lease_status() {
    let mut world = World::leading();
    world.holds_until(12_000);
    world.polled_until(12_000);
    assert_eq!(world.state(), (State::LeaseExpired, Reason::Expired));
    assert_eq!(world.report().name, "");
    world.free();
    assert_eq!(world.state(), (State::LeaseExpired, Reason::Expired));
    world.held_by(OTHER_POD, 30_000);
    assert_eq!(world.state(), (State::Standby, Reason::NotHolder));
}

#[test]
fn a_problem_that_a_person_has_to_repair_is_reported_as_blocked() {
    for reason in [
        Reason::Forbidden,
        Reason::LeaseMissing,
        Reason::DuplicateIdentity,
    ] {
        let mut world = World::new();
        world.problem(reason);
        assert_eq!(world.state(), (State::Blocked, reason));
        world.says(Closed);
        assert_eq!(world.state(), (State::Blocked, reason));
        world.advance_to(60_000);
        world.says(Closed);
        assert_eq!(world.state(), (State::Blocked, reason));
        world.holds_until(70_000);
        assert_eq!(world.says(Closed).state, State::Leading);
    }
}

#[test]
fn an_unreachable_api_server_is_reported_as_blocked_while_no_leader_is_known() {
    let mut world = World::new();
    world.says(Closed);
    world.problem(Reason::ApiUnreachable);
    assert_eq!(world.state(), (State::Blocked, Reason::ApiUnreachable));
}

#[test]
fn an_unreachable_api_server_changes_no_claim() {
    let mut world = World::leading();
    let now = world.moment(10_000);
    let claim = world.machine.claim(now).unwrap();
    world.seen(LeaseStatus {
        holding: Holding::Held(claim),
        presence: Presence::Present,
        rival: None,
        problem: Some(Problem {
            reason: Reason::ApiUnreachable,
            cause: "patch",
            detail: String::new(),
        }),
    });
    let report = world.says(Open);
    assert!(report.is_leader);
    assert_eq!(
        (report.state, report.reason),
        (State::Leading, Reason::ApiUnreachable)
    );
}

#[test]
fn the_state_is_draining_while_the_lease_is_given_back() {
    let mut world = World::leading();
    world.says_unhealthy(Closed);
    world.seen(LeaseStatus {
        holding: Holding::Releasing,
        presence: Presence::Present,
        ..LeaseStatus::default()
    });
    assert_eq!(world.state(), (State::Draining, Reason::ConsumerUnhealthy));
}

#[test]
fn the_answer_key_changes_with_the_report_and_with_the_permission() {
    let mut world = World::leading();
    let now = world.moment(10_000);
    let poll = world.next(Open);
    let asker = world.hears(&poll);
    let before = world.machine.answer_key(&asker, now);
    assert_eq!(world.machine.answer_key(&asker, now), before);
    assert_ne!(world.machine.answer_key(&Asker::Other, now), before);
    let second = shared::leadership::Query {
        instance: "second".to_owned(),
        ..world.next(Closed)
    };
    let second = world.hears(&second);
    let waits = world.machine.answer_key(&second, now);
    world.advance_to(15_000);
    assert_ne!(
        world.machine.answer_key(&second, world.moment(15_000)),
        waits
    );
}
