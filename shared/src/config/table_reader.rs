//! Reading one table of the file, key by key, without stopping at the first problem.
//!
//! Every read returns a value: that of the file, or the default where the file has no value, a wrong value, or a value with a
//! reference that only the other program resolves. Problems are collected in the [`ReadContext`]; a file with a problem gives
//! no configuration.

use std::collections::BTreeMap;

use super::context::{ReadContext, TableRef};
use super::document::{Entry, Table as Entries, Value};
use super::environment::Resolved;
use super::form::{Rejection, Scalar};
use super::forms::{Patterns, TextTable};
use super::key::{AnyKey, DefaultValue, Key, Table};
use super::spelling;

/// The greatest number of patterns in a list, each of which is compiled.
const MAX_PATTERNS: usize = 1000;

/// The reader of one table's keys.
pub(crate) struct TableReader<'w, 'a> {
    context: &'w mut ReadContext<'a>,
    source: TableRef<'w>,
    references: References,
}

/// The treatment of references to the environment in a table.
#[derive(Clone, Copy, PartialEq, Eq)]
enum References {
    /// References are resolved in the keys that the program uses.
    Resolved,
    /// No reference is resolved, since the table has no effect.
    Unresolved,
}

/// The result of looking a key up in the file and resolving its references.
enum Lookup {
    /// The file does not have the key, or has a value that counts as missing: an empty text, or `${?VAR}` without that
    /// variable.
    Missing,
    /// A problem was added, or the value has a reference that is not resolved.
    Skipped,
    /// The file has the key: its line, and its value with references resolved.
    Found(usize, Value),
}

// === impl TableReader ===

impl<'w, 'a> TableReader<'w, 'a> {
    /// Begins to read `source` as `table`: notes which of its keys are unknown and which have no effect.
    pub(crate) fn new(
        context: &'w mut ReadContext<'a>,
        table: &'static Table,
        source: TableRef<'w>,
    ) -> Self {
        let known = table.names(context.tables);
        for entry in source.entries {
            let path = source.path_of(&entry.name);
            if !known.contains(&entry.name.as_str()) {
                let message = spelling::unknown_key(table, context.tables, &entry.name);
                context.add_problem(Some(entry.line), &path, message);
            } else if table.key(&entry.name).is_some_and(AnyKey::is_ignored) {
                context.ignored_keys.push(path);
            }
        }
        Self {
            context,
            source,
            references: References::Resolved,
        }
    }

    /// Leaves all references unresolved from now on, because the table has no effect.
    pub(crate) fn leave_references(&mut self) {
        self.references = References::Unresolved;
    }

    /// Returns the value of the environment variable `name`, which replaces a missing key; `None` where the variable is not
    /// set.
    ///
    /// # Errors
    /// Returns a message for the user if the variable is not valid UTF-8.
    pub(crate) fn variable(&self, name: &str) -> Result<Option<&str>, String> {
        self.context.environment.get(name)
    }

    /// Returns the number of problems in the whole file so far.
    pub(crate) fn n_problems(&self) -> usize {
        self.context.problems.len()
    }

    /// Reads a key that has a default. Adds a problem and returns the default where the value is wrong.
    pub(crate) fn read<F: Scalar>(&mut self, key: &Key<F>) -> F::Parsed {
        let value = self.read_optional(key);
        value.expect("the default of a key has the form of the key")
    }

    /// Reads a key that has no default, because it may be left out or because the file must have it. Returns `None` where the
    /// file has no usable value.
    pub(crate) fn read_optional<F: Scalar>(&mut self, key: &Key<F>) -> Option<F::Parsed> {
        self.read_as(key, |value| key.form.read(value))
    }

    /// Reads a key with a conversion other than that of its form. Messages name the key's own form.
    pub(crate) fn read_as<T>(
        &mut self,
        key: &dyn AnyKey,
        read: impl Fn(&Value) -> Result<T, Rejection>,
    ) -> Option<T> {
        let name = key.name();
        match self.lookup(key) {
            Lookup::Found(line, value) => match read(&value) {
                Ok(value) => return Some(value),
                Err(rejection) => {
                    self.add_problem_at(line, name, rejection.message(key.form(), &value));
                }
            },
            Lookup::Missing if matches!(key.default(), DefaultValue::Required) => {
                self.add_problem(name, format!("is missing or empty; write {}", key.form()));
            }
            Lookup::Missing | Lookup::Skipped => {}
        }
        read(&key.default().value()?).ok()
    }

    /// Reads a key that is a list of patterns. A pattern that is wrong is left out, and a problem is added.
    pub(crate) fn read_patterns(&mut self, key: &Key<Patterns>) -> Vec<String> {
        let items = match self.lookup(key) {
            Lookup::Found(_, Value::List(items)) => items,
            Lookup::Found(line, other) => {
                let message = Rejection::WrongForm.message(&key.form, &other);
                self.add_problem_at(line, key.name, message);
                return default_patterns(key);
            }
            Lookup::Missing | Lookup::Skipped => return default_patterns(key),
        };
        if let Some((line, _)) = items.get(MAX_PATTERNS) {
            let message = format!("there are more than {MAX_PATTERNS}; join patterns by |");
            self.add_problem_at(*line, key.name, message);
            return default_patterns(key);
        }
        let mut patterns = Vec::new();
        for (i, (line, item)) in items.iter().enumerate() {
            let path = format!("{}[{i}]", key.name);
            let Lookup::Found(_, item) = self.resolve(key, &path, *line, item) else {
                continue;
            };
            match key.form.read_item(&item) {
                Ok(pattern) => patterns.push(pattern),
                Err(message) => self.add_problem_at(*line, &path, message),
            }
        }
        patterns
    }

