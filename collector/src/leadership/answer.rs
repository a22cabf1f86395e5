//! What a source of leadership said, read from status and body. Pure.
//!
//! Three forms are understood. One that has any of `term`, `state`, `valid_for_ms` is the contract's, and must be whole: half an
//! answer is no answer. Without these `{"is_leader":bool}` is a plain yes or no, and `{"name":".."}` names whoever leads. In all
//! of them every name stands once.

use std::fmt;

use serde_json::{Map, Value};
use shared::leadership::LeaderReport;
use shared::text::sanitize;

use self::unique::Unique;

#[cfg(test)]
mod tests;
mod unique;

/// Longest body that is read.
pub const MAX_BODY: usize = 16 * 1024;

/// Fields that only the contract's form has.
const MARKS: [&str; 3] = ["term", "state", "valid_for_ms"];

/// The answer of a source, whatever it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Whether the source knows what it says.
    pub certainty: Certainty,
    /// What it says.
    pub form: Form,
}

/// Whether a source knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// Status 200.
    Definite,
    /// Status 503: it cannot know at the moment. Opens and extends nothing, and closes nothing.
    CannotKnow,
}

/// The three forms of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Form {
    /// The whole contract, and what the source adds for a person to read.
    Contract(Box<LeaderReport>, Option<String>),
    /// `{"is_leader":bool}`, and who answers and who leads if that is said.
    Flag {
        /// Whether the asker leads.
        is_leader: bool,
        /// Who answers.
        identity: Option<String>,
        /// Who leads.
        name: Option<String>,
    },
    /// The classic leader-elector's `{"name":".."}`, and who answers if that is said.
    Name {
        /// Who leads.
        name: String,
        /// Who answers.
        identity: Option<String>,
    },
}

/// An answer that says nothing, or none at all.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// None came in time.
    #[error("no answer in time")]
    Timeout,
    /// There is no connection, or it broke.
    #[error("cannot be asked: {0}")]
    Unreachable(String),
    /// It points elsewhere.
    #[error("redirects, with status {0}; the source must answer itself")]
    Redirect(u16),
    /// Neither a definite answer nor one that cannot know.
    #[error("answers with status {0}, which is neither 200 nor 503")]
    Status(u16),
    /// More than [`MAX_BODY`].
    #[error("answers with more than {MAX_BODY} bytes")]
    TooLarge,
    /// No JSON.
    #[error("does not answer with JSON: {0}")]
    NotJson(String),
    /// JSON in none of the three forms, or with a part missing.
    #[error("answers with JSON that is no answer: {0}")]
    Malformed(String),
    /// JSON that says two things at once.
    #[error("contradicts itself: {0}")]
    Contradicts(String),
}

// === impl Answer ===

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// Where it says nothing.
    pub fn read(status: u16, body: &[u8]) -> Result<Self, Unusable> {
        let certainty = match status {
            200 => Certainty::Definite,
            503 => Certainty::CannotKnow,
            300..400 => return Err(Unusable::Redirect(status)),
            _ => return Err(Unusable::Status(status)),
        };
        if body.len() > MAX_BODY {
            return Err(Unusable::TooLarge);
        }
        let Unique(json) = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                Unusable::Contradicts(error.to_string())
            } else {
                Unusable::NotJson(error.to_string())
            }
        })?;
        let form = Form::read(json)?;
        Ok(Self { certainty, form })
    }
}

// === impl Form ===

impl Form {
    fn read(json: Value) -> Result<Self, Unusable> {
        let Value::Object(fields) = json else {
            return Err(malformed("it is no object"));
        };
        if MARKS.iter().any(|mark| fields.contains_key(*mark)) {
            let detail = text(&fields, "detail")?;
            let report = serde_json::from_value(Value::Object(fields));
            let report: LeaderReport = report.map_err(|error| malformed(&error.to_string()))?;
            return Ok(Self::Contract(Box::new(report), detail));
        }
        if let Some(is_leader) = fields.get("is_leader") {
            let is_leader = is_leader
                .as_bool()
                .ok_or_else(|| malformed("is_leader is neither true nor false"))?;
            return Ok(Self::Flag {
                is_leader,
                identity: text(&fields, "identity")?,
                name: text(&fields, "name")?,
            });
        }
        let identity = text(&fields, "identity")?;
        match text(&fields, "name")? {
            Some(name) => Ok(Self::Name { name, identity }),
            None => Err(malformed("it has neither is_leader nor name")),
        }
    }

    /// Who answers, where that is said.
    pub fn identity(&self) -> Option<&str> {
        match self {
            Self::Contract(report, _) => Some(&report.identity),
            Self::Flag { identity, .. } | Self::Name { identity, .. } => identity.as_deref(),
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contract(..) => "the whole contract",
            Self::Flag { .. } => "{\"is_leader\":bool}",
            Self::Name { .. } => "{\"name\":\"..\"}, as the classic leader-elector answers",
        })
    }
}

fn text(fields: &Map<String, Value>, name: &str) -> Result<Option<String>, Unusable> {
    match fields.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text.clone())),
        Some(_) => Err(malformed(&format!("{name} is no text"))),
    }
}

/// What serde says of a word that is none of ours shows the word.
fn malformed(why: &str) -> Unusable {
    Unusable::Malformed(sanitize(why))
}
