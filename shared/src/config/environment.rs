//! Environment variables, and references to them inside values.
//!
//! References are resolved after the file is parsed, so that the content of a variable cannot change the syntax of the file. The result is
//! not searched for references again, so a password may contain `${`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;

/// The environment variables of a process, by name.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<OsString, OsString>);

/// The result of resolving the references in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Resolved {
    Text(String),
    /// The text was `${?VAR}` alone, and there is no such variable.
    Absent,
}

/// A reference: `${VAR}`, `${VAR:-default}` or `${?VAR}`.
struct Reference<'a> {
    name: &'a str,
    unset: Unset<'a>,
}

/// The treatment of a reference to a variable that is not set.
enum Unset<'a> {
    Fail,
    Use(&'a str),
    Drop,
}

// === impl Environment ===

impl Environment {
    /// Returns the value of a variable, which may be empty; `None` where the variable is not set.
    ///
    /// # Errors
    /// Returns a message for the user if the value is not Unicode.
    pub(super) fn get(&self, name: &str) -> Result<Option<&str>, String> {
        self.0.get(OsStr::new(name)).map_or(Ok(None), |value| {
            let text = value.to_str();
            text.map(Some).ok_or_else(|| {
                format!("the environment variable {name} is not valid UTF-8; set it to text")
            })
        })
    }

    /// Replaces the references in `text`.
    ///
    /// # Errors
    /// Returns a message for the user, without the value of any variable, if a reference is malformed, or if its variable is
    /// not set or not Unicode.
    pub(super) fn resolve(&self, text: &str) -> Result<Resolved, String> {
        let mut out = String::new();
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            out.push_str(&rest[..start]);
            let (reference, after) = Reference::parse(&rest[start..])?;
            match (self.get(reference.name)?, reference.unset) {
                (Some(value), _) | (None, Unset::Use(value)) => out.push_str(value),
                (None, Unset::Drop) if start == 0 && after.is_empty() && out.is_empty() => {
                    return Ok(Resolved::Absent);
                }
                (None, Unset::Drop) => {}
                (None, Unset::Fail) => return Err(unset(reference.name)),
            }
            rest = after;
        }
        out.push_str(rest);
        Ok(Resolved::Text(out))
    }
}

fn unset(name: &str) -> String {
    format!(
        "the environment variable {name} is not set; set it, or write \
         ${{{name}:-default}} or ${{?{name}}}"
    )
}

impl<K: Into<OsString>, V: Into<OsString>> FromIterator<(K, V)> for Environment {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(variables: I) -> Self {
        let owned = variables.into_iter().map(|(k, v)| (k.into(), v.into()));
        Self(owned.collect())
    }
}

impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The values are left out, since they may be secrets.
        f.debug_set().entries(self.0.keys()).finish()
    }
}

// === impl Reference ===

impl<'a> Reference<'a> {
    /// Parses the reference at the beginning of `text`. Returns the reference and the text after it.
    ///
    /// # Errors
    /// Returns a message for the user if no well-formed reference begins there.
    fn parse(text: &'a str) -> Result<(Self, &'a str), String> {
        let malformed = || {
            "\"${\" begins no reference to an environment variable; write ${VAR}, \
             ${VAR:-default} or ${?VAR} (a text with \"${\" in it must come from a variable)"
                .to_owned()
        };
        let end = text.find('}').ok_or_else(malformed)?;
        let inside = &text[2..end];
        let (optional, inside) = inside
            .strip_prefix('?')
            .map_or((Unset::Fail, inside), |name| (Unset::Drop, name));
        let (name, unset) = inside
            .split_once(":-")
            .map_or((inside, optional), |(name, default)| {
                (name, Unset::Use(default))
            });
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
        if name.is_empty() || !name.chars().all(is_name) {
            return Err(malformed());
        }
        Ok((Self { name, unset }, &text[end + 1..]))
    }
}
