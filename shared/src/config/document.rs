//! A TOML file as a tree whose entries know their lines.
//!
//! A message about a syntax error has the number of the line alone, since the line itself may hold a secret.

use std::fmt;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::text::{MAX_CHARS, write_sanitized};

use super::problem::ConfigProblem;
use super::unquoted_references::{self, QuotedReferences};

/// The keys and values of a table, in the order of the file.
pub(super) type Table = Vec<Entry>;

/// A key of the file with its line and its value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) line: usize,
    pub(super) value: Value,
}

/// A value as the file has it, or with its references resolved.
#[derive(Clone, Debug)]
pub(super) enum Value {
    Text(String),
    /// A reference that the file has outside quotes.
    Unquoted(String),
    /// A text that came, at least in part, from the environment. The text is never shown to the user.
    Resolved(String),
    Integer(i128),
    /// A number with a fraction, or too large for [`Self::Integer`], as the file writes it. Only librdkafka's properties take
    /// such a number.
    Float(String),
    Boolean(bool),
    Datetime,
    /// The items of a list, each with its line.
    List(Vec<(usize, Value)>),
    Table(Table),
}

/// The places of lines in a text, and of the strings that are references without quotes in the file.
struct Lines<'a> {
    /// The offsets of the first bytes of lines, ascending.
    starts: Vec<usize>,
    /// The offsets of the references without quotes, ascending.
    unquoted: &'a [usize],
}

/// Parses a whole file.
///
/// # Errors
/// Returns one problem for each line with a syntax error.
pub(super) fn parse(text: &str) -> Result<Table, Vec<ConfigProblem>> {
    let QuotedReferences { text, starts } = unquoted_references::quote_references(text);
    let lines = Lines::of(&text, &starts);
    let (table, errors) = DeTable::parse_recoverable(&text);
    if errors.is_empty() {
        return Ok(lines.table(table.into_inner()));
    }
    let mut problems: Vec<ConfigProblem> =
        errors.iter().map(|error| lines.problem(error)).collect();
    problems.sort_by_key(|problem| problem.line);
    // The parser goes on after an error, and further errors on the same line are consequences of the first.
    problems.dedup_by_key(|problem| problem.line);
    Err(problems)
}

/// Parses the text of one value, such as a default; `None` where it is not TOML.
pub(super) fn parse_value(text: &str) -> Option<Value> {
    let lines = Lines::of(text, &[]);
    Some(lines.value(DeValue::parse(text).ok()?))
}

// === impl Lines ===

impl<'a> Lines<'a> {
    fn of(text: &str, unquoted: &'a [usize]) -> Self {
        let ends = text.match_indices('\n').map(|(end, _)| end + 1);
        let starts = std::iter::once(0).chain(ends).collect();
        Self { starts, unquoted }
    }

    /// Returns the line of the byte at `offset`, counted from 1.
    fn at(&self, offset: usize) -> usize {
        self.starts.partition_point(|&start| start <= offset)
    }

    fn problem(&self, error: &toml::de::Error) -> ConfigProblem {
        let line = error.span().map(|span| self.at(span.start));
        let message = match error.message() {
            // The words differ between versions of the parser.
            words if words.contains("recursion") => {
                "lists or tables are nested too deeply; no key of this file needs more than two lists or tables in each other"
                    .to_owned()
            }
            words => format!("not TOML: {words}"),
        };
        ConfigProblem {
            line,
            path: String::new(),
            message,
        }
    }

    fn table(&self, table: DeTable<'_>) -> Table {
        let mut entries: Vec<(usize, Entry)> = table
            .into_iter()
            .map(|(key, value)| {
                let start = key.span().start;
                let entry = Entry {
                    name: key.into_inner().into_owned(),
                    line: self.at(start),
                    value: self.value(value),
                };
                (start, entry)
            })
            .collect();
        entries.sort_by_key(|(start, _)| *start);
        entries.into_iter().map(|(_, entry)| entry).collect()
    }

    fn value(&self, value: Spanned<DeValue<'_>>) -> Value {
        let start = value.span().start;
        match value.into_inner() {
            DeValue::String(text) if self.unquoted.binary_search(&start).is_ok() => {
                Value::Unquoted(text.into_owned())
            }
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(n) => i128::from_str_radix(n.as_str(), n.radix())
                .map_or_else(|_| Value::Float(n.to_string()), Value::Integer),
            DeValue::Float(n) => Value::Float(n.to_string()),
            DeValue::Boolean(value) => Value::Boolean(value),
            DeValue::Datetime(_) => Value::Datetime,
            DeValue::Array(items) => Value::List(
                items
                    .into_iter()
                    .map(|item| (self.at(item.span().start), self.value(item)))
                    .collect(),
            ),
            DeValue::Table(table) => Value::Table(self.table(table)),
        }
    }
}

// === impl Value ===

impl Value {
    /// Names the kind of the value, for messages about values that may be secrets.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Unquoted(_) | Self::Resolved(_) => "text",
            Self::Integer(_) | Self::Float(_) => "a number",
            Self::Boolean(_) => "true or false",
            Self::Datetime => "a date or time",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }

    /// Returns the text of a string, resolved or not.
    pub(super) fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Unquoted(text) | Self::Resolved(text) => Some(text),
            _ => None,
        }
    }

    /// Returns this string with its references resolved to `text`. Where the file has the reference outside quotes, the
    /// variable may hold a string or a list as TOML writes them.
    pub(super) fn resolved(&self, text: String) -> Self {
        let Self::Unquoted(_) = self else {
            return Self::Resolved(text);
        };
        match parse_value(&text) {
            Some(Self::Text(inner)) => Self::Resolved(inner),
            Some(Self::List(items)) => {
                let resolved = |(line, item)| match item {
                    Self::Text(text) => (line, Self::Resolved(text)),
                    other => (line, other),
                };
                Self::List(items.into_iter().map(resolved).collect())
            }
            _ => Self::Resolved(text),
        }
    }
}

impl fmt::Display for Value {
    /// Writes the value as messages show it, cut where it is long. A value that came from the environment is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write_sanitized(f, MAX_CHARS, format_args!("{text:?}")),
            Self::Unquoted(_) | Self::Resolved(_) => f.write_str("what its ${..} stands for"),
            Self::Integer(n) => write!(f, "{n}"),
            Self::Float(n) => write_sanitized(f, MAX_CHARS, format_args!("{n}")),
            Self::Boolean(value) => write!(f, "{value}"),
            Self::Datetime | Self::List(_) | Self::Table(_) => f.write_str(self.kind()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_its_line_however_many_there_are() {
        let lines: Vec<String> = (0..30_000).map(|i| format!("key_{i} = {i}")).collect();
        let text = lines.join("\n");
        let table = parse(&text).unwrap();
        assert!(table.iter().map(|entry| entry.line).eq(1..=30_000));
    }

    #[test]
    fn many_references_that_do_not_end_are_parsed_in_linear_time() {
        let text = format!("a = 1\nb = {}", "${".repeat(200_000));
        let problems = parse(&text).unwrap_err();
        assert_eq!(problems[0].line, Some(2));
    }

    #[test]
    fn deep_nesting_is_a_problem_with_a_remedy() {
        let problems = parse(&format!("a = {}", "[".repeat(1000))).unwrap_err();
        assert!(
            problems[0].message.contains("nested too deeply"),
            "{problems:?}"
        );
    }
}
