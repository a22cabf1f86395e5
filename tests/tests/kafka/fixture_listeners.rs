//! Tests of the lab itself: Kafka's own tools find the listeners of the lab's brokers as the tests of security assume, and brokers stop,
//! die, stall and return when told to.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::kafka::{PASSWORD, Plan};
use e2e::lab::kafka_tools::Tool;
use e2e::lab::scale::Scale;
use e2e::lab::{self, Kafka, oracle};

const SCALE: Scale = Scale {
    topics: 1,
    partitions: 3,
    records: 10,
    groups: 3,
    width: 1,
};

#[test]
fn a_user_sees_what_it_may() -> Result<()> {
    let _reservation = lab::reserve()?;
    let kafka = Kafka::start(&Plan::of(1).secured())?;
    SCALE.build(&kafka)?;
    let rights = ["monitor", "GROUP", "*", "DESCRIBE"];
    kafka.fixture("allow", &rights)?;
    let module = "org.apache.kafka.common.security.scram.ScramLoginModule";
    let groups = |user: &str, password: &str| {
        let text = format!(
            "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=SCRAM-SHA-256\n\
             sasl.jaas.config={module} required username=\"{user}\" password=\"{password}\";\n"
        );
        let file = kafka.scratch().write("client.properties", text)?;
        let file = file.display().to_string();
        kafka.tool_at(
            &kafka.bootstrap_sasl(),
            Tool::ConsumerGroups,
            &["--list", "--command-config", &file],
        )
    };
    let seen = groups("monitor", PASSWORD)?;
    ensure!(
        seen.matches("s-g000").count() == 3,
        "the monitor sees {seen}"
    );
    let seen = groups("nobody", PASSWORD)?;
    ensure!(!seen.contains("s-g"), "nobody sees {seen}");
    // The tool exits with status 0 even if it fails, so its output is checked.
    let seen = groups("monitor", "wrong")?;
    ensure!(
        seen.contains("SaslAuthenticationException"),
        "a wrong password sees {seen}"
    );
    Ok(())
}

#[test]
fn brokers_come_and_go() -> Result<()> {
    let _reservation = lab::reserve()?;
    let mut kafka = Kafka::start(&Plan::of(3))?;
    SCALE.build(&kafka)?;
    let whole = |kafka: &Kafka| {
        lab::wait_for("all rows", Duration::from_secs(60), || {
            let rows = oracle::rows(kafka)?;
            ensure!(rows.len() == 3, "{} rows", rows.len());
            Ok(())
        })
    };
    whole(&kafka)?;
    kafka.stop_node(1)?;
    whole(&kafka)?;
    kafka.start_node(1)?;
    kafka.kill_node(2)?;
    whole(&kafka)?;
    kafka.start_node(2)?;
    kafka.pause_node(3)?;
    lab::pause(Duration::from_secs(12));
    kafka.resume_node(3)?;
    whole(&kafka)
}
