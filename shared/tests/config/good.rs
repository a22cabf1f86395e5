//! Tests of good files: the values that they give, and the printed configuration.

use std::path::Path;
use std::time::Duration;

use shared::config::{
    self, ConsumerRequirement, ExtraLabels, Filter, Granularity, IsolationLevel, Leadership,
    LostPartitions, Program, SourceUrl, TimeLagMode,
};

use crate::{CLUSTER, accepted, collector, environment};

/// A configuration file with every key that has an effect when `timestamp_sampling.mode` is `message`; most values differ from
/// the defaults.
const EVERYTHING: &str = include_str!("everything.toml");

#[test]
fn klag_exporters_own_example_loads_unchanged() {
    let path =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/config/klag-exporter.example.toml");
    let loaded = config::load(&path, Program::Collector, &environment(&[])).expect("it is good");
    let config = &loaded.config;
    assert_eq!(config.exporter.poll_interval, Duration::from_secs(30));
    assert_eq!(config.exporter.granularity, Granularity::Topic);
    assert_eq!(config.exporter.leadership, Leadership::SingleInstance);
    let cluster = &config.clusters[0];
    assert_eq!(&*cluster.name, "production");
    assert_eq!(
        cluster.bootstrap_servers,
        "kafka1:9092,kafka2:9092,kafka3:9092"
    );
    assert_eq!(cluster.labels["environment"], "production");
    insta::assert_debug_snapshot!(loaded.warnings, @r#"
    [
        "these keys have no effect any more and can be removed: exporter.timestamp_sampling.cache_ttl, exporter.timestamp_sampling.max_concurrent_fetches, exporter.otel.endpoint, exporter.otel.export_interval",
    ]
    "#);
}

#[test]
fn every_key_of_klag_exporter_is_known() {
    let text = include_str!("klag-exporter.all-keys.toml");
    let loaded = collector(text, &[]).expect("it is good");
    insta::assert_debug_snapshot!(loaded.warnings, @r#"
    [
        "these keys have no effect any more and can be removed: exporter.timestamp_sampling.cache_ttl, exporter.timestamp_sampling.max_concurrent_fetches, exporter.timestamp_sampling.rate_min_msgs_per_sec, exporter.performance.group_fetch_retries, exporter.performance.max_concurrent_groups, exporter.performance.max_concurrent_watermarks, exporter.performance.client_recycle_interval, exporter.performance.max_blocking_threads, exporter.performance.consumer_groups_cache_ttl, exporter.otel.endpoint, exporter.otel.export_interval",
    ]
    "#);
}

#[test]
fn of_a_login_with_tokens_only_secrets_are_masked() {
    let url = "https://idp:8443/realms/kafka/token";
    let shown = |url: &str| {
        let properties = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "OAUTHBEARER"),
            ("sasl.oauthbearer.method", "oidc"),
            ("sasl.oauthbearer.token.endpoint.url", url),
            ("sasl.oauthbearer.client.id", "klag-exporter"),
            ("sasl.oauthbearer.client.secret", "hunter2"),
        ];
        let lines = properties.map(|(name, value)| format!("\"{name}\" = \"{value}\"\n"));
        let text = format!(
            "{CLUSTER}\n[clusters.consumer_properties]\n{}",
            lines.concat()
        );
        accepted(&text).effective(Program::Collector).to_string()
    };
    let printed = shown(url);
    for line in [
        format!("\"sasl.oauthbearer.token.endpoint.url\" = \"{url}\"\n"),
        "\"sasl.oauthbearer.client.id\" = \"klag-exporter\"\n".to_owned(),
        "\"sasl.oauthbearer.client.secret\" = \"***\"\n".to_owned(),
    ] {
        assert!(printed.contains(&line), "{line}{printed}");
    }
    let printed = shown(&format!("{url}?key=hunter2"));
    assert!(printed.contains(&format!("{url}?***\"")), "{printed}");
    assert!(!printed.contains("hunter2"), "{printed}");
}

