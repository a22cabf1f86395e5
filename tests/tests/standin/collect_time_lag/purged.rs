//! Records that a group itself has purged after it read them: none of them counts as lost.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::prom::Exposition;
use e2e::lab::{self, Collector};
use e2e::standin::{PartitionSpec, TopicSpec};
use tokio::runtime::Runtime;

use super::world::{LIMIT, config, now, start, written};

#[test]
fn an_application_that_purges_what_it_has_committed_loses_nothing() -> Result<()> {
    let runtime = Runtime::new()?;
    let long = |name: &str| {
        let spec = |_| PartitionSpec::ending_at(1_000_000);
        TopicSpec::new(name, 1)
            .partitions(spec)
            .records(written(now()))
    };
    let groups = [("purges", "repartition", 100), ("lost", "deleted", 100)];
    let kafka = start(
        &runtime,
        vec![long("repartition"), long("deleted")],
        &groups,
    );
    kafka.set_log_start("deleted", 0, 150);
    let collector = Collector::start(&config(&kafka).every(Duration::from_millis(500)))?;
    collector.wait_until_complete(LIMIT)?;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // This thread purges as Kafka Streams does with its repartition topics, in steps shorter than a round trip.
        let purging = scope.spawn(|| {
            let mut at = 100;
            while !over.load(Ordering::Relaxed) && at < 900_000 {
                at += 10;
                kafka.commit("purges", "repartition", (0, at));
                kafka.set_log_start("repartition", 0, at);
                std::thread::yield_now();
                lab::pause(Duration::from_micros(200));
            }
        });
        let watched = watch_for_losses(&collector);
        over.store(true, Ordering::Relaxed);
        purging.join().expect("the application does not panic");
        watched
    })
}

fn watch_for_losses(collector: &Collector) -> Result<()> {
    let of = |metrics: &Exposition, family: &str, group: &str| {
        metrics.value(
            &format!("kafka_consumergroup_group_{family}"),
            [("group", group)],
        )
    };
    let ended = |metrics: &Exposition| metrics.count("kafka_lag_exporter_collections_total", []);
    let begin = ended(&collector.metrics()?);
    let mut seen = begin;
    while seen < begin + 20 {
        let metrics = collector.metrics()?;
        let lost = of(&metrics, "messages_lost", "purges");
        let margin = of(&metrics, "retention_margin", "purges");
        let ratio = of(&metrics, "lag_retention_ratio", "purges");
        ensure!(lost == Some(0.0), "{lost:?} lost");
        ensure!(
            margin.is_some_and(|margin| margin >= 0.0),
            "margin {margin:?}"
        );
        ensure!(ratio.is_some_and(|ratio| ratio <= 100.0), "ratio {ratio:?}");
        let truly = of(&metrics, "messages_lost", "lost");
        ensure!(truly == Some(50.0), "{truly:?} of the other group's");
        seen = ended(&metrics);
        lab::pause(Duration::from_millis(20));
    }
    Ok(())
}
