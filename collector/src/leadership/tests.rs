//! The judge: what each answer comes to.

mod contradictions;
mod properties;
mod readings;

use std::path::PathBuf;
use std::time::Duration;

use shared::config::{ConsumerRequirement, Election, SourceUrl};
use shared::leadership::{LeaderReport, Reason as Why, State};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Source;
use super::answer::{Answer, Certainty, Form};
use super::judge::{Ending, Judge, Times, Verdict};
use super::keeper::Gatekeeper;
use crate::gate::{Gate, Reason, Until};
use crate::telemetry::Telemetry;

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

fn report(term: u64, valid_for_ms: u64) -> LeaderReport {
    LeaderReport {
        is_leader: true,
        identity: US.to_owned(),
        name: US.to_owned(),
        term,
        valid_for_ms,
        state: State::Leading,
        reason: Why::Renewed,
    }
}

fn contract(report: LeaderReport) -> Answer {
    definite(Form::Contract(Box::new(report), None))
}

fn definite(form: Form) -> Answer {
    Answer {
        certainty: Certainty::Definite,
        form,
    }
}

fn named(name: &str) -> Form {
    Form::Name {
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

/// A judge, and the gate that follows its verdicts; times are in milliseconds from the start.
struct World {
    judge: Judge,
    keeper: Gatekeeper,
    start: Instant,
}

// === impl World ===

impl World {
    fn new() -> Self {
        let start = Instant::now();
        let transitions = Telemetry::new().unwrap().transitions();
        let (keeper, _) = Gatekeeper::new(Vec::new(), transitions, start);
        Self {
            judge: Judge::new(&election()),
            keeper,
            start,
        }
    }

    fn at(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// Takes an answer that was asked for and had come at these times.
    fn hear(&mut self, answer: &Answer, (asked, came): (u64, u64)) -> Ending {
        let times = Times {
            asked_at: self.at(asked),
            now: self.at(came),
        };
        let (verdict, ending) = self.judge.judge(answer, times, self.keeper.gate());
        match verdict {
            Verdict::Open { until, term } => {
                self.keeper.open(Until::At(until), term, times.now);
            }
            Verdict::Close(reason) => self.keeper.close(reason, times.now),
            Verdict::Leave => {}
        }
        ending
    }

    /// When the gate that is open then closes by itself.
    fn end(&self, ms: u64) -> Result<u64, Reason> {
        match self.keeper.gate().permit(self.at(ms))?.until {
            Until::At(end) => Ok(u64::try_from((end - self.start).as_millis()).unwrap()),
            Until::Forever => panic!("no answer lasts for ever"),
        }
    }

    fn term(&self, ms: u64) -> Option<u64> {
        let permit = self.keeper.gate().permit(self.at(ms)).ok();
        permit.map(|permit| permit.term)
    }
}

#[test]
fn a_grant_counts_from_when_it_was_asked_for() {
    let mut world = World::new();
    assert_eq!(world.hear(&yes(7, 4870), (100, 900)), Ending::Granted);
    assert_eq!(world.end(900), Ok(4970));
}

#[test]
fn the_two_other_forms_grant_as_much_as_may_be_stale() {
    for (form, granted) in [
        (
            Form::Flag {
                is_leader: true,
                identity: None,
                name: None,
            },
            true,
        ),
        (
            Form::Flag {
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
        let mut world = World::new();
        let answer = definite(form);
        world.hear(&answer, (100, 200));
        let end = granted.then_some(100 + STALE).ok_or(Reason::Standby);
        assert_eq!(world.end(200), end, "{answer:?}");
    }
}

#[test]
fn an_answer_that_comes_too_late_opens_nothing() {
    let mut world = World::new();
    assert_eq!(world.hear(&yes(7, 500), (0, 500)), Ending::Late);
    assert_eq!(world.term(500), None);
}

#[test]
fn a_grant_is_believed_for_no_longer_than_a_lease_lasts() {
    for (state, why, end) in [
        (State::SingleInstance, Why::Disabled, Ok(100 + LEASE)),
        (State::Leading, Why::Renewed, Err(Reason::Contradiction)),
    ] {
        let mut world = World::new();
        let answer = contract(LeaderReport {
            state,
            reason: why,
            ..report(7, u64::MAX)
        });
        world.hear(&answer, (100, 200));
        assert_eq!(world.end(200), end);
    }
}

#[test]
fn a_no_another_pods_answer_and_a_lower_term_close_at_once() {
    for (answer, ending, reason) in [
        (no(), Ending::NotLeader, Reason::Standby),
        (foreign(), Ending::ForeignIdentity, Reason::ForeignIdentity),
        (
            cannot_know(foreign()),
            Ending::ForeignIdentity,
            Reason::ForeignIdentity,
        ),
        (yes(6, 5000), Ending::LowerTerm, Reason::LowerTerm),
        (definite(named(US)), Ending::LowerTerm, Reason::LowerTerm),
    ] {
        let mut world = World::new();
        world.hear(&yes(7, 5000), (0, 100));
        assert_eq!(world.hear(&answer, (200, 300)), ending);
        assert_eq!(world.end(300), Err(reason));
    }
}

#[test]
fn a_source_that_cannot_know_changes_nothing() {
    let mut world = World::new();
    for answer in [no(), yes(7, 5000)] {
        assert_eq!(
            world.hear(&cannot_know(answer), (0, 10)),
            Ending::CannotKnow
        );
    }
    assert_eq!(world.end(10), Err(Reason::Starting));
    world.hear(&yes(7, 5000), (20, 30));
    for answer in [no(), yes(7, 5000), yes(6, 5000)] {
        world.hear(&cannot_know(answer), (1000, 1010));
        assert_eq!(world.end(1010), Ok(5020));
    }
}

#[test]
fn a_lower_term_is_refused_for_as_long_as_a_lease_lasts_and_then_accepted() {
    let mut world = World::new();
    world.hear(&yes(7, 5000), (0, 0));
    assert_eq!(world.hear(&yes(6, 5000), (9_000, 9_000)), Ending::LowerTerm);
    let soon = LEASE - 1;
    assert_eq!(world.hear(&yes(6, 5000), (soon, soon)), Ending::LowerTerm);
    assert_eq!(
        world.hear(&yes(6, 5000), (LEASE, LEASE)),
        Ending::GrantedLowerTerm
    );
    assert_eq!(world.term(LEASE), Some(6));
    assert_eq!(world.hear(&yes(6, 5000), (LEASE, LEASE)), Ending::Granted);
}

#[test]
fn a_higher_term_without_a_gap_is_the_same_opening() {
    let mut world = World::new();
    world.hear(&yes(7, 5000), (0, 0));
    world.hear(&yes(8, 5000), (4_999, 4_999));
    let Gate::Open { term, opening, .. } = world.keeper.gate() else {
        panic!("it is open");
    };
    assert_eq!((term, opening), (8, 1));
    world.hear(&yes(9, 5000), (9_999, 9_999));
    let Gate::Open { term, opening, .. } = world.keeper.gate() else {
        panic!("it is open");
    };
    assert_eq!((term, opening), (9, 2), "there was a gap");
}

#[tokio::test(start_paused = true)]
async fn alone_the_gate_is_open_from_the_first_moment_until_shutdown() {
    let transitions = Telemetry::new().unwrap().transitions();
    let (mut keeper, gate) = Gatekeeper::new(Vec::new(), transitions, Instant::now());
    Source::Alone.begin(&mut keeper, Instant::now());
    let permit = gate.borrow().permit(Instant::now()).unwrap();
    assert_eq!((permit.until, permit.term), (Until::Forever, 0));
    let shutdown = CancellationToken::new();
    shutdown.cancel();
    Source::Alone.run(keeper, shutdown).await;
    let ended = gate.borrow().permit(Instant::now());
    assert_eq!(ended, Err(Reason::ShuttingDown));
}
