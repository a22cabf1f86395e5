//! Where an answer denies itself. Pure.
//!
//! An answer is believed only where everything in it says the same. One that says yes and no at once was written by a source that
//! is broken, or by somebody who is not the source, and neither of its halves is worth more than the other.

use std::fmt;
use std::time::Duration;

use shared::leadership::{LeaderReport, Reason as Why, State};

use super::answer::Form;

/// What about an answer denies what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// A yes in a state in which nobody may act.
    State(State),
    /// A yes for a reason not to act.
    Reason(Why),
    /// A yes that names another leader, or none.
    Leader,
    /// A yes that grants no time.
    NoTime,
    /// A yes of an elected leader for longer than a lease lasts, after which another one may lead.
    TooLong {
        /// What it grants. Milliseconds.
        granted_ms: u64,
        /// What a lease lasts. Milliseconds.
        lease_ms: u128,
    },
    /// A no that grants time.
    TimeWithoutYes,
}

// === impl Contradiction ===

impl Contradiction {
    /// Every one in `form`, as read by the pod `identity`, whose leases last for `lease`.
    pub fn all(form: &Form, identity: &str, lease: Duration) -> Vec<Self> {
        match form {
            Form::Contract(report, _) => Self::of_report(report, lease),
            Form::Flag {
                is_leader: true,
                identity: answers,
                name: Some(name),
            } if name != answers.as_deref().unwrap_or(identity) => vec![Self::Leader],
            Form::Flag { .. } | Form::Name { .. } => Vec::new(),
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
            Why::Starting | Why::NotHolder | Why::Expired | Why::ShuttingDown
        );
        // Without an election there is nobody who could lead afterwards.
        let too_long = *state == State::Leading && u128::from(granted_ms) > lease_ms;
        let found = [
            (!acts).then_some(Self::State(*state)),
            denies.then_some(Self::Reason(*reason)),
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
            Self::Reason(reason) => write!(f, "says yes for the reason {}", reason.label()),
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
