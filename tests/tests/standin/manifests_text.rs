//! Checks of the manifests as text: generated files are up to date, rules and dashboard read only series that exist, and every
//! configuration loads.
//!
//! The generated parts are written by `KLAG_WRITE_MANIFESTS=1 cargo test --workspace --test standin manifests_text`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use collector::exposition::FAMILIES;
use collector::gate::{Gate, Until};
use collector::telemetry::Telemetry;
use e2e::manifests::dashboard::{self, Dashboard};
use e2e::manifests::{self, promql, runbooks};
use regex::Regex;
use serde_json::Value;
use shared::config::{self, Environment, Program};
use tokio::time::Instant;

const RULES: &str = "alerts/klag-exporter.rules.yaml";
const PARTITIONS: &str = "alerts/klag-exporter-partitions.rules.yaml";

#[test]
fn what_is_made_from_something_else_is_up_to_date() -> Result<()> {
    let rules = manifests::read(RULES)?;
    let partitions = manifests::read(PARTITIONS)?;
    let made = [
        (
            "components/monitoring/prometheusrule.yaml",
            prometheus_rule(("klag-exporter", RULES), &rules)?,
        ),
        (
            "components/partition-rules/prometheusrule.yaml",
            prometheus_rule(("klag-exporter-partitions", PARTITIONS), &partitions)?,
        ),
        (
            "alerts/RUNBOOKS.md",
            runbooks::page(&manifests::read_yaml(RULES)?)?,
        ),
        ("helm/klag-exporter/files/klag-exporter.rules.yaml", rules),
        (
            "helm/klag-exporter/files/klag-exporter-partitions.rules.yaml",
            partitions,
        ),
        (
            "helm/klag-exporter/files/klag-exporter.json",
            manifests::read(dashboard::FILE)?,
        ),
    ];
    for (path, text) in made {
        if std::env::var_os("KLAG_WRITE_MANIFESTS").is_some() {
            fs::write(manifests::root().join(path), &text)?;
        }
        let there = manifests::read(path).unwrap_or_default();
        ensure!(
            there == text,
            "{path} is out of date; write it with KLAG_WRITE_MANIFESTS=1"
        );
    }
    Ok(())
}

/// Returns the object with the rules that prometheus-operator reads, in YAML.
fn prometheus_rule((name, file): (&str, &str), rules: &str) -> Result<String> {
    let mut text = format!(
        "# Generated from manifests/{file} by\n\
         # KLAG_WRITE_MANIFESTS=1 cargo test --workspace --test standin manifests_text\n\
         apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: {name}\n  \
         namespace: monitoring\n  labels:\n    app: klag-exporter\nspec:\n"
    );
    let (_, groups) = rules.split_once("\ngroups:\n").context("no groups")?;
    for line in "groups:\n".lines().chain(groups.lines()) {
        let indent = if line.is_empty() { "" } else { "  " };
        writeln!(text, "{indent}{line}")?;
    }
    Ok(text)
}

fn rules() -> Result<Vec<Value>> {
    let mut all = Vec::new();
    for file in [RULES, PARTITIONS, "alerts/budgets.example.rules.yaml"] {
        all.extend(runbooks::rules(&manifests::read_yaml(file)?)?.cloned());
    }
    Ok(all)
}

/// Returns the names that rules and dashboard may read: the metric families of both programs, and the series that recording rules
/// make.
fn known() -> Result<BTreeSet<String>> {
    let telemetry = Telemetry::new()?;
    telemetry.polls()?;
    let web = telemetry.web()?;
    web.certificates_expire
        .with_label_values::<&str>(&[])
        .set(1);
    telemetry.count_request("/", 200);
    let gate = Gate::Open {
        until: Until::At(Instant::now()),
        term: 1,
        opening: 1,
    };
    let text = telemetry.render(gate, Instant::now())?;
    let named = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let named = named.filter_map(|line| line.split(' ').next());
    let recorded = rules()?;
    let recorded = recorded.iter().filter_map(|rule| rule["record"].as_str());
    let families = FAMILIES.iter().map(|family| family.name);
    let known = named.chain(recorded).chain(families).map(str::to_owned);
    let mut known: BTreeSet<String> = known.collect();
    known.extend(of_the_elector()?);
    // Both programs have the same families about the web configuration.
    let prefix = "kafka_lag_exporter_";
    let web: Vec<_> = known
        .iter()
        .filter_map(|name| {
            name.strip_prefix(prefix)
                .filter(|rest| rest.starts_with("web_"))
        })
        .map(|rest| format!("{prefix}elector_{rest}"))
        .collect();
    known.extend(web);
    Ok(known)
}

