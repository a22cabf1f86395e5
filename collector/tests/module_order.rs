//! The order of the collector's modules: a module uses only those that stand before it, so there is no circle.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../shared/tests/support/source_files.rs"]
mod source_files;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use self::source_files::source_files;

/// The modules of `collector/src`, from the values that all of them are about to the process itself.
///
/// Data flows `config > leadership > gate > cluster > kafka > snapshot > lag > collected > exposition > http`. A module knows the
/// values that it takes and gives, so the values stand first, then what makes them, then what connects the makers.
const ORDER: [&str; 21] = [
    // The values, and the modules that read, compute and render them.
    "snapshot",
    "gate",
    "progress",
    "history",
    "tls",
    "kafka",
    "lag",
    "collected",
    "exposition",
    // The modules that decide, collect and publish.
    "leadership",
    "cluster",
    "publisher",
    "telemetry",
    "http",
    // The settings and the start of the process, and the commands.
    "process",
    "args",
    "check_source",
    "check",
    "run",
    "lib",
    "main",
];

#[test]
fn a_module_uses_only_those_before_it() {
    let mut violations = Vec::new();
    let mut modules = BTreeSet::new();
    for file in source_files(&source()) {
        let module = module_of(&file);
        let place = place(&module);
        let text = fs::read_to_string(&file).unwrap();
        for used in used(&text) {
            if used != module && self::place(&used) >= place {
                violations.push(format!("{} uses {used}", file.display()));
            }
        }
        modules.insert(module);
    }
    assert!(violations.is_empty(), "{violations:#?}");
    let ordered: BTreeSet<_> = ORDER.iter().map(|module| (*module).to_owned()).collect();
    assert_eq!(modules, ordered, "the table has every module, and no other");
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// Returns the module at the root of the crate to which `file` belongs.
fn module_of(file: &Path) -> String {
    let inside = file.strip_prefix(source()).unwrap();
    let first = inside.components().next().unwrap();
    let name = Path::new(first.as_os_str()).file_stem().unwrap();
    name.to_str().unwrap().to_owned()
}

fn place(module: &str) -> usize {
    let found = ORDER.iter().position(|known| *known == module);
    found.unwrap_or_else(|| panic!("{module} is not in the table"))
}

/// Returns the modules at the root of the crate that `text` names outside comments.
fn used(text: &str) -> BTreeSet<String> {
    let code = text
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    let mut used = BTreeSet::new();
    for line in code {
        for path in line.split("crate::").skip(1) {
            let name: String = path
                .chars()
                .take_while(|c| c.is_ascii_alphanumeric() || *c == '_')
                .collect();
            used.insert(name);
        }
    }
    used
}
