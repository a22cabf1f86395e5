//! A reader of the sections of the web configuration, key by key, which collects all problems instead of stopping at the first.

use crate::config::ConfigProblem;

use super::yaml::{Entry, Node};

/// A key of exporter-toolkit that is not supported, and the message that says why.
pub(super) type Refused = (&'static str, &'static str);

/// The keys that a section may have.
#[derive(Clone, Copy, Debug)]
pub(super) struct Keys {
    /// The keys that are supported.
    pub(super) known: &'static [&'static str],
    /// The keys that are refused with a message of their own.
    pub(super) refused: &'static [Refused],
}

/// A reader of the keys of one section.
#[derive(Debug)]
pub(super) struct SectionReader<'f, 'p> {
    /// The path of the section, such as `http_server_config.headers`; empty for the top level of the file.
    name: String,
    /// The line of the section's name; `None` for the top level of the file.
    line: Option<usize>,
    entries: &'f [Entry],
    problems: &'p mut Vec<ConfigProblem>,
}

// === impl SectionReader ===

impl<'f, 'p> SectionReader<'f, 'p> {
    /// Makes a reader of the top level of the file, and adds a problem for each key that is not in `keys`.
    pub(super) fn of_file(
        entries: &'f [Entry],
        problems: &'p mut Vec<ConfigProblem>,
        keys: Keys,
    ) -> Self {
        let mut reader = Self {
            name: String::new(),
            line: None,
            entries,
            problems,
        };
        reader.check_names(keys);
        reader
    }

    /// Makes a reader of the section `name`, and adds a problem for each key in it that is not in `keys`; `None` if there is no such section.
    pub(super) fn section(
        &mut self,
        name: &'static str,
        keys: Keys,
    ) -> Option<SectionReader<'f, '_>> {
        let (line, entries) = self.table(name)?;
        let mut reader = SectionReader {
            name: self.path_of(name),
            line: Some(line),
            entries,
            problems: self.problems,
        };
        reader.check_names(keys);
        Some(reader)
    }

    fn check_names(&mut self, Keys { known, refused }: Keys) {
        for entry in self.entries {
            let name = entry.name.as_str();
            if known.contains(&name) {
                continue;
            }
            let why = refused.iter().find(|(refused, _)| *refused == name);
            let message = why.map_or_else(|| unknown(known, name), |(_, why)| (*why).to_owned());
            let shown = if is_key_name(name) { name } else { "***" };
            self.add_problem_at(Some(entry.line), shown, message);
        }
    }

    /// Returns the line and the entries of a key whose value is a table; `None` if the key is missing or has no value. Any other value is a
    /// problem.
    pub(super) fn table(&mut self, name: &'static str) -> Option<(usize, &'f [Entry])> {
        let entry = self.entry(name)?;
        match &entry.node {
            Node::Table(entries) => Some((entry.line, entries)),
            other => {
                let message = format!("write keys and values below it, not {}", other.kind());
                self.add_problem_at(Some(entry.line), name, message);
                None
            }
        }
    }

    /// Returns the text of a key; `None` if the key is missing or the text is empty. Any other value is a problem.
    pub(super) fn text(&mut self, name: &'static str) -> Option<&'f str> {
        let entry = self.entry(name)?;
        match &entry.node {
            Node::Text(text) if text.is_empty() => None,
            Node::Text(text) => Some(text),
            other => {
                let message = format!("write a text, not {}", other.kind());
                self.add_problem_at(Some(entry.line), name, message);
                None
            }
        }
    }

    /// Returns the value of a key that is `true` or `false`; `None` if the key is missing. Any other value is a problem.
    pub(super) fn boolean(&mut self, name: &'static str) -> Option<bool> {
        let entry = self.entry(name)?;
        match &entry.node {
            Node::Boolean(is_true) => Some(*is_true),
            other => {
                let message = format!("write true or false, not {}", other.kind());
                self.add_problem_at(Some(entry.line), name, message);
                None
            }
        }
    }

    /// Returns the items of a key that is a list of texts, each converted by `read`; `None` if the key is missing. An item that is no text or
    /// that `read` refuses is a problem, and the result is `None` too.
    pub(super) fn texts<T>(
        &mut self,
        name: &'static str,
        read: impl Fn(&str) -> Result<T, String>,
    ) -> Option<Vec<T>> {
        let entry = self.entry(name)?;
        let Node::List(items) = &entry.node else {
            let message = format!("write a list, not {}", entry.node.kind());
            self.add_problem_at(Some(entry.line), name, message);
            return None;
        };
        let mut texts = Vec::new();
        for (line, item) in items {
            let read = match item {
                Node::Text(text) => read(text),
                other => Err(format!("write a text, not {}", other.kind())),
            };
            match read {
                Ok(text) => texts.push(text),
                Err(message) => self.add_problem_at(Some(*line), name, message),
            }
        }
        (texts.len() == items.len()).then_some(texts)
    }

    /// Adds a problem about the key `name`, at the line of the key, or at the line of the section if the key is missing.
    pub(super) fn add_problem(&mut self, name: &str, message: impl Into<String>) {
        let entry = self.entries.iter().find(|entry| entry.name == name);
        let line = entry.map(|entry| entry.line).or(self.line);
        self.add_problem_at(line, name, message.into());
    }

    /// Returns the line of the key `name`.
    pub(super) fn line_of(&self, name: &str) -> Option<usize> {
        self.entry(name).map(|entry| entry.line)
    }

    /// Returns true if the key `name` is missing, has no value or is an empty text.
    pub(super) fn is_missing(&self, name: &str) -> bool {
        self.entry(name)
            .is_none_or(|entry| entry.node == Node::Text(String::new()))
    }

    fn entry(&self, name: &str) -> Option<&'f Entry> {
        let mut entries = self.entries.iter();
        entries.find(|entry| entry.name == name && entry.node != Node::Empty)
    }

    fn path_of(&self, name: &str) -> String {
        match self.name.as_str() {
            "" => name.to_owned(),
            section => format!("{section}.{name}"),
        }
    }

    fn add_problem_at(&mut self, line: Option<usize>, name: &str, message: String) {
        let path = crate::text::sanitize(&self.path_of(name));
        self.problems.push(ConfigProblem {
            line,
            path,
            message,
        });
    }
}

/// Returns true if `name` looks like the name of a key. Other names may be secrets that stand in the wrong place.
fn is_key_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    name.len() <= 40 && name.chars().all(is_letter)
}

/// Returns the message about a key that does not exist, with the name of a similar key or of all keys. A name that cannot be that of a key
/// is compared with none, because it may be long.
fn unknown(known: &[&str], name: &str) -> String {
    let nearest = known
        .iter()
        .filter(|_| is_key_name(name))
        .map(|known| (strsim::levenshtein(known, name), *known))
        .min();
    match nearest {
        Some((edits, near)) if edits <= 1 + near.len() / 5 => {
            format!("no such key; did you mean {near}?")
        }
        _ => format!("no such key; there are {}", known.join(", ")),
    }
}
