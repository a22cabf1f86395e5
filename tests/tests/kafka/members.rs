//! Members of groups on real Kafka, with bytes that a client can choose: they join, are assigned partitions and commit by requests of the
//! test.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::kafka::Plan;
use e2e::lab::kafka_tools::Tool;
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config, Kafka, oracle};
use e2e::sources;

mod by_hand;

use by_hand::Member;

const MINUTE: Duration = Duration::from_secs(60);
const EVERY: Duration = Duration::from_secs(1);

/// A topic of the fixture, with six partitions of 100 records each.
const TOPIC: &str = "fx-lag";

fn of_group(metrics: &Exposition, family: &str, group: &str) -> Option<f64> {
    metrics.value(family, [("group", group)])
}

fn unsupported(metrics: &Exposition, kind: &str) -> Option<f64> {
    metrics.value("kafka_lag_exporter_unsupported_groups", [("type", kind)])
}

fn bad_answers(metrics: &Exposition) -> u64 {
    let pair = [("api", "describe_groups"), ("reason", "bad_answer")];
    metrics.count("kafka_lag_exporter_errors_total", pair)
}

/// Returns the number of requests that had no answer in time.
fn timeouts(metrics: &Exposition) -> u64 {
    metrics.count("kafka_lag_exporter_errors_total", [("reason", "timeout")])
}

/// Checks everything that depends on members, which must be right from the collector's first collection on.
fn check(metrics: &Exposition, n_live: f64) -> Result<()> {
    for (family, group, right) in [
        ("kafka_consumergroup_group_members", "g-live", Some(n_live)),
        ("kafka_consumergroup_group_members", "g-live848", Some(2.0)),
        ("kafka_consumergroup_group_members", "g-empty", Some(0.0)),
        ("kafka_consumergroup_group_members", "h-zero", None),
        ("kafka_consumergroup_group_members", "h-short", None),
        ("kafka_consumergroup_group_members", "h-right", Some(1.0)),
        ("kafka_consumergroup_group_state", "h-zero", Some(3.0)),
        ("kafka_consumergroup_group_sum_lag", "h-zero", Some(60.0)),
        ("kafka_consumergroup_group_sum_lag", "h-right", Some(60.0)),
        ("kafka_consumergroup_group_sum_lag", "h-streams", Some(85.0)),
        ("kafka_consumergroup_group_state", "h-streams", Some(0.0)),
        ("kafka_consumergroup_group_members", "h-streams", None),
        ("kafka_consumergroup_group_state", "h-fresh-streams", None),
        ("kafka_consumergroup_group_state", "h-connect", None),
        ("kafka_consumergroup_group_state", "g-share", None),
        ("kafka_consumergroup_group_state", "h-lone", None),
        // The group `h-pair` has committed 40 and 50 of 100 records each. The commit of the group `h-pair\0x` must not be taken
        // for a commit of `h-pair`.
        ("kafka_consumergroup_group_sum_lag", "h-pair", Some(110.0)),
        ("kafka_consumergroup_group_complete", "h-pair", Some(1.0)),
    ] {
        let got = of_group(metrics, family, group);
        ensure!(got == right, "{family} of {group}: {got:?}, not {right:?}");
    }
    for (kind, right) in [
        ("connect", 1.0),
        ("share_or_streams", 2.0),
        ("name_with_nul", 2.0),
        ("other", 0.0),
    ] {
        let got = unsupported(metrics, kind);
        ensure!(got == Some(right), "{got:?} {kind}, not {right}");
    }
    Ok(())
}

