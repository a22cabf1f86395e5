//! The state of reading one file: the inputs, and what was found so far.

use crate::text::sanitize;

use super::document::{Entry, Value};
use super::environment::Environment;
use super::key::Table;
use super::problem::ConfigProblem;
use super::program::Program;

/// The inputs of reading a file, and what was found while reading.
pub(crate) struct ReadContext<'a> {
    /// The program that reads the file.
    pub(super) program: Program,
    pub(super) environment: &'a Environment,
    /// All tables that a file may have, to tell where a misplaced key belongs.
    pub(super) tables: &'static [&'static Table],
    /// The problems that the user has to correct. A file with a problem gives no configuration.
    pub(super) problems: Vec<ConfigProblem>,
    /// The keys of the file that have no effect, with their tables.
    pub(super) ignored_keys: Vec<String>,
    /// Sentences about values that are allowed and most likely not meant.
    pub(super) warnings: Vec<String>,
}

/// A table as the file has it, with its name and line.
#[derive(Clone)]
pub(crate) struct TableRef<'w> {
    /// The name of the table in messages, such as `clusters[0]`; empty for the file itself.
    pub(super) path: String,
    /// The line of the table's header; `None` where the file does not have the table.
    pub(super) line: Option<usize>,
    pub(super) entries: &'w [Entry],
}

// === impl ReadContext ===

impl<'a> ReadContext<'a> {
    pub(super) const fn new(
        program: Program,
        environment: &'a Environment,
        tables: &'static [&'static Table],
    ) -> Self {
        Self {
            program,
            environment,
            tables,
            problems: Vec::new(),
            ignored_keys: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Adds a problem that the user has to correct. A long `path` is cut.
    pub(super) fn add_problem(&mut self, line: Option<usize>, path: &str, message: String) {
        self.problems.push(ConfigProblem {
            line,
            path: sanitize(path),
            message,
        });
    }
}

// === impl TableRef ===

impl<'w> TableRef<'w> {
    /// Returns the table `name` directly below this table; an empty one if the file does not have it. Adds a problem if the
    /// entry is not a table.
    pub(super) fn below(&self, context: &mut ReadContext<'_>, name: &str) -> Self {
        let path = match self.path.as_str() {
            "" => name.to_owned(),
            above => format!("{above}.{name}"),
        };
        let (line, entries): (_, &'w [Entry]) = match self.entry(name) {
            Some(Entry {
                line,
                value: Value::Table(table),
                ..
            }) => (Some(*line), table),
            Some(Entry { line, value, .. }) => {
                let message = format!("write a table, not {}", value.kind());
                context.add_problem(Some(*line), &path, message);
                (Some(*line), &[])
            }
            None => (None, &[]),
        };
        Self {
            path,
            line,
            entries,
        }
    }

    /// Returns the entry of the key `name`, if the table has it.
    pub(super) fn entry(&self, name: &str) -> Option<&'w Entry> {
        self.entries.iter().find(|entry| entry.name == name)
    }

    /// Returns the name that messages have for the key `name` of this table.
    pub(super) fn path_of(&self, name: &str) -> String {
        let path = format!("{}.{}", self.path, toml_key(name));
        path.trim_start_matches('.').to_owned()
    }
}

/// Returns a key as TOML writes it, in quotes where TOML needs them.
fn toml_key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(is_bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}
