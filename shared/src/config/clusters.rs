//! The tables `[[clusters]]`.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::document::{Entry, Value};
use super::filter::Filter;
use super::model::{Cluster, IsolationLevel, Secret};
use super::properties;
use super::section::Section;
use super::walk::{Place, Walk};
use super::{Program, brokers, values};

/// Labels of our own on families that carry the clusters' labels.
const OUR_LABELS: &[&str] = &[
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

/// Labels that Prometheus, or prometheus-operator, gives to every target. A series that brings one of them itself has it renamed
/// (`exported_namespace`), or keeps it and is not joined with the others of its pod any more, which silences alerts.
const SCRAPE_LABELS: &[&str] = &[
    "container",
    "endpoint",
    "instance",
    "job",
    "namespace",
    "pod",
    "service",
];

/// Reads every `[[clusters]]` of the file.
pub(super) fn read(walk: &mut Walk<'_>, file: &Place<'_>) -> Vec<Cluster> {
    let entry = file.entries.iter().find(|entry| entry.name == "clusters");
    let tables: &[(usize, Value)] = match entry {
        Some(Entry {
            value: Value::List(items),
            ..
        }) => items,
        Some(Entry { line, .. }) => {
            let message = "write [[clusters]], in two pairs of brackets";
            walk.note(Some(*line), "clusters".to_owned(), message.to_owned());
            return Vec::new();
        }
        None => &[],
    };
    if tables.is_empty() && walk.program == Program::Collector {
        let message = "there is none; write [[clusters]] with name and bootstrap_servers";
        walk.note(None, "clusters".to_owned(), message.to_owned());
    }
    let mut clusters: Vec<Cluster> = Vec::new();
    let mut seen: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for (i, (line, value)) in tables.iter().enumerate() {
        let path = format!("clusters[{i}]");
        let Value::Table(entries) = value else {
            walk.note(
                Some(*line),
                path,
                format!("write a table, not {}", value.kind()),
            );
            continue;
        };
        let place = Place {
            path,
            line: Some(*line),
            entries,
        };
        let mut section = walk.section("clusters", place);
        let cluster = cluster(&mut section);
        if cluster.name.is_empty() {
            continue;
        }
        let line = section.line_of("name").unwrap_or_default();
        if let Some(first) = seen.insert(Arc::clone(&cluster.name), line) {
            let message = format!("line {first} has the same name; write one of its own");
            section.note("name", message);
        }
        clusters.push(cluster);
    }
    match walk.program {
        Program::Collector => clusters,
        Program::Elector => Vec::new(),
    }
}

fn cluster(section: &mut Section<'_, '_>) -> Cluster {
    let name = section.optional("name", values::title).unwrap_or_default();
    let servers = section.optional("bootstrap_servers", brokers::parse);
    let bootstrap_servers = servers.unwrap_or_default();
    let consumer_properties = consumer_properties(section);
    if let Some(message) = brokers::protocol_mismatch(&bootstrap_servers, &consumer_properties) {
        section.note("bootstrap_servers", message);
    }
    Cluster {
        name: name.into(),
        bootstrap_servers,
        groups: filter(section, "group_whitelist", "group_blacklist"),
        topics: filter(section, "topic_whitelist", "topic_blacklist"),
        consumer_properties,
        labels: labels(section),
        isolation: match section.choice("isolation") {
            "read_committed" => IsolationLevel::ReadCommitted,
            _ => IsolationLevel::ReadUncommitted,
        },
    }
}

fn filter(section: &mut Section<'_, '_>, include: &str, exclude: &str) -> Filter {
    let included = section.patterns(include);
    let excluded = section.patterns(exclude);
    if included.is_empty() {
        section.warn(include, "is empty, so nothing is exported");
    }
    Filter::new(&included, &excluded).unwrap_or_else(|error| {
        // Each compiles alone, so it is their number.
        section.note(include, values::bad_pattern(&error));
        Filter::default()
    })
}

fn consumer_properties(section: &mut Section<'_, '_>) -> BTreeMap<String, Secret> {
    let mut properties = BTreeMap::new();
    section.table("consumer_properties", |name, value| {
        if let Some(remedy) = properties::refusal(name) {
            return Err(format!("is set by klag-exporter itself; {remedy}"));
        }
        let odd = |c: char| c.is_whitespace() || c.is_control();
        if name.is_empty() || name.contains(odd) {
            return Err("no property has such a name; write one of librdkafka's".to_owned());
        }
        let text = match value {
            Value::Text(text) | Value::Unquoted(text) | Value::Resolved(text) => text.clone(),
            Value::Integer(n) => n.to_string(),
            Value::Float(n) => n.clone(),
            Value::Boolean(value) => value.to_string(),
            // Dots outside quotes are TOML's own.
            Value::Table(_) => {
                return Err(format!(
                    "write the whole name in quotes, such as \"{name}.x\" = \"y\""
                ));
            }
            Value::Datetime | Value::List(_) => return Err("write the value in quotes".to_owned()),
        };
        properties.insert(name.to_owned(), Secret::new(text));
        Ok(())
    });
    properties
}

fn labels(section: &mut Section<'_, '_>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::new();
    section.table("labels", |name, value| {
        let letters = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let digit = name.starts_with(|c: char| c.is_ascii_digit());
        if name.is_empty() || digit || !name.chars().all(letters) {
            return Err(
                "not a label's name; write letters, digits and _, with no digit first".to_owned(),
            );
        }
        if name.starts_with("__") {
            return Err(
                "Prometheus keeps names that begin with __ to itself; write another".to_owned(),
            );
        }
        if OUR_LABELS.contains(&name) {
            return Err("klag-exporter has a label of that name itself; write another".to_owned());
        }
        if SCRAPE_LABELS.contains(&name) {
            return Err(
                "Prometheus gives a label of that name to what it scrapes; write another, such as environment"
                    .to_owned(),
            );
        }
        let Some(text) = value.as_text() else {
            return Err(format!("write the label's value in quotes, not {value}"));
        };
        labels.insert(name.to_owned(), text.to_owned());
        Ok(())
    });
    labels
}
