//! The alerts as promtool takes them.

use std::fs;

use anyhow::{Result, ensure};
use e2e::lab::place::Scratch;
use e2e::manifests::{self, tools};

fn test_rules(dir: &str) -> Result<String> {
    let tests = ["recording", "groups", "itself"].map(|it| format!("{dir}/tests/{it}.test.yaml"));
    let args = ["test", "rules"].into_iter();
    let args: Vec<&str> = args.chain(tests.iter().map(String::as_str)).collect();
    tools::run("promtool", &args)
}

#[test]
fn alerts_do_what_they_say_also_with_a_failover_in_the_middle() -> Result<()> {
    let dir = manifests::root().join("alerts").display().to_string();
    let rules = format!("{dir}/klag-exporter.rules.yaml");
    tools::run(
        "promtool",
        &["check", "rules", "--lint=all", "--lint-fatal", &rules],
    )?;
    test_rules(&dir)?;
    Ok(())
}

/// The tests of the alerts prove themselves: each of these changes is found.
#[test]
fn worse_rules_fail_the_tests_of_the_alerts() -> Result<()> {
    let rules = manifests::read("alerts/klag-exporter.rules.yaml")?;
    for (good, bad) in [
        // The alert reads the family itself.
        (
            "expr: klag:kafka_consumergroup_group_max_lag_seconds >",
            "expr: kafka_consumergroup_group_max_lag_seconds >",
        ),
        (
            "expr: klag:kafka_consumergroup_group_complete ==",
            "expr: kafka_consumergroup_group_complete ==",
        ),
        (
            "expr: klag:kafka_lag_exporter_up ==",
            "expr: kafka_lag_exporter_up ==",
        ),
        // What was last seen is forgotten sooner than another pod takes over.
        (
            "last_over_time(kafka_consumergroup_group_complete[3m])",
            "last_over_time(kafka_consumergroup_group_complete[1m])",
        ),
        // Every pod's word counts.
        (
            "last_over_time(kafka_consumergroup_group_max_lag[3m])\n            and on",
            "last_over_time(kafka_consumergroup_group_max_lag[3m])\n            or on",
        ),
        // A pod that has collected one cluster speaks for all of them.
        (
            "== on (namespace, job, cluster_name) group_left () max by (namespace, job, cluster_name) (klag:term_of_data)",
            "== on (namespace, job) group_left () max by (namespace, job) (klag:term_of_data)",
        ),
        // No patience with pods that are scraped one after the other.
        ("        for: 3m", "        for: 0s"),
        (
            "and on (cluster_name, topic, partition) klag:kafka_partition_earliest_offset > 0\n",
            "\n",
        ),
    ] {
        ensure!(rules.contains(good), "no {good:?}");
        let scratch = Scratch::new("rules")?;
        fs::create_dir(scratch.path().join("tests"))?;
        scratch.write("klag-exporter.rules.yaml", rules.replacen(good, bad, 1))?;
        for name in [
            "recording.test",
            "groups.test",
            "itself.test",
            "direct.rules",
        ] {
            let text = manifests::read(&format!("alerts/tests/{name}.yaml"))?;
            scratch.write(&format!("tests/{name}.yaml"), text)?;
        }
        let dir = scratch.path().display().to_string();
        ensure!(test_rules(&dir).is_err(), "nobody sees {bad:?}");
    }
    Ok(())
}