    /// Reads a key that is a table of texts. A text that is wrong is left out, and a problem is added.
    pub(crate) fn read_texts(&mut self, key: &Key<TextTable>) -> BTreeMap<String, String> {
        let mut texts = BTreeMap::new();
        let entries: &'w Entries = match self.source.entry(key.name) {
            Some(Entry {
                value: Value::Table(table),
                ..
            }) => table,
            Some(Entry { line, value, .. }) => {
                let message = format!("write {}, not {}", key.form, value.kind());
                self.add_problem_at(*line, key.name, message);
                return texts;
            }
            None => return texts,
        };
        for Entry { name, line, value } in entries {
            let path = format!("{}.{name:?}", key.name);
            let Lookup::Found(_, value) = self.resolve(key, &path, *line, value) else {
                continue;
            };
            match (key.form.read_entry)(name, &value) {
                Ok(text) => {
                    texts.insert(name.clone(), text);
                }
                Err(message) => self.add_problem_at(*line, &path, message),
            }
        }
        texts
    }

    /// Adds a problem with the key `name`, at the line of the key or of the table.
    pub(crate) fn add_problem(&mut self, name: &str, message: String) {
        let line = self.line_of(name);
        let path = format!("{}.{name}", self.source.path);
        self.context.add_problem(line, &path, message);
    }

    /// Adds a problem with an entry of the key `name`, which is a table. The entry may be missing.
    pub(crate) fn add_entry_problem(&mut self, name: &str, entry: &str, message: String) {
        let of_entry = self.source.entry(name).and_then(|key| match &key.value {
            Value::Table(entries) => entries.iter().find(|it| it.name == entry),
            _ => None,
        });
        let line = of_entry.map(|it| it.line).or_else(|| self.line_of(name));
        let path = format!("{}.{name}.{entry:?}", self.source.path);
        self.context.add_problem(line, &path, message);
    }

    /// Adds a warning about the key `name`: its value is allowed and most likely not meant.
    pub(crate) fn warn(&mut self, name: &str, message: &str) {
        let warning = format!("{}.{name}: {message}", self.source.path);
        self.context.warnings.push(warning);
    }

    /// Returns the line of the key `name`, or that of the table where the table does not have the key.
    pub(crate) fn line_of(&self, name: &str) -> Option<usize> {
        let entry = self.source.entry(name);
        entry.map_or(self.source.line, |entry| Some(entry.line))
    }

    fn add_problem_at(&mut self, line: usize, name: &str, message: String) {
        let path = format!("{}.{name}", self.source.path);
        self.context.add_problem(Some(line), &path, message);
    }

    fn lookup(&mut self, key: &dyn AnyKey) -> Lookup {
        let Some(entry) = self.source.entry(key.name()) else {
            return Lookup::Missing;
        };
        match self.resolve(key, key.name(), entry.line, &entry.value) {
            Lookup::Found(_, value)
                if key.form().empty_is_missing() && value.as_text() == Some("") =>
            {
                Lookup::Missing
            }
            lookup => lookup,
        }
    }

    /// Resolves the references in a value. A result with a NUL, which ends a text in C, is a problem.
    fn resolve(&mut self, key: &dyn AnyKey, path: &str, line: usize, value: &Value) -> Lookup {
        match self.resolve_references(key, path, line, value) {
            Lookup::Found(line, value)
                if value.as_text().is_some_and(|text| text.contains('\0')) =>
            {
                let message = "there is a NUL in it; remove it".to_owned();
                self.add_problem_at(line, path, message);
                Lookup::Skipped
            }
            lookup => lookup,
        }
    }

    fn resolve_references(
        &mut self,
        key: &dyn AnyKey,
        path: &str,
        line: usize,
        value: &Value,
    ) -> Lookup {
        let Some(text) = value.as_text().filter(|text| text.contains("${")) else {
            return Lookup::Found(line, value.clone());
        };
        // A resolved text is not searched for references again, so it may contain `${`.
        if matches!(value, Value::Resolved(_)) {
            return Lookup::Found(line, value.clone());
        }
        let is_used = key.used_by().includes(self.context.program);
        if !is_used || self.references == References::Unresolved {
            return Lookup::Skipped;
        }
        match self.context.environment.resolve(text) {
            Ok(Resolved::Text(text)) => Lookup::Found(line, value.resolved(text)),
            Ok(Resolved::Absent) => Lookup::Missing,
            Err(message) => {
                self.add_problem_at(line, path, message);
                Lookup::Skipped
            }
        }
    }
}

/// Returns the default of a key that is a list of patterns.
fn default_patterns(key: &Key<Patterns>) -> Vec<String> {
    let Some(Value::List(items)) = key.default.value() else {
        return Vec::new();
    };
    let texts = items.iter().filter_map(|(_, item)| item.as_text());
    texts.map(str::to_owned).collect()
}
