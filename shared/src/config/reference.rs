//! The reference of all keys, for the README.

use std::fmt::Write as _;

use super::keys::{KEYS, Key};

/// All keys with their defaults, as Markdown: one table for each table of the file.
pub fn reference() -> String {
    let mut out = String::new();
    let mut table = "";
    for key in KEYS {
        if key.table != table {
            let header = match key.table {
                "clusters" => "[[clusters]]".to_owned(),
                table => format!("[{table}]"),
            };
            let space = if table.is_empty() { "" } else { "\n" };
            let line = "| `{header}` | default | used by | meaning |\n|---|---|---|---|\n";
            out.push_str(space);
            out.push_str(&line.replace("{header}", &header));
            table = key.table;
        }
        let Key {
            name,
            default,
            used_by,
            meaning,
            ..
        } = key;
        writeln!(out, "| `{name}` | {default} | {used_by} | {meaning} |")
            .expect("a String takes any text");
    }
    out
}
