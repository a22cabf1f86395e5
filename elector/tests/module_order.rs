//! Tests of the imports between the elector's modules: there is no circle, and the modules that hold rules import neither HTTP
//! servers nor clients of Kubernetes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../shared/tests/support/source_files.rs"]
mod source_files;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use self::source_files::source_files;

/// Modules, at the root of the crate, that are functions of values or owners of such functions.
const PURE: [&str; 6] = [
    "answer",
    "guard",
    "leadership",
    "leadership_task",
    "lease_status",
    "single_instance",
];

/// Libraries that the modules in [`PURE`] must not import.
const IMPURE: [&str; 6] = [
    "axum",
    "hyper",
    "kube",
    "kube_lease_manager",
    "reqwest",
    "tower",
];

/// The text of each module without its tests, by the path of the module.
type Modules = BTreeMap<String, String>;

#[test]
fn no_imports_form_a_circle() {
    let modules = modules();
    let imports: BTreeMap<_, _> = modules
        .iter()
        .map(|(module, text)| (module.clone(), imported(module, text, &modules)))
        .collect();
    let mut left: BTreeSet<_> = imports.keys().cloned().collect();
    // A module none of whose imports is left is part of no circle.
    loop {
        let done: Vec<_> = left
            .iter()
            .filter(|module| imports[*module].is_disjoint(&left))
            .cloned()
            .collect();
        if done.is_empty() {
            break;
        }
        for module in done {
            left.remove(&module);
        }
    }
    let circles: Vec<_> = left
        .iter()
        .map(|module| (module, &imports[module]))
        .collect();
    assert!(circles.is_empty(), "{circles:#?}");
}

#[test]
fn modules_of_rules_import_no_server_and_no_client() {
    for (module, text) in modules() {
        let root = module.split("::").next().unwrap();
        if PURE.contains(&root) {
            let libraries = paths(&text).into_iter().map(|path| path[0].clone());
            let impure: Vec<_> = libraries
                .filter(|library| IMPURE.contains(&library.as_str()))
                .collect();
            assert!(impure.is_empty(), "{module} imports {impure:?}");
        }
    }
}

fn modules() -> Modules {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut modules = Modules::new();
    for file in source_files(&source) {
        let inside = file.strip_prefix(&source).unwrap().with_extension("");
        let names: Vec<_> = inside.iter().map(|name| name.to_str().unwrap()).collect();
        // `lib.rs` and `main.rs` import everything, and nothing imports them. Tests are left out too.
        if names.contains(&"tests") || ["lib", "main"].contains(&names[0]) {
            continue;
        }
        let text = fs::read_to_string(&file).unwrap();
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
        modules.insert(names.join("::"), text.to_owned());
    }
    modules
}

/// Returns the modules that `module`, which has this `text`, imports.
fn imported(module: &str, text: &str, modules: &Modules) -> BTreeSet<String> {
    let here: Vec<_> = module.split("::").map(str::to_owned).collect();
    let mut imported = BTreeSet::new();
    for path in paths(text) {
        let mut place = match &*path[0] {
            "crate" => Vec::new(),
            "super" => here[..here.len() - 1].to_vec(),
            // A path without `crate` or `super` names a child of the module.
            _ => here.clone(),
        };
        let rest = usize::from(["crate", "super"].contains(&&*path[0]));
        place.extend_from_slice(&path[rest..]);
        while !place.is_empty() && !modules.contains_key(&place.join("::")) {
            place.pop();
        }
        imported.insert(place.join("::"));
    }
    imported.remove("");
    imported.remove(module);
    imported
}

/// Returns the paths that the `use` declarations in `text` name, each as its words.
fn paths(text: &str) -> Vec<Vec<String>> {
    let text = text.replace("\npub use ", "\nuse ");
    let mut paths = Vec::new();
    for declaration in text.split("\nuse ").skip(1) {
        let declaration = declaration.split(';').next().unwrap();
        let (base, items) = match declaration.split_once("::{") {
            Some((base, items)) => (base, items),
            None => ("", declaration),
        };
        for item in items.trim_end_matches(['}', ',', '\n']).split(',') {
            let words = base.split("::").chain(item.split("::"));
            let words = words.map(|word| word.trim().to_owned());
            let path: Vec<_> = words.filter(|word| !word.is_empty()).collect();
            if !path.is_empty() {
                paths.push(path);
            }
        }
    }
    paths
}
