//! The forms of switches, of words out of a closed set, and of texts with a form of their own.

use std::fmt;

use serde_json::json;

use crate::config::document::Value;
use crate::config::form::{Form, Rejection, Scalar, TomlText};

/// The form of a switch: `true` or `false`, with the values that they stand for in the program.
#[derive(Debug)]
pub(crate) struct Switch<T> {
    /// The value that `true` stands for.
    pub(crate) on: T,
    /// The value that `false` stands for.
    pub(crate) off: T,
}

/// The form of one word out of a few, each with the value that it stands for in the program.
#[derive(Debug)]
pub(crate) struct Choice<T: 'static>(pub(crate) &'static [(&'static str, T)]);

/// The form of a text that a parser converts, such as a URL.
#[derive(Debug)]
pub(crate) struct Text<T> {
    /// The words that tell the user what to write, after the word "write".
    pub(crate) words: &'static str,
    /// The function that converts a text, which is never empty.
    pub(crate) parse: fn(&str) -> Result<T, Rejection>,
}

/// The form of a switch that is read as a plain `bool`.
pub(crate) const BOOLEAN: Switch<bool> = Switch {
    on: true,
    off: false,
};

// === impl Switch ===

impl<T> fmt::Display for Switch<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("true or false")
    }
}

impl<T: Sync> Form for Switch<T> {
    fn json_schema(&self) -> serde_json::Value {
        json!({"type": "boolean"})
    }
}

impl<T: Copy + PartialEq + Sync> Scalar for Switch<T> {
    type Parsed = T;

    fn read(&self, value: &Value) -> Result<T, Rejection> {
        let is_on = match value {
            Value::Boolean(is_on) => *is_on,
            Value::Resolved(text) => text.trim().parse().map_err(|_| Rejection::WrongForm)?,
            _ => return Err(Rejection::WrongForm),
        };
        Ok(if is_on { self.on } else { self.off })
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, parsed: &T) -> fmt::Result {
        write!(f, "{}", *parsed == self.on)
    }
}

// === impl Choice ===

impl<T> fmt::Display for Choice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (word, _)) in self.0.iter().enumerate() {
            let or = if i > 0 { " or " } else { "" };
            write!(f, "{or}\"{word}\"")?;
        }
        Ok(())
    }
}

impl<T: Sync> Form for Choice<T> {
    fn json_schema(&self) -> serde_json::Value {
        let words: Vec<&str> = self.0.iter().map(|(word, _)| *word).collect();
        json!({"enum": words})
    }
}

impl<T: Copy + PartialEq + Sync> Scalar for Choice<T> {
    type Parsed = T;

    fn read(&self, value: &Value) -> Result<T, Rejection> {
        let text = value.as_text().ok_or(Rejection::WrongForm)?;
        let chosen = self.0.iter().find(|(word, _)| *word == text);
        chosen.map(|(_, value)| *value).ok_or(Rejection::WrongForm)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, parsed: &T) -> fmt::Result {
        let chosen = self.0.iter().find(|(_, value)| value == parsed);
        let (word, _) = chosen.ok_or(fmt::Error)?;
        write!(f, "\"{word}\"")
    }
}

// === impl Text ===

impl<T> fmt::Display for Text<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words)
    }
}

impl<T> Form for Text<T> {
    fn json_schema(&self) -> serde_json::Value {
        json!({"type": "string"})
    }

    fn empty_is_missing(&self) -> bool {
        true
    }
}

impl<T: fmt::Display> Scalar for Text<T> {
    type Parsed = T;

    fn read(&self, value: &Value) -> Result<T, Rejection> {
        (self.parse)(value.as_text().ok_or(Rejection::WrongForm)?)
    }

    fn write(&self, f: &mut fmt::Formatter<'_>, parsed: &T) -> fmt::Result {
        write!(f, "{}", TomlText(&parsed.to_string()))
    }
}
