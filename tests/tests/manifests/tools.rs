//! Tests of the manifests with kustomize and Helm: the two render alike, values are taken or refused with a reason, and objects
//! are as the programs need them.

use anyhow::{Context, Result, ensure};
use e2e::manifests::render::{Objects, chart, composition, kustomization};
use e2e::manifests::{self, alike, tools};
use serde_json::{Value, json};
use shared::config::{self, Environment, Program};

const CHART: &str = "helm/klag-exporter";
const GUIDE: [&str; 2] = ["--set", "readinessProbe.httpGet.path=/ready"];
const NO_ELECTION: &str = r"config.exporter\.leadership.enabled=false";

/// Values that the chart refuses, each with a part of what it says.
const REFUSED: [(&str, &str); 18] = [
    ("replicas=3", "additional properties 'replicas' not allowed"),
    ("readinessProbe.httpGet.path=/redy", "must be one of"),
    (NO_ELECTION, "each replica would collect"),
    (
        "alerts.enabled=true,alerts.overrides.Nope.for=1m",
        "there is no alert Nope",
    ),
    (
        "alerts.enabled=true,alerts.groups.nope.interval=1m",
        "there is no group of rules nope",
    ),
    (
        "alerts.enabled=true,alerts.budgets[0].seconds=1,alerts.budgets[0].labels.group=x",
        "invalid propertyName 'group'",
    ),
    ("alerts.enabled=true,alerts.budgets[0].group=x", "seconds"),
    (
        "alerts.enabled=true,alerts.budgets[0].seconds=1,alerts.budgets[0].name=default",
        "two are called default",
    ),
    (
        "alerts.enabled=true,alerts.budgets[0].seconds=1,alerts.budgets[0].group=*-billing",
        "the pattern \"*-billing\" of budget-0 is no regular expression",
    ),
    (
        "alerts.enabled=true,alerts.budgets[0].seconds=1,alerts.budgets[0].cluster=a)(b",
        "the pattern \"a)(b\" of budget-0 is no regular expression",
    ),
    (
        "alerts.enabled=true,alerts.budgets[0].seconds=1,alerts.budgets[0].labels.__name__=x",
        "invalid propertyName '__name__'",
    ),
    (
        "alerts.enabled=true,alerts.targetLabels={cluster},alerts.budgets[0].seconds=1,alerts.budgets[0].labels.cluster=x",
        "the label cluster of budget-0 is one of alerts.targetLabels",
    ),
    (
        "alerts.enabled=true,alerts.targetLabels={cluster},alerts.default.labels.cluster=x",
        "the label cluster of default is one of alerts.targetLabels",
    ),
    ("alerts.enabled=true,alerts.default.seconds=0", "seconds"),
    ("alerts.enabled=true,alerts.objective=90", "objective"),
    (
        "alerts.enabled=true,config.exporter.poll_interval=${POLL}",
        "\"${POLL}\" is no duration that the rules can follow",
    ),
    (
        "alerts.enabled=true,alerts.intervals.scrape=10m",
        "Prometheus forgets values after five minutes",
    ),
    (
        "config.clusters[0].name=x",
        "missing property 'bootstrap_servers'",
    ),
];

fn ensure_alike(kustomize: &Objects, chart: &Objects) -> Result<()> {
    let differences = alike::differences(&alike::plain(kustomize)?, &alike::plain(chart)?);
    ensure!(differences.is_empty(), "{differences:#?}");
    Ok(())
}

#[test]
fn the_chart_is_the_overlay_with_ready_standbys() -> Result<()> {
    ensure_alike(&kustomization("overlays/ready-standbys")?, &chart(&[])?)
}

#[test]
fn the_chart_with_the_readiness_of_the_guide_is_the_base() -> Result<()> {
    ensure_alike(&kustomization("base")?, &chart(&GUIDE)?)
}

