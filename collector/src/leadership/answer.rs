//! What a source of leadership said, read from status and body. Pure.
//!
//! Three forms are understood. One that has any of `term`, `state`, `valid_for_ms` is the contract's, and must be whole: half an
//! answer is no answer. Without these `{"is_leader":bool}` is a plain yes or no, and `{"name":".."}` names whoever leads.

use std::fmt;

use serde_json::{Map, Value};
use shared::leadership::LeaderReport;

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
    /// `{"is_leader":bool}`, and who answers if that is said.
    Flag {
        /// Whether the asker leads.
        is_leader: bool,
        /// Who answers.
        identity: Option<String>,
    },
    /// The classic leader-elector's `{"name":".."}`.
    Name(String),
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
        let json: Value =
            serde_json::from_slice(body).map_err(|error| Unusable::NotJson(error.to_string()))?;
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
            let identity = text(&fields, "identity")?;
            return Ok(Self::Flag {
                is_leader,
                identity,
            });
        }
        match text(&fields, "name")? {
            Some(name) => Ok(Self::Name(name)),
            None => Err(malformed("it has neither is_leader nor name")),
        }
    }

    /// Who answers, where that is said.
    pub fn identity(&self) -> Option<&str> {
        match self {
            Self::Contract(report, _) => Some(&report.identity),
            Self::Flag { identity, .. } => identity.as_deref(),
            Self::Name(_) => None,
        }
    }
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contract(..) => "the whole contract",
            Self::Flag { .. } => "{\"is_leader\":bool}",
            Self::Name(_) => "{\"name\":\"..\"}, as the classic leader-elector answers",
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

fn malformed(why: &str) -> Unusable {
    Unusable::Malformed(why.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use shared::leadership::{Reason, State};

    use super::*;

    const CONTRACT: &str = r#"{"is_leader":true,"identity":"pod-a","name":"pod-a","term":7,"valid_for_ms":4870,"state":"leading","reason":"renewed"}"#;

    fn read(body: &str) -> Result<Form, Unusable> {
        Answer::read(200, body.as_bytes()).map(|answer| answer.form)
    }

    #[test]
    fn the_three_forms_are_told_apart() {
        let report = LeaderReport {
            is_leader: true,
            identity: "pod-a".to_owned(),
            name: "pod-a".to_owned(),
            term: 7,
            valid_for_ms: 4870,
            state: State::Leading,
            reason: Reason::Renewed,
        };
        assert_eq!(read(CONTRACT), Ok(Form::Contract(Box::new(report), None)));
        let yes = Form::Flag {
            is_leader: true,
            identity: None,
        };
        assert_eq!(read(r#"{"is_leader":true,"name":"pod-b"}"#), Ok(yes));
        assert_eq!(
            read(r#"{"name":"pod-a","since":1}"#),
            Ok(Form::Name("pod-a".to_owned()))
        );
        assert_eq!(read(r#"{"name":""}"#), Ok(Form::Name(String::new())));
    }

    #[test]
    fn any_part_of_the_contract_asks_for_the_whole() {
        let fields: Vec<&str> = CONTRACT.trim_matches(['{', '}']).split(',').collect();
        for left_out in 0..fields.len() {
            let mut some = fields.clone();
            some.remove(left_out);
            let body = format!("{{{}}}", some.join(","));
            assert!(matches!(read(&body), Err(Unusable::Malformed(_))), "{body}");
        }
        for mark in [r#""term":1"#, r#""state":"leading""#, r#""valid_for_ms":1"#] {
            let body = format!(r#"{{"is_leader":true,{mark}}}"#);
            assert!(matches!(read(&body), Err(Unusable::Malformed(_))), "{body}");
        }
    }

    #[test]
    fn a_word_for_a_person_is_kept() {
        let body = CONTRACT.replace('}', r#","detail":"patch"}"#);
        let form = read(&body).unwrap();
        assert!(
            matches!(&form, Form::Contract(_, Some(detail)) if detail == "patch"),
            "{form:?}"
        );
    }

    #[test]
    fn what_says_nothing_is_refused_for_its_reason() {
        let large = format!(r#"{{"is_leader":true,"pad":"{}"}}"#, "x".repeat(MAX_BODY));
        for (status, body, said) in [
            (302, CONTRACT, "redirects, with status 302"),
            (500, CONTRACT, "status 500"),
            (204, "", "status 204"),
            (200, "", "JSON"),
            (200, "leader", "JSON"),
            (200, "[]", "no object"),
            (200, "{}", "neither is_leader nor name"),
            (
                200,
                r#"{"is_leader":"true"}"#,
                "is_leader is neither true nor false",
            ),
            (200, r#"{"name":7}"#, "name is no text"),
            (200, large.as_str(), "more than 16384 bytes"),
        ] {
            let error = Answer::read(status, body.as_bytes()).unwrap_err();
            assert!(error.to_string().contains(said), "{status} {body}: {error}");
        }
    }

    #[test]
    fn a_source_may_say_that_it_cannot_know() {
        let answer = Answer::read(503, CONTRACT.as_bytes()).unwrap();
        assert_eq!(answer.certainty, Certainty::CannotKnow);
    }

    proptest! {
        #[test]
        fn no_body_and_no_status_makes_it_stumble(status: u16, body: Vec<u8>) {
            drop(Answer::read(status, &body));
        }

        #[test]
        fn cut_short_it_is_no_answer(end in 0..CONTRACT.len()) {
            prop_assert!(Answer::read(200, &CONTRACT.as_bytes()[..end]).is_err());
        }
    }
}
