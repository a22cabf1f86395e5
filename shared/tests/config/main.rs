//! Tests of the configuration file, from its text to the values and messages that come out.

mod bad;
mod chart_schema;
mod good;
mod programs;
mod references;

use std::fmt::Write as _;

use shared::config::{self, Config, ConfigError, Environment, Loaded, Program};

/// The shortest good file for the collector.
const CLUSTER: &str = "[[clusters]]\nname = \"prod\"\nbootstrap_servers = \"kafka:9092\"\n";

fn environment(variables: &[(&str, &str)]) -> Environment {
    variables.iter().copied().collect()
}

fn collector(text: &str, variables: &[(&str, &str)]) -> Result<Loaded, ConfigError> {
    config::parse(
        text,
        "config.toml",
        Program::Collector,
        &environment(variables),
    )
}

/// Returns the configuration that the collector reads from `text`, a good file.
fn accepted(text: &str) -> Config {
    collector(text, &[]).expect("the file is good").config
}

#[test]
fn every_problem_has_its_line_its_key_and_its_remedy() {
    let mut told = String::new();
    for bad in bad::files(CLUSTER) {
        let message = message_about(&bad).replace('\n', "\n! ");
        write!(told, "# {}\n{}! {message}\n\n", bad.title, bad.shown)
            .expect("a String takes any text");
    }
    insta::assert_snapshot!("bad_files", told);
}

#[test]
fn no_message_holds_a_secret() {
    let files = bad::files(CLUSTER);
    assert!(files.len() >= 90);
    for told in files.iter().map(message_about) {
        assert!(!told.contains("hunter2"), "{told}");
        assert!(!told.contains("correct horse"), "{told}");
    }
}

/// Returns the message that the collector has about a bad file.
fn message_about(bad: &bad::Bad) -> String {
    let variables = [("KAFKA_PASSWORD", "correct horse")];
    let loaded = collector(&bad.text, &variables);
    loaded.expect_err(bad.title).to_string()
}
