//! Contradictions within one answer. Pure.
//!
//! An answer is believed only if all of its parts say the same. An answer that says yes in one field and no in another was
//! written by a broken source, or by something that is not the source, and neither half of it can be trusted.

use std::fmt;
use std::time::Duration;

use shared::leadership::{LeaderReport, State, StateReason};

use super::answer::AnswerForm;

/// A part of an answer that contradicts the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// A yes in a state in which no pod may collect.
    State(State),
    /// A yes with a reason that belongs to a no.
    StateReason(StateReason),
    /// A yes that names another leader, or no leader.
    Leader,
    /// A yes with a duration of zero.
    NoTime,
    /// A yes of an elected leader with a duration longer than a lease, after which another pod may lead.
    TooLong {
        /// The granted duration in milliseconds.
        granted_ms: u64,
        /// The lease duration in milliseconds.
        lease_ms: u128,
    },
    /// A no with a duration.
    TimeWithoutYes,
}

// === impl Contradiction ===

impl Contradiction {
    /// Returns all contradictions in `form`, as read by the pod `identity` with this lease duration.
    pub fn all(form: &AnswerForm, identity: &str, lease: Duration) -> Vec<Self> {
        match form {
            AnswerForm::Contract(report, _) => Self::of_report(report, lease),
            AnswerForm::Flag {
                is_leader: true,
                identity: answers,
                name: Some(name),
            } if name != answers.as_deref().unwrap_or(identity) => vec![Self::Leader],
            AnswerForm::Flag { .. } | AnswerForm::Name { .. } => Vec::new(),
        }
    }

    fn of_report(report: &LeaderReport, lease: Duration) -> Vec<Self> {
        let LeaderReport {
            is_leader,
            identity,
            name,
            valid_for_ms: granted_ms,
            state,
            reason,
            ..
        } = report;
        let (granted_ms, lease_ms) = (*granted_ms, lease.as_millis());
        if !is_leader {
            let time = (granted_ms > 0).then_some(Self::TimeWithoutYes);
            return time.into_iter().collect();
        }
        let acts = matches!(state, State::Leading | State::SingleInstance);
        let denies = matches!(
            reason,
            StateReason::Starting
                | StateReason::NotHolder
                | StateReason::Expired
                | StateReason::ShuttingDown
        );
        // Without an election no other pod can lead afterwards, so any duration is consistent.
        let too_long = *state == State::Leading && u128::from(granted_ms) > lease_ms;
        let found = [
            (!acts).then_some(Self::State(*state)),
            denies.then_some(Self::StateReason(*reason)),
            (name != identity).then_some(Self::Leader),
            (granted_ms == 0).then_some(Self::NoTime),
            too_long.then_some(Self::TooLong {
                granted_ms,
                lease_ms,
            }),
        ];
        found.into_iter().flatten().collect()
    }
}

impl fmt::Display for Contradiction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::State(state) => write!(f, "says yes in state {}", state.label()),
            Self::StateReason(reason) => write!(f, "says yes for the reason {}", reason.label()),
            Self::Leader => f.write_str("says yes, but names another leader"),
            Self::NoTime => f.write_str("says yes, but grants no time"),
            Self::TooLong {
                granted_ms,
                lease_ms,
            } => write!(
                f,
                "grants {granted_ms} ms, more than a lease lasts, {lease_ms} ms (lease_duration_secs)"
            ),
            Self::TimeWithoutYes => f.write_str("says no and names a time for which it is valid"),
        }
    }
}
