//! Going through a file: what is known so far, and the way from a table to those below it.

use super::Program;
use super::document::{Entry, Value};
use super::environment::Environment;
use super::keys::{self, UsedBy};
use super::problem::Problem;
use super::section::Section;
use super::spelling;

/// What is known while a file is read.
pub(super) struct Walk<'a> {
    pub(super) program: Program,
    pub(super) environment: &'a Environment,
    pub(super) problems: Vec<Problem>,
    /// Keys without effect that the file has, with their tables.
    pub(super) idle: Vec<String>,
    pub(super) warnings: Vec<String>,
}

/// Where a table stands in the file; `line` is `None` if it does not.
#[derive(Clone)]
pub(super) struct Place<'w> {
    pub(super) path: String,
    pub(super) line: Option<usize>,
    pub(super) entries: &'w [Entry],
}

// === impl Walk ===

impl<'a> Walk<'a> {
    pub(super) const fn new(program: Program, environment: &'a Environment) -> Self {
        Self {
            program,
            environment,
            problems: Vec::new(),
            idle: Vec::new(),
            warnings: Vec::new(),
        }
    }

    /// Notes something to correct.
    pub(super) fn note(&mut self, line: Option<usize>, path: String, message: String) {
        self.problems.push(Problem {
            line,
            path,
            message,
        });
    }

    /// The table `name` below `place`; an empty one if it is not there.
    pub(super) fn below<'w>(&mut self, place: &Place<'w>, name: &str) -> Place<'w> {
        let path = match place.path.as_str() {
            "" => name.to_owned(),
            above => format!("{above}.{name}"),
        };
        let entry = place.entries.iter().find(|entry| entry.name == name);
        let (line, entries): (_, &[Entry]) = match entry {
            Some(Entry {
                line,
                value: Value::Table(table),
                ..
            }) => (Some(*line), table),
            Some(Entry { line, value, .. }) => {
                self.note(
                    Some(*line),
                    path.clone(),
                    format!("write a table, not {}", value.kind()),
                );
                (Some(*line), &[])
            }
            None => (None, &[]),
        };
        Place {
            path,
            line,
            entries,
        }
    }

    /// Begins to read `table` at `place`.
    pub(super) fn section<'w>(
        &'w mut self,
        table: &'static str,
        place: Place<'w>,
    ) -> Section<'w, 'a> {
        for entry in place.entries {
            let path = format!("{}.{}", place.path, shown(&entry.name));
            let path = path.trim_start_matches('.').to_owned();
            if !keys::names(table).contains(&entry.name.as_str()) {
                let message = spelling::unknown(table, &entry.name);
                self.note(Some(entry.line), path, message);
            } else if keys::find(table, &entry.name)
                .is_some_and(|key| key.used_by == UsedBy::Nobody)
            {
                self.idle.push(path);
            }
        }
        Section::new(self, table, place)
    }
}

/// A key as a message has it: in quotes where TOML needs them.
fn shown(name: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    if !name.is_empty() && name.chars().all(plain) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}
