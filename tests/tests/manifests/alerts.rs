//! The alerts are valid for promtool, and its unit tests of them pass.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::host::TempDir;
use e2e::manifests::{self, tools};

/// A file of tests takes promtool half a minute, more beside others.
const LIMIT: Duration = Duration::from_secs(600);

const TESTS: [&str; 4] = ["recording", "groups", "itself", "days"];

/// Changes that make the rules worse, and the file of tests that must find them.
const WORSE: [(&str, &str, &str); 14] = [
    // The alert reads the family itself.
    (
        "groups",
        "klag:kafka_consumergroup_group_max_lag_seconds\n            unless",
        "kafka_consumergroup_group_max_lag_seconds\n            unless",
    ),
    (
        "groups",
        "(klag:kafka_consumergroup_group_complete ==",
        "(kafka_consumergroup_group_complete ==",
    ),
    (
        "itself",
        "expr: klag:kafka_lag_exporter_up ==",
        "expr: kafka_lag_exporter_up ==",
    ),
    // What was last seen is forgotten sooner than another pod takes over.
    (
        "recording",
        "last_over_time(kafka_consumergroup_group_complete[3m])",
        "last_over_time(kafka_consumergroup_group_complete[1m])",
    ),
    // Every pod's word counts.
    (
        "recording",
        "last_over_time(kafka_consumergroup_group_max_lag[3m])\n            and on",
        "last_over_time(kafka_consumergroup_group_max_lag[3m])\n            or on",
    ),
    // A pod that has collected one cluster speaks for all of them.
    (
        "recording",
        "== on (namespace, job, cluster_name) group_left ()\n            max by (namespace, job, cluster_name) (klag:term_of_data)",
        "== on (namespace, job) group_left ()\n            max by (namespace, job) (klag:term_of_data)",
    ),
    // Between equal terms nobody is younger.
    (
        "recording",
        "klag:seen_data\n          == on (namespace, job, cluster_name) group_left () max by (namespace, job, cluster_name) (klag:seen_data)",
        "klag:seen_data",
    ),
    // Clusters of two releases are one.
    (
        "itself",
        "max by (namespace, job, cluster_name) (\n            last_over_time(kafka_lag_exporter_up",
        "max by (cluster_name) (\n            last_over_time(kafka_lag_exporter_up",
    ),
    // No patience with pods that are scraped one after the other.
    (
        "itself",
        "sum by (namespace, job) (kafka_lag_exporter_leader) > 1,\n            \"job\", \"$1\", \"job\", \"(.+)-telemetry\"\n          )\n        for: 3m",
        "sum by (namespace, job) (kafka_lag_exporter_leader) > 1,\n            \"job\", \"$1\", \"job\", \"(.+)-telemetry\"\n          )\n        for: 0s",
    ),
    // A log that was never cut.
    (
        "groups",
        "last_over_time(kafka_partition_earliest_offset[3m]) > 0",
        "last_over_time(kafka_partition_earliest_offset[3m]) >= 0",
    ),
    // A leader is one whether or not its series are there.
    (
        "itself",
        "unless on (namespace, instance) kafka_lag_exporter_leader_term",
        "unless on (namespace) kafka_lag_exporter_leader",
    ),
    // Readers of half an hour count as readers.
    (
        "days",
        "sum_over_time((klag:kafka_consumergroup_group_members > bool 0)[1d:15m]) >= 24\n            unless on (namespace, job, cluster_name, group) klag:budget_seconds",
        "sum_over_time((klag:kafka_consumergroup_group_members > bool 0)[1d:15m]) >= 1\n            unless on (namespace, job, cluster_name, group) klag:budget_seconds",
    ),
    // An application that deletes what it has read loses it.
    (
        "groups",
        "unless on (namespace, job, cluster_name, group, topic) klag:kafka_consumergroup_group_topic_max_lag_seconds < 60\n",
        "\n",
    ),
    // One collection is enough.
    ("groups", "[15m:30s]) > 0.3 * 900 / 30", "[15m:30s]) > 0"),
];

fn test_rules(dir: &str, test: &str) -> Result<()> {
    let file = format!("{dir}/tests/{test}.test.yaml");
    tools::run_within(LIMIT, "promtool", &["test", "rules", &file]).map(drop)
}

#[test]
fn alerts_do_what_they_say_also_with_a_failover_in_the_middle() -> Result<()> {
    let dir = manifests::root().join("alerts").display().to_string();
    let files = [
        "klag-exporter",
        "klag-exporter-partitions",
        "budgets.example",
    ];
    for file in files {
        let rules = format!("{dir}/{file}.rules.yaml");
        let args = ["check", "rules", "--lint=all", "--lint-fatal", &rules];
        tools::run("promtool", &args)?;
    }
    TESTS.iter().try_for_each(|test| test_rules(&dir, test))
}

/// The tests of the alerts prove themselves: each of these changes is found.
#[test]
fn worse_rules_fail_the_tests_of_the_alerts() -> Result<()> {
    let rules = manifests::read("alerts/klag-exporter.rules.yaml")?;
    for (test, good, bad) in WORSE {
        ensure!(rules.contains(good), "no {good:?}");
        let scratch = TempDir::new("rules")?;
        fs::create_dir(scratch.path().join("tests"))?;
        scratch.write("klag-exporter.rules.yaml", rules.replacen(good, bad, 1))?;
        for name in [
            "klag-exporter-partitions.rules",
            &format!("tests/{test}.test"),
            "tests/direct.rules",
        ] {
            let text = manifests::read(&format!("alerts/{name}.yaml"))?;
            scratch.write(&format!("{name}.yaml"), text)?;
        }
        let dir = scratch.path().display().to_string();
        ensure!(test_rules(&dir, test).is_err(), "nobody sees {bad:?}");
    }
    Ok(())
}
