//! The rules that the chart makes: they follow the intervals, keep labels, and apply budgets.

use anyhow::{Context, Result, ensure};
use e2e::lab::host::TempDir;
use e2e::manifests::render::{Objects, chart};
use e2e::manifests::{self, tools};
use serde_json::json;

fn rendered() -> Result<Objects> {
    rendered_with("chart")
}

/// Returns the objects that the chart makes with the values of a file in `alerts/tests`.
fn rendered_with(values: &str) -> Result<Objects> {
    let values = manifests::root().join(format!("alerts/tests/{values}.values.yaml"));
    chart(&["--values", &values.display().to_string()])
}

/// Checks with promtool the rules that the chart has made.
fn judge(rules: &str) -> Result<()> {
    judge_with("chart", rules)
}

/// Checks rules with promtool and a file of tests in `alerts/tests`.
fn judge_with(test: &str, rules: &str) -> Result<()> {
    let scratch = TempDir::new("chart")?;
    scratch.write(&format!("{test}.rules.yaml"), rules)?;
    let text = manifests::read(&format!("alerts/tests/{test}.test.yaml"))?;
    let file = scratch.write(&format!("{test}.test.yaml"), text)?;
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
fn every_page_goes_to_the_owner_of_the_group_else_to_that_of_all_others() -> Result<()> {
    let objects = rendered_with("owners")?;
    let rules = objects
        .at("PrometheusRule", "klag-exporter", "/spec")?
        .to_string();
    judge_with("owners", &rules)?;
    for (good, bad) in [
        // This change gives every page to the team of alerts.labels.
        (
            r#"{{ with index $labels \"team\" }}{{ . }}{{ else }}platform{{ end }}"#,
            "platform",
        ),
        // This change takes away the budget of groups without one of their own.
        ("120 + 0 *", "300 + 0 *"),
    ] {
        ensure!(rules.contains(good), "no {good} in {rules}");
        ensure!(
            judge_with("owners", &rules.replace(good, bad)).is_err(),
            "nobody sees {bad}"
        );
    }
    Ok(())
}

/// Checks that no text in a budget makes rules that Prometheus refuses, which would take all alerts away.
#[test]
fn budgets_with_any_text_leave_the_rules_valid() -> Result<()> {
    let texts = [
        "kafka_prod",
        "klag:x",
        "(namespace, job)",
        "by (namespace, job, cluster_name)",
        "group_left (severity, team)",
        "[3m]|[15m]|[10m]",
        "* 900",
        "\"quoted\"",
        r"a\.b",
        "{{ x }}",
        "\u{fc}\u{a7}",
    ];
    let budgets = texts.map(|text| {
        let pattern = regex::escape(text);
        json!({"name": text, "cluster": pattern, "group": pattern, "seconds": 60, "labels": {"team": text}})
    });
    let values = json!({
        "serviceMonitor": {"enabled": true},
        "alerts": {"enabled": true, "targetLabels": ["cluster"], "clusterLabels": ["environment"], "budgets": budgets},
    });
    let scratch = TempDir::new("budgets")?;
    let file = scratch.write("values.json", values.to_string())?;
    let objects = chart(&["--values", &file.display().to_string()])?;
    let spec = objects.at("PrometheusRule", "klag-exporter", "/spec")?;
    let file = scratch.write("budgets.rules.yaml", spec.to_string())?;
    tools::run("promtool", &["check", "rules", &file.display().to_string()])?;
    let rules = spec["groups"][1]["rules"].as_array().context("no rules")?;
    for text in texts {
        // A budget is a selector of the release, and then its patterns as they were given.
        let pattern = serde_json::to_string(&regex::escape(text))?;
        let wanted = format!("cluster_name=~{pattern},group=~{pattern}}}");
        let of_budget = |rule: &&serde_json::Value| {
            rule["record"] == "klag:budget_candidate" && rule["labels"]["budget"] == text
        };
        let rule = rules
            .iter()
            .find(of_budget)
            .with_context(|| text.to_owned())?;
        let expr = rule["expr"].as_str().context("no expr")?;
        ensure!(expr.contains(&wanted), "no {wanted} in {expr}");
        ensure!(expr.contains("{namespace=\"monitoring\""), "{expr}");
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
