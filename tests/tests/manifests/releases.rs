//! Tests of the rendered chart: several releases in one cluster do not clash, and the `NetworkPolicy` lets through no more than is
//! needed.

use anyhow::{Context, Result, ensure};
use e2e::lab::host::TempDir;
use e2e::manifests::dashboard::Dashboard;
use e2e::manifests::render::{Objects, chart};
use serde_json::{Value, json};

/// Returns the chart's dashboard: the name of its file, and its contents.
fn dashboard(args: &[&str], name: &str) -> Result<(String, Value)> {
    let args = [&["--set", "dashboard.enabled=true"], args].concat();
    let objects = chart(&args)?;
    let data = objects.at("ConfigMap", &format!("{name}-dashboard"), "/data")?;
    let mut files = data.as_object().context("no data")?.iter();
    let (file, text) = files.next().context("no file")?;
    Ok((
        file.clone(),
        serde_json::from_str(text.as_str().context("no text")?)?,
    ))
}

#[test]
fn each_release_has_a_dashboard_of_its_own() -> Result<()> {
    let (file, one) = dashboard(&[], "klag-exporter")?;
    assert_eq!(file, "monitoring-klag-exporter.json");
    assert_eq!(one["uid"], "monitoring-klag-exporter");
    assert_eq!(
        one["title"],
        "Kafka consumer group lag: monitoring/klag-exporter"
    );
    assert_eq!(one["panels"], Dashboard::read()?.json()["panels"]);

    let long = "a-release-with-a-name-that-is-rather-long";
    let names = [format!("{long}-1"), format!("{long}-2")];
    let mut uids = vec![one["uid"].clone()];
    for name in &names {
        let (_, other) = dashboard(&["--set", &format!("fullnameOverride={name}")], name)?;
        let uid = other["uid"].as_str().context("no uid")?;
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        ensure!(uid.len() <= 40 && uid.chars().all(allowed), "{uid}");
        ensure!(!uids.contains(&other["uid"]), "{uid} twice");
        uids.push(other["uid"].clone());
    }
    Ok(())
}

#[test]
fn a_dashboard_begins_with_its_own_release_where_the_chart_says_how_that_is_scraped() -> Result<()>
{
    let first = |args: &[&str]| {
        let (_, dashboard) = dashboard(args, "klag-exporter")?;
        let list = dashboard["templating"]["list"]
            .as_array()
            .context("no variables")?;
        let of = |name: &str| list.iter().find(|it| it["name"] == name);
        let of = |name| of(name).map(|it| it["current"]["value"].clone());
        Ok::<_, anyhow::Error>([of("namespace"), of("job"), of("group")])
    };
    let all = Some(json!(["$__all"]));
    assert_eq!(first(&[])?, [all.clone(), all.clone(), all.clone()]);
    let own = first(&["--set", "serviceMonitor.enabled=true"])?;
    assert_eq!(
        own,
        [
            Some(json!(["monitoring"])),
            Some(json!(["klag-exporter"])),
            all
        ]
    );
    Ok(())
}

fn policy(values: &Value) -> Result<Objects> {
    let mut values = values.clone();
    values["networkPolicy"]["enabled"] = json!(true);
    let scratch = TempDir::new("values")?;
    let file = scratch.write("values.json", values.to_string())?;
    chart(&["--values", &file.display().to_string()])
}

fn egress(objects: &Objects) -> Result<&Vec<Value>> {
    let rules = objects.at("NetworkPolicy", "klag-exporter", "/spec/egress")?;
    rules.as_array().context("no rules")
}

fn tcp(ports: &[u16]) -> Value {
    ports
        .iter()
        .map(|port| json!({"protocol": "TCP", "port": port}))
        .collect()
}

fn namespace(name: &str) -> Value {
    json!({"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": name}}})
}

