//! Tests of the collector's access to Kafka: listeners that let it in, listeners that refuse it, and missing rights. Each failure
//! is counted under its own reason, because Kafka's answers say nothing about most of them.

mod mistakes;

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::collector;
use e2e::lab::kafka::{PASSWORD, Plan, User};
use e2e::lab::prom::Exposition;
use e2e::lab::scale::Scale;
use e2e::lab::{self, Collector, Config, Kafka, Length};

pub(crate) const MINUTE: Duration = Duration::from_secs(60);

pub(crate) const SCALE: Scale = Scale {
    topics: 2,
    partitions: 3,
    records: 10,
    groups: 3,
    width: 2,
};

/// A listener of a secured Kafka, and the credentials that the collector shows there.
#[derive(Clone, Copy, Debug)]
enum Listener {
    Plain,
    Scram,
    Certificate,
    Token,
}

// === impl Listener ===

impl Listener {
    const ALL: [Self; 4] = [Self::Plain, Self::Scram, Self::Certificate, Self::Token];

    fn config(self, kafka: &Kafka, user: User) -> Result<Config> {
        let sasl = |mechanism| {
            Config::of(&kafka.bootstrap_sasl())
                .property("security.protocol", "SASL_PLAINTEXT")
                .property("sasl.mechanism", mechanism)
                .property("sasl.username", user.name())
                .property("sasl.password", PASSWORD)
        };
        Ok(match self {
            Self::Plain => sasl("PLAIN"),
            Self::Scram => sasl("SCRAM-SHA-256"),
            Self::Token => Config::of(&kafka.bootstrap_sasl())
                .property("security.protocol", "SASL_PLAINTEXT")
                .property("sasl.mechanism", "OAUTHBEARER")
                .property(
                    "sasl.oauthbearer.config",
                    &format!("principal={}", user.name()),
                )
                .property("enable.sasl.oauthbearer.unsecure.jwt", "true"),
            Self::Certificate => {
                let keys = kafka.keys()?;
                let file = |path: std::path::PathBuf| path.display().to_string();
                Config::of(&kafka.bootstrap_tls())
                    .property("security.protocol", "SSL")
                    .property("ssl.ca.location", &file(keys.ca()))
                    .property("ssl.certificate.location", &file(keys.certificate(user)))
                    .property("ssl.key.location", &file(keys.key(user)))
            }
        })
    }
}

/// Starts Kafka with a small fixture and three users: the monitor may do what the manual asks for, the limited user may describe
/// groups and one of the two topics, and the user nobody may do nothing.
fn secured() -> Result<Kafka> {
    secured_by(&Plan::of(1).secured())
}

/// Starts Kafka by this plan, with the fixture and the rights of [`secured`].
pub(crate) fn secured_by(plan: &Plan) -> Result<Kafka> {
    let kafka = Kafka::start(plan)?;
    SCALE.build(&kafka)?;
    let rights = "monitor GROUP * DESCRIBE monitor TOPIC * DESCRIBE monitor TOPIC * READ \
        monitor TOPIC * DESCRIBE_CONFIGS \
        limited GROUP * DESCRIBE limited TOPIC s-t0000 DESCRIBE";
    let words: Vec<_> = rights.split_ascii_whitespace().collect();
    kafka.fixture("allow", &words)?;
    Ok(kafka)
}

pub(crate) fn errors(metrics: &Exposition, reason: &str) -> u64 {
    metrics.count("kafka_lag_exporter_errors_total", [("reason", reason)])
}

/// Starts a collector and waits until it has counted an error with this reason.
pub(crate) fn counted(config: &Config, reason: &str) -> Result<(Collector, Exposition)> {
    let collector = Collector::start(config)?;
    let metrics = collector.wait_for(reason, MINUTE, |metrics| {
        ensure!(errors(metrics, reason) > 0, "not counted");
        Ok(())
    })?;
    lab::say(format_args!(
        "counted {reason}: {}",
        errors(&metrics, reason)
    ));
    Ok((collector, metrics))
}