#[test]
fn the_chart_with_a_shipped_lease_is_the_overlay() -> Result<()> {
    let args = [&GUIDE[..], &["--set", "rbac.namedLeaseOnly=true"]].concat();
    ensure_alike(&kustomization("overlays/named-lease-only")?, &chart(&args)?)
}

#[test]
fn the_chart_without_election_is_the_overlay() -> Result<()> {
    let args = [
        &GUIDE[..],
        &["--set", NO_ELECTION, "--set", "replicaCount=1"],
    ]
    .concat();
    ensure_alike(&kustomization("overlays/standalone")?, &chart(&args)?)
}

#[test]
fn the_chart_with_everything_is_the_overlay_with_every_component() -> Result<()> {
    let components = ["monitoring", "network-policy", "dashboard"];
    // `alerts.selector` is empty because the rules of kustomize are about all releases.
    let on = "serviceMonitor.enabled=true,alerts.enabled=true,alerts.selector=,networkPolicy.enabled=true,dashboard.enabled=true";
    ensure_alike(
        &composition("overlays/ready-standbys", &components)?,
        &chart(&["--set", on])?,
    )
}

#[test]
fn components_can_be_combined() -> Result<()> {
    let all = composition(
        "base",
        &["ready-standbys", "named-lease-only", "monitoring"],
    )?;
    let verbs = all.at("Role", "klag-exporter-leader-election", "/rules")?;
    assert_eq!(verbs.as_array().map(Vec::len), Some(1));
    ensure!(all.get("Lease", "klag-exporter")?.get("spec").is_none());
    all.get("PodDisruptionBudget", "klag-exporter")?;
    Ok(())
}

#[test]
fn only_the_elector_has_a_token() -> Result<()> {
    for objects in [kustomization("base")?, chart(&[])?] {
        let pod = objects.at("Deployment", "klag-exporter", "/spec/template/spec")?;
        assert_eq!(pod["automountServiceAccountToken"], false);
        let mounts = |place: &str| {
            let mounts = pod.pointer(place).and_then(Value::as_array);
            let names = mounts.into_iter().flatten().map(|it| it["name"].clone());
            names.collect::<Vec<_>>()
        };
        let elector = mounts("/initContainers/0/volumeMounts");
        assert_eq!(elector, [json!("config"), json!("token")]);
        assert_eq!(mounts("/containers/0/volumeMounts"), [json!("config")]);
        assert_eq!(pod["initContainers"][0]["restartPolicy"], "Always");
    }
    Ok(())
}

#[test]
fn ports_are_those_of_the_configuration() -> Result<()> {
    for folder in ["base", "overlays/standalone", "overlays/other-source"] {
        let objects = kustomization(folder)?;
        let config: toml::Table = objects.config()?.parse()?;
        let of = |container: &str| {
            let place = format!("/spec/template/spec/{container}/ports/0/containerPort");
            let port = objects.at("Deployment", "klag-exporter", &place);
            port.ok().and_then(Value::as_i64)
        };
        let collector = config["exporter"]["http_port"].as_integer();
        assert_eq!(of("containers/0"), collector, "{folder}");
        let elector = config["exporter"]["leadership"].get("telemetry_listen");
        let elector = elector.and_then(|it| it.as_str()?.rsplit_once(':')?.1.parse().ok());
        assert_eq!(of("initContainers/0"), elector, "{folder}");
    }
    Ok(())
}

#[test]
fn the_grace_period_is_long_enough_for_everything_that_happens_in_it() -> Result<()> {
    let objects = kustomization("base")?;
    let env: Environment = [("POD_NAME", "pod"), ("POD_NAMESPACE", "monitoring")]
        .into_iter()
        .collect();
    let loaded = config::parse(objects.config()?, "base", Program::Collector, &env)?;
    let handover = loaded.config.exporter.handover_delay.as_secs();
    let place = "/spec/template/spec/terminationGracePeriodSeconds";
    let grace = objects.at("Deployment", "klag-exporter", place)?.as_u64();
    // After the handover delay come the collector's end (2 s), the last grant (5 s) and the release of the Lease (2 s); the grace
    // period has room for twice these times.
    ensure!(grace >= Some(handover + 2 * (2 + 5 + 2)), "{grace:?}");
    Ok(())
}