#[test]
fn pods_reach_the_brokers_of_the_configuration_and_nothing_else() -> Result<()> {
    let cluster = |servers: &str| json!({"name": servers, "bootstrap_servers": servers});
    let objects = policy(&json!({"config": {"clusters": [
        cluster("kafka.kafka.svc.cluster.local:9092"),
        cluster("kafka.kafka.svc:9092"),
        cluster("SASL_SSL://b-0.brokers.sales.svc:9094, ,b-1.brokers.orders.svc.example.org:9095"),
        cluster("b-1.msk.example:9096,kafka.kafka.svc:9092"),
        cluster("10.0.0.1"),
        cluster("[fd00::1]:9093"),
    ]}}))?;
    // The policy has one rule for each cluster, without duplicates, after the rules for DNS and the API.
    assert_eq!(
        egress(&objects)?[2..],
        [
            json!({"to": [namespace("kafka")], "ports": tcp(&[9092])}),
            json!({"to": [namespace("orders"), namespace("sales")], "ports": tcp(&[9094, 9095])}),
            json!({"ports": tcp(&[9096, 9092])}),
            json!({"ports": tcp(&[9092])}),
            json!({"ports": tcp(&[9093])}),
        ]
    );
    Ok(())
}

#[test]
fn every_part_of_the_policy_is_narrowed_by_a_value() -> Result<()> {
    let block = |cidr: &str| json!({"ipBlock": {"cidr": cidr}});
    let more =
        json!({"from": [namespace("ingress")], "ports": [{"protocol": "TCP", "port": "http"}]});
    let objects = policy(&json!({"networkPolicy": {
        "from": [namespace("metrics")],
        "dns": {"to": [block("169.254.20.10/32")], "ports": [5353]},
        "kubernetesApi": {"cidrs": ["10.96.0.1/32", "192.168.7.2/32"], "ports": [6443]},
        "kafka": {"to": [block("10.1.0.0/16")], "ports": [9093]},
        "extraIngress": [more],
        "extraEgress": [{"to": [namespace("proxy")]}],
    }}))?;
    let ingress = objects.at("NetworkPolicy", "klag-exporter", "/spec/ingress")?;
    let scrape =
        json!([{"protocol": "TCP", "port": "http"}, {"protocol": "TCP", "port": "elector"}]);
    assert_eq!(
        *ingress,
        json!([{"from": [namespace("metrics")], "ports": scrape}, more])
    );
    assert_eq!(
        *egress(&objects)?,
        [
            json!({"to": [block("169.254.20.10/32")], "ports": [
                {"protocol": "UDP", "port": 5353}, {"protocol": "TCP", "port": 5353}]}),
            json!({"to": [block("10.96.0.1/32"), block("192.168.7.2/32")], "ports": tcp(&[6443])}),
            json!({"to": [block("10.1.0.0/16")], "ports": tcp(&[9093])}),
            json!({"to": [namespace("proxy")]}),
        ]
    );
    Ok(())
}

#[test]
fn no_peer_is_left_open_by_default_but_the_api() -> Result<()> {
    let objects = policy(&json!({}))?;
    let open = egress(&objects)?
        .iter()
        .filter(|rule| rule.get("to").is_none());
    let open: Vec<_> = open.collect();
    assert_eq!(open, [&json!({"ports": tcp(&[443, 6443])})]);
    let from = objects.at("NetworkPolicy", "klag-exporter", "/spec/ingress/0/from/0")?;
    ensure!(from["podSelector"].is_object() && from["namespaceSelector"].is_object());

    // Without an election no program sends requests to the API.
    let alone = json!({"replicaCount": 1, "config": {"exporter.leadership": {"enabled": false}}});
    let objects = policy(&alone)?;
    ensure!(
        egress(&objects)?
            .iter()
            .all(|rule| rule.get("to").is_some())
    );
    Ok(())
}

#[test]
fn brokers_that_the_chart_cannot_know_are_asked_for() -> Result<()> {
    let by_variable = json!([{"name": "x", "bootstrap_servers": "${KAFKA:-kafka:9092}"}]);
    for values in [
        json!({"config": {"clusters": by_variable}}),
        json!({"existingConfigMap": "mine"}),
    ] {
        let Err(error) = policy(&values) else {
            anyhow::bail!("{values} is taken");
        };
        ensure!(
            format!("{error:#}").contains("networkPolicy.kafka.ports: "),
            "{error:#}"
        );
        let mut told = values.clone();
        told["networkPolicy"]["kafka"]["ports"] = json!([9093]);
        let objects = policy(&told)?;
        assert_eq!(egress(&objects)?[2..], [json!({"ports": tcp(&[9093])})]);
    }
    Ok(())
}
