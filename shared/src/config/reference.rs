//! All keys of the file, for documents and for other files that must agree with them.

use std::fmt::Write as _;

use serde_json::{Map, Value, json};

use super::key::DefaultValue;
use super::tables;

/// Returns all keys with their defaults as Markdown: one Markdown table for each table of the file.
pub fn reference() -> String {
    let mut out = String::new();
    for table in tables::ALL {
        let space = if out.is_empty() { "" } else { "\n" };
        let header = table.header();
        write!(
            out,
            "{space}| `{header}` | default | used by | meaning |\n|---|---|---|---|\n"
        )
        .expect("a String takes any text");
        for key in table.keys {
            let (name, default, used_by, meaning) =
                (key.name(), key.default(), key.used_by(), key.meaning());
            writeln!(out, "| `{name}` | {default} | {used_by} | {meaning} |")
                .expect("a String takes any text");
        }
    }
    out
}

/// Returns a JSON schema of the file in which each table stands under its full name, such as `exporter.performance`, as in the
/// values of the Helm chart. A text with a reference to the environment may stand in place of any value, which the schema does
/// not say.
pub fn json_schema() -> Value {
    let schemas = tables::ALL.iter().map(|table| {
        let keys = table.keys.iter();
        let properties: Map<String, Value> = keys
            .map(|key| (key.name().to_owned(), key.form().json_schema()))
            .collect();
        let required: Vec<&str> = table
            .keys
            .iter()
            .filter(|key| matches!(key.default(), DefaultValue::Required))
            .map(|key| key.name())
            .collect();
        let schema = json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false});
        (table.name.to_owned(), schema)
    });
    json!({"type": "object", "properties": schemas.collect::<Map<_, _>>(), "additionalProperties": false})
}
