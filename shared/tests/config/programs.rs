//! Tests of the two programs: each resolves references only in the keys that it uses.

use shared::config::{self, Config, Election, Leadership, Program};

use crate::{CLUSTER, environment};

const FILE: &str = r#"
[exporter]
http_port = ${PORT}

[exporter.leadership]
enabled = true
lease_name = "lag"
lease_namespace = "${POD_NAMESPACE}"
lease_duration_secs = 30
grace_period_secs = 10

[[clusters]]
name = "prod"
bootstrap_servers = "${BROKERS}"

[clusters.consumer_properties]
"sasl.password" = "${KAFKA_PASSWORD}"
"#;

fn load(program: Program, variables: &[(&str, &str)]) -> Result<Config, String> {
    config::parse(FILE, "config.toml", program, &environment(variables))
        .map(|loaded| loaded.config)
        .map_err(|error| error.to_string())
}

fn election(config: &Config) -> &Election {
    match &config.exporter.leadership {
        Leadership::Elected(election) => election,
        Leadership::SingleInstance => panic!("leadership is enabled"),
    }
}

#[test]
fn the_elector_starts_without_what_the_collector_needs() {
    let variables = [("POD_NAMESPACE", "monitoring"), ("POD_NAME", "pod-1")];
    let config = load(Program::Elector, &variables).expect("that is all the elector needs");
    let election = election(&config);
    assert_eq!(election.lease_namespace, "monitoring");
    assert_eq!(election.lease_name, "lag");
    assert_eq!(election.identity, "pod-1");
    assert_eq!(config.clusters, []);
}

#[test]
fn the_collector_starts_without_what_the_elector_needs() {
    let variables = [
        ("PORT", "9000"),
        ("BROKERS", "kafka:9092"),
        ("KAFKA_PASSWORD", "hunter2"),
        ("HOSTNAME", "host-1"),
    ];
    let config = load(Program::Collector, &variables).expect("that is all the collector needs");
    assert_eq!(election(&config).identity, "host-1");
    assert_eq!(election(&config).lease_duration.as_secs(), 30);
    assert_eq!(config.exporter.http.port(), 9000);
    assert_eq!(config.clusters[0].bootstrap_servers, "kafka:9092");
}

#[test]
fn everything_that_a_program_needs_and_does_not_get_is_reported_together() {
    let error = |program| load(program, &[]).expect_err("nothing is set");
    insta::assert_snapshot!(error(Program::Elector), @r#"
    config.toml:5: exporter.leadership.identity: nobody says who this pod is; set POD_NAME to the pod's name (downward API, metadata.name), or write identity
    config.toml:8: exporter.leadership.lease_namespace: the environment variable POD_NAMESPACE is not set; set it, or write ${POD_NAMESPACE:-default} or ${?POD_NAMESPACE}
    "#);
    insta::assert_snapshot!(error(Program::Collector), @r#"
    config.toml:3: exporter.http_port: the environment variable PORT is not set; set it, or write ${PORT:-default} or ${?PORT}
    config.toml:5: exporter.leadership.identity: nobody says who this pod is; set POD_NAME to the pod's name (downward API, metadata.name), or write identity
    config.toml:14: clusters[0].bootstrap_servers: the environment variable BROKERS is not set; set it, or write ${BROKERS:-default} or ${?BROKERS}
    config.toml:17: clusters[0].consumer_properties."sasl.password": the environment variable KAFKA_PASSWORD is not set; set it, or write ${KAFKA_PASSWORD:-default} or ${?KAFKA_PASSWORD}
    "#);
}

#[test]
fn the_elector_needs_no_cluster() {
    let text = "[exporter.leadership]\nenabled = true\nidentity = \"a\"";
    let loaded = config::parse(text, "config.toml", Program::Elector, &environment(&[]));
    assert!(loaded.is_ok());
}

#[test]
fn the_file_names_the_pod_before_the_environment_does() {
    let identity = |written: &str| {
        let text = format!("[exporter.leadership]\nenabled = true\nidentity = {written}");
        let variables = environment(&[("POD_NAME", "pod-1"), ("HOSTNAME", "host-1")]);
        let loaded = config::parse(&text, "config.toml", Program::Elector, &variables);
        election(&loaded.expect("the file is good").config)
            .identity
            .clone()
    };
    assert_eq!(identity("\"a\""), "a");
    assert_eq!(identity("\"${HOSTNAME}-x\""), "host-1-x");
    assert_eq!(identity("\"${?UNSET}\""), "pod-1");
    assert_eq!(identity("\"\""), "pod-1");
}

#[test]
fn a_table_without_effect_needs_no_variables() {
    let text = FILE.replace("enabled = true", "enabled = false");
    let loaded = config::parse(&text, "config.toml", Program::Elector, &environment(&[]));
    let config = loaded.expect("nothing of it is used").config;
    assert_eq!(config.exporter.leadership, Leadership::SingleInstance);
}

#[test]
fn the_elector_warns_where_others_than_its_pod_may_be_granted_leadership() {
    let warnings = |enabled: bool, listen: &str, program| {
        let leadership = format!("enabled = {enabled}\nidentity = \"a\"\nlisten = \"{listen}\"");
        let text = format!("[exporter.leadership]\n{leadership}\n{CLUSTER}");
        let loaded = config::parse(&text, "config.toml", program, &environment(&[]));
        loaded.expect("the file is good").warnings
    };
    for listen in [
        "0.0.0.0:8001",
        "[::]:8001",
        "10.1.2.3:8001",
        "[fe80::1]:8001",
    ] {
        let warnings_of_elector = warnings(true, listen, Program::Elector);
        assert_eq!(warnings_of_elector.len(), 1, "{listen}");
        for words in [listen, "exporter.leadership.listen", "write 127.0.0.1:8001"] {
            assert!(
                warnings_of_elector[0].contains(words),
                "{warnings_of_elector:?}"
            );
        }
        assert!(warnings(true, listen, Program::Collector).is_empty());
        assert!(warnings(false, listen, Program::Elector).is_empty());
    }
    for listen in [
        "127.0.0.1:8001",
        "127.9.9.9:1",
        "[::1]:8001",
        "[::ffff:127.0.0.1]:1",
    ] {
        assert!(
            warnings(true, listen, Program::Elector).is_empty(),
            "{listen}"
        );
    }
}