#[test]
fn every_door_opens_to_who_has_its_key() -> Result<()> {
    let _reservation = lab::reserve()?;
    let kafka = secured()?;
    for listener in Listener::ALL {
        let collector = Collector::start(&listener.config(&kafka, User::Monitor)?)?;
        let metrics = collector
            .wait_until_complete(MINUTE)
            .with_context(|| format!("{listener:?}"))?;
        let verdict = SCALE.judge(&metrics, lab::wall_seconds())?;
        ensure!(
            verdict.complete == SCALE.groups,
            "{listener:?}: {verdict:?}"
        );
        ensure!(
            verdict.wrong.is_empty(),
            "{listener:?}: {:?}",
            verdict.wrong
        );
        let n_errors = metrics.count("kafka_lag_exporter_errors_total", []);
        let late = errors(&metrics, "timeout");
        // On a busy machine a broker may answer late once, which is not an error of the listener.
        let n_excused = Length::from_env().pick(0, late);
        ensure!(n_errors == n_excused, "{listener:?}: {n_errors} errors");
        lab::say(format_args!(
            "{listener:?}: {} groups, 0 wrong values, {n_errors} errors",
            verdict.complete
        ));
    }
    Ok(())
}

#[test]
fn a_shut_door_is_counted_by_why_it_is_shut() -> Result<()> {
    let _reservation = lab::reserve()?;
    let kafka = secured()?;
    for listener in [Listener::Plain, Listener::Scram] {
        let wrong = listener
            .config(&kafka, User::Monitor)?
            .property("sasl.password", "wrong-password");
        let (collector, metrics) = counted(&wrong, "authentication")?;
        down(&collector, &metrics)?;
        ensure!(
            !collector.log()?.contains("wrong-password"),
            "the log has the password"
        );
    }
    let other = kafka.keys()?.other_ca().display().to_string();
    let wrong = Listener::Certificate
        .config(&kafka, User::Monitor)?
        .property("ssl.ca.location", &other);
    let (collector, metrics) = counted(&wrong, "tls")?;
    down(&collector, &metrics)
}

/// Checks that the cluster is reported as down and no lag is shown, and that the process goes on and answers.
fn down(collector: &Collector, metrics: &Exposition) -> Result<()> {
    ensure!(
        metrics.value("kafka_lag_exporter_up", []) == Some(0.0),
        "it claims to be up"
    );
    ensure!(
        metrics
            .series("kafka_consumergroup_group_lag")
            .next()
            .is_none(),
        "it shows lag"
    );
    ensure!(collector.get("/health")?.status == 200, "it is not healthy");
    Ok(())
}

#[test]
fn missing_rights_are_findings_and_not_zeros() -> Result<()> {
    let _reservation = lab::reserve()?;
    let kafka = secured()?;
    let (_nobody, metrics) = counted(
        &Listener::Plain.config(&kafka, User::Nobody)?,
        "nothing_visible",
    )?;
    ensure!(
        metrics
            .series("kafka_consumergroup_group_lag")
            .next()
            .is_none(),
        "nobody sees lag"
    );
    // The limited user may describe s-t0000 but not read it: offset lag is shown, exact time lag is not.
    let (limited, _) = counted(
        &Listener::Plain.config(&kafka, User::Limited)?,
        "authorization",
    )?;
    let metrics = limited.metrics()?;
    let topics = metrics
        .series("kafka_consumergroup_group_lag")
        .map(|(labels, _)| labels["topic"].as_str());
    let topics: BTreeSet<_> = topics.collect();
    ensure!(topics == ["s-t0000"].into(), "lag of topics {topics:?}");
    let verdict = SCALE.judge(&metrics, lab::wall_seconds())?;
    ensure!(verdict.silent == 0, "{verdict:?}");
    Ok(())
}

#[test]
fn check_connect_names_what_this_user_lacks() -> Result<()> {
    let _reservation = lab::reserve()?;
    let kafka = secured()?;
    let check = |user| -> Result<(bool, String)> {
        let config = Listener::Plain.config(&kafka, user)?;
        let (status, text) = collector::run_to_end(&config, &["--check", "--connect"], MINUTE)?;
        lab::say(format_args!(
            "--check --connect as {}: {status}\n{text}",
            user.name()
        ));
        ensure!(!text.contains(PASSWORD), "the password is printed");
        Ok((status.success(), text))
    };
    let (well, text) = check(User::Monitor)?;
    ensure!(
        well && text.contains('3'),
        "the monitor has all it needs and sees 3 groups"
    );
    let (_, text) = check(User::Nobody)?;
    ensure!(
        text.contains("Describe"),
        "nobody is not told what is missing"
    );
    let (_, text) = check(User::Limited)?;
    ensure!(
        text.contains("Read"),
        "the limited user is not told what is missing"
    );
    Ok(())
}
