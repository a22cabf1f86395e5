//! A real Prometheus and a real Alertmanager: the tests check which team is paged for what, and how often.
//!
//! Two releases have a cluster of the same name: the first has two collectors whose leader is named by a source of leadership
//! without terms, the second has one collector that runs alone. The rules are as they are shipped, except that waiting times are
//! shortened: a minute becomes four seconds.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::alertmanager::{Alertmanager, Page};
use e2e::lab::process::Signal;
use e2e::lab::prometheus::Prometheus;
use e2e::lab::{self, Collector, Config};
use e2e::manifests;
use e2e::sources::{self, Source};
use e2e::standin::{GroupSpec, PartitionSpec, StandIn};
use regex::Regex;
use tokio::runtime::Runtime;

/// A time longer than the longest waiting time of an alert that can fire here, which is five minutes, and the delivery of a
/// notification.
const LONG: Duration = Duration::from_secs(32);

/// The rules that give the group a budget and name its owner.
const BUDGET: &str = r#"groups:
- name: own-budgets
  interval: 1s
  rules:
  - record: klag:budget_candidate
    labels: {budget: billing}
    expr: 0 * klag:kafka_consumergroup_group_state{group="billing"} + 0
  - record: klag:budget_seconds
    labels: {budget: billing, severity: critical, team: payments}
    expr: |
      60 + 0 * (
        klag:budget_candidate{budget="billing"}
        == on (namespace, job, cluster_name, group) group_left () klag:budget_first
      )
"#;

/// Starts a stand-in for Kafka. The records are years old, so a group with lag is late.
fn kafka(runtime: &Runtime, committed: i64) -> StandIn {
    let kafka = StandIn::builder()
        .nodes(1)
        .topic("orders", 1, |_| PartitionSpec::ending_at(1000))
        .group(
            "billing",
            GroupSpec::classic().committed("orders", 0, committed),
        );
    runtime.block_on(kafka.start())
}

fn quick(kafka: &StandIn) -> Config {
    Config::of(&kafka.bootstrap())
        .every(Duration::from_millis(500))
        .by_topic()
}

/// Returns the rules with shortened waiting times: four seconds for each minute.
fn rules() -> Result<String> {
    let rules = manifests::read("alerts/klag-exporter.rules.yaml")?;
    let minutes = Regex::new(r"(?m)^( +for: )(\d+)m$")?;
    let rules = minutes.replace_all(&rules, |found: &regex::Captures<'_>| {
        let minutes: u32 = found[2].parse().unwrap_or_default();
        format!("{}{}s", &found[1], 4 * minutes)
    });
    Ok(rules.replace("    interval: 30s\n", "    interval: 1s\n"))
}

/// Starts a Prometheus that scrapes these releases, given by their namespaces, and that refuses a `/metrics` of more than `limit`
/// samples; 0 sets no limit.
fn prometheus(
    alertmanager: &Alertmanager,
    releases: &BTreeMap<&str, Vec<u16>>,
    limit: u32,
) -> Result<Prometheus> {
    let mut config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['*.rules.yaml']\nalerting:\n  alertmanagers:\n  - static_configs:\n    \
         - targets: ['127.0.0.1:{}']\nscrape_configs:\n",
        alertmanager.port()
    );
    for (job, path, limit) in [
        ("klag-exporter", "/metrics", limit),
        ("klag-exporter-telemetry", "/telemetry", 0),
    ] {
        writeln!(
            config,
            "- job_name: {job}\n  metrics_path: {path}\n  sample_limit: {limit}\n  static_configs:"
        )?;
        for (namespace, ports) in releases {
            for port in ports {
                writeln!(
                    config,
                    "  - targets: ['127.0.0.1:{port}']\n    labels: {{namespace: {namespace}, pod: pod-{port}, \
                     service: klag-exporter-scrape, container: klag-exporter, endpoint: http}}"
                )?;
            }
        }
    }
    Prometheus::configured(&config, &[&rules()?, BUDGET])
}

/// Returns the pages so far, sorted, each as receiver, alert, namespace and status. A page that was sent twice is listed twice.
fn pages(alertmanager: &Alertmanager) -> Vec<String> {
    let word = |page: &Page| {
        let label = |name: &str| page.labels.get(name).map_or("", String::as_str);
        format!(
            "{} {} {} {}",
            page.receiver,
            label("alertname"),
            label("namespace"),
            page.status
        )
    };
    let pages = alertmanager.pages();
    let mut told: Vec<_> = pages.iter().map(word).collect();
    told.sort();
    told
}

/// Two collectors, each with a source of leadership that names the same leader, and one collector that runs alone.
struct Scene {
    pair: [Collector; 2],
    sources: [Source; 2],
    alone: Collector,
}

impl Scene {
    fn start(well: &StandIn, late: &StandIn) -> Result<Self> {
        let sources = [sources::classic("a")?, sources::classic("a")?];
        let pod = |n: usize| {
            let identity = ["a", "b"][n];
            Collector::start(&quick(well).led_by(&sources[n].url(), identity))
        };
        let pair = [pod(0)?, pod(1)?];
        Ok(Self {
            pair,
            sources,
            alone: Collector::start(&quick(late))?,
        })
    }

