//! A YAML document as a tree that knows its lines.
//!
//! The depth of nesting, the number of values and the repetitions by aliases are bounded, so that no file becomes a large tree.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, Options, Spanned};

use crate::config::ConfigProblem;

/// The greatest depth of nested lists and tables. A valid web configuration has a depth of three.
const MAX_DEPTH: usize = 8;

/// The greatest number of aliases, each of which repeats a part of the document.
const MAX_ALIASES: usize = 100;

/// The greatest number of values that all aliases together may repeat.
const MAX_REPEATED: usize = 10_000;

/// The greatest number of keys and values. A valid web configuration has two for each of a thousand users, and a few more.
const MAX_NODES: usize = 10_000;

/// A value of the document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// The value is absent or `null`.
    Empty,
    /// The value is `true` or `false`.
    Boolean(bool),
    /// The value is a text, or a number, which is kept as text.
    Text(String),
    /// The value is a list, whose items have the number of their line.
    List(Vec<(usize, Node)>),
    /// The value is a table, whose entries are in the order of the document.
    Table(Vec<Entry>),
}

/// A key of a table, and its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The name of the key.
    pub(super) name: String,
    /// The line of the key, counted from 1.
    pub(super) line: usize,
    /// The value of the key.
    pub(super) node: Node,
}

/// Parses a document, which must be a table, and returns its entries. An empty document has none.
///
/// # Errors
/// The text is no YAML, has more than one document, repeats too much, or is no table.
pub(super) fn parse(text: &str) -> Result<Vec<Entry>, ConfigProblem> {
    match serde_saphyr::from_str_with_options(text, options()) {
        Ok(Node::Table(entries)) => Ok(entries),
        Ok(Node::Empty) | Err(Error::Eof { .. }) => Ok(Vec::new()),
        Ok(Node::Boolean(_) | Node::Text(_) | Node::List(_)) => {
            let message = "is no table of keys; write sections such as tls_server_config:";
            Err(problem_at(None, message))
        }
        Err(error) => Err(problem(error.without_snippet())),
    }
}

fn options() -> Options {
    let mut options = serde_saphyr::options! { with_snippet: false };
    options.alias_limits.max_total_replayed_events = MAX_REPEATED;
    options.budget = serde_saphyr::budget! {
        max_depth: MAX_DEPTH,
        max_nodes: MAX_NODES,
        flow_nesting_limit: MAX_DEPTH,
        max_aliases: MAX_ALIASES,
        max_anchors: MAX_ALIASES,
        max_recorded_anchor_events: MAX_REPEATED,
    };
    options
}

/// Makes a problem from an error of the parser. The parser's own message may repeat a value of the file, so it is not shown.
fn problem(error: &Error) -> ConfigProblem {
    let line = error
        .location()
        .and_then(|at| usize::try_from(at.line()).ok());
    let line = line.filter(|line| *line > 0);
    let mut cause = error;
    while let Error::AliasError { error, .. } = cause {
        cause = error.without_snippet();
    }
    let message = match cause {
        Error::DuplicateMappingKey { .. } => "this key stands twice; remove one of the two",
        Error::MultipleDocuments { .. } => "a second document begins here (---); write only one",
        Error::Budget {
            breach: BudgetBreach::Nodes { .. },
            ..
        } => {
            "there are more than 10,000 keys and values up to here; this is no web configuration, name the right file"
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. } => {
            "too much is nested or repeated here; write it out flat"
        }
        _ => {
            "not YAML; look at the indentation, the quotes and the colons here and in the line before"
        }
    };
    problem_at(line, message)
}

fn problem_at(line: Option<usize>, message: &str) -> ConfigProblem {
    ConfigProblem {
        line,
        path: String::new(),
        message: message.to_owned(),
    }
}

// === impl Node ===

impl Node {
    /// Returns the kind of the value, for messages.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Empty => "nothing",
            Self::Boolean(_) => "true or false",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

struct NodeVisitor;

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(NodeVisitor)
    }
}

impl<'de> Visitor<'de> for NodeVisitor {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_none<E>(self) -> Result<Node, E> {
        Ok(Node::Empty)
    }

    fn visit_bool<E>(self, is_true: bool) -> Result<Node, E> {
        Ok(Node::Boolean(is_true))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(Node::Text(number.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Node, E> {
        Ok(Node::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element::<Spanned<Node>>()? {
            items.push((line_of(&item)?, item.value));
        }
        Ok(Node::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut table: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        while let Some(name) = table.next_key::<Spanned<String>>()? {
            let line = line_of(&name)?;
            let node = table.next_value()?;
            let name = name.value;
            entries.push(Entry { name, line, node });
        }
        Ok(Node::Table(entries))
    }
}

fn line_of<T, E: serde::de::Error>(spanned: &Spanned<T>) -> Result<usize, E> {
    usize::try_from(spanned.referenced.line()).map_err(E::custom)
}
