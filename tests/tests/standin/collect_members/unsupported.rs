//! Groups that cannot be shown, and groups whose protocol changes while they are being described.

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{Collector, Config};
use e2e::standin::{Api, GroupKind, GroupSpec, MemberSpec};

use super::{
    EVERY, LIMIT, check_neighbour, cluster, ended, errors, neighbour, of_group, start, stored,
};

/// Returns the description of a group with one commit, for groups whose name begins as that of another group.
fn named_alike() -> GroupSpec {
    GroupSpec::classic().committed("orders", 0, 1)
}

#[test]
fn groups_that_cannot_be_shown_are_counted_by_type() -> Result<()> {
    let kafka = start(
        cluster()
            .group("streams", GroupSpec::streams().committed("orders", 0, 15))
            .group(
                "fresh-streams",
                GroupSpec::streams().member(MemberSpec::new("task")),
            )
            .group("share", GroupSpec::share().member(MemberSpec::new("taker")))
            .group(
                "connect-a",
                GroupSpec::classic()
                    .protocol_type("connect")
                    .member(MemberSpec::new("w").stored(vec![0])),
            )
            .group("connect-b", GroupSpec::classic().protocol_type("connect"))
            .group("schema-registry", GroupSpec::classic().protocol_type("sr"))
            .group(
                "lone\0name",
                GroupSpec::classic()
                    .committed("orders", 0, 1)
                    .coordinated_by(1),
            )
            .group("neighbour\0", named_alike().coordinated_by(2))
            .group(
                &"long-".repeat(201),
                GroupSpec::classic().committed("orders", 0, 1),
            )
            .group(
                &"new-".repeat(251),
                GroupSpec::consumer().committed("orders", 0, 1),
            )
            .group("twin", neighbour().coordinated_by(3))
            .group("twin\0", named_alike().coordinated_by(1)),
    )?;

    for granularity in [Config::by_topic, std::convert::identity] {
        let config = granularity(Config::of(&kafka.bootstrap())).every(EVERY);
        // Each granularity gets a new collector, which knows nothing from an earlier one.
        let collector = Collector::start(&config)?;
        let metrics = collector.wait_until_complete(LIMIT)?;
        check_neighbour(&metrics)?;
        check_shown(&metrics)?;
        check_counted(&metrics)?;
        ensure!(errors(&metrics).is_empty(), "{:?}", errors(&metrics));
    }
    Ok(())
}

/// Checks that the groups that can be shown have their own values beside those that cannot be shown.
fn check_shown(metrics: &Exposition) -> Result<()> {
    let lag = of_group(metrics, "kafka_consumergroup_group_sum_lag", "streams");
    ensure!(lag == Some(85.0), "{lag:?} of the Streams group");
    let members = of_group(metrics, "kafka_consumergroup_group_members", "streams");
    ensure!(
        members.is_none(),
        "{members:?} members of the Streams group"
    );
    let mut shown: Vec<&str> = metrics
        .series("kafka_consumergroup_group_state")
        .map(|(labels, _)| &*labels["group"])
        .collect();
    shown.sort_unstable();
    ensure!(shown == ["neighbour", "streams", "twin"], "{shown:?}");
    let twin = |family| of_group(metrics, family, "twin");
    ensure!(
        twin("kafka_consumergroup_group_sum_lag") == Some(100.0),
        "the twin's lag"
    );
    ensure!(
        twin("kafka_consumergroup_group_state") == Some(3.0),
        "the twin's state"
    );
    ensure!(
        twin("kafka_consumergroup_group_members") == Some(1.0),
        "the twin's members"
    );
    Ok(())
}

/// Checks that each group that cannot be shown is counted under its type.
fn check_counted(metrics: &Exposition) -> Result<()> {
    for (kind, n) in [
        ("connect", 2.0),
        ("share_or_streams", 2.0),
        ("other", 1.0),
        ("name_with_nul", 2.0),
        ("name_too_long", 2.0),
    ] {
        let counted = metrics.value("kafka_lag_exporter_unsupported_groups", [("type", kind)]);
        ensure!(counted == Some(n), "{counted:?} {kind}, not {n}");
    }
    Ok(())
}

#[test]
fn a_group_that_turns_classic_while_it_is_described_is_not_parsed_by_librdkafka() -> Result<()> {
    let turned = stored(&[0]).listed_as(GroupKind::Consumer);
    let kafka = start(cluster().group("turned", turned))?;
    let config = Config::of(&kafka.bootstrap()).every(EVERY);
    let mut collector = Collector::start(&config)?;
    let metrics = collector.wait_for("five collections", LIMIT, |metrics| {
        ensure!(ended(metrics) >= 5, "not yet");
        Ok(())
    })?;
    ensure!(collector.ended()?.is_none(), "the collector has ended");
    check_neighbour(&metrics)?;
    ensure!(
        of_group(&metrics, "kafka_consumergroup_group_sum_lag", "turned") == Some(10.0),
        "no lag"
    );
    ensure!(
        of_group(&metrics, "kafka_consumergroup_group_members", "turned").is_none(),
        "members"
    );
    let right = (
        "describe_groups".to_owned(),
        "group_not_found".to_owned(),
        ended(&metrics),
    );
    ensure!(errors(&metrics) == [right], "{:?}", errors(&metrics));
    ensure!(
        kafka.n_requests(Api::ConsumerGroupDescribe) >= 5,
        "nobody asked"
    );
    Ok(())
}
