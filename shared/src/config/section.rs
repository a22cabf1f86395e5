//! Reading one table of the file, key by key, without stopping at the first problem.
//!
//! Every read gives a value: the file's, or the default where the file has none, a wrong one, or
//! one that is not this program's to resolve. Problems are noted; with one noted, no
//! configuration comes out.

use std::time::Duration;

use regex::Regex;

use super::document::{Entry, Table, Value};
use super::environment::Resolved;
use super::keys::{self, DefaultValue, Form, Key};
use super::values::{self, Rejection};
use super::walk::{Place, Walk};

/// One table of the file.
pub(super) struct Section<'w, 'a> {
    walk: &'w mut Walk<'a>,
    /// As the table of keys calls it.
    table: &'static str,
    /// As messages call it.
    path: String,
    line: Option<usize>,
    entries: &'w [Entry],
    references: References,
}

/// Whether references to the environment are resolved.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum References {
    /// In the keys that the program uses.
    Resolved,
    /// In none: the table has no effect.
    Left,
}

/// What the file gives for a key.
pub(super) enum Given {
    Missing,
    /// Noted as a problem, or not this program's to resolve.
    Skipped,
    Value(usize, Value),
}

// === impl Section ===

impl<'w, 'a> Section<'w, 'a> {
    pub(super) fn new(walk: &'w mut Walk<'a>, table: &'static str, place: Place<'w>) -> Self {
        let Place {
            path,
            line,
            entries,
        } = place;
        Self {
            walk,
            table,
            path,
            line,
            entries,
            references: References::Resolved,
        }
    }

    /// From here on, leaves references as they are.
    pub(super) fn leave_references(&mut self) {
        self.references = References::Left;
    }

    /// An environment variable that stands in for a key.
    ///
    /// # Errors
    /// What to tell the user if it is not text.
    pub(super) fn variable(&self, name: &str) -> Result<Option<&str>, String> {
        self.walk.environment.get(name)
    }

    /// How much is wrong so far.
    pub(super) fn n_problems(&self) -> usize {
        self.walk.problems.len()
    }

    pub(super) fn duration(&mut self, name: &str) -> Duration {
        self.required(name, values::duration)
    }

    pub(super) fn whole(&mut self, name: &str) -> u32 {
        self.required(name, values::whole)
    }

    pub(super) fn seconds(&mut self, name: &str) -> Duration {
        Duration::from_secs(self.whole(name).into())
    }

    pub(super) fn switch(&mut self, name: &str) -> bool {
        self.required(name, values::switch)
    }

