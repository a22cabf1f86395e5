//! What an answer permits. Pure: the moments are arguments.
//!
//! No doubt opens or extends anything, and a definite no, another pod's answer, a lower term or an answer that contradicts itself
//! end it at once. The end of a permission counts from the moment the question was sent, so the time the answer took is not given
//! twice.

use std::time::Duration;

use shared::config::Election;
use tokio::time::Instant;

use super::answer::{Answer, Certainty, Form, Unusable};
use super::contradiction::Contradiction;
use crate::gate::{Gate, Reason};

/// Judges the answers of one source, in the order in which they were asked for.
#[derive(Clone, Debug)]
pub struct Judge {
    identity: String,
    /// Grant of a source that names none.
    max_staleness: Duration,
    /// For how long a lower term is refused; also the longest grant that is believed.
    lease_duration: Duration,
    granted: Option<Granted>,
}

/// The last term that was granted.
#[derive(Clone, Copy, Debug)]
struct Granted {
    term: u64,
    at: Instant,
}

/// When an answer was asked for, and when it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Just before the question was sent.
    pub asked_at: Instant,
    /// When the answer had been read.
    pub now: Instant,
}

/// What follows from an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The gate may be open.
    Open {
        /// Until this moment, which may be over already.
        until: Instant,
        /// The fencing number, 0 if there is none.
        term: u64,
    },
    /// It closes now.
    Close(Reason),
    /// It stays as it is, and ends at its deadline.
    Leave,
}

/// How a poll ended; the label `result`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Ending {
    /// It was a yes with time left.
    Granted,
    /// The same, with a lower term than one seen longer ago than a lease lasts.
    GrantedLowerTerm,
    /// It was a yes whose time was over when it came, or that had none.
    Late,
    /// It was a definite no.
    NotLeader,
    /// The source cannot know.
    CannotKnow,
    /// It was for another pod.
    ForeignIdentity,
    /// It granted a lower term than before.
    LowerTerm,
    /// It contradicted itself.
    Contradiction,
    /// It was a yes with time left, but came too soon after too many of them.
    HeldOff,
    /// None came in time.
    Timeout,
    /// The source could not be asked.
    Unreachable,
    /// It was a redirect.
    Redirect,
    /// It had another status.
    Status,
    /// It was too large.
    TooLarge,
    /// It was no JSON.
    NotJson,
    /// It was in no form, or incomplete.
    Malformed,
    /// It was no longer waited for, because there was news for the source.
    Abandoned,
}

// === impl Judge ===

impl Judge {
    /// A judge who has heard nothing yet.
    pub fn new(election: &Election) -> Self {
        Self {
            identity: election.identity.clone(),
            max_staleness: election.max_staleness,
            lease_duration: election.lease_duration,
            granted: None,
        }
    }

    /// What follows from `answer` while the gate stands as `gate`.
    pub fn judge(&mut self, answer: &Answer, times: Times, gate: Gate) -> (Verdict, Ending) {
        let identity = answer.form.identity();
        if identity.is_some_and(|identity| identity != self.identity) {
            let verdict = Verdict::Close(Reason::ForeignIdentity);
            return (verdict, Ending::ForeignIdentity);
        }
        if answer.certainty == Certainty::Definite && self.contradiction(&answer.form).is_some() {
            let verdict = Verdict::Close(Reason::Contradiction);
            return (verdict, Ending::Contradiction);
        }
        match (answer.certainty, self.grant(&answer.form)) {
            (Certainty::CannotKnow, _) => (Verdict::Leave, Ending::CannotKnow),
            (Certainty::Definite, None) => (Verdict::Close(Reason::Standby), Ending::NotLeader),
            (Certainty::Definite, Some((time, term))) => self.permit((time, term), times, gate),
        }
    }

    /// The first contradiction in `form`.
    pub fn contradiction(&self, form: &Form) -> Option<Contradiction> {
        let all = Contradiction::all(form, &self.identity, self.lease_duration);
        all.into_iter().next()
    }

    /// What follows from what is no answer.
    pub const fn judge_unusable(unusable: &Unusable) -> Verdict {
        match unusable {
            Unusable::Contradicts(_) => Verdict::Close(Reason::Contradiction),
            _ => Verdict::Leave,
        }
    }

    /// How long this pod may act, and under which term; `None` for a no.
    fn grant(&self, form: &Form) -> Option<(Duration, u64)> {
        match form {
            Form::Contract(report, _) => {
                let time = report.grant().unwrap_or_default().min(self.lease_duration);
                report.is_leader.then_some((time, report.term))
            }
            Form::Flag { is_leader, .. } => is_leader.then_some((self.max_staleness, 0)),
            Form::Name { name, .. } => {
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
    ) -> (Verdict, Ending) {
        let lower = self.granted.filter(|granted| term < granted.term);
        if let Some(granted) = lower {
            let recent = now.duration_since(granted.at) < self.lease_duration;
            if recent || gate.is_open(now) {
                return (Verdict::Close(Reason::LowerTerm), Ending::LowerTerm);
            }
        }
        let until = asked_at + time;
        if now >= until {
            return (Verdict::Open { until, term }, Ending::Late);
        }
        self.granted = Some(Granted { term, at: now });
        let ending = match lower {
            Some(_) => Ending::GrantedLowerTerm,
            None => Ending::Granted,
        };
        (Verdict::Open { until, term }, ending)
    }
}

// === impl Ending ===

impl Ending {
    /// Every ending, in the order of the exposition.
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

    /// The value of the label `result`, and the log field.
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

impl From<&Unusable> for Ending {
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
