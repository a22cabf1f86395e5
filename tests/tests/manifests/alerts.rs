//! The alerts are valid for promtool, and promtool's unit tests of them pass.

use std::fs;
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::host::TempDir;
use e2e::manifests::{self, tools};

/// The time limit of a file of tests, which takes promtool half a minute, and more on a busy machine.
const LIMIT: Duration = Duration::from_secs(600);

const TESTS: [&str; 4] = ["recording", "groups", "itself", "days"];

/// Changes that make the rules worse, each with the file of tests that must fail with it.
const WORSE: [(&str, &str, &str); 20] = [
    // This change makes the alerts read the family instead of the recorded series.
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
    // This change keeps the last value for one minute only, which is less than the time until the other pod has series in the
    // test of a killed leader.
    (
        "recording",
        "last_over_time(kafka_consumergroup_group_complete[3m])",
        "last_over_time(kafka_consumergroup_group_complete[1m])",
    ),
    // This change records the values of all pods, not only those of the leader.
    (
        "recording",
        "last_over_time(kafka_consumergroup_group_max_lag[3m])\n            and on",
        "last_over_time(kafka_consumergroup_group_max_lag[3m])\n            or on",
    ),
    // With this change a pod that has collected one cluster hides failures to collect the other clusters.
    (
        "recording",
        "== on (namespace, job, cluster_name) group_left ()\n            max by (namespace, job, cluster_name) (klag:term_of_data)",
        "== on (namespace, job) group_left ()\n            max by (namespace, job) (klag:term_of_data)",
    ),
    // With this change the pod with the newest data is no longer preferred among pods of equal terms.
    (
        "recording",
        "klag:seen_data\n          == on (namespace, job, cluster_name) group_left () max by (namespace, job, cluster_name) (klag:seen_data)",
        "klag:seen_data",
    ),
    // This change takes clusters of two releases for one.
    (
        "itself",
        "max by (namespace, job, cluster_name) (\n            last_over_time(kafka_lag_exporter_up",
        "max by (cluster_name) (\n            last_over_time(kafka_lag_exporter_up",
    ),
    // With this change the alert about two leaders fires at once, although pods are scraped one after the other.
    (
        "itself",
        "(kafka_lag_exporter_leader)) > 1,\n            \"job\", \"$1\", \"job\", \"(.+)-telemetry\"\n          )\n        for: 6m",
        "(kafka_lag_exporter_leader)) > 1,\n            \"job\", \"$1\", \"job\", \"(.+)-telemetry\"\n          )\n        for: 0s",
    ),
    // With this change a pod that is scraped twice counts as two.
    (
        "itself",
        "sum by (namespace, job) (max by (namespace, job, instance) (kafka_lag_exporter_leader)) > 1",
        "sum by (namespace, job) (kafka_lag_exporter_leader) > 1",
    ),
    // With this change a leader of which only /metrics is scraped counts as none.
    (
        "itself",
        "          unless on (namespace, job) kafka_lag_exporter_leader_term\n",
        "",
    ),
    // With this change a release that has vanished is not missed while another one is there.
    (
        "itself",
        "group by (namespace, job) (last_over_time(kafka_lag_exporter_leader[1d]))",
        "group by (namespace, job) (kafka_lag_exporter_leader)",
    ),
    // With this change a group whose budget promises a reader loses records unnoticed while it has none.
    (
        "groups",
        "unless on (namespace, job, cluster_name, group) (\n              klag:kafka_consumergroup_group_members == 0\n              and on (namespace, job, cluster_name, group) klag:budget_seconds{budget=\"default\"}\n            )\n          )\n          * on",
        "unless on (namespace, job, cluster_name, group) klag:kafka_consumergroup_group_members == 0\n          )\n          * on",
    ),
    // With this change a log that was never cut counts as one that was.
    (
        "groups",
        "last_over_time(kafka_partition_earliest_offset[3m]) > 0",
        "last_over_time(kafka_partition_earliest_offset[3m]) >= 0",
    ),
    // With this change a leader counts as seen even if its series are absent.
    (
        "itself",
        "unless on (namespace, instance) kafka_lag_exporter_leader_term",
        "unless on (namespace) kafka_lag_exporter_leader",
    ),
    // With this change a group that had members for half an hour of a day counts as one with readers.
    (
        "days",
        "sum_over_time((klag:kafka_consumergroup_group_members > bool 0)[1d:15m]) >= 24\n            unless on (namespace, job, cluster_name, group) klag:budget_seconds",
        "sum_over_time((klag:kafka_consumergroup_group_members > bool 0)[1d:15m]) >= 1\n            unless on (namespace, job, cluster_name, group) klag:budget_seconds",
    ),
    // With this change the records that an application deletes after reading them count as lost.
    (
        "groups",
        "unless on (namespace, job, cluster_name, group, topic) klag:kafka_consumergroup_group_topic_max_lag_seconds < 60\n",
        "\n",
    ),
    // With this change one partition of known age hides all those of unknown age.
    (
        "groups",
        "(klag:kafka_consumergroup_group_unknown_time_lag_partitions) > 0\n",
        "(klag:kafka_consumergroup_group_unknown_time_lag_partitions) > 0\n            unless on (namespace, job, cluster_name, group) klag:kafka_consumergroup_group_max_lag_seconds\n",
    ),
    // With this change the log start of an earlier topic of the same name counts for the speed of deletion.
    (
        "days",
        "            unless resets(klag:kafka_partition_earliest_offset:max[7h]) > 0\n",
        "",
    ),
    // With this change losses in one collection are enough for the alert about lost records.
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

/// Checks the tests of the alerts: they must fail with each change in [`WORSE`].
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
