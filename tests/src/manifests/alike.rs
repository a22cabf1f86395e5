//! The comparison of the chart's objects with those of kustomize, without the intended differences: labels that Helm's
//! conventions ask for, and the choice of labels in selectors.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use shared::config::{self, Environment, Program};

use super::Objects;

/// Objects by kind and name, in the form in which they are compared.
pub type Plain = BTreeMap<String, Value>;

/// Returns the objects without the intended differences.
pub fn plain(objects: &Objects) -> Result<Plain> {
    let plain = objects.by_name.iter().map(|((kind, name), object)| {
        let mut object = object.clone();
        strip(&mut object);
        if kind == "Service" {
            forget(&mut object, "/spec", "type", &json!("ClusterIP"));
        }
        if kind == "ConfigMap"
            && let Some(text) = object.pointer_mut("/data/config.toml")
        {
            *text = effective(text.as_str().context("no text")?)?;
        }
        if kind == "ConfigMap" && name.ends_with("-dashboard") {
            object["data"] = json!([dashboard(&object["data"])?]);
        }
        Ok((format!("{kind} {name}"), object))
    });
    plain.collect()
}

/// Returns the differences in words, a line each.
pub fn differences(left: &Plain, right: &Plain) -> Vec<String> {
    let mut found = Vec::new();
    for name in left.keys().chain(right.keys()) {
        match (left.get(name), right.get(name)) {
            (Some(left), Some(right)) => compare(name, left, right, &mut found),
            (Some(_), None) => found.push(format!("{name}: only left")),
            (None, _) => found.push(format!("{name}: only right")),
        }
    }
    found.sort();
    found.dedup();
    found
}

fn compare(place: &str, left: &Value, right: &Value, found: &mut Vec<String>) {
    match (left, right) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys()) {
                let [a, b] = [a, b].map(|map| map.get(key).unwrap_or(&Value::Null));
                compare(&format!("{place} {key}"), a, b, found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (i, (a, b)) in a.iter().zip(b).enumerate() {
                compare(&format!("{place} {i}"), a, b, found);
            }
        }
        _ if left == right => {}
        _ => found.push(format!("{place}: {left} | {right}")),
    }
}

/// Replaces the chart's selecting labels by those of kustomize, and removes Helm's other labels.
fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            let selects = ["name", "instance"].map(|it| format!("app.kubernetes.io/{it}"));
            if selects.iter().all(|label| map.contains_key(label)) {
                map.entry("app").or_insert(json!("klag-exporter"));
            }
            map.retain(|key, _| {
                let conventional =
                    key.starts_with("app.kubernetes.io/") || key.starts_with("helm.sh/");
                !conventional && key != "checksum/config"
            });
            map.values_mut().for_each(strip);
            // The API server treats an absent list and an empty one alike.
            map.retain(|_, value| *value != json!([]) && !value.is_null());
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

fn forget(object: &mut Value, place: &str, key: &str, default: &Value) {
    if let Some(Value::Object(map)) = object.pointer_mut(place)
        && map.get(key) == Some(default)
    {
        map.remove(key);
    }
}

/// Returns the data of the only dashboard, without the name of its release: the chart has one dashboard for each release.
fn dashboard(data: &Value) -> Result<Value> {
    let mut files = data.as_object().into_iter().flatten();
    let (_, text) = files.next().context("no dashboard")?;
    ensure!(files.next().is_none(), "two dashboards");
    let mut dashboard: Value = serde_json::from_str(text.as_str().context("no text")?)?;
    for place in ["uid", "title"] {
        dashboard[place] = Value::Null;
    }
    let variables = dashboard["templating"]["list"].as_array_mut();
    for variable in variables.context("no variables")? {
        if variable["name"] == "namespace" || variable["name"] == "job" {
            variable["current"] = Value::Null;
        }
    }
    Ok(dashboard)
}

/// Returns the effective configuration of both programs; without an election that of the collector alone, since no elector reads
/// the file.
fn effective(text: &str) -> Result<Value> {
    let mut programs = vec![Program::Collector];
    if text.contains("enabled = true") {
        programs.push(Program::Elector);
    }
    let env: Environment = [("POD_NAME", "pod"), ("POD_NAMESPACE", "monitoring")]
        .into_iter()
        .collect();
    let texts = programs.into_iter().map(|program| {
        let loaded = config::parse(text, "config.toml", program, &env)?;
        Ok(loaded.config.effective(program).to_string())
    });
    Ok(json!(texts.collect::<Result<Vec<_>>>()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(object: Value) -> Plain {
        [("Service x".to_owned(), object)].into_iter().collect()
    }

    #[test]
    fn a_difference_is_told_with_its_place() {
        let left = of(json!({"spec": {"ports": [{"port": 1}, {"port": 2}]}}));
        let right = of(json!({"spec": {"ports": [{"port": 1}, {"port": 3}], "type": "NodePort"}}));
        assert_eq!(
            differences(&left, &right),
            [
                "Service x spec ports 1 port: 2 | 3",
                "Service x spec type: null | \"NodePort\""
            ]
        );
    }

    #[test]
    fn an_object_of_one_side_is_a_difference() {
        assert_eq!(
            differences(&of(json!({})), &Plain::new()),
            ["Service x: only left"]
        );
    }

    #[test]
    fn what_selects_is_the_same_by_either_labels() {
        let mut helm = json!({"selector": {
            "app.kubernetes.io/name": "klag-exporter", "app.kubernetes.io/instance": "klag-exporter"}});
        strip(&mut helm);
        assert_eq!(helm, json!({"selector": {"app": "klag-exporter"}}));
    }
}