#[test]
fn defaults_are_in_place() {
    insta::assert_snapshot!(accepted(CLUSTER).effective(Program::Collector), @r#"
    [exporter]
    poll_interval = "30s"
    http_port = 8000
    http_host = "0.0.0.0"
    granularity = "topic"
    staleness_threshold = "1m 30s"

    [exporter.timestamp_sampling]
    enabled = true
    mode = "message"
    fetch_timeout = "5s"
    skip_data_loss_partitions = false
    max_clock_skew = "1m"

    [exporter.performance]
    kafka_timeout = "30s"
    offset_fetch_timeout = "10s"
    compacted_topics_cache_ttl = "1h"
    metadata_cache_ttl = "1m"

    [exporter.compatibility]
    state_labels = false
    member_labels = true

    [exporter.leadership]
    enabled = false
    handover_delay_secs = 20

    [[clusters]]
    name = "prod"
    bootstrap_servers = "kafka:9092"
    group_whitelist = [".*"]
    group_blacklist = []
    topic_whitelist = [".*"]
    topic_blacklist = ["^__.*"]
    isolation = "read_uncommitted"
    "#);
    let elected = "[exporter.leadership]\nenabled = true\nidentity = \"a\"\n";
    let environment = environment(&[]);
    let elector = config::parse(elected, "config.toml", Program::Elector, &environment);
    let config = elector.expect("it is good").config;
    insta::assert_snapshot!(config.effective(Program::Elector), @r#"
    [exporter.leadership]
    enabled = true
    provider = "kubernetes"
    identity = "a"
    lease_duration_secs = 15
    grace_period_secs = 5
    lease_name = "klag-exporter"
    lease_namespace = "default"
    require_consumer = true
    listen = "127.0.0.1:8001"
    max_valid_secs = 5
    "#);
}

#[test]
fn the_printed_configuration_means_the_same() {
    let collected = accepted(EVERYTHING);
    let printed = collected.effective(Program::Collector).to_string();
    insta::assert_snapshot!("everything_collector", printed);
    let again = accepted(&printed);
    // Keys of the elector are not printed for the collector, and secrets are never printed, so only a part can be compared.
    assert_eq!(again.exporter.time_lag, collected.exporter.time_lag);
    assert_eq!(again.effective(Program::Collector).to_string(), printed);

    let environment = environment(&[]);
    let parse = |text: &str| {
        let loaded = config::parse(text, "config.toml", Program::Elector, &environment);
        loaded.expect("it is good").config
    };
    let printed = parse(EVERYTHING).effective(Program::Elector).to_string();
    insta::assert_snapshot!("everything_elector", printed);
    assert_eq!(
        parse(&printed).effective(Program::Elector).to_string(),
        printed
    );
}

#[test]
fn no_secret_is_printed() {
    let config = accepted(EVERYTHING);
    let printed = config.effective(Program::Collector).to_string();
    let debugged = format!("{config:?}");
    for secret in ["hunter2", "correct horse"] {
        assert!(!printed.contains(secret), "{printed}");
        assert!(!debugged.contains(secret), "{debugged}");
    }
    assert!(printed.contains("\"security.protocol\" = \"SASL_SSL\""));
}

#[test]
fn every_key_has_its_effect() {
    let config = accepted(EVERYTHING);
    let exporter = &config.exporter;
    assert_eq!(exporter.http.to_string(), "127.0.0.1:9000");
    assert_eq!(exporter.staleness_threshold, Duration::from_secs(90));
    assert_eq!(
        exporter.time_lag,
        TimeLagMode::Message {
            timeout: Duration::from_secs(7),
            lost: LostPartitions::Skip,
            max_clock_skew: Duration::from_secs(180),
        }
    );
    assert_eq!(exporter.performance.request_timeout, Duration::from_secs(8));
    assert_eq!(
        exporter.performance.offset_fetch_timeout,
        Duration::from_secs(9)
    );
    assert_eq!(exporter.performance.metadata_ttl, Duration::ZERO);
    assert_eq!(
        exporter.performance.compaction_ttl,
        Duration::from_secs(7200)
    );
    assert_eq!(exporter.compatibility.state_labels, ExtraLabels::Present);
    assert_eq!(exporter.compatibility.member_labels, ExtraLabels::Absent);
    let Leadership::Elected(election) = &exporter.leadership else {
        panic!("leadership is enabled");
    };
    assert_eq!(election.consumer, ConsumerRequirement::NotRequired);
    assert_eq!(election.url, SourceUrl::Unix("/run/leader.sock".into()));
    let cluster = &config.clusters[0];
    assert_eq!(
        cluster.bootstrap_servers,
        "SASL_SSL://kafka1:9093,[::1]:9094,kafka3"
    );
    assert_eq!(cluster.isolation, IsolationLevel::ReadCommitted);
    assert_eq!(
        cluster.consumer_properties["sasl.password"].expose(),
        "hunter2"
    );
    assert_eq!(
        cluster.consumer_properties["reconnect.backoff.ms"].expose(),
        "50"
    );
}

#[test]
fn staleness_follows_the_poll_interval() {
    let text = format!("[exporter]\npoll_interval = \"2m\"\n{CLUSTER}");
    assert_eq!(
        accepted(&text).exporter.staleness_threshold,
        Duration::from_secs(360)
    );
}

#[test]
fn only_the_keys_of_the_mode_that_is_on_are_checked() {
    let time_lag = |written: &str| {
        let text = format!("[exporter.timestamp_sampling]\n{written}\n{CLUSTER}");
        accepted(&text).exporter.time_lag
    };
    let rate = TimeLagMode::Rate {
        samples: 5,
        max_age: Duration::from_secs(600),
    };
    assert_eq!(time_lag("mode = \"rate\"\nfetch_timeout = \"0s\""), rate);
    assert_eq!(
        time_lag("enabled = false\nfetch_timeout = \"0s\""),
        TimeLagMode::Off
    );
    assert!(matches!(
        time_lag("rate_history_samples = 0"),
        TimeLagMode::Message { .. }
    ));
}

#[test]
fn a_name_is_exported_if_it_is_included_and_not_excluded() {
    let filter = Filter::new(&["orders", "(?i)^PAY"], &["-test$"]).expect("the patterns are good");
    for (name, exported) in [
        ("my-orders-v1", true),
        ("payments", true),
        ("Payments-test", false),
        ("invoices", false),
    ] {
        assert_eq!(filter.matches(name), exported, "{name}");
    }
}

#[test]
fn internal_topics_are_left_out_unless_the_file_says_otherwise() {
    let topics = accepted(CLUSTER).clusters[0].topics.clone();
    assert!(!topics.matches("__consumer_offsets"));
    assert!(topics.matches("orders__dlq"));
    let all = accepted(&format!("{CLUSTER}topic_blacklist = []")).clusters[0]
        .topics
        .clone();
    assert!(all.matches("__consumer_offsets"));
}

#[test]
fn an_empty_list_of_patterns_is_a_warning() {
    let loaded = collector(&format!("{CLUSTER}group_whitelist = []"), &[]).expect("it is allowed");
    insta::assert_debug_snapshot!(loaded.warnings, @r#"
    [
        "clusters[0].group_whitelist: is empty, so nothing is exported",
    ]
    "#);
}

#[test]
fn a_file_that_does_not_exist_is_an_error_with_its_name() {
    let loaded = config::load(
        Path::new("no/such.toml"),
        Program::Collector,
        &environment(&[]),
    );
    let error = loaded.expect_err("there is no such file").to_string();
    insta::assert_snapshot!(error, @"no/such.toml: cannot be read: No such file or directory (os error 2); name the file with --config");
}

#[test]
fn the_reference_has_every_key() {
    insta::assert_snapshot!("reference", config::reference());
}
