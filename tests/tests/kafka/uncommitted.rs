//! Partitions that members are assigned and have not committed never count as healthy: they are counted together with their records, or
//! they make the group incomplete. The tests run on real Kafka, whose tools give the right values; also after a restart, and in a pod that
//! takes over.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::collector;
use e2e::lab::expected::{self, Expected, World};
use e2e::lab::kafka::{PASSWORD, Plan, User};
use e2e::lab::process::Process;
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector, Config, Kafka};
use e2e::sources;

const MINUTE: Duration = Duration::from_secs(60);

const COMPLETE: &str = "kafka_consumergroup_group_complete";
const SUM: &str = "kafka_consumergroup_group_sum_lag";
const PARTITIONS: &str = "kafka_consumergroup_group_uncommitted_partitions";
const RECORDS: &str = "kafka_consumergroup_group_uncommitted_records";

/// The expected values: the group, the topic, the number of uncommitted partitions, and the number of records in them, which are
/// all that were written, ten to a partition.
const UNCOMMITTED: [(&str, &str, f64, f64); 5] = [
    ("g-part", "up-part", 2.0, 20.0),
    ("g-848", "up-848", 2.0, 20.0),
    ("g-two", "up-ta", 0.0, 0.0),
    ("g-two", "up-tb", 0.0, 0.0),
    ("g-new", "up-empty", 0.0, 0.0),
];

/// Starts Kafka with topics, groups and users. `up-part` and `up-848` have three partitions of ten records, of which their groups
/// have committed the first at its end. `up-ta` and `up-tb` have one partition of ten records, which `g-two` has committed at 4.
/// `up-empty` has no records, and its group has committed nothing in it. `g-left` has no members. The monitor may see everything,
/// the limited user everything but `up-tb`.
fn kafka() -> Result<(Kafka, Process)> {
    let kafka = Kafka::start(&Plan::of(1).secured())?;
    for (topic, partitions, records) in [
        ("up-part", "3", "10"),
        ("up-848", "3", "10"),
        ("up-ta", "1", "10"),
        ("up-tb", "1", "10"),
        ("up-empty", "1", "0"),
    ] {
        kafka.fixture("topic", &[topic, partitions, records])?;
    }
    let groups = "g-part classic up-part up-part/0@10 \
        g-848 consumer up-848 up-848/0@10 \
        g-two classic up-ta,up-tb up-ta/0@4,up-tb/0@4 \
        g-new classic up-empty -";
    let words: Vec<_> = groups.split_ascii_whitespace().collect();
    let members = kafka.stay(&words)?;
    kafka.fixture("commit", &["g-left", "up-ta", "0", "7"])?;
    // A user who may read a topic may describe it too.
    let rights = "monitor GROUP * DESCRIBE monitor TOPIC * READ monitor TOPIC * DESCRIBE_CONFIGS \
        limited GROUP * DESCRIBE limited TOPIC * DESCRIBE_CONFIGS limited TOPIC up-part READ \
        limited TOPIC up-848 READ limited TOPIC up-ta READ limited TOPIC up-empty READ";
    let words: Vec<_> = rights.split_ascii_whitespace().collect();
    kafka.fixture("allow", &words)?;
    Ok((kafka, members))
}

fn config(kafka: &Kafka, user: User) -> Config {
    Config::of(&kafka.bootstrap_sasl())
        .property("security.protocol", "SASL_PLAINTEXT")
        .property("sasl.mechanism", "PLAIN")
        .property("sasl.username", user.name())
        .property("sasl.password", PASSWORD)
}

/// Checks that `right` accepts the first exposition of each of two processes after one another, and of a pod that takes over from another,
/// in both granularities.
fn whoever_collects(config: &Config, right: impl Fn(&Exposition) -> Result<()>) -> Result<()> {
    for config in [config.clone(), config.clone().by_topic()] {
        for life in ["first", "second"] {
            let mut collector = Collector::start(&config)?;
            let shown = first(&collector)?;
            right(&shown).with_context(|| format!("{life}: {}", about(&shown)))?;
            collector.stop(MINUTE)?;
        }
        let source = sources::classic("pod-0")?;
        let url = source.url();
        let pods = [
            Collector::start(&config.clone().led_by(&url, "pod-0"))?,
            Collector::start(&config.led_by(&url, "pod-1"))?,
        ];
        right(&first(&pods[0])?).context("the pod that leads first")?;
        source.name("pod-1");
        right(&first(&pods[1])?).context("the pod that takes over")?;
        let ended = pods[0].get("/metrics")?.text()?;
        ensure!(ended.is_empty(), "the pod that led first goes on");
    }
    Ok(())
}

/// Waits for the first exposition with data about groups.
fn first(collector: &Collector) -> Result<Exposition> {
    collector.wait_for("data", MINUTE, |metrics| {
        let n = metrics.series(COMPLETE).count();
        ensure!(n > 0, "none so far");
        Ok(())
    })
}

fn about(metrics: &Exposition) -> String {
    let families = [COMPLETE, SUM, PARTITIONS, RECORDS];
    let shown = families.map(|family| {
        let series: Vec<_> = metrics.series(family).collect();
        format!("{family} {series:?}")
    });
    shown.join("\n")
}

