//! Labels that the user gives to the series of a cluster.

use crate::config::document::Value;

/// Labels that klag-exporter itself puts on families that also have the cluster's labels.
const OWN_LABELS: &[&str] = &[
    "api",
    "client_id",
    "cluster_name",
    "compaction_detected",
    "consumer_id",
    "data_loss_detected",
    "group",
    "member_host",
    "partition",
    "phase",
    "reason",
    "result",
    "topic",
];

/// Labels that Prometheus, or prometheus-operator, gives to every target. Where a series has such a label itself, Prometheus
/// renames the label (`exported_namespace`). With `honor_labels` Prometheus keeps it, and queries that join the series with others
/// of its pod find none, which silences alerts.
const TARGET_LABELS: &[&str] = &[
    "container",
    "endpoint",
    "instance",
    "job",
    "namespace",
    "pod",
    "service",
];

/// Returns the value of the label `name`.
///
/// # Errors
/// Returns a message for the user if the name is not allowed, or the value is no text.
pub(super) fn read(name: &str, value: &Value) -> Result<String, String> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins_with_digit = name.starts_with(|c: char| c.is_ascii_digit());
    if name.is_empty() || begins_with_digit || !name.chars().all(is_allowed) {
        return Err(
            "not a label's name; write letters, digits and _, with no digit first".to_owned(),
        );
    }
    if name.starts_with("__") {
        return Err(
            "Prometheus keeps names that begin with __ to itself; write another".to_owned(),
        );
    }
    if OWN_LABELS.contains(&name) {
        return Err("klag-exporter has a label of that name itself; write another".to_owned());
    }
    if TARGET_LABELS.contains(&name) {
        return Err(
            "Prometheus gives a label of that name to what it scrapes; write another, such as environment"
                .to_owned(),
        );
    }
    let Some(text) = value.as_text() else {
        return Err(format!("write the label's value in quotes, not {value}"));
    };
    Ok(text.to_owned())
}
