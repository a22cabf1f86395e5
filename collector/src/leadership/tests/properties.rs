//! What holds whatever is answered.

use proptest::prelude::*;
use shared::leadership::LeaderReport;

use super::{LEASE, STALE, US, World, cannot_know, contract, definite, named, report};
use crate::leadership::answer::{Answer, Certainty, Form};
use crate::leadership::evaluate::PollResult;

/// Anything a source may say, ours or not, known or not.
fn any_answer() -> impl Strategy<Value = Answer> {
    let contract =
        (any::<bool>(), 0_u64..4, 0_u64..20_000, 0..8).prop_map(|(is_leader, term, valid, who)| {
            let identity = if who == 0 { "pod-b" } else { US };
            contract(LeaderReport {
                is_leader,
                identity: identity.to_owned(),
                ..report(term, valid)
            })
        });
    let flag = any::<bool>().prop_map(|is_leader| {
        definite(Form::Flag {
            is_leader,
            identity: None,
            name: None,
        })
    });
    let name = prop::sample::select(vec![US, "pod-b", ""]).prop_map(|name| definite(named(name)));
    let any = prop_oneof![6 => contract, 1 => flag, 1 => name];
    (any, 0..6).prop_map(|(answer, knows)| match knows {
        0 => cannot_know(answer),
        _ => answer,
    })
}

/// What an answer grants, in milliseconds, to whoever reads only this answer.
fn granted(answer: &Answer) -> Option<u64> {
    if answer.certainty == Certainty::CannotKnow {
        return None;
    }
    match &answer.form {
        Form::Contract(report, _) if report.identity == US && report.is_leader => {
            Some(report.valid_for_ms).filter(|time| (1..=LEASE).contains(time))
        }
        Form::Flag {
            is_leader: true, ..
        } => Some(STALE),
        Form::Name { name, .. } if name == US => Some(STALE),
        _ => None,
    }
}

proptest! {
    /// Each item: an answer, how long it took, and how long until the next question.
    #[test]
    fn whatever_is_answered_the_gate_is_open_only_by_a_grant_that_runs(
        answers in prop::collection::vec((any_answer(), 0_u64..3_000, 0_u64..9_000), 1..40),
    ) {
        let mut world = World::new();
        let (mut now, mut permitted, mut terms) = (0, 0, 0);
        for (answer, took, pause) in &answers {
            let (asked, came) = (now, now + took);
            let before = world.end(came);
            let result = world.hear(answer, (asked, came));
            match (answer.certainty, granted(answer)) {
                (_, Some(time)) => permitted = asked + time,
                // Neither opened nor extended; closed at once unless it cannot know.
                (Certainty::Definite, None) => prop_assert!(world.end(came).is_err()),
                (Certainty::CannotKnow, None) if result == PollResult::CannotKnow => {
                    prop_assert_eq!(world.end(came).ok(), before.ok());
                }
                (Certainty::CannotKnow, None) => prop_assert!(world.end(came).is_err()),
            }
            if let Ok(end) = world.end(came) {
                prop_assert!(end <= permitted, "open until {} but granted until {}", end, permitted);
                prop_assert!(end <= asked + LEASE);
                let term = world.term(came).unwrap_or_default();
                let lower = result == PollResult::GrantedLowerTerm;
                prop_assert!(term >= terms || lower, "term {} after {}", term, terms);
                terms = term;
            }
            prop_assert!(world.end(permitted.max(came)).is_err());
            now = came + pause;
        }
    }
}
