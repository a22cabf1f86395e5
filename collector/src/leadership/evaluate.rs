//! The decision that follows from an answer. Pure: the instants are arguments.
//!
//! An answer in doubt opens and extends nothing. A definite no, an answer for another pod, a lower term and an answer that
//! contradicts itself close the gate at once. A permission counts from the instant at which the request was sent.

use std::time::Duration;

use shared::config::Election;
use tokio::time::Instant;

use super::answer::{Answer, AnswerForm, Certainty, Unusable};
use super::contradiction::Contradiction;
use crate::gate::{ClosedReason, Gate};

/// Evaluates the answers of one source, in the order in which they were requested.
#[derive(Clone, Debug)]
pub struct Evaluator {
    identity: String,
    /// The duration that a yes grants if the answer names none; `max_staleness_secs` in the configuration.
    max_staleness: Duration,
    /// The time for which a lower term is refused; also the longest permission that is believed.
    lease_duration: Duration,
    granted: Option<LastGrant>,
}

/// The last permission that was accepted, with which the terms of later answers are compared.
#[derive(Clone, Copy, Debug)]
struct LastGrant {
    term: u64,
    at: Instant,
}

/// The instants of a request and its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// The instant just before the request was sent.
    pub asked_at: Instant,
    /// The instant at which the answer had been read.
    pub now: Instant,
}

/// The decision about the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// The gate opens, or its deadline moves.
    Open {
        /// The deadline, which may have passed already.
        until: Instant,
        /// The term; 0 if the source gives none.
        term: u64,
    },
    /// The gate closes now.
    Close(ClosedReason),
    /// The gate stays as it is, and closes at its deadline.
    Keep,
}

/// The result of a poll. There is one value of the label `result` for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum PollResult {
    /// A yes with time left.
    Granted,
    /// A yes with time left and a lower term than one that was seen longer ago than a lease lasts.
    GrantedLowerTerm,
    /// A yes whose time had passed when it came, or that had none.
    Late,
    /// A definite no: this pod does not lead.
    NotLeader,
    /// The source said that it cannot know.
    CannotKnow,
    /// The answer was for another pod.
    ForeignIdentity,
    /// A yes with a lower term than one that was granted recently, or under which the gate is still open.
    LowerTerm,
    /// The answer contradicted itself.
    Contradiction,
    /// A yes with time left, which came too soon after too many brief openings.
    HeldOff,
    /// No answer came in time.
    Timeout,
    /// The connection was refused, or it broke.
    Unreachable,
    /// The answer was a redirect.
    Redirect,
    /// The status was neither 200 nor 503.
    Status,
    /// The body was too long.
    TooLarge,
    /// The body was not JSON.
    NotJson,
    /// The body was in none of the known forms, or incomplete.
    Malformed,
    /// The request was abandoned because `gate=closed` had become true meanwhile.
    Abandoned,
}

// === impl Evaluator ===

impl Evaluator {
    /// Returns an evaluator that has seen no answer yet.
    pub fn new(election: &Election) -> Self {
        Self {
            identity: election.identity.clone(),
            max_staleness: election.max_staleness,
            lease_duration: election.lease_duration,
            granted: None,
        }
    }

    /// Decides about `answer`, given the current gate.
    pub fn evaluate(
        &mut self,
        answer: &Answer,
        times: Times,
        gate: Gate,
    ) -> (Decision, PollResult) {
        let identity = answer.form.identity();
        if identity.is_some_and(|identity| identity != self.identity) {
            let decision = Decision::Close(ClosedReason::ForeignIdentity);
            return (decision, PollResult::ForeignIdentity);
        }
        if answer.certainty == Certainty::Definite && self.contradiction(&answer.form).is_some() {
            let decision = Decision::Close(ClosedReason::Contradiction);
            return (decision, PollResult::Contradiction);
        }
        match (answer.certainty, self.grant(&answer.form)) {
            (Certainty::CannotKnow, _) => (Decision::Keep, PollResult::CannotKnow),
            (Certainty::Definite, None) => (
                Decision::Close(ClosedReason::Standby),
                PollResult::NotLeader,
            ),
            (Certainty::Definite, Some((time, term))) => self.permit((time, term), times, gate),
        }
    }

