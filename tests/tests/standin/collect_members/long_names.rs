//! Members whose clients have chosen long names.

use anyhow::{Context, Result, ensure};
use e2e::lab::{Collector, Config};
use e2e::standin::{Api, GroupSpec, MemberSpec};

use super::{EVERY, LIMIT, check_neighbour, cluster, ended, neighbour, of_group, row, start};

#[test]
fn a_member_with_a_long_name_does_not_make_a_long_exposition() -> Result<()> {
    let loud = MemberSpec::new(&"\u{e4}".repeat(16_000)).assigned("orders", [0]);
    let group = GroupSpec::classic().committed("orders", 0, 70).member(loud);
    let kafka = start(cluster().group("loud", group))?;
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(EVERY))?;
    let metrics = collector.wait_until_complete(LIMIT)?;
    check_neighbour(&metrics)?;
    let (labels, lag) = row(&metrics, "loud", "0").context("no row")?;
    ensure!((lag - 30.0).abs() < 1e-9, "{lag}");
    let short = "\u{e4}".repeat(256);
    for label in ["client_id", "consumer_id"] {
        ensure!(labels[label] == short, "{} bytes", labels[label].len());
    }
    Ok(())
}

#[test]
fn a_member_id_that_a_broker_cannot_write_hides_the_members_of_its_own_group_only() -> Result<()> {
    let endless = MemberSpec::new("endless").member_id(&"x".repeat(32_797));
    let hostile = GroupSpec::classic()
        .coordinated_by(2)
        .committed("orders", 2, 90)
        .member(endless.assigned("orders", [2]));
    let mut builder = cluster().group("hostile", hostile);
    // More groups than one collection asks about alone.
    for group in 0..60 {
        builder = builder.group(&format!("more-{group}"), neighbour());
    }
    let kafka = start(builder)?;
    let collector = Collector::start(&Config::of(&kafka.bootstrap()).every(EVERY))?;
    let complete = "kafka_consumergroup_group_complete";
    let metrics = collector.wait_for("the other groups", LIMIT, |metrics| {
        check_neighbour(metrics)?;
        for group in 0..60 {
            let complete = of_group(metrics, complete, &format!("more-{group}"));
            ensure!(complete == Some(1.0), "more-{group}: {complete:?}");
        }
        Ok(())
    })?;
    ensure!(
        ended(&metrics) <= 6,
        "only after {} collections",
        ended(&metrics)
    );
    ensure!(
        of_group(&metrics, complete, "hostile") == Some(0.0),
        "hostile"
    );
    let lag = of_group(&metrics, "kafka_consumergroup_group_sum_lag", "hostile");
    ensure!(lag == Some(10.0), "{lag:?}");
    // Of all groups only the one without a description is asked about again, and all together.
    kafka.reset_counters();
    let before = ended(&collector.metrics()?);
    let after = collector.wait_for("more collections", LIMIT, |metrics| {
        ensure!(
            ended(metrics) >= before + 4,
            "{} collections",
            ended(metrics)
        );
        check_neighbour(metrics)
    })?;
    let asked = kafka.n_requests(Api::DescribeGroups);
    let most = (ended(&after) + 2 - before) * 3;
    ensure!(asked <= most, "{asked} requests, not {most}");
    Ok(())
}