    fn lead(&self, name: &str) {
        self.sources.iter().for_each(|source| source.name(name));
    }

    fn releases(&self) -> BTreeMap<&'static str, Vec<u16>> {
        let pair = self.pair.iter().map(Collector::port).collect();
        [("one", pair), ("two", vec![self.alone.port()])]
            .into_iter()
            .collect()
    }
}

#[test]
fn exactly_the_expected_pages_come_once_each_to_whom_they_concern() -> Result<()> {
    let _reservation = lab::reserve()?;
    let runtime = Runtime::new()?;
    let (well, late) = (kafka(&runtime, 1000), kafka(&runtime, 900));
    let mut scene = Scene::start(&well, &late)?;
    let alertmanager = Alertmanager::start(&["payments", "finance"])?;
    let watching = prometheus(&alertmanager, &scene.releases(), 0)?;
    let mut expected = Vec::new();
    let mut expect = |what: &str, more: &[&str]| {
        lab::pause(LONG);
        expected.extend(more.iter().map(|page| (*page).to_owned()));
        expected.sort();
        let told = pages(&alertmanager);
        ensure!(told == expected, "{what}: {told:#?}, not {expected:#?}");
        lab::say(format_args!("{what}: {more:?}"));
        Ok(())
    };
    expect(
        "both releases collect, the group of one is late",
        &["payments KafkaGroupLate two firing"],
    )?;
    scene.lead("b");
    expect("a planned failover", &[])?;
    scene.pair[1].signal(Signal::Kill)?;
    lab::pause(Duration::from_secs(2));
    scene.lead("a");
    expect("an unplanned failover", &[])?;
    runtime.block_on(late.stop_node(1));
    // The alert about the missing standby waits for a quarter of an hour, here 60 s, from the end of the other pod: 34 s have
    // passed, and 10 s and [`LONG`] follow.
    lab::pause(Duration::from_secs(10));
    expect(
        "a Kafka that is down, and a pod that stays away",
        &[
            "default KafkaLagCollectionFailing two firing",
            "default KafkaLagExporterNoStandby one firing",
        ],
    )?;
    runtime.block_on(late.start_node(1));
    drop(watching);
    let alertmanager = Alertmanager::start(&["payments", "finance"])?;
    let _blocked = prometheus(&alertmanager, &scene.releases(), 1)?;
    lab::pause(LONG);
    let told = pages(&alertmanager);
    let unseen = ["one", "two"]
        .map(|namespace| format!("default KafkaLagExporterLeaderUnseen {namespace} firing"));
    ensure!(told == unseen, "/metrics exceeds the limit: {told:#?}");
    Ok(())
}

#[test]
fn what_follows_from_an_alert_is_not_told_again() -> Result<()> {
    let alertmanager = Alertmanager::start(&[])?;
    let release = [
        ("namespace", "one"),
        ("job", "klag-exporter"),
        ("severity", "warning"),
    ];
    let fire = |alert: &str, labels: &[(&str, &str)]| {
        let labels = [&release[..], &[("alertname", alert)], labels].concat();
        alertmanager.fire(&labels)
    };
    let of = |cluster, group| [("cluster_name", cluster), ("group", group)];
    fire("KafkaLagCollectionFailing", &[("cluster_name", "down")])?;
    fire("KafkaGroupLate", &of("down", "a"))?;
    fire("KafkaGroupLate", &of("up", "b"))?;
    fire("KafkaGroupLosesRecords", &of("up", "c"))?;
    fire("KafkaGroupLate", &of("up", "c"))?;
    fire("KafkaGroupStuck", &of("up", "d"))?;
    fire("KafkaGroupLagGrowing", &of("up", "d"))?;
    fire("KafkaGroupStuck", &of("down", "e"))?;
    fire("KafkaLagCollectionPartial", &[("cluster_name", "part")])?;
    fire("KafkaGroupGone", &of("part", "f"))?;
    fire("KafkaGroupLate", &of("part", "g"))?;
    fire("KafkaLagExporterSeesNoMore", &[("cluster_name", "blind")])?;
    fire("KafkaGroupGone", &of("blind", "h"))?;
    let wanted = [
        ("KafkaLagCollectionFailing", "", false),
        ("KafkaGroupLate", "a", true),
        ("KafkaGroupLate", "b", false),
        ("KafkaGroupLosesRecords", "c", false),
        ("KafkaGroupLate", "c", true),
        ("KafkaGroupStuck", "d", false),
        ("KafkaGroupLagGrowing", "d", true),
        ("KafkaGroupStuck", "e", true),
        ("KafkaLagCollectionPartial", "", false),
        ("KafkaGroupGone", "f", true),
        ("KafkaGroupLate", "g", false),
        ("KafkaLagExporterSeesNoMore", "", false),
        ("KafkaGroupGone", "h", true),
    ];
    let wanted = wanted.map(|(alert, group, is)| ((alert.to_owned(), group.to_owned()), is));
    lab::wait_for("inhibition", Duration::from_secs(30), || {
        let inhibited = alertmanager.inhibited()?;
        ensure!(
            inhibited == wanted.iter().cloned().collect(),
            "{inhibited:?}"
        );
        Ok(())
    })
    .context("alerts by name and group, and whether another one silences them")
}
