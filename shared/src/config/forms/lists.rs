//! The forms of lists, of tables whose keys the user names, and of keys that have no effect.

use std::fmt;

use regex::Regex;
use serde_json::json;

use crate::config::document::Value;
use crate::config::form::{Form, Rejection, TomlText};

/// The form of a list of regular expressions.
#[derive(Debug)]
pub(crate) struct Patterns;

/// The form of a table whose keys the user names and whose values are texts.
#[derive(Debug)]
pub(crate) struct TextTable {
    /// The words that tell the user what to write, after the word "write".
    pub(crate) words: &'static str,
    /// The function that converts one entry, given its name and its value. An error is the message for the user.
    pub(crate) read_entry: fn(&str, &Value) -> Result<String, String>,
}

/// The form of a key without effect, which accepts any value.
#[derive(Debug)]
pub(crate) struct Ignored;

// === impl Patterns ===

impl Patterns {
    /// Converts one item of the list.
    ///
    /// # Errors
    /// Returns a message for the user if the item is no text, or no regular expression.
    pub(crate) fn read_item(&self, item: &Value) -> Result<String, String> {
        let Some(text) = item.as_text() else {
            return Err(Rejection::WrongForm.message(self, item));
        };
        match Regex::new(text) {
            Ok(_) => Ok(text.to_owned()),
            Err(error) => Err(Self::describe(&error)),
        }
    }

    /// Returns the message about patterns that do not compile, in one line.
    pub(crate) fn describe(error: &regex::Error) -> String {
        if let regex::Error::CompiledTooBig(_) = error {
            return "takes too much memory; write fewer or shorter patterns, and in braces smaller numbers"
                .to_owned();
        }
        let text = error.to_string();
        let last = text.lines().last().unwrap_or_default();
        let reason = last.trim().trim_start_matches("error: ");
        format!("not a regular expression: {reason}; write \\ before a character meant literally")
    }

    /// Writes `patterns` as a TOML list.
    pub(crate) fn write(f: &mut fmt::Formatter<'_>, patterns: &[String]) -> fmt::Result {
        f.write_str("[")?;
        for (i, pattern) in patterns.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{}", TomlText(pattern))?;
        }
        f.write_str("]")
    }
}

impl fmt::Display for Patterns {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of regular expressions such as [\"^orders\"]")
    }
}

impl Form for Patterns {
    fn json_schema(&self) -> serde_json::Value {
        json!({"type": "array", "items": {"type": "string"}})
    }
}

// === impl TextTable ===

impl fmt::Display for TextTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words)
    }
}

impl Form for TextTable {
    fn json_schema(&self) -> serde_json::Value {
        json!({"type": "object"})
    }
}

// === impl Ignored ===

impl fmt::Display for Ignored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }
}

impl Form for Ignored {
    fn json_schema(&self) -> serde_json::Value {
        json!({})
    }
}
