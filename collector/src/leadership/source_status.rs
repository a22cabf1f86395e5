//! The state of the source apart from its permission: whether this pod takes part in the election, and the log lines about it.

use std::fmt;
use std::time::Duration;

use shared::leadership::{LeaderReport, State};
use shared::text::sanitize;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::answer::{Answer, AnswerForm, Certainty, Unusable};
use super::evaluate::{PollResult, Times};

mod log_limit;

use log_limit::LogLimit;

/// The log target of all lines about the source of leadership.
pub(super) const LOG_TARGET: &str = "klag_exporter::leadership";

/// The time without a usable answer after which the log has a warning: longer than a restart of the source takes.
const OUTAGE_WARNING_AFTER: Duration = Duration::from_secs(3);

/// The time for which an answer shows that the source is alive: as long as a usual permission.
const ANSWER_LIFETIME: Duration = Duration::from_secs(5);

/// The availability of this pod, as its source sees it: it leads, could lead, or does not take part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Availability {
    /// The source has not answered yet.
    Pending,
    /// This pod takes part in the election.
    Available {
        /// The instant from which on the last answer is too old to show that this pod takes part.
        until: Instant,
    },
    /// This pod does not take part in the election.
    Unavailable {
        /// The state that the source reported, or `Starting` if it could not know and has no states.
        state: State,
    },
}

/// The writer of [`Availability`] and of the log lines about the source.
#[derive(Debug)]
pub(super) struct SourceStatus {
    availability: watch::Sender<Availability>,
    logged: Option<Statement>,
    outage: Option<Outage>,
    log_limit: LogLimit,
}

/// The part of an answer whose change is worth a log line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Statement {
    Report {
        state: State,
        reason: &'static str,
        detail: Option<String>,
    },
    Leader(LeadingPod),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LeadingPod {
    This,
    Another,
}

/// A time without usable answers. The first unusable answer begins the outage, and the next usable answer ends it.
#[derive(Clone, Copy, Debug)]
struct Outage {
    since: Instant,
    /// The result that was logged last; `None` if nothing was logged about this outage.
    logged: Option<PollResult>,
}

// === impl Availability ===

impl Availability {
    /// Checks whether this pod takes part in the election at `now`.
    ///
    /// # Errors
    /// The reason why it does not, for the answer of `/available`.
    pub fn check(self, now: Instant) -> Result<(), &'static str> {
        match self {
            Self::Available { until } if now < until => Ok(()),
            Self::Available { .. } => Err("the source of leadership does not answer"),
            Self::Pending => Err("the source of leadership has not answered yet"),
            Self::Unavailable { state } => Err(state.label()),
        }
    }
}

// === impl SourceStatus ===

impl SourceStatus {
    /// Returns a status before the first answer, and a receiver of the availability.
    pub(super) fn new(now: Instant) -> (Self, watch::Receiver<Availability>) {
        let (availability, seen) = watch::channel(Availability::Pending);
        let status = Self {
            availability,
            logged: None,
            outage: None,
            log_limit: LogLimit::new(now),
        };
        (status, seen)
    }

    /// Records an answer and the result that it led to.
    pub(super) fn record_answer(&mut self, answer: &Answer, result: PollResult, times: Times) {
        if let PollResult::ForeignIdentity | PollResult::LowerTerm = result {
            let identity = answer.form.identity().unwrap_or_default();
            return self.record_refusal(&sanitize(identity), result, times.now);
        }
        self.record_recovery(times.now);
        let until = times.asked_at + ANSWER_LIFETIME;
        let availability = match (&answer.form, answer.certainty) {
            (AnswerForm::Contract(report, _), _) if !takes_part(report, answer.certainty) => {
                Availability::Unavailable {
                    state: report.state,
                }
            }
            (AnswerForm::Flag { .. } | AnswerForm::Name { .. }, Certainty::CannotKnow) => {
                Availability::Unavailable {
                    state: State::Starting,
                }
            }
            _ => Availability::Available { until },
        };
        self.availability.send_replace(availability);
        let statement = Statement::of(answer, result);
        if self.logged.as_ref() != Some(&statement) && self.log_limit.allow(times.now) {
            statement.log();
            self.logged = Some(statement);
        }
    }

