//! Tests that the schema of the Helm chart's values agrees with the keys of the file, so that a new key cannot be forgotten in
//! the schema.

use std::collections::BTreeSet;

use serde_json::Value;

/// The schema of the values of the Helm chart, as JSON.
const CHART: &str = include_str!("../../../manifests/helm/klag-exporter/values.schema.json");

/// The name that consumer properties have in a values file for klag-exporter's own chart.
const ALIAS: &str = "clusters.consumer_properties";

/// Returns the schemas of all tables in the chart's values, each with the name of its table.
fn chart_tables() -> Vec<(String, Value)> {
    let schema: Value = serde_json::from_str(CHART).expect("the chart's schema is JSON");
    let tables = &schema["properties"]["config"]["properties"];
    let tables = tables.as_object().expect("config has tables").clone();
    let of_table = |(name, schema): (String, Value)| match name.as_str() {
        "clusters" => (name, schema["items"].clone()),
        _ => (name, schema),
    };
    tables.into_iter().map(of_table).collect()
}

fn names(schema: &Value) -> BTreeSet<String> {
    let names = schema.as_object().into_iter().flatten();
    names.map(|(name, _)| name.clone()).collect()
}

/// Returns the types that a schema allows; `None` where the schema names none, so that all are allowed.
fn types(schema: &Value) -> Option<Vec<&str>> {
    match &schema["type"] {
        Value::String(name) => Some(vec![name]),
        Value::Array(names) => Some(names.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

#[test]
fn the_chart_has_the_tables_of_the_file() {
    let of_file = names(&shared::config::json_schema()["properties"]);
    let of_chart: BTreeSet<String> = chart_tables().into_iter().map(|(name, _)| name).collect();
    assert_eq!(of_chart, of_file);
}

#[test]
fn the_chart_accepts_every_key_and_names_no_other() {
    let file = shared::config::json_schema();
    for (table, in_chart) in chart_tables() {
        let in_file = &file["properties"][&table];
        let keys = names(&in_file["properties"]);
        let mut named = names(&in_chart["properties"]);
        named.remove(ALIAS);
        assert!(named.is_subset(&keys), "{table}: {named:?}");
        if in_chart["additionalProperties"] == Value::Bool(false) {
            assert_eq!(named, keys, "{table}");
        }
        if table == "clusters" {
            assert_eq!(in_chart["required"], in_file["required"], "{table}");
        }
    }
}

#[test]
fn the_chart_gives_each_key_a_form_that_the_file_has() {
    let file = shared::config::json_schema();
    for (table, in_chart) in chart_tables() {
        for (key, in_chart) in in_chart["properties"].as_object().into_iter().flatten() {
            let key = if key == ALIAS {
                "consumer_properties"
            } else {
                key
            };
            let in_file = &file["properties"][&table]["properties"][key];
            assert_eq!(in_chart["enum"], in_file["enum"], "{table}.{key}");
            if let (Some(allowed), Some(known)) = (types(in_chart), types(in_file)) {
                let fits = known.iter().all(|name| allowed.contains(name));
                assert!(fits, "{table}.{key}: {allowed:?} for {known:?}");
            }
            if let Some(most) = in_chart["maximum"].as_u64() {
                let most_in_file = in_file["maximum"].as_u64();
                assert!(Some(most) <= most_in_file, "{table}.{key}: {most}");
            }
        }
    }
}
