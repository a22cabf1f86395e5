//! Tests of the decisions about the gate that follow from the answers of a source.

mod contradictions;
mod harness;
mod properties;
mod readings;

use std::path::PathBuf;
use std::time::Duration;

use prometheus::{IntCounterVec, Opts};
use shared::config::{ConsumerRequirement, Election, SourceUrl};
use shared::leadership::{LeaderReport, State, StateReason};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use self::harness::Harness;
use super::Source;
use super::answer::{Answer, AnswerForm, Certainty};
use super::evaluate::PollResult;
use super::gate_writer::GateWriter;
use crate::gate::{ClosedReason, Gate, Until};

const US: &str = "pod-a";
const LEASE: u64 = 15_000;
const STALE: u64 = 2_000;

fn election() -> Election {
    Election {
        identity: US.to_owned(),
        lease_duration: Duration::from_millis(LEASE),
        grace_period: Duration::from_secs(5),
        lease_name: String::new(),
        lease_namespace: String::new(),
        consumer: ConsumerRequirement::Required,
        url: SourceUrl::Unix(PathBuf::from("/nowhere")),
        max_staleness: Duration::from_millis(STALE),
    }
}

/// A counter for the gate's transitions that is in no registry, so it is in no `/metrics`.
pub(super) fn transitions() -> IntCounterVec {
    IntCounterVec::new(Opts::new("transitions", "Transitions."), &["to", "reason"]).unwrap()
}

fn report(term: u64, valid_for_ms: u64) -> LeaderReport {
    LeaderReport {
        is_leader: true,
        identity: US.to_owned(),
        name: US.to_owned(),
        term,
        valid_for_ms,
        state: State::Leading,
        reason: StateReason::Renewed,
    }
}

fn contract(report: LeaderReport) -> Answer {
    definite(AnswerForm::Contract(Box::new(report), None))
}

fn definite(form: AnswerForm) -> Answer {
    Answer {
        certainty: Certainty::Definite,
        form,
    }
}

fn named(name: &str) -> AnswerForm {
    AnswerForm::Name {
        name: name.to_owned(),
        identity: None,
    }
}

fn yes(term: u64, valid_for_ms: u64) -> Answer {
    contract(report(term, valid_for_ms))
}

fn no() -> Answer {
    contract(LeaderReport {
        is_leader: false,
        state: State::Standby,
        ..report(0, 0)
    })
}

fn foreign() -> Answer {
    contract(LeaderReport {
        identity: "pod-b".to_owned(),
        ..report(9, 5000)
    })
}

fn cannot_know(answer: Answer) -> Answer {
    Answer {
        certainty: Certainty::CannotKnow,
        ..answer
    }
}

#[test]
fn a_grant_counts_from_when_it_was_asked_for() {
    let mut harness = Harness::new();
    assert_eq!(
        harness.apply(&yes(7, 4870), (100, 900)),
        PollResult::Granted
    );
    assert_eq!(harness.end(900), Ok(4970));
}

#[test]
fn the_two_other_forms_grant_the_maximum_staleness() {
    for (form, granted) in [
        (
            AnswerForm::Flag {
                is_leader: true,
                identity: None,
                name: None,
            },
            true,
        ),
        (
            AnswerForm::Flag {
                is_leader: false,
                identity: None,
                name: Some(US.to_owned()),
            },
            false,
        ),
        (named(US), true),
        (named("pod-b"), false),
        (named(""), false),
    ] {
        let mut harness = Harness::new();
        let answer = definite(form);
        harness.apply(&answer, (100, 200));
        let end = granted.then_some(100 + STALE).ok_or(ClosedReason::Standby);
        assert_eq!(harness.end(200), end, "{answer:?}");
    }
}

#[test]
fn an_answer_that_comes_too_late_opens_nothing() {
    let mut harness = Harness::new();
    assert_eq!(harness.apply(&yes(7, 500), (0, 500)), PollResult::Late);
    assert_eq!(harness.term(500), None);
}

