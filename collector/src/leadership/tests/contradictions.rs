//! Tests of answers of a source that say yes and no at once.

use shared::leadership::{LeaderReport, State, StateReason};

use super::{Harness, LEASE, US, contract, definite, report, yes};
use crate::gate::ClosedReason;
use crate::leadership::answer::{Answer, AnswerForm};
use crate::leadership::evaluate::PollResult;

/// Returns answers with every kind of contradiction.
fn contradictions() -> Vec<Answer> {
    let yes = || report(7, 5000);
    let states = [
        State::Starting,
        State::Parked,
        State::Standby,
        State::Campaigning,
        State::Draining,
        State::LeaseExpired,
        State::Blocked,
    ];
    let in_state = |state| LeaderReport { state, ..yes() };
    let reasons = [
        StateReason::Starting,
        StateReason::NotHolder,
        StateReason::Expired,
        StateReason::ShuttingDown,
    ];
    let for_reason = |reason| LeaderReport { reason, ..yes() };
    let named = |name: &str| LeaderReport {
        name: name.to_owned(),
        ..yes()
    };
    let no = LeaderReport {
        is_leader: false,
        ..yes()
    };
    let times = [report(7, 0), report(7, LEASE + 1), no];
    let reports = states.into_iter().map(in_state);
    let reports = reports.chain(reasons.into_iter().map(for_reason));
    let reports = reports.chain(["pod-b", ""].map(named)).chain(times);
    let flag = |name: &str| AnswerForm::Flag {
        is_leader: true,
        identity: None,
        name: Some(name.to_owned()),
    };
    let flags = ["pod-b", ""].map(flag).map(definite);
    reports.map(contract).chain(flags).collect()
}

#[test]
fn an_answer_that_contradicts_itself_opens_nothing_and_closes_at_once() {
    for answer in contradictions() {
        let mut harness = Harness::new();
        assert_eq!(harness.apply(&answer, (0, 1)), PollResult::Contradiction);
        assert_eq!(
            harness.end(1),
            Err(ClosedReason::Contradiction),
            "{answer:?}"
        );
        harness.apply(&yes(7, 5000), (2, 3));
        assert_eq!(harness.end(3), Ok(5002));
        assert_eq!(harness.apply(&answer, (4, 5)), PollResult::Contradiction);
        assert_eq!(
            harness.end(5),
            Err(ClosedReason::Contradiction),
            "{answer:?}"
        );
    }
}

#[test]
fn an_answer_with_the_identity_of_another_pod_is_refused_whoever_it_names() {
    let mut harness = Harness::new();
    let answer = definite(AnswerForm::Name {
        name: US.to_owned(),
        identity: Some("pod-b".to_owned()),
    });
    assert_eq!(harness.apply(&answer, (0, 1)), PollResult::ForeignIdentity);
    assert_eq!(harness.end(1), Err(ClosedReason::ForeignIdentity));
}