#[test]
fn members_who_choose_their_bytes_and_names_hide_nothing_and_forge_nothing() -> Result<()> {
    let _reservation = lab::reserve()?;
    let extra = "unstable.api.versions.enable=true\nunstable.feature.versions.enable=true\ngroup.coordinator.rebalance.protocols=classic,consumer,share,streams\n";
    let kafka = Kafka::start(&Plan {
        extra: extra.to_owned(),
        ..Plan::of(1)
    })?;
    kafka.tool(
        Tool::Features,
        &["upgrade", "--feature", "streams.version=1"],
    )?;
    kafka.fixture("build", &[])?;
    let _live = kafka.hold()?;
    // Kafka's tool fails on a group that it cannot read, so it is asked before there is such a group.
    let states = oracle::states(&kafka)?;
    let bootstrap = kafka.bootstrap();
    let _members = hostile(&bootstrap)?;
    let mut shown = Vec::new();
    for granularity in [Config::by_topic, std::convert::identity] {
        let config = granularity(Config::of(&bootstrap)).every(EVERY);
        let mut collector = Collector::start(&config)?;
        let metrics = collector.wait_for("three collections", MINUTE, |metrics| {
            let n = metrics.count("kafka_lag_exporter_collections_total", []);
            ensure!(n >= 3, "{n} so far");
            Ok(())
        })?;
        check(&metrics, 3.0)?;
        let n = metrics.count("kafka_lag_exporter_collections_total", []);
        let (bad, late) = (bad_answers(&metrics), timeouts(&metrics));
        // On a busy machine a collection may end before the broker has answered.
        ensure!(
            bad == 2 * n || (bad < 2 * n && late > 0),
            "{bad} in {n} collections, with {late} timeouts"
        );
        ensure!(collector.ended()?.is_none(), "the collector has ended");
        shown.push(metrics);
        takes_over(&config)?;
    }
    let assigned = shown[1]
        .series("kafka_consumergroup_group_lag")
        .filter(|(labels, _)| {
            labels["group"] == "h-right" && labels["client_id"] == by_hand::CLIENT
        });
    ensure!(
        assigned.count() == 1,
        "the one that can be read has its label"
    );
    for (group, state) in &states {
        let members = of_group(&shown[0], "kafka_consumergroup_group_members", group);
        let right = f64::from(u32::try_from(state.members)?);
        ensure!(
            members == Some(right),
            "{members:?} members of {group}, not {right}"
        );
    }
    Ok(())
}

/// Checks that a pod that takes over from another shows the same values from its first collection on.
fn takes_over(config: &Config) -> Result<()> {
    let source = sources::classic("pod-0")?;
    let url = source.url();
    let pods = [
        Collector::start(&config.clone().led_by(&url, "pod-0"))?,
        Collector::start(&config.clone().led_by(&url, "pod-1"))?,
    ];
    check(&first(&pods[0])?, 3.0).context("the pod that leads first")?;
    source.name("pod-1");
    check(&first(&pods[1])?, 3.0).context("the pod that takes over")?;
    let ended = pods[0].get("/metrics")?.text()?;
    ensure!(ended.is_empty(), "the pod that led first goes on");
    Ok(())
}

/// Waits for the first exposition with data about groups.
fn first(collector: &Collector) -> Result<Exposition> {
    collector.wait_for("data", MINUTE, |metrics| {
        let n = metrics.series("kafka_consumergroup_group_complete").count();
        ensure!(n > 0, "none so far");
        Ok(())
    })
}

fn hostile(bootstrap: &str) -> Result<Vec<Member>> {
    let right = by_hand::assignment(TOPIC, 0)?;
    let mut members = Vec::new();
    for (group, protocol, assignment) in [
        ("h-zero", "consumer", vec![0]),
        ("h-short", "consumer", right[..right.len() - 5].to_vec()),
        ("h-right", "consumer", right.clone()),
        ("h-connect", "connect", vec![0]),
    ] {
        let member = Member::join(bootstrap, group, protocol, &assignment)?;
        if protocol == "consumer" {
            member.commit(TOPIC, &[(0, 40)])?;
        }
        members.push(member);
    }
    for (group, commits) in [
        ("h-lone\0x", &[(0, 1)][..]),
        ("h-pair\0x", &[(0, 1)]),
        ("h-pair", &[(0, 40), (1, 50)]),
    ] {
        by_hand::commit(bootstrap, group, TOPIC, commits)?;
    }
    let streams = by_hand::join_streams(bootstrap, "h-streams", TOPIC)?;
    streams.commit(TOPIC, &[(0, 15)])?;
    members.push(streams);
    members.push(by_hand::join_streams(bootstrap, "h-fresh-streams", TOPIC)?);
    Ok(members)
}