#[test]
fn a_grant_is_believed_for_no_longer_than_a_lease_lasts() {
    for (state, why, end) in [
        (
            State::SingleInstance,
            StateReason::Disabled,
            Ok(100 + LEASE),
        ),
        (
            State::Leading,
            StateReason::Renewed,
            Err(ClosedReason::Contradiction),
        ),
    ] {
        let mut harness = Harness::new();
        let answer = contract(LeaderReport {
            state,
            reason: why,
            ..report(7, u64::MAX)
        });
        harness.apply(&answer, (100, 200));
        assert_eq!(harness.end(200), end);
    }
}

#[test]
fn a_no_an_answer_for_another_pod_and_a_lower_term_close_the_gate_at_once() {
    for (answer, result, reason) in [
        (no(), PollResult::NotLeader, ClosedReason::Standby),
        (
            foreign(),
            PollResult::ForeignIdentity,
            ClosedReason::ForeignIdentity,
        ),
        (
            cannot_know(foreign()),
            PollResult::ForeignIdentity,
            ClosedReason::ForeignIdentity,
        ),
        (yes(6, 5000), PollResult::LowerTerm, ClosedReason::LowerTerm),
        (
            definite(named(US)),
            PollResult::LowerTerm,
            ClosedReason::LowerTerm,
        ),
    ] {
        let mut harness = Harness::new();
        harness.apply(&yes(7, 5000), (0, 100));
        assert_eq!(harness.apply(&answer, (200, 300)), result);
        assert_eq!(harness.end(300), Err(reason));
    }
}

#[test]
fn a_source_that_cannot_know_changes_nothing() {
    let mut harness = Harness::new();
    for answer in [no(), yes(7, 5000)] {
        assert_eq!(
            harness.apply(&cannot_know(answer), (0, 10)),
            PollResult::CannotKnow
        );
    }
    assert_eq!(harness.end(10), Err(ClosedReason::Starting));
    harness.apply(&yes(7, 5000), (20, 30));
    for answer in [no(), yes(7, 5000), yes(6, 5000)] {
        harness.apply(&cannot_know(answer), (1000, 1010));
        assert_eq!(harness.end(1010), Ok(5020));
    }
}

#[test]
fn a_lower_term_is_refused_for_as_long_as_a_lease_lasts_and_then_accepted() {
    let mut harness = Harness::new();
    harness.apply(&yes(7, 5000), (0, 0));
    assert_eq!(
        harness.apply(&yes(6, 5000), (9_000, 9_000)),
        PollResult::LowerTerm
    );
    let soon = LEASE - 1;
    assert_eq!(
        harness.apply(&yes(6, 5000), (soon, soon)),
        PollResult::LowerTerm
    );
    assert_eq!(
        harness.apply(&yes(6, 5000), (LEASE, LEASE)),
        PollResult::GrantedLowerTerm
    );
    assert_eq!(harness.term(LEASE), Some(6));
    assert_eq!(
        harness.apply(&yes(6, 5000), (LEASE, LEASE)),
        PollResult::Granted
    );
}

#[test]
fn a_higher_term_without_a_gap_is_the_same_opening() {
    let mut harness = Harness::new();
    harness.apply(&yes(7, 5000), (0, 0));
    harness.apply(&yes(8, 5000), (4_999, 4_999));
    let Gate::Open { term, opening, .. } = harness.gate_writer.gate() else {
        panic!("it is open");
    };
    assert_eq!((term, opening), (8, 1));
    harness.apply(&yes(9, 5000), (9_999, 9_999));
    let Gate::Open { term, opening, .. } = harness.gate_writer.gate() else {
        panic!("it is open");
    };
    assert_eq!((term, opening), (9, 2), "there was a gap");
}

#[tokio::test(start_paused = true)]
async fn without_an_election_the_gate_is_open_until_shutdown() {
    let (mut gate_writer, gate) = GateWriter::new(Vec::new(), transitions(), Instant::now());
    Source::Alone.begin(&mut gate_writer, Instant::now());
    let permit = gate.borrow().permit(Instant::now()).unwrap();
    assert_eq!((permit.until, permit.term), (Until::Forever, 0));
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    Source::Alone.run(gate_writer, shutdown).await;
    let ended = gate.borrow().permit(Instant::now());
    assert_eq!(ended, Err(ClosedReason::ShuttingDown));
}
