//! The map of the code in CONTRIBUTING.md: a line for each module, with the first sentence of its own documentation.
//!
//! The order of modules is that of the existing map, so that a person can put it into reading order. Modules that are
//! new stand at the end of their folder.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use regex::Regex;

/// A folder's modules, each with its first sentence and with the modules below it.
#[derive(Debug, Default)]
struct Folder {
    modules: BTreeMap<String, Module>,
}

#[derive(Debug, Default)]
struct Module {
    sentence: String,
    below: Folder,
}

/// Returns the map of the modules in `folder`, which is named from the root of the repository, in the order of the map `before`.
///
/// # Errors
/// A source cannot be read, or has no documentation.
pub fn module_map(folder: &str, before: &str) -> Result<String> {
    let tree = read(&super::root().join(folder))?;
    let order = paths(before);
    let mut text = format!("{folder}/\n");
    write(&mut text, &tree, (&order, ""));
    Ok(text)
}

/// Returns the paths of the modules in a map, in the order of the map, such as `lab/kafka/plan`.
fn paths(map: &str) -> Vec<String> {
    let mut parents = Vec::<&str>::new();
    let mut paths = Vec::new();
    for line in map.lines() {
        let name = line.trim_start();
        let depth = (line.len() - name.len()) / 2;
        let end = name.find(".rs ").or(name.strip_suffix('/').map(str::len));
        if let (Some(end), 1..) = (end, depth) {
            parents.truncate(depth - 1);
            parents.push(&name[..end]);
            paths.push(parents.join("/"));
        }
    }
    paths
}

fn read(folder: &Path) -> Result<Folder> {
    let mut modules = BTreeMap::<String, Module>::new();
    for entry in fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        let path = entry?.path();
        let stem = path.file_stem().context("a file without a name")?;
        let stem = stem.to_string_lossy().into_owned();
        if stem == "tests" {
            continue;
        }
        if path.is_dir() {
            modules.entry(stem).or_default().below = read(&path)?;
        } else if path.extension().is_some_and(|kind| kind == "rs") {
            let text = fs::read_to_string(&path)?;
            let sentence = first_sentence(&text).with_context(|| path.display().to_string())?;
            modules.entry(stem).or_default().sentence = sentence;
        }
    }
    Ok(Folder { modules })
}

/// Returns the first sentence of a module's documentation, without the full stop.
fn first_sentence(source: &str) -> Result<String> {
    let lines = source.lines().map_while(|line| line.strip_prefix("//!"));
    let words: Vec<_> = lines
        .map(str::trim)
        .take_while(|line| !line.is_empty())
        .collect();
    let text = words.join(" ");
    let (sentence, _) = text.split_once(". ").unwrap_or((&text, ""));
    let sentence = sentence.trim_end_matches(['.', ':']);
    ensure!(!sentence.is_empty(), "a module without documentation");
    // A link is replaced by its name.
    let link = Regex::new(r"\[`([^`]+)`\](\([^)]*\))?")?;
    Ok(link.replace_all(sentence, "$1").replace('`', ""))
}

/// Writes a line for each module of the folder at `path`, followed by the modules below it.
fn write(text: &mut String, folder: &Folder, (order, path): (&[String], &str)) {
    let below = |name: &str| match path {
        "" => name.to_owned(),
        path => format!("{path}/{name}"),
    };
    let place = |name: &str| order.iter().position(|known| *known == below(name));
    let mut modules: Vec<_> = folder.modules.iter().collect();
    modules.sort_by_key(|(name, _)| place(name).unwrap_or(usize::MAX));
    for (name, module) in modules {
        let path = below(name);
        let indent = "  ".repeat(path.split('/').count());
        if module.sentence.is_empty() {
            writeln!(text, "{indent}{name}/").expect("a String takes any text");
        } else {
            let file = format!("{indent}{name}.rs");
            writeln!(text, "{file:<28} {}", module.sentence).expect("a String takes any text");
        }
        write(text, &module.below, (order, &path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_may_go_over_lines() {
        let source =
            "//! The [`Gate`]: a deadline\n//! that ends. And more.\n//!\n//! Else.\nuse a;\n";
        assert_eq!(
            first_sentence(source).unwrap(),
            "The Gate: a deadline that ends"
        );
        assert!(first_sentence("use a;\n").is_err());
    }

    #[test]
    fn modules_keep_the_order_of_the_map_and_new_ones_come_last() {
        let module = |sentence: &str| Module {
            sentence: sentence.to_owned(),
            below: Folder::default(),
        };
        let modules = [("a", module("A")), ("b", module("B")), ("c", module("C"))];
        let modules = modules.map(|(name, module)| (name.to_owned(), module));
        let folder = Folder {
            modules: modules.into(),
        };
        let mut text = String::new();
        write(&mut text, &folder, (&["c", "a"].map(str::to_owned), ""));
        let names: Vec<_> = text.lines().map(str::trim).collect();
        assert!(names[0].starts_with("c.rs") && names[1].starts_with("a.rs"));
        assert!(names[2].starts_with("b.rs"));
    }

    #[test]
    fn a_module_of_the_same_name_elsewhere_keeps_its_own_place() {
        let map = "src/\n  a.rs   A\n    x.rs   X\n  bin/\n    x.rs   X\n";
        assert_eq!(paths(map), ["a", "a/x", "bin", "bin/x"]);
    }
}
