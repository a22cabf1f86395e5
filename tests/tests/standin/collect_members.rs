//! Members of groups, and clients that choose names, can tell brokers anything: the collector neither ends nor shows wrong values because
//! of it, and no other group is affected.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::collector::run_to_end;
use e2e::lab::prom::{Exposition, Labels};
use e2e::lab::{Collector, Config};
use e2e::standin::{Builder, GroupSpec, GroupState, MemberSpec, PartitionSpec, StandIn};

mod long_names;
mod unsupported;

const LIMIT: Duration = Duration::from_secs(30);
const EVERY: Duration = Duration::from_millis(500);

/// Returns a group with one member, 60 offsets behind on one partition and 40 on another.
fn neighbour() -> GroupSpec {
    GroupSpec::classic()
        .coordinated_by(2)
        .committed("orders", 0, 40)
        .committed("orders", 1, 60)
        .member(MemberSpec::new("reader").assigned("orders", [0, 1]))
}

fn cluster() -> Builder {
    StandIn::builder()
        .topic("orders", 4, |_| PartitionSpec::ending_at(100))
        .group("neighbour", neighbour())
}

fn start(builder: Builder) -> Result<StandIn> {
    Ok(tokio::runtime::Runtime::new()?.block_on(builder.start()))
}

fn stored(bytes: &[u8]) -> GroupSpec {
    GroupSpec::classic().committed("orders", 2, 90).member(
        MemberSpec::new("hostile")
            .assigned("orders", [2])
            .stored(bytes.to_vec()),
    )
}

fn errors(metrics: &Exposition) -> Vec<(String, String, u64)> {
    let series = metrics.series("kafka_lag_exporter_errors_total");
    let counted = series.map(|(labels, _)| {
        let (api, reason) = (labels["api"].clone(), labels["reason"].clone());
        let pair = [("api", &*api), ("reason", &*reason)];
        let n = metrics.count("kafka_lag_exporter_errors_total", pair);
        (api, reason, n)
    });
    counted.filter(|(.., n)| *n > 0).collect()
}

/// Returns the number of collections that have ended.
fn ended(metrics: &Exposition) -> u64 {
    metrics.count("kafka_lag_exporter_collections_total", [])
}

fn of_group(metrics: &Exposition, family: &str, group: &str) -> Option<f64> {
    metrics.value(family, [("group", group)])
}

/// Returns the labels and the value of the lag of one partition.
fn row<'m>(metrics: &'m Exposition, group: &str, partition: &str) -> Option<(&'m Labels, f64)> {
    metrics
        .series("kafka_consumergroup_group_lag")
        .find(|(labels, _)| labels["group"] == group && labels["partition"] == partition)
}

/// Checks that the series of the group `neighbour` are right, whatever the members of other groups say.
fn check_neighbour(metrics: &Exposition) -> Result<()> {
    for (family, right) in [
        ("kafka_consumergroup_group_sum_lag", 100.0),
        ("kafka_consumergroup_group_max_lag", 60.0),
        ("kafka_consumergroup_group_complete", 1.0),
        ("kafka_consumergroup_group_members", 1.0),
        ("kafka_consumergroup_group_state", 3.0),
    ] {
        let shown = of_group(metrics, family, "neighbour");
        ensure!(shown == Some(right), "{family} {shown:?}, not {right}");
    }
    for (partition, lag) in [("0", 60.0), ("1", 40.0)] {
        if let Some((labels, shown)) = row(metrics, "neighbour", partition) {
            ensure!((shown - lag).abs() < 1e-9, "{labels:?} {shown}, not {lag}");
            ensure!(labels["client_id"] == "reader", "{labels:?}");
        }
    }
    Ok(())
}

#[test]
fn an_assignment_that_cannot_be_read_hides_the_members_of_its_group_and_nothing_else() -> Result<()>
{
    let bytes: [&[u8]; 5] = [
        &[0],
        &[0, 0],
        &[0, 0, 0x7f, 0xff, 0xff, 0xff],
        &[
            0, 0, 0, 0, 0, 1, 0, 6, b'o', b'r', b'd', b'e', b'r', b's', 0, 0, 0, 1,
        ],
        &[
            0, 0, 0, 0, 0, 1, 0, 6, b'o', b'r', b'd', b'e', b'r', b's', 0, 0, 0, 1, 0xff, 0xff,
            0xff, 0xff, 0, 0, 0, 0,
        ],
    ];
    let named = |n: usize| format!("hostile-{n}");
    let groups = bytes.iter().enumerate();
    let builder = groups.fold(cluster(), |builder, (n, bytes)| {
        builder.group(&named(n), stored(bytes))
    });
    let kafka = start(builder)?;
    for granularity in [Config::by_topic, std::convert::identity] {
        let config = granularity(Config::of(&kafka.bootstrap())).every(EVERY);
        let mut collector = Collector::start(&config)?;
        let metrics = collector.wait_for("three collections", LIMIT, |metrics| {
            ensure!(ended(metrics) >= 3, "not yet");
            Ok(())
        })?;
        check_neighbour(&metrics)?;
        for n in 0..bytes.len() {
            let members = of_group(&metrics, "kafka_consumergroup_group_members", &named(n));
            ensure!(members.is_none(), "{members:?} members of {n}");
            let lag = of_group(&metrics, "kafka_consumergroup_group_sum_lag", &named(n));
            ensure!(lag == Some(10.0), "{lag:?} of {n}");
            if let Some((labels, _)) = row(&metrics, &named(n), "2") {
                ensure!(labels["client_id"].is_empty(), "{labels:?}");
            }
        }
        let all = ended(&metrics) * u64::try_from(bytes.len())?;
        let right = ("describe_groups".to_owned(), "bad_answer".to_owned(), all);
        ensure!(errors(&metrics) == [right], "{:?}", errors(&metrics));
        ensure!(collector.ended()?.is_none(), "the collector has ended");
    }
    let (status, text) = run_to_end(
        &Config::of(&kafka.bootstrap()),
        &["--check", "--connect"],
        LIMIT,
    )?;
    ensure!(status.code() == Some(69), "{status}: {text}");
    ensure!(
        text.contains("describe_groups failed (bad_answer): group hostile-0"),
        "{text}"
    );
    Ok(())
}