/// Returns the families of the elector, read from its sources: a vector of counters is in no answer until it has counted
/// something.
fn of_the_elector() -> Result<BTreeSet<String>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../elector/src");
    let mut names = BTreeSet::new();
    let prefixed = Regex::new(r#"format!\("(\w+_)\{rest\}"\)"#)?;
    let named = Regex::new(r#"(name\(|labelled\(\s*)?"([a-z_]+)""#)?;
    for file in ["telemetry.rs", "lease/telemetry.rs"] {
        let text = fs::read_to_string(source.join(file))?;
        let prefix = prefixed.captures(&text).map(|found| found[1].to_owned());
        names.extend(named.captures_iter(&text).map(|found| {
            let begin = found.get(1).and(prefix.as_deref()).unwrap_or_default();
            format!("{begin}{}", &found[2])
        }));
    }
    Ok(names)
}

#[test]
fn rules_read_what_exists() -> Result<()> {
    let known = known()?;
    for rule in rules()? {
        let query = rule["expr"].as_str().context("a rule without expr")?;
        ensure_known(query, &known).with_context(|| rule.to_string())?;
    }
    Ok(())
}

#[test]
fn the_dashboard_reads_what_exists() -> Result<()> {
    let known = known()?;
    let dashboard = Dashboard::read()?;
    let queries = dashboard.queries(&[])?;
    ensure!(queries.len() > 35, "{}", queries.len());
    for query in queries {
        ensure_known(&query.expr, &known).with_context(|| query.expr.clone())?;
    }
    // Variables match the name of a series, with or without the prefix of the rules.
    let matched = Regex::new(r#"\{__name__=~"\(klag:\)\?(\w+)""#)?;
    for list in dashboard.lists()? {
        let read = matched.replace(&list, "$1 + klag:$1{x=\"\"");
        ensure_known(&read, &known).with_context(|| list.clone())?;
    }
    Ok(())
}

fn ensure_known(query: &str, known: &BTreeSet<String>) -> Result<()> {
    let read = promql::series(query);
    ensure!(!read.is_empty(), "reads nothing");
    for name in read {
        ensure!(
            known.contains(&name) || known.contains(promql::family(&name)),
            "there is no {name}"
        );
    }
    Ok(())
}

#[test]
fn every_alert_says_what_it_means_what_to_do_and_is_tested() -> Result<()> {
    let tests = ["groups", "itself", "days"]
        .map(|name| manifests::read(&format!("alerts/tests/{name}.test.yaml")));
    let tests = tests.into_iter().collect::<Result<String>>()?;
    let rules = rules()?;
    let alerts = rules.iter().filter(|rule| rule["alert"].is_string());
    for alert in alerts {
        let name = alert["alert"].as_str().context("no name")?;
        for place in [
            "/labels/severity",
            "/annotations/summary",
            "/annotations/description",
            "/annotations/runbook",
        ] {
            let text = alert.pointer(place).and_then(Value::as_str);
            ensure!(
                text.is_some_and(|text| !text.is_empty()),
                "{name} has no {place}"
            );
        }
        ensure!(tests.contains(name), "no unit test names {name}");
    }
    Ok(())
}

#[test]
fn every_configuration_loads_in_both_programs() -> Result<()> {
    let env: Environment = [("POD_NAME", "pod"), ("POD_NAMESPACE", "monitoring")]
        .into_iter()
        .collect();
    for folder in ["base", "components/standalone", "components/other-source"] {
        let text = manifests::read(&format!("{folder}/config.toml"))?;
        for program in [Program::Collector, Program::Elector] {
            let loaded = config::parse(&text, folder, program, &env)?;
            ensure!(
                loaded.warnings.is_empty(),
                "{folder}: {:?}",
                loaded.warnings
            );
        }
    }
    Ok(())
}

#[test]
fn versions_are_the_same_everywhere() -> Result<()> {
    let version = env!("CARGO_PKG_VERSION");
    let chart = manifests::read_yaml("helm/klag-exporter/Chart.yaml")?;
    assert_eq!(chart["appVersion"], version);
    let docker = manifests::read("Dockerfile")?;
    let given = docker.matches(&format!("ARG VERSION={version}\n")).count();
    assert_eq!(given, docker.matches("ARG VERSION").count());
    let pod = manifests::read("base/deployment.yaml")?;
    let images = Regex::new(r"(?m)^ +image: \S+:(\S+)$")?;
    let tags: Vec<_> = images
        .captures_iter(&pod)
        .map(|found| found[1].to_owned())
        .collect();
    assert_eq!(tags, [version, version]);
    Ok(())
}
