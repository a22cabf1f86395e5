//! The rules that the chart makes: they follow the intervals, keep labels, and apply budgets.

use anyhow::{Context, Result, ensure};
use e2e::lab::host::TempDir;
use e2e::manifests::render::{Objects, chart};
use e2e::manifests::{self, tools};
use serde_json::json;

fn rendered() -> Result<Objects> {
    let values = manifests::root().join("alerts/tests/chart.values.yaml");
    chart(&["--values", &values.display().to_string()])
}

/// Checks with promtool the rules that the chart has made.
fn judge(rules: &str) -> Result<()> {
    let scratch = TempDir::new("chart")?;
    scratch.write("chart.rules.yaml", rules)?;
    let test = manifests::read("alerts/tests/chart.test.yaml")?;
    let file = scratch.write("chart.test.yaml", test)?;
    tools::run("promtool", &["test", "rules", &file.display().to_string()]).map(drop)
}

#[test]
fn rules_of_the_chart_follow_intervals_keep_labels_and_know_budgets() -> Result<()> {
    let objects = rendered()?;
    // promtool reads JSON, which is valid YAML.
    let rules = objects
        .at("PrometheusRule", "klag-exporter", "/spec")?
        .to_string();
    judge(&rules)?;
    for (good, bad) in [
        // This change takes two Kubernetes clusters for one.
        ("(cluster, namespace, ", "(namespace, "),
        // This change drops the labels of [clusters.labels].
        ("cluster_name, environment", "cluster_name"),
        // With this change the rules cover every release instead of the chart's own.
        (
            "job=~\\\"klag-exporter(-telemetry|-elector)?\\\"",
            "job!=\\\"\\\"",
        ),
        // This change drops the labels of budgets.
        ("group_left (severity, team, tier)", "group_left (severity)"),
        // With this change `for` no longer follows the intervals.
        ("\"for\":\"11m\"", "\"for\":\"5m\""),
    ] {
        ensure!(rules.contains(good), "no {good} in {rules}");
        ensure!(
            judge(&rules.replace(good, bad)).is_err(),
            "nobody sees {bad}"
        );
    }
    Ok(())
}

#[test]
fn groups_of_rules_annotations_and_labels_are_as_asked_for() -> Result<()> {
    let objects = rendered()?;
    let groups = objects.at("PrometheusRule", "klag-exporter", "/spec/groups")?;
    let groups = groups.as_array().context("no groups")?;
    let partitions = groups.last().context("no group")?;
    assert_eq!(partitions["name"], "klag-exporter-partitions");
    assert_eq!(partitions["interval"], "2m");
    let alerts = groups
        .iter()
        .flat_map(|group| group["rules"].as_array().into_iter().flatten())
        .filter(|rule| rule["alert"].is_string());
    let page = manifests::read("alerts/RUNBOOKS.md")?;
    for alert in alerts {
        assert_eq!(alert["labels"]["origin"], "klag-exporter", "{alert}");
        let url = alert["annotations"]["runbook_url"].as_str();
        let (_, anchor) = url
            .and_then(|url| url.split_once('#'))
            .context("no anchor")?;
        let title = |line: &str| line.strip_prefix("## ").map(str::to_lowercase);
        ensure!(
            page.lines()
                .any(|line| title(line).as_deref() == Some(anchor)),
            "no section {anchor}"
        );
    }
    Ok(())
}

#[test]
fn relabelings_of_the_operator_come_after_those_of_the_chart() -> Result<()> {
    let objects = rendered()?;
    let place = "/spec/endpoints/0/relabelings";
    let relabelings = objects.at("ServiceMonitor", "klag-exporter", place)?;
    let wanted = json!([
        {"targetLabel": "job", "replacement": "klag-exporter"},
        {"targetLabel": "cluster", "replacement": "eu"}
    ]);
    assert_eq!(*relabelings, wanted);
    Ok(())
}
