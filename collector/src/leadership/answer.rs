//! The answer of a source of leadership, parsed from status and body. Pure.
//!
//! Three forms are understood:
//! - An object with any of the fields `term`, `state` and `valid_for_ms` is a whole contract answer. It must have all fields of
//!   the contract; a part of it is refused.
//! - `{"is_leader":bool}` is a plain yes or no.
//! - `{"name":".."}` names the leader, as the classic leader-elector sidecar does.
//!
//! In each form, no object may have a key twice.

use std::fmt;

use serde_json::{Map, Value};
use shared::leadership::LeaderReport;
use shared::text::sanitize;

use self::unique_keys::UniqueKeys;

#[cfg(test)]
mod tests;
mod unique_keys;

/// The longest body that is accepted, in bytes.
pub const MAX_BODY: usize = 16 * 1024;

/// Fields that occur in the contract's form alone.
const CONTRACT_FIELDS: [&str; 3] = ["term", "state", "valid_for_ms"];

/// A well-formed answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The certainty of the source.
    pub certainty: Certainty,
    /// The content, in one of the three forms.
    pub form: AnswerForm,
}

/// The certainty of a source about its answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Certainty {
    /// The status is 200: the source is sure of its answer.
    Definite,
    /// The status is 503: the source cannot know at the moment. Such an answer opens and extends nothing, and closes the gate
    /// only if another pod has answered.
    CannotKnow,
}

/// The three forms of an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AnswerForm {
    /// The whole contract, and the text that the source adds for people.
    Contract(Box<LeaderReport>, Option<String>),
    /// `{"is_leader":bool}`, with the names of the answering pod and of the leader if given.
    Flag {
        /// The answer: `true` if the asking pod leads.
        is_leader: bool,
        /// The name of the answering pod.
        identity: Option<String>,
        /// The name of the leader.
        name: Option<String>,
    },
    /// `{"name":".."}`, with the name of the answering pod if given.
    Name {
        /// The name of the leader; empty where nobody leads.
        name: String,
        /// The name of the answering pod.
        identity: Option<String>,
    },
}

/// The reasons why a poll has no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// No answer came in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection was refused, or it broke.
    #[error("cannot be asked: {0}")]
    Unreachable(String),
    /// The answer is a redirect.
    #[error("redirects, with status {0}; the source must answer itself")]
    Redirect(u16),
    /// The status is neither 200 nor 503.
    #[error("answers with status {0}, which is neither 200 nor 503")]
    Status(u16),
    /// The body is longer than [`MAX_BODY`].
    #[error("answers with more than {MAX_BODY} bytes")]
    TooLarge,
    /// The body is not JSON.
    #[error("does not answer with JSON: {0}")]
    NotJson(String),
    /// The body is JSON in none of the three forms, or a field is missing or of the wrong type.
    #[error("answers with JSON that is no answer: {0}")]
    Malformed(String),
    /// The body has a key twice, and could be read in two ways.
    #[error("contradicts itself: {0}")]
    Contradicts(String),
}

// === impl Answer ===

impl Answer {
    /// Parses an answer from the status and the body of an HTTP response.
    ///
    /// # Errors
    /// The status is neither 200 nor 503, the body is too long, is not JSON, has a key twice, or is in none of the three forms.
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
        let UniqueKeys(json) = serde_json::from_slice(body).map_err(|error| {
            if error.is_data() {
                Unusable::Contradicts(error.to_string())
            } else {
                Unusable::NotJson(error.to_string())
            }
        })?;
        let form = AnswerForm::read(json)?;
        Ok(Self { certainty, form })
    }
}

// === impl AnswerForm ===

impl AnswerForm {
    fn read(json: Value) -> Result<Self, Unusable> {
        let Value::Object(fields) = json else {
            return Err(malformed("it is no object"));
        };
        if CONTRACT_FIELDS
            .iter()
            .any(|field| fields.contains_key(*field))
        {
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

    /// Returns the name of the answering pod, if given.
    pub fn identity(&self) -> Option<&str> {
        match self {
            Self::Contract(report, _) => Some(&report.identity),
            Self::Flag { identity, .. } | Self::Name { identity, .. } => identity.as_deref(),
        }
    }
}

impl fmt::Display for AnswerForm {
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

/// Returns the error with this message, shortened and cleaned, because serde quotes unknown values, which come from outside.
fn malformed(why: &str) -> Unusable {
    Unusable::Malformed(sanitize(why))
}
