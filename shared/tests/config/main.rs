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

#[test]
fn a_file_that_would_take_too_long_to_read_is_refused_at_once() {
    let clusters = CLUSTER.repeat(1001);
    let error = collector(&clusters, &[]).expect_err("there are too many clusters");
    assert_eq!(
        error.to_string(),
        "config.toml:3001: clusters: there are more than 1000; give the others to another collector"
    );
    let patterns = format!("{CLUSTER}group_whitelist = [{}]", "'a',".repeat(1001));
    let error = collector(&patterns, &[]).expect_err("there are too many patterns");
    assert_eq!(
        error.to_string(),
        "config.toml:4: clusters[0].group_whitelist: there are more than 1000; join patterns by |"
    );
}

/// Keys and values of any length are told of in short.
#[test]
fn a_message_is_short_whatever_the_file_has() {
    let long = "x".repeat(100_000);
    for text in [
        format!("{long} = 1\n{CLUSTER}"),
        format!("[exporter]\n{long} = 1\n{CLUSTER}"),
        format!("[exporter]\nhttp_port = \"{long}\"\n{CLUSTER}"),
        format!(
            "[exporter]\nhttp_port = 1{}\n{CLUSTER}",
            "0".repeat(100_000)
        ),
        format!("{CLUSTER}[clusters.labels]\n\"{long}!\" = \"\"\n"),
        format!("{CLUSTER}[clusters.consumer_properties]\n\"{long}\" = []\n"),
    ] {
        let error = collector(&text, &[])
            .expect_err("something is wrong")
            .to_string();
        assert!(error.len() < 2000, "{} bytes", error.len());
    }
}
