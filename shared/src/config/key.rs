//! Keys and tables of the file, as values that name, describe, read and write themselves.
//!
//! Each key is one `static` in the file of its table, below `tables`. Everything that has to know of a key, such as reading,
//! messages about unknown keys, the printed configuration, the reference in the documents and the test of the Helm chart's
//! schema, takes it from that `static`.

use std::fmt;

use super::document::{self, Value};
use super::form::{Form, Scalar};
use super::forms::{Ignored, Patterns};
use super::program::UsedBy;

/// One key of a table, with everything that the program knows about the key.
#[derive(Debug)]
pub(crate) struct Key<F> {
    pub(crate) name: &'static str,
    pub(crate) form: F,
    pub(crate) default: DefaultValue,
    pub(crate) used_by: UsedBy,
    /// The explanation of the key in the reference.
    pub(crate) meaning: &'static str,
}

/// The value that holds where the file does not have the key.
#[derive(Debug)]
pub(crate) enum DefaultValue {
    /// A value, written as in the file.
    Toml(&'static str),
    /// A value that is found elsewhere or left out, described in words.
    Described(&'static str),
    /// No default: the file must have the key.
    Required,
}

/// A key of any form.
pub(crate) trait AnyKey: Sync {
    /// Returns the name of the key, without that of its table.
    fn name(&self) -> &'static str;
    /// Returns the form of the values that may be written.
    fn form(&self) -> &dyn Form;
    /// Returns the value that holds where the file does not have the key.
    fn default(&self) -> &DefaultValue;
    /// Returns the programs in which the key has an effect.
    fn used_by(&self) -> UsedBy;
    /// Returns the explanation of the key in the reference.
    fn meaning(&self) -> &'static str;

    /// Returns true for a key that is accepted and has no effect.
    fn is_ignored(&self) -> bool {
        self.used_by() == UsedBy::Nobody
    }
}

/// A table of the file and its keys, in the order of the reference.
pub(crate) struct Table {
    /// The name with those of the tables above it, such as `exporter.performance`; empty for the file itself.
    pub(crate) name: &'static str,
    pub(crate) keys: &'static [&'static dyn AnyKey],
}

// === impl Key ===

impl Key<Ignored> {
    /// Returns a key that is accepted and has no effect. `default` is klag-exporter's default, and `reason` says why the key is
    /// not needed.
    pub(crate) const fn ignored(
        name: &'static str,
        default: &'static str,
        reason: &'static str,
    ) -> Self {
        Self {
            name,
            form: Ignored,
            default: DefaultValue::Toml(default),
            used_by: UsedBy::Nobody,
            meaning: reason,
        }
    }
}

impl<F: Scalar> Key<F> {
    /// Writes a line of the file that gives the key this value.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, value: &F::Parsed) -> fmt::Result {
        write!(f, "{} = ", self.name)?;
        self.form.write(f, value)?;
        writeln!(f)
    }
}

impl Key<Patterns> {
    /// Writes a line of the file that gives the key these patterns.
    pub(crate) fn write(&self, f: &mut fmt::Formatter<'_>, patterns: &[String]) -> fmt::Result {
        write!(f, "{} = ", self.name)?;
        Patterns::write(f, patterns)?;
        writeln!(f)
    }
}

impl<F: Form> AnyKey for Key<F> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn form(&self) -> &dyn Form {
        &self.form
    }

    fn default(&self) -> &DefaultValue {
        &self.default
    }

    fn used_by(&self) -> UsedBy {
        self.used_by
    }

    fn meaning(&self) -> &'static str {
        self.meaning
    }
}

// === impl DefaultValue ===

impl DefaultValue {
    /// Returns the default as a value; `None` where it is only described in words, or the key is required.
    pub(super) fn value(&self) -> Option<Value> {
        match self {
            Self::Toml(text) => document::parse_value(text),
            Self::Described(_) | Self::Required => None,
        }
    }
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Toml(value) => write!(f, "`{value}`"),
            Self::Described(words) => f.write_str(words),
            Self::Required => f.write_str("required"),
        }
    }
}

// === impl Table ===

impl Table {
    /// Returns the line with which the table begins in a file.
    pub(super) fn header(&self) -> String {
        match self.name {
            "clusters" => "[[clusters]]".to_owned(),
            name => format!("[{name}]"),
        }
    }

    /// Returns the key `name` of this table, if there is one.
    pub(super) fn key(&self, name: &str) -> Option<&'static dyn AnyKey> {
        self.keys.iter().copied().find(|key| key.name() == name)
    }

    /// Returns the names that may stand in this table: its keys, and the tables among `tables` directly below it.
    pub(super) fn names(&self, tables: &[&Self]) -> Vec<&'static str> {
        let mut names: Vec<&'static str> = self.keys.iter().map(|key| key.name()).collect();
        names.extend(tables.iter().filter_map(|table| {
            let below = match self.name {
                "" => table.name,
                name => table.name.strip_prefix(name)?.strip_prefix('.')?,
            };
            below.split('.').next()
        }));
        names.dedup();
        names
    }
}
