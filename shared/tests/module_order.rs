//! Tests of the order of the modules of `shared`: a module uses only modules that stand before it, so there is no circle.

#[path = "support/source_files.rs"]
mod source_files;

use std::fs;
use std::path::Path;

use regex::Regex;

use self::source_files::source_files;

/// The modules of `shared/src`, with the folder that each belongs to.
const ORDER: [(&str, &[&str]); 4] = [
    (
        "",
        &[
            "text",
            "file",
            "leadership",
            "telemetry",
            "tasks",
            "config",
            "web",
            "http",
            "startup",
        ],
    ),
    (
        "tasks",
        &["stuck", "event", "failure", "signals", "supervisor"],
    ),
    (
        "config",
        &[
            // Modules of the file's text, and of the other inputs of a program.
            "program",
            "secret",
            "filter",
            "environment",
            "problem",
            "unquoted_references",
            "file",
            "document",
            // Modules of forms, and of the keys that have them.
            "form",
            "brokers",
            "oauth",
            "credential_files",
            "properties",
            "mask",
            "source_url",
            "parsers",
            "forms",
            "key",
            // Modules that read tables.
            "spelling",
            "context",
            "table_reader",
            "tables",
            // Modules that make texts from the tables.
            "effective",
            "reference",
        ],
    ),
    (
        "web",
        &[
            // The text of the file, and its meaning.
            "yaml",
            "section_reader",
            "headers",
            "users",
            "algorithms",
            "client_names",
            "tls_settings",
            "settings",
            // The files, and what is made of them.
            "contents",
            "client_verifier",
            "expiry",
            "demands",
            "policy",
            // Passwords.
            "credentials",
            "verdicts",
            "host",
            "waiting_room",
            "authenticator",
            // Edges.
            "handshake_pace",
            "admission",
            "reload",
        ],
    ),
];

#[test]
fn a_module_uses_only_those_before_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (folder, order) in ORDER {
        let prefix = if folder.is_empty() {
            "crate".to_owned()
        } else {
            format!("(?:super|crate::{folder})")
        };
        let named = Regex::new(&format!(r"\b{prefix}::([a-z_]+)")).expect("the pattern is good");
        for (i, module) in order.iter().enumerate() {
            let root = source.join(folder).join(module);
            let mut sources = vec![root.with_extension("rs")];
            let below = source_files(&root).into_iter();
            sources
                .extend(below.filter(|file| file.file_stem().is_some_and(|name| name != "tests")));
            for file in sources {
                let text = fs::read_to_string(&file).expect("the table names modules");
                let text = text
                    .split("#[cfg(test)]\nmod tests {")
                    .next()
                    .unwrap_or_default();
                for found in named.captures_iter(text) {
                    let later = order[i + 1..].contains(&&found[1]);
                    assert!(!later, "{} uses {}", file.display(), &found[1]);
                }
            }
        }
    }
}

#[test]
fn the_table_has_every_module() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for (folder, order) in ORDER {
        let entries = fs::read_dir(source.join(folder)).expect("the table names folders");
        for entry in entries {
            let path = entry.expect("the folder is readable").path();
            let name = path.file_stem().and_then(|name| name.to_str());
            let name = name.expect("names are text");
            let is_known = order.contains(&name) || ["lib", "tests"].contains(&name);
            assert!(is_known, "{}", path.display());
        }
    }
}
