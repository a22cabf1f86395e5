//! Hostile bytes for everything that reads bytes from outside.
//!
//! The properties are those of the fuzz targets in `tests/fuzz`, which `tests/run fuzz` checks for as long as one likes, guided by coverage.
//! Here each of them is checked with the seeds of its target, among which are the inputs of all faults that were found, and with a few
//! thousand mutations of them, which are the same in each run.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

#[path = "../../fuzz/src/lib.rs"]
pub mod fuzz;

mod extremes;
mod mutator;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use self::fuzz::TARGETS;
use self::mutator::Mutator;

/// Returns the seeds of a target, in the order of their names. The examples of configuration files are seeds too.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files = files(&tests.join("fuzz/seeds").join(target));
    if target == "configuration" {
        files.extend(self::files(&tests.join("../shared/tests/config")));
    }
    files
        .iter()
        .map(|file| std::fs::read(file).unwrap())
        .collect()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

/// Checks the property of a target for its seeds, and for this number of mutations.
fn holds(target: &str, n_mutations: usize) {
    let (_, check) = TARGETS.iter().find(|(name, _)| *name == target).unwrap();
    let seeds = seeds(target);
    assert!(!seeds.is_empty(), "{target} has seeds");
    let mut mutator = Mutator::new(&seeds);
    let mutations = (0..n_mutations).map(|_| mutator.next());
    for case in seeds.iter().cloned().chain(mutations) {
        if catch_unwind(AssertUnwindSafe(|| check(&case))).is_err() {
            let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("hostile-{target}"));
            std::fs::write(&path, &case).unwrap();
            panic!(
                "the property does not hold for {}: tests/run fuzz {target} {0}",
                path.display()
            );
        }
    }
}

#[test]
fn every_target_has_seeds_and_a_program() {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let names = |folder: &str| -> Vec<String> {
        let entries = std::fs::read_dir(fuzz.join(folder)).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    };
    let targets: Vec<_> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names("seeds"), targets);
    let programs: Vec<_> = targets.iter().map(|name| format!("{name}.rs")).collect();
    assert_eq!(names("targets"), programs);
}

#[test]
fn configuration() {
    holds("configuration", 300);
}

#[test]
fn exposition() {
    holds("exposition", 500);
}

#[test]
fn leader_answer() {
    holds("leader_answer", 4000);
}

#[test]
fn leader_query() {
    holds("leader_query", 2000);
}

#[test]
fn lease_answers() {
    holds("lease_answers", 2000);
}

#[test]
fn member_assignment() {
    holds("member_assignment", 20_000);
}

#[test]
fn token_answer() {
    holds("token_answer", 4000);
}

#[test]
fn web_configuration() {
    holds("web_configuration", 1000);
}