/// Returns the counted errors by request and reason, without timeouts, which a busy machine may cause.
fn errors(metrics: &Exposition) -> Vec<(String, String, u64)> {
    let series = metrics.series("kafka_lag_exporter_errors_total");
    let counted = series.map(|(labels, _)| {
        let [api, reason] = ["api", "reason"].map(|label| labels[label].clone());
        let pair = [("api", &*api), ("reason", &*reason)];
        let n = metrics.count("kafka_lag_exporter_errors_total", pair);
        (api, reason, n)
    });
    counted
        .filter(|(_, reason, n)| *n > 0 && *reason != "timeout")
        .collect()
}

fn uncommitted_as_written(metrics: &Exposition) -> Result<()> {
    for (group, topic, partitions, records) in UNCOMMITTED {
        let labels = [("group", group), ("topic", topic)];
        let shown = [PARTITIONS, RECORDS].map(|family| metrics.value(family, labels));
        let right = [Some(partitions), Some(records)];
        ensure!(shown == right, "{group} {topic}: {shown:?}, not {right:?}");
    }
    Ok(())
}

#[test]
fn what_a_group_has_not_committed_is_counted_and_an_empty_topic_is_no_trouble() -> Result<()> {
    let _reservation = lab::reserve()?;
    let (kafka, _members) = kafka()?;
    let world = World::ask(&kafka, &[])?;
    let wanted = world.expected()?;
    let n_wanted: usize = wanted.values().map(std::collections::BTreeMap::len).sum();
    let both: Expected = wanted
        .iter()
        .filter(|(family, _)| [COMPLETE, SUM, PARTITIONS, RECORDS].contains(family))
        .map(|(family, values)| (*family, values.clone()))
        .collect();
    let config = config(&kafka, User::Monitor);
    whoever_collects(&config, |metrics| {
        let differences = expected::differences(&both, metrics, (0.0, f64::MAX));
        ensure!(differences.is_empty(), "{}", expected::digest(&differences));
        ensure!(errors(metrics).is_empty(), "{:?}", errors(metrics));
        uncommitted_as_written(metrics)
    })?;
    let before = lab::wall_seconds();
    let collector = Collector::start(&config)?;
    let shown = collector.wait_until_complete(MINUTE)?;
    let differences = expected::differences(&wanted, &shown, (before, lab::wall_seconds()));
    ensure!(differences.is_empty(), "{}", expected::digest(&differences));
    lab::say(format_args!(
        "{n_wanted} series compared with Kafka's tools: 0 differences, errors {:?}\n{}",
        errors(&shown),
        about(&shown)
    ));
    let (status, text) = collector::run_to_end(&config, &["--check", "--connect"], MINUTE)?;
    lab::say(format_args!("--check --connect: {status}\n{text}"));
    ensure!(status.success(), "{status}: {text}");
    ensure!(!text.contains("lacking"), "{text}");
    ensure!(text.contains("groups without members (g-left)"), "{text}");
    Ok(())
}

#[test]
fn a_topic_that_this_user_may_not_see_leaves_its_group_without_a_sum() -> Result<()> {
    let _reservation = lab::reserve()?;
    let (kafka, _members) = kafka()?;
    let config = config(&kafka, User::Limited);
    whoever_collects(&config, |metrics| {
        let of = |family, group| metrics.value(family, [("group", group)]);
        ensure!(of(COMPLETE, "g-two") == Some(0.0), "it counts as complete");
        ensure!(of(SUM, "g-two").is_none(), "it has a sum");
        let topic = [("group", "g-two"), ("topic", "up-ta")];
        let sum = metrics.value("kafka_consumergroup_group_topic_sum_lag", topic);
        ensure!(sum == Some(6.0), "up-ta: {sum:?}");
        for group in ["g-part", "g-848", "g-new", "g-left"] {
            ensure!(of(COMPLETE, group) == Some(1.0), "{group} is not complete");
        }
        ensure!(of(SUM, "g-left") == Some(3.0), "{:?}", of(SUM, "g-left"));
        let [(api, reason, n)] = &errors(metrics)[..] else {
            anyhow::bail!("{:?}", errors(metrics));
        };
        ensure!(api == "metadata" && reason == "authorization" && *n >= 1);
        ensure!(Collector::collections(metrics, "complete") == 0);
        Ok(())
    })?;
    asked_by_name_once(&config)?;
    let (status, text) = collector::run_to_end(&config, &["--check", "--connect"], MINUTE)?;
    lab::say(format_args!("--check --connect: {status}\n{text}"));
    ensure!(status.code() == Some(69), "{status}");
    let named = "topic up-tb, assigned to members of group g-two";
    ensure!(text.contains(named), "the topic is not named");
    ensure!(text.contains("groups without members (g-left)"), "{text}");
    Ok(())
}

/// Checks that an answer about a topic is used as long as the metadata: no later collection asks again, and each counts the topic.
fn asked_by_name_once(config: &Config) -> Result<()> {
    let collector = Collector::start(config)?;
    let metrics = collector.wait_for("later collections", MINUTE, |metrics| {
        let n = Collector::collections(metrics, "partial");
        ensure!(n >= 4, "{n} so far");
        Ok(())
    })?;
    let n = Collector::collections(&metrics, "partial");
    let asked = metrics.count("kafka_lag_exporter_requests_total", [("api", "metadata")]);
    let counted = errors(&metrics);
    lab::say(format_args!(
        "{n} collections: {asked} metadata requests, {counted:?}"
    ));
    let named = |(_, _, counted): &(_, _, u64)| *counted == n;
    // The collector sends two metadata requests for all topics and their ids, one by the name of the topic it may not see, and
    // one in each collection for the ids of topics with lag.
    ensure!(
        asked <= n + 3 && counted.iter().all(named),
        "{asked} {counted:?}"
    );
    Ok(())
}
