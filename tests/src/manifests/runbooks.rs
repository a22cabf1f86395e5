//! The page of runbooks, made from the annotations of the alerts.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde_json::Value;

/// The labels in annotations, and the text that replaces them on the page: the names in `manifests/`.
const LABELS: [(&str, &str); 2] = [
    ("{{ $labels.namespace }}", "monitoring"),
    ("{{ $labels.job }}", "klag-exporter"),
];

const HEAD: &str = "\
# Runbooks

<!-- Made from klag-exporter.rules.yaml: change that one, and see tests/tests/standin/manifests_text.rs. -->

One section for each alert; its anchor is the alert's name in lower case, which `alerts.runbookUrl` of the chart links to. In the
annotation `runbook` of a notification the commands have the names of the release it is about; here they have those of
`manifests/`. `$BOOTSTRAP`, `$GROUP` and `$TOPIC` are variables of your shell, set by you: names of groups and topics are chosen by
whoever may create them, and do not belong unquoted into a command. Where brokers ask for TLS or a login, give Kafka's tools
`--command-config FILE`, with the properties of a user who may see the group. In Apache Kafka's archive their names end in `.sh`.
";

/// Returns the rules in a file of rules, in order.
pub fn rules(file: &Value) -> Result<impl Iterator<Item = &Value>> {
    let groups = file["groups"].as_array().context("no groups")?;
    let rules = groups.iter().map(|group| group["rules"].as_array());
    let rules = rules.map(|rules| rules.context("a group without rules"));
    let rules = rules.collect::<Result<Vec<_>>>()?;
    Ok(rules.into_iter().flatten())
}

/// Returns the page of runbooks, in Markdown, for a file of rules.
pub fn page(file: &Value) -> Result<String> {
    let mut page = HEAD.to_owned();
    for rule in rules(file)? {
        let Some(alert) = rule["alert"].as_str() else {
            continue;
        };
        let text = |place: &str| {
            let found = rule.pointer(place).and_then(Value::as_str);
            found.with_context(|| format!("{alert} has no {place}"))
        };
        let severity = match text("/labels/severity")? {
            raised if raised.starts_with("{{ if") => "that of the budget, but critical for warning",
            templated if templated.contains("{{") => "that of the budget, else warning",
            plain => plain,
        };
        let after = match rule["for"].as_str() {
            Some(patience) => format!("after {patience}"),
            None => "at once".to_owned(),
        };
        let mut runbook = text("/annotations/runbook")?.to_owned();
        for (label, value) in LABELS {
            runbook = runbook.replace(label, value);
        }
        let query = text("/expr")?.trim_end();
        write!(
            page,
            "\n## {alert}\n\nSeverity: {severity}. Fires {after}.\n\n```promql\n{query}\n```\n\n{runbook}"
        )?;
    }
    Ok(page)
}