#[test]
fn members_are_counted_at_both_granularities_whatever_the_protocol_and_the_state() -> Result<()> {
    let member = |name: &str, p| {
        MemberSpec::new(name)
            .member_id(name)
            .assigned("orders", [p])
    };
    let three = |spec: GroupSpec| {
        let spec = spec.committed("orders", 3, 99);
        ["a", "b", "c"]
            .into_iter()
            .zip(0..)
            .fold(spec, |spec, (name, p)| spec.member(member(name, p)))
    };
    let idle = MemberSpec::new("idle").stored(Vec::new());
    let kafka = start(
        cluster()
            .group("classic", three(GroupSpec::classic()))
            .group("kip-848", three(GroupSpec::consumer()))
            .group("empty", GroupSpec::classic().committed("orders", 3, 99))
            .group(
                "rebalancing",
                GroupSpec::classic()
                    .committed("orders", 3, 99)
                    .member(idle)
                    .state(GroupState::PreparingRebalance),
            ),
    )?;
    for granularity in [Config::by_topic, std::convert::identity] {
        let config = granularity(Config::of(&kafka.bootstrap())).every(EVERY);
        let collector = Collector::start(&config)?;
        let metrics = collector.wait_until_complete(LIMIT)?;
        check_neighbour(&metrics)?;
        for (group, n) in [
            ("classic", 3.0),
            ("kip-848", 3.0),
            ("empty", 0.0),
            ("rebalancing", 1.0),
        ] {
            let members = of_group(&metrics, "kafka_consumergroup_group_members", group);
            ensure!(
                members == Some(n),
                "{members:?} members of {group}, not {n}"
            );
        }
        ensure!(errors(&metrics).is_empty(), "{:?}", errors(&metrics));
    }
    Ok(())
}

#[test]
fn labels_carry_what_clients_call_themselves_and_a_partition_has_one_row() -> Result<()> {
    let odd = "a\"b\\c\nd\re\tf\u{7f}\u{2028}g";
    let claims = |id: &str| {
        MemberSpec::new(odd)
            .member_id(id)
            .assigned("orders", [0, 0, 1, 9])
            .assigned("gone", [7])
    };
    let group = GroupSpec::classic()
        .committed("orders", 0, 70)
        .member(claims("b"))
        .member(claims("a"));
    let kafka = start(cluster().group("odd\"\\\n", group))?;
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(EVERY))?;
    let metrics = collector.wait_until_complete(LIMIT)?;
    check_neighbour(&metrics)?;
    let rows: Vec<_> = metrics
        .series("kafka_consumergroup_group_lag")
        .filter(|(labels, _)| labels["group"] == "odd\"\\\n")
        .collect();
    let [(labels, lag)] = rows[..] else {
        anyhow::bail!("{rows:?}");
    };
    ensure!(
        (lag - 30.0).abs() < 1e-9 && labels["client_id"] == odd,
        "{labels:?} {lag}"
    );
    Ok(())
}

#[test]
fn what_is_known_of_members_outlives_a_broker_that_fails() -> Result<()> {
    let group = |node| neighbour().coordinated_by(node);
    let kafka = start(
        cluster()
            .group("one", group(1))
            .group("two", group(2))
            .group("three", group(3)),
    )?;
    let collector = Collector::start(
        &Config::of(&kafka.bootstrap())
            .by_topic()
            .every(Duration::from_secs(1)),
    )?;
    collector.wait_until_complete(LIMIT)?;
    kafka.stall_node(3);
    // This change makes the collector survey the groups once more.
    kafka.set_members(
        "two",
        vec![
            MemberSpec::new("x").member_id("x"),
            MemberSpec::new("y").member_id("y"),
        ],
    );
    kafka.set_group_state("two", GroupState::CompletingRebalance);
    let members =
        |metrics: &Exposition, group| of_group(metrics, "kafka_consumergroup_group_members", group);
    let metrics = collector.wait_for("the others' new members", LIMIT, |metrics| {
        ensure!(
            members(metrics, "two") == Some(2.0),
            "{:?}",
            members(metrics, "two")
        );
        Ok(())
    })?;
    for group in ["one", "three"] {
        ensure!(
            members(&metrics, group) == Some(1.0),
            "{group}: {:?}",
            members(&metrics, group)
        );
    }
    ensure!(
        of_group(&metrics, "kafka_consumergroup_group_complete", "one") == Some(1.0),
        "one"
    );
    Ok(())
}
