//! Tests of the lab itself: Kafka's own tools see in the fixture what the fixture says it builds. When another test of this folder fails
//! and this one does not, the collector is to blame.

use anyhow::Result;
use e2e::lab::kafka::Plan;
use e2e::lab::oracle;
use e2e::lab::{self, Kafka};
use tokio::time::Instant;

#[test]
fn the_tools_see_what_the_fixture_says() -> Result<()> {
    let _reservation = lab::reserve()?;
    let started = Instant::now();
    let kafka = Kafka::start(&Plan::of(1))?;
    lab::say(format_args!(
        "one broker up after {:.1?}",
        started.elapsed()
    ));
    kafka.fixture("build", &[])?;
    lab::say(format_args!("built after {:.1?}", started.elapsed()));
    let holding = kafka.hold()?;
    let states = oracle::states(&kafka)?;
    lab::say(format_args!(
        "settled after {:.1?}: {} groups",
        started.elapsed(),
        states.len()
    ));
    let rows = oracle::rows(&kafka)?;
    let lag = |group: &str, topic: &str, partition| {
        rows.get(&(group.to_owned(), topic.to_owned(), partition))
            .map(|row| row.high_watermark - row.committed)
    };
    assert_eq!(lag("g-lag", "fx-lag", 5), Some(55));
    assert_eq!(lag("g-above", "fx-lag", 0), Some(-50));
    assert_eq!(lag("g-gone", "fx-gone", 0), None);
    assert_eq!(lag("g-tx", "fx-open", 0), Some(5));
    let live = &rows[&("g-live".to_owned(), "fx-live".to_owned(), 0)].member;
    assert!(live.client_id.starts_with("cl-"), "{live:?}");
    let at = [
        ("fx-lag".to_owned(), 0, 40),
        ("fx-trunc".to_owned(), 0, 20),
        ("fx-ctl".to_owned(), 0, 5),
    ];
    let records = oracle::records(&kafka, &at)?;
    let first = |n: usize| records[&at[n]].first;
    assert_eq!(first(0), Some((40, 1_700_000_040_000)));
    assert_eq!(first(1), Some((60, 1_700_000_060_000)));
    assert_eq!(first(2), None);
    assert_eq!(oracle::ends(&kafka, "-2")?[&("fx-trunc".to_owned(), 0)], 60);
    lab::say(format_args!(
        "{} rows, all after {:.1?}",
        rows.len(),
        started.elapsed()
    ));
    drop(holding);
    Ok(())
}
