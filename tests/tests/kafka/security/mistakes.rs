//! Wrong configurations of the access to Kafka: the collector names the likely cause, and what to write instead.

use std::path::Path;

use anyhow::{Result, ensure};
use e2e::lab::kafka::User;
use e2e::lab::{self, Collector, Config, Kafka, collector};

use super::{Listener, MINUTE, errors, secured};

/// A mistake, the configuration that has it, and two texts that the collector must print about it.
type Mistake = (&'static str, Config, [&'static str; 2]);

const PROTOCOL: &str = "security.protocol";

/// Returns mistakes about protocols, logins and listeners.
fn of_protocols(kafka: &Kafka) -> Result<Vec<Mistake>> {
    let plain = |bootstrap: String| Config::of(&bootstrap);
    let password = Listener::Plain.config(kafka, User::Monitor)?;
    Ok(vec![
        (
            "no TLS on a listener with TLS",
            plain(kafka.bootstrap_tls()),
            ["expects TLS", PROTOCOL],
        ),
        (
            "TLS on a listener without",
            plain(kafka.bootstrap()).property(PROTOCOL, "SSL"),
            ["does not speak TLS", PROTOCOL],
        ),
        (
            "no login on a listener with SASL",
            plain(kafka.bootstrap_sasl()),
            ["expects a login", PROTOCOL],
        ),
        (
            "a login on a listener without SASL",
            password.clone().bootstrap(&kafka.bootstrap()),
            ["takes no login", PROTOCOL],
        ),
        (
            "a mechanism that the listener does not have",
            password.clone().property("sasl.mechanism", "SCRAM-SHA-512"),
            ["does not have this mechanism", "sasl.mechanism"],
        ),
        (
            "a wrong password",
            password.property("sasl.password", "wrong-password"),
            ["password is wrong", "sasl.password"],
        ),
        (
            "a controller's listener",
            plain(kafka.controllers()),
            ["most likely it is a controller's", "bootstrap_servers"],
        ),
    ])
}

fn of_certificates(kafka: &Kafka) -> Result<Vec<Mistake>> {
    let keys = kafka.keys()?;
    let file = |path: &Path| path.display().to_string();
    let good = Listener::Certificate.config(kafka, User::Monitor)?;
    let bare = |bootstrap: &str| {
        Config::of(bootstrap)
            .property(PROTOCOL, "SSL")
            .property("ssl.ca.location", &file(&keys.ca()))
    };
    // 0.0.0.0 reaches this machine, but is not in the certificate.
    let renamed = kafka.bootstrap_tls().replace("127.0.0.1", "0.0.0.0");
    Ok(vec![
        (
            "another authority",
            good.property("ssl.ca.location", &file(&keys.other_ca())),
            ["not signed by an authority", "ssl.ca.location"],
        ),
        (
            "another host's certificate",
            bare(&renamed),
            ["certificate is for another host", "bootstrap_servers"],
        ),
        (
            "no certificate where one is asked for",
            bare(&kafka.bootstrap_tls()),
            [
                "expects a certificate of its clients",
                "ssl.certificate.location",
            ],
        ),
    ])
}

#[test]
fn check_connect_names_the_likely_cause_and_what_to_write() -> Result<()> {
    let _reservation = lab::reserve()?;
    let kafka = secured()?;
    let all = [of_protocols(&kafka)?, of_certificates(&kafka)?].concat();
    for (mistake, config, words) in all {
        let (status, text) = collector::run_to_end(&config, &["--check", "--connect"], MINUTE)?;
        let causes = text
            .lines()
            .filter(|line| line.starts_with("  likely cause: "));
        let causes: Vec<_> = causes.collect();
        lab::say(format_args!("{mistake}:\n{}", causes.join("\n")));
        ensure!(status.code() == Some(69), "{mistake}: {status}\n{text}");
        let named = causes
            .iter()
            .any(|cause| words.iter().all(|word| cause.contains(word)));
        ensure!(named, "{mistake}: {words:?} is not said\n{text}");
        ensure!(text.contains("groups: unknown"), "{mistake}:\n{text}");
        ensure!(!text.contains("wrong-password"), "the password is printed");
    }
    Ok(())
}

/// Checks that the log of a running collector names the same cause as `--check --connect`, at the usual log level and once.
#[test]
fn the_log_names_tls_where_a_listener_wants_it() -> Result<()> {
    let _reservation = lab::reserve()?;
    let kafka = secured()?;
    let collector = Collector::start(&Config::of(&kafka.bootstrap_tls()))?;
    let log = lab::wait_for("two collections", MINUTE, || {
        let metrics = collector.metrics()?;
        let n_failed = errors(&metrics, "timeout") + errors(&metrics, "transport");
        ensure!(n_failed >= 2, "{n_failed} so far");
        collector.log()
    })?;
    let told = log.matches("the listener expects TLS").count();
    ensure!(told == 1, "told {told} times:\n{log}");
    Ok(())
}
