//! What is known of the source, beside what it permits: whether this pod could lead, and what the log was told.

use std::fmt;
use std::time::Duration;

use shared::leadership::{LeaderReport, State};
use shared::text::sanitize;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::{info, warn};

use super::answer::{Answer, Certainty, Form, Unusable};
use super::judge::{Ending, Times};

mod lines;

use lines::Lines;

/// The log target of what the source says.
pub(super) const TARGET: &str = "klag_exporter::leadership";

/// How long the source may give no usable answer before the log says so: longer than it takes to restart one.
const QUIET: Duration = Duration::from_secs(3);

/// For how long an answer shows that the source answers: a grant's length.
const FRESH: Duration = Duration::from_secs(5);

/// Whether this pod leads or could lead, as its source sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outlook {
    /// The source has not answered yet.
    Unheard,
    /// It takes part, as far as was known until a moment.
    Fit {
        /// The first moment at which that is too long ago.
        until: Instant,
    },
    /// It does not take part.
    Unfit {
        /// What its source is doing instead.
        state: State,
    },
}

/// Tells others of the source.
#[derive(Debug)]
pub(super) struct Standing {
    outlook: watch::Sender<Outlook>,
    told: Option<Said>,
    trouble: Option<Trouble>,
    lines: Lines,
}

/// What a source said, as far as a change of it is worth a line.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Said {
    Report {
        state: State,
        reason: &'static str,
        detail: Option<String>,
    },
    Leader(Leads),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leads {
    This,
    Another,
}

/// A time without usable answers.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    since: Instant,
    /// What the log was told, if anything.
    logged: Option<Ending>,
}

// === impl Outlook ===

impl Outlook {
    /// Whether this pod takes part at `now`.
    ///
    /// # Errors
    /// Why it does not.
    pub fn check(self, now: Instant) -> Result<(), &'static str> {
        match self {
            Self::Fit { until } if now < until => Ok(()),
            Self::Fit { .. } => Err("the source of leadership does not answer"),
            Self::Unheard => Err("the source of leadership has not answered yet"),
            Self::Unfit { state } => Err(state.label()),
        }
    }
}

// === impl Standing ===

impl Standing {
    /// Nothing is known yet.
    pub(super) fn new(now: Instant) -> (Self, watch::Receiver<Outlook>) {
        let (outlook, seen) = watch::channel(Outlook::Unheard);
        let standing = Self {
            outlook,
            told: None,
            trouble: None,
            lines: Lines::new(now),
        };
        (standing, seen)
    }

    /// Takes note of an answer and of what it came to.
    pub(super) fn heard(&mut self, answer: &Answer, ending: Ending, times: Times) {
        if let Ending::ForeignIdentity | Ending::LowerTerm = ending {
            let identity = answer.form.identity().unwrap_or_default();
            return self.refused(&sanitize(identity), ending, times.now);
        }
        self.recovered(times.now);
        let until = times.asked_at + FRESH;
        let outlook = match (&answer.form, answer.certainty) {
            (Form::Contract(report, _), _) if !takes_part(report, answer.certainty) => {
                Outlook::Unfit {
                    state: report.state,
                }
            }
            (Form::Flag { .. } | Form::Name { .. }, Certainty::CannotKnow) => Outlook::Unfit {
                state: State::Starting,
            },
            _ => Outlook::Fit { until },
        };
        self.outlook.send_replace(outlook);
        let said = Said::of(answer, ending);
        if self.told.as_ref() != Some(&said) && self.lines.take(times.now) {
            said.log();
            self.told = Some(said);
        }
    }

    /// Takes note of a poll without a usable answer.
    pub(super) fn missed(&mut self, unusable: &Unusable, now: Instant) {
        let ending = Ending::from(unusable);
        let trouble = self.trouble.get_or_insert(Trouble {
            since: now,
            logged: None,
        });
        let lasts = now.duration_since(trouble.since);
        if lasts >= QUIET && trouble.logged != Some(ending) && self.lines.take(now) {
            trouble.logged = Some(ending);
            warn!(
                target: TARGET,
                result = ending.label(),
                error = %unusable,
                seconds = lasts.as_secs(),
                "The source of leadership gives no usable answer"
            );
        }
    }

    /// Takes note of an answer that contradicts itself.
    pub(super) fn contradicted(&mut self, why: &dyn fmt::Display, now: Instant) {
        if self.is_worse(Ending::Contradiction, now) {
            warn!(
                target: TARGET,
                result = Ending::Contradiction.label(),
                error = sanitize(&why.to_string()),
                "An answer of the source of leadership is refused"
            );
        }
    }

    /// An answer that must not come at all is told at once.
    fn refused(&mut self, answered_by: &str, ending: Ending, now: Instant) {
        if self.is_worse(ending, now) {
            warn!(
                target: TARGET,
                result = ending.label(),
                answered_by,
                "An answer of the source of leadership is refused"
            );
        }
    }

    /// Takes note of a refused answer; whether the log is to be told.
    fn is_worse(&mut self, ending: Ending, now: Instant) -> bool {
        let trouble = self.trouble.get_or_insert(Trouble {
            since: now,
            logged: None,
        });
        let worse = trouble.logged != Some(ending) && self.lines.take(now);
        if worse {
            trouble.logged = Some(ending);
        }
        worse
    }

    fn recovered(&mut self, now: Instant) {
        let logged = self.trouble.is_some_and(|trouble| trouble.logged.is_some());
        if !logged {
            self.trouble = None;
        } else if self.lines.take(now) {
            self.trouble = None;
            info!(target: TARGET, "The source of leadership answers again");
        }
    }
}

/// Whether the elector behind `report` leads or tries to.
fn takes_part(report: &LeaderReport, certainty: Certainty) -> bool {
    certainty == Certainty::Definite
        && matches!(
            report.state,
            State::Standby | State::Campaigning | State::Leading | State::SingleInstance
        )
}

// === impl Said ===

impl Said {
    fn of(answer: &Answer, ending: Ending) -> Self {
        match &answer.form {
            Form::Contract(report, detail) => Self::Report {
                state: report.state,
                reason: report.reason.label(),
                detail: detail.as_deref().map(sanitize),
            },
            Form::Flag { .. } | Form::Name { .. } => Self::Leader(match ending {
                Ending::Granted | Ending::GrantedLowerTerm | Ending::HeldOff | Ending::Late => {
                    Leads::This
                }
                _ => Leads::Another,
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
                warn!(target: TARGET, state = State::Blocked.label(), reason, detail, "Leadership is blocked");
            }
            Self::Report {
                state,
                reason,
                detail,
            } => {
                let (state, detail) = (state.label(), detail.as_deref());
                info!(target: TARGET, state, reason, detail, "Leadership state");
            }
            Self::Leader(Leads::This) => {
                info!(target: TARGET, "The source says that this pod leads");
            }
            Self::Leader(Leads::Another) => {
                info!(target: TARGET, "The source says that this pod does not lead");
            }
        }
    }
}
