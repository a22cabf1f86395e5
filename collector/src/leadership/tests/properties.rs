//! Property tests of the gate, which hold for any sequence of answers.

use proptest::prelude::*;
use shared::leadership::LeaderReport;

use super::{Harness, LEASE, STALE, US, cannot_know, contract, definite, named, report};
use crate::leadership::answer::{Answer, AnswerForm, Certainty};
use crate::leadership::evaluate::PollResult;

/// Generates any answer: for this pod or another one, definite or not.
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
        definite(AnswerForm::Flag {
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

/// Returns the duration that an answer grants by itself, in milliseconds.
fn granted(answer: &Answer) -> Option<u64> {
    if answer.certainty == Certainty::CannotKnow {
        return None;
    }
    match &answer.form {
        AnswerForm::Contract(report, _) if report.identity == US && report.is_leader => {
            Some(report.valid_for_ms).filter(|time| (1..=LEASE).contains(time))
        }
        AnswerForm::Flag {
            is_leader: true, ..
        } => Some(STALE),
        AnswerForm::Name { name, .. } if name == US => Some(STALE),
        _ => None,
    }
}

proptest! {
    /// Each item of `answers` is an answer, the time that the answer took, and the time until the next poll, both in
    /// milliseconds.
    #[test]
    fn the_gate_is_open_only_by_a_permission_that_still_runs(
        answers in prop::collection::vec((any_answer(), 0_u64..3_000, 0_u64..9_000), 1..40),
    ) {
        let mut harness = Harness::new();
        let (mut now, mut permitted) = (0, 0);
        // The term of the last grant that left the gate open, and the time at which it came.
        let (mut last_term, mut last_grant) = (0, 0);
        for (answer, took, pause) in &answers {
            let (asked, came) = (now, now + took);
            let before = harness.end(came);
            let result = harness.apply(answer, (asked, came));
            match (answer.certainty, granted(answer)) {
                (_, Some(time)) => permitted = asked + time,
                // A definite answer that grants nothing closes the gate at once.
                (Certainty::Definite, None) => prop_assert!(harness.end(came).is_err()),
                (Certainty::CannotKnow, None) if result == PollResult::CannotKnow => {
                    prop_assert_eq!(harness.end(came).ok(), before.ok());
                }
                (Certainty::CannotKnow, None) => prop_assert!(harness.end(came).is_err()),
            }
            if let Ok(end) = harness.end(came) {
                prop_assert!(end <= permitted, "open until {} but granted until {}", end, permitted);
                prop_assert!(end <= asked + LEASE);
                let term = harness.term(came).unwrap_or_default();
                let is_recent = came < last_grant + LEASE;
                prop_assert!(term >= last_term || !is_recent, "term {} after {}", term, last_term);
                if granted(answer).is_some() {
                    (last_term, last_grant) = (term, came);
                }
            }
            prop_assert!(harness.end(permitted.max(came)).is_err());
            now = came + pause;
        }
    }
}