    /// Records a poll without a usable answer.
    pub(super) fn record_unusable(&mut self, unusable: &Unusable, now: Instant) {
        let result = PollResult::from(unusable);
        let outage = self.outage.get_or_insert(Outage {
            since: now,
            logged: None,
        });
        let lasts = now.duration_since(outage.since);
        if lasts >= OUTAGE_WARNING_AFTER
            && outage.logged != Some(result)
            && self.log_limit.allow(now)
        {
            outage.logged = Some(result);
            warn!(
                target: LOG_TARGET,
                result = result.label(),
                error = %unusable,
                seconds = lasts.as_secs(),
                "The source of leadership gives no usable answer"
            );
        }
    }

    /// Records an answer that contradicts itself.
    pub(super) fn record_contradiction(&mut self, why: &dyn fmt::Display, now: Instant) {
        if self.should_warn(PollResult::Contradiction, now) {
            warn!(
                target: LOG_TARGET,
                result = PollResult::Contradiction.label(),
                error = sanitize(&why.to_string()),
                "An answer of the source of leadership is refused"
            );
        }
    }

    /// Records an answer for another pod or with a lower term, which a correct source does not give. The log has a warning at
    /// once.
    fn record_refusal(&mut self, answered_by: &str, result: PollResult, now: Instant) {
        if self.should_warn(result, now) {
            warn!(
                target: LOG_TARGET,
                result = result.label(),
                answered_by,
                "An answer of the source of leadership is refused"
            );
        }
    }

    /// Records a refused answer. Returns `true` if the answer has to be logged, which is so if its result is not the one that was
    /// logged last, and the limit of log lines allows it.
    fn should_warn(&mut self, result: PollResult, now: Instant) -> bool {
        let outage = self.outage.get_or_insert(Outage {
            since: now,
            logged: None,
        });
        let worse = outage.logged != Some(result) && self.log_limit.allow(now);
        if worse {
            outage.logged = Some(result);
        }
        worse
    }

    fn record_recovery(&mut self, now: Instant) {
        let logged = self.outage.is_some_and(|outage| outage.logged.is_some());
        if !logged {
            self.outage = None;
        } else if self.log_limit.allow(now) {
            self.outage = None;
            info!(target: LOG_TARGET, "The source of leadership answers again");
        }
    }
}

/// Returns `true` if the elector behind `report` leads or tries to.
fn takes_part(report: &LeaderReport, certainty: Certainty) -> bool {
    certainty == Certainty::Definite
        && matches!(
            report.state,
            State::Standby | State::Campaigning | State::Leading | State::SingleInstance
        )
}

// === impl Statement ===

impl Statement {
    fn of(answer: &Answer, result: PollResult) -> Self {
        match &answer.form {
            AnswerForm::Contract(report, detail) => Self::Report {
                state: report.state,
                reason: report.reason.label(),
                detail: detail.as_deref().map(sanitize),
            },
            AnswerForm::Flag { .. } | AnswerForm::Name { .. } => Self::Leader(match result {
                PollResult::Granted
                | PollResult::GrantedLowerTerm
                | PollResult::HeldOff
                | PollResult::Late => LeadingPod::This,
                _ => LeadingPod::Another,
            }),
        }
    }

    fn log(&self) {
        match self {
            Self::Report {
                state: State::Blocked,
                reason,
                detail,
            } => {
                let detail = detail.as_deref();
                warn!(target: LOG_TARGET, state = State::Blocked.label(), reason, detail, "Leadership is blocked");
            }
            Self::Report {
                state,
                reason,
                detail,
            } => {
                let (state, detail) = (state.label(), detail.as_deref());
                info!(target: LOG_TARGET, state, reason, detail, "Leadership state");
            }
            Self::Leader(LeadingPod::This) => {
                info!(target: LOG_TARGET, "The source says that this pod leads");
            }
            Self::Leader(LeadingPod::Another) => {
                info!(target: LOG_TARGET, "The source says that this pod does not lead");
            }
        }
    }
}
