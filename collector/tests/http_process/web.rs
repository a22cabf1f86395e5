//! The collector's port with a web configuration.

use std::path::PathBuf;

use super::{Collector, command, config, file, stderr};

/// Writes a web configuration with a user "prom" who has this hash. Returns the table `[exporter.web]` that names it.
fn web(name: &str, hash: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.yml"));
    std::fs::write(&path, format!("basic_auth_users:\n  prom: {hash}\n")).unwrap();
    format!("[exporter.web]\nconfig_file = \"{}\"\n", path.display())
}

#[test]
fn a_web_configuration_closes_what_is_about_kafka_and_leaves_probes_open() {
    let hash = "$2y$04$bzSCVpV/VYDcnU9ZCxJXeOCpejkhpgdD2Cp7YL51Jsrb0iv/xC4ay";
    let collector = Collector::start_with("web", &web("web", hash));
    for (path, status) in [
        ("/health", 200),
        ("/available", 200),
        ("/leader", 200),
        ("/ready", 503),
        ("/metrics", 401),
        ("/telemetry", 401),
        ("/", 401),
    ] {
        let answer = collector.get(path);
        let expected = format!("HTTP/1.1 {status}");
        assert!(answer.starts_with(&expected), "{path}: {answer}");
    }
    collector.signal("TERM");
    assert_eq!(collector.end().0, Some(0));
}

#[test]
fn a_web_configuration_that_cannot_be_used_is_status_64() {
    let text = format!("{}{}", config(0), web("web_broken", "hunter2"));
    for flags in [&["--check"][..], &[]] {
        let output = command(&file("web_broken", &text)).args(flags).output();
        let output = output.unwrap();
        assert_eq!(output.status.code(), Some(64));
        let said = "web_broken.yml:2: basic_auth_users.prom: not the bcrypt hash";
        assert!(stderr(&output).contains(said), "{}", stderr(&output));
        assert!(!stderr(&output).contains("hunter2"));
    }
}