    pub(super) fn choice(&mut self, name: &str) -> &'static str {
        self.required(name, values::choice)
    }

    /// A value that has a default.
    pub(super) fn required<T>(
        &mut self,
        name: &str,
        convert: impl Fn(&Form, &Value) -> Result<T, Rejection>,
    ) -> T {
        let value = self.optional(name, convert);
        value.expect("the table of keys has a valid default")
    }

    /// A value that may be left out without a default, or must not be left out.
    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        convert: impl Fn(&Form, &Value) -> Result<T, Rejection>,
    ) -> Option<T> {
        let key = self.key(name);
        match self.given(key) {
            Given::Value(line, value) => match convert(&key.form, &value) {
                Ok(value) => return Some(value),
                Err(rejection) => self.note_at(line, name, rejection.message(&key.form, &value)),
            },
            Given::Missing if matches!(key.default, DefaultValue::Required) => {
                self.note(name, format!("is missing or empty; write {}", key.form));
            }
            Given::Missing | Given::Skipped => {}
        }
        convert(&key.form, &key.default.value()?).ok()
    }

    /// A list of patterns, each of which compiles.
    pub(super) fn patterns(&mut self, name: &str) -> Vec<String> {
        let key = self.key(name);
        let items = match self.given(key) {
            Given::Value(_, Value::List(items)) => items,
            Given::Value(line, other) => {
                self.note_at(line, name, Rejection::Form.message(&key.form, &other));
                return values::default_texts(key);
            }
            Given::Missing | Given::Skipped => return values::default_texts(key),
        };
        let mut patterns = Vec::new();
        for (i, (line, item)) in items.iter().enumerate() {
            let path = format!("{name}[{i}]");
            let Given::Value(_, item) = self.resolve(key, &path, *line, item) else {
                continue;
            };
            match item.as_text().map(|text| (text, Regex::new(text))) {
                Some((text, Ok(_))) => patterns.push(text.to_owned()),
                Some((_, Err(error))) => self.note_at(*line, &path, values::bad_pattern(&error)),
                None => self.note_at(*line, &path, Rejection::Form.message(&key.form, &item)),
            }
        }
        patterns
    }

    /// A table of texts: for each entry, `take` says what is wrong with it or keeps it.
    pub(super) fn table(
        &mut self,
        name: &str,
        mut take: impl FnMut(&str, &Value) -> Result<(), String>,
    ) {
        let key = self.key(name);
        let entries: &'w Table = match self.entry(name) {
            Some(Entry {
                value: Value::Table(table),
                ..
            }) => table,
            Some(Entry { line, value, .. }) => {
                let message = format!("write {}, not {}", key.form, value.kind());
                return self.note_at(*line, name, message);
            }
            None => return,
        };
        for Entry {
            name: inner,
            line,
            value,
        } in entries
        {
            let path = format!("{name}.{inner:?}");
            if let Given::Value(_, value) = self.resolve(key, &path, *line, value)
                && let Err(message) = take(inner, &value)
            {
                self.note_at(*line, &path, message);
            }
        }
    }

    /// Notes a problem with the key `name`.
    pub(super) fn note(&mut self, name: &str, message: String) {
        let line = self.line_of(name);
        let path = format!("{}.{name}", self.path);
        self.walk.note(line, path, message);
    }

    /// Notes something that is allowed and most likely not meant.
    pub(super) fn warn(&mut self, name: &str, message: &str) {
        self.walk
            .warnings
            .push(format!("{}.{name}: {message}", self.path));
    }

    /// Where the key stands, else where the table begins.
    pub(super) fn line_of(&self, name: &str) -> Option<usize> {
        self.entry(name).map_or(self.line, |entry| Some(entry.line))
    }

    fn note_at(&mut self, line: usize, name: &str, message: String) {
        let path = format!("{}.{name}", self.path);
        self.walk.note(Some(line), path, message);
    }

    fn entry(&self, name: &str) -> Option<&'w Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    fn key(&self, name: &str) -> &'static Key {
        keys::find(self.table, name).expect("the table of keys has every key that is read")
    }

    fn given(&mut self, key: &Key) -> Given {
        let Some(entry) = self.entry(key.name) else {
            return Given::Missing;
        };
        let given = self.resolve(key, key.name, entry.line, &entry.value);
        match &given {
            // Templates write empty strings for what is not set.
            Given::Value(_, value)
                if matches!(key.form, Form::Text(_)) && value.as_text() == Some("") =>
            {
                Given::Missing
            }
            _ => given,
        }
    }

    /// The value with its references resolved, where they are this program's; nothing that C would take for the end of a text.
    fn resolve(&mut self, key: &Key, path: &str, line: usize, value: &Value) -> Given {
        let given = self.references_of(key, path, line, value);
        match &given {
            Given::Value(line, value)
                if value.as_text().is_some_and(|text| text.contains('\0')) =>
            {
                let message = "there is a NUL in it; remove it".to_owned();
                self.note_at(*line, path, message);
                Given::Skipped
            }
            _ => given,
        }
    }

    fn references_of(&mut self, key: &Key, path: &str, line: usize, value: &Value) -> Given {
        let Some(text) = value.as_text().filter(|text| text.contains("${")) else {
            return Given::Value(line, value.clone());
        };
        let ours = key.used_by.includes(self.walk.program);
        // Text that is already resolved may contain anything.
        if matches!(value, Value::Resolved(_)) {
            return Given::Value(line, value.clone());
        }
        if !ours || self.references == References::Left {
            return Given::Skipped;
        }
        match self.walk.environment.resolve(text) {
            Ok(Resolved::Text(text)) => Given::Value(line, value.resolved(text)),
            Ok(Resolved::Absent) => Given::Missing,
            Err(message) => {
                self.note_at(line, path, message);
                Given::Skipped
            }
        }
    }
}
