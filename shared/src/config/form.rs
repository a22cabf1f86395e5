//! The interface of the forms that values of keys have: the words that tell the user what to write, and the conversion from the file and
//! back.

use std::fmt;

use super::document::Value;

/// The form of a key's value. `Display` writes the words that tell the user what to write, to stand after the word "write".
pub(crate) trait Form: fmt::Display + Sync {
    /// Returns the form as a JSON schema. The schema does not say that a text with a reference to the environment may stand in
    /// place of the value.
    fn json_schema(&self) -> serde_json::Value;

    /// Returns true where an empty text counts as a missing key. Templates write empty texts for what is not set.
    fn empty_is_missing(&self) -> bool {
        false
    }
}

/// A form whose value is converted as a whole, unlike lists and tables.
pub(crate) trait Scalar: Form {
    /// The type of the converted value.
    type Parsed;

    /// Converts a value of the file in which references are resolved.
    fn read(&self, value: &Value) -> Result<Self::Parsed, Rejection>;

    /// Writes `parsed` as TOML that [`Scalar::read`] converts back.
    fn write(&self, f: &mut fmt::Formatter<'_>, parsed: &Self::Parsed) -> fmt::Result;
}

/// The reason for which a value is refused.
#[derive(Debug)]
pub(crate) enum Rejection {
    /// The value does not have the form of its key. The message shows the value.
    WrongForm,
    /// The value is wrong for the reason given. The message does not show the value.
    Because(String),
}

/// A text that `Display` writes as a TOML string.
pub(crate) struct TomlText<'a>(pub(crate) &'a str);

// === impl Rejection ===

impl Rejection {
    /// Returns the message for the user: what to write instead of `value`.
    pub(super) fn message(&self, form: &dyn Form, value: &Value) -> String {
        match self {
            Self::WrongForm => format!("write {form}, not {value}"),
            Self::Because(reason) => format!("{reason}; write {form}"),
        }
    }
}

// === impl TomlText ===

impl fmt::Display for TomlText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", toml::Value::String(self.0.to_owned()))
    }
}