    /// Returns the first contradiction in `form`.
    pub fn contradiction(&self, form: &AnswerForm) -> Option<Contradiction> {
        let all = Contradiction::all(form, &self.identity, self.lease_duration);
        all.into_iter().next()
    }

    /// Decides about a poll without a usable answer.
    pub const fn evaluate_unusable(unusable: &Unusable) -> Decision {
        match unusable {
            Unusable::Contradicts(_) => Decision::Close(ClosedReason::Contradiction),
            _ => Decision::Keep,
        }
    }

    /// Returns the granted duration and term; `None` for a no.
    fn grant(&self, form: &AnswerForm) -> Option<(Duration, u64)> {
        match form {
            AnswerForm::Contract(report, _) => {
                let time = report.grant().unwrap_or_default().min(self.lease_duration);
                report.is_leader.then_some((time, report.term))
            }
            AnswerForm::Flag { is_leader, .. } => is_leader.then_some((self.max_staleness, 0)),
            AnswerForm::Name { name, .. } => {
                let us = !name.is_empty() && *name == self.identity;
                us.then_some((self.max_staleness, 0))
            }
        }
    }

    fn permit(
        &mut self,
        (time, term): (Duration, u64),
        Times { asked_at, now }: Times,
        gate: Gate,
    ) -> (Decision, PollResult) {
        let lower = self.granted.filter(|granted| term < granted.term);
        if let Some(granted) = lower {
            let recent = now.duration_since(granted.at) < self.lease_duration;
            if recent || gate.is_open(now) {
                return (
                    Decision::Close(ClosedReason::LowerTerm),
                    PollResult::LowerTerm,
                );
            }
        }
        let until = asked_at + time;
        if now >= until {
            return (Decision::Open { until, term }, PollResult::Late);
        }
        self.granted = Some(LastGrant { term, at: now });
        let result = match lower {
            Some(_) => PollResult::GrantedLowerTerm,
            None => PollResult::Granted,
        };
        (Decision::Open { until, term }, result)
    }
}

// === impl PollResult ===

impl PollResult {
    /// Every result, in the order of the exposition.
    pub const ALL: [Self; 17] = [
        Self::Granted,
        Self::GrantedLowerTerm,
        Self::Late,
        Self::NotLeader,
        Self::CannotKnow,
        Self::ForeignIdentity,
        Self::LowerTerm,
        Self::Contradiction,
        Self::HeldOff,
        Self::Timeout,
        Self::Unreachable,
        Self::Redirect,
        Self::Status,
        Self::TooLarge,
        Self::NotJson,
        Self::Malformed,
        Self::Abandoned,
    ];

    /// Returns the value of the label `result` and of the log field.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Granted => "granted",
            Self::GrantedLowerTerm => "granted_lower_term",
            Self::Late => "late",
            Self::NotLeader => "not_leader",
            Self::CannotKnow => "cannot_know",
            Self::ForeignIdentity => "foreign_identity",
            Self::LowerTerm => "lower_term",
            Self::Contradiction => "contradiction",
            Self::HeldOff => "held_off",
            Self::Timeout => "timeout",
            Self::Unreachable => "unreachable",
            Self::Redirect => "redirect",
            Self::Status => "status",
            Self::TooLarge => "too_large",
            Self::NotJson => "not_json",
            Self::Malformed => "malformed",
            Self::Abandoned => "abandoned",
        }
    }
}

impl From<&Unusable> for PollResult {
    fn from(unusable: &Unusable) -> Self {
        match unusable {
            Unusable::Timeout => Self::Timeout,
            Unusable::Unreachable(_) => Self::Unreachable,
            Unusable::Redirect(_) => Self::Redirect,
            Unusable::Status(_) => Self::Status,
            Unusable::TooLarge => Self::TooLarge,
            Unusable::NotJson(_) => Self::NotJson,
            Unusable::Malformed(_) => Self::Malformed,
            Unusable::Contradicts(_) => Self::Contradiction,
        }
    }
}