#[test]
fn values_of_klag_exporters_own_chart_are_taken() -> Result<()> {
    let values = "tests/manifests/klag-exporter.values.yaml";
    let values = manifests::root()
        .join("..")
        .join(values)
        .display()
        .to_string();
    let objects = chart(&["--values", &values])?;
    let env = [
        ("POD_NAME", "pod"),
        ("POD_NAMESPACE", "monitoring"),
        ("KAFKA_USER", "me"),
        ("KAFKA_PASSWORD", "secret"),
    ];
    let env: Environment = env.into_iter().collect();
    let read = objects.collectors_config()?;
    for program in [Program::Collector, Program::Elector] {
        let file = match program {
            Program::Collector => &read,
            Program::Elector => objects.config()?,
        };
        let loaded = config::parse(file, "config.toml", program, &env)?;
        let text = loaded.config.effective(program).to_string();
        let wanted = match program {
            Program::Collector => &["\"zone\" = \"3\"", "poll_interval = \"15s\""][..],
            Program::Elector => &["lease_name = \"lag-of-sales\"", "lease_duration_secs = 30"][..],
        };
        for wanted in wanted {
            let plain = |text: &str| text.replace('"', "");
            ensure!(plain(&text).contains(&plain(wanted)), "{wanted}: {text}");
        }
    }
    let read: toml::Table = read.parse()?;
    let properties = &read["clusters"][0]["consumer_properties"];
    assert_eq!(properties["reconnect.backoff.ms"].as_str(), Some("1000000"));
    let role = objects.at(
        "Role",
        "klag-exporter-leader-election",
        "/rules/0/resourceNames",
    )?;
    assert_eq!(*role, json!(["lag-of-sales"]));
    let surge = objects.at(
        "Deployment",
        "klag-exporter",
        "/spec/strategy/rollingUpdate/maxSurge",
    )?;
    assert_eq!(*surge, json!("100%"));
    ensure!(objects.get("PodDisruptionBudget", "klag-exporter").is_err());
    Ok(())
}

#[test]
fn wrong_values_are_refused_with_a_reason() -> Result<()> {
    for (set, reason) in REFUSED {
        let Err(error) = chart(&["--set", set]) else {
            anyhow::bail!("{set} is taken");
        };
        ensure!(format!("{error:#}").contains(reason), "{set}: {error:#}");
    }
    Ok(())
}

#[test]
fn alerts_can_be_changed_and_left_out() -> Result<()> {
    let set = "alerts.enabled=true,alerts.overrides.KafkaGroupLate.for=1m,alerts.overrides.KafkaGroupNearLoss.enabled=false";
    let objects = chart(&["--set", set])?;
    let groups = objects.at("PrometheusRule", "klag-exporter", "/spec/groups/2/rules")?;
    let rules = groups.as_array().context("no rules")?;
    let late = rules.iter().find(|rule| rule["alert"] == "KafkaGroupLate");
    let late = late.context("no KafkaGroupLate")?;
    assert_eq!(late["for"], "1m");
    ensure!(late["annotations"]["runbook"].is_string());
    ensure!(
        rules
            .iter()
            .all(|rule| rule["alert"] != "KafkaGroupNearLoss")
    );
    Ok(())
}

#[test]
fn helm_has_nothing_to_complain_of() -> Result<()> {
    let dir = manifests::root().join(CHART).display().to_string();
    let version = manifests::KUBE_VERSION;
    let said = tools::run(
        "helm",
        &["lint", "--strict", &dir, "--kube-version", version],
    )?;
    ensure!(
        !said.contains("[WARNING]") && !said.contains("[ERROR]"),
        "{said}"
    );
    Ok(())
}
