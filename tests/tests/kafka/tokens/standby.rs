//! Tests of tokens at a change of leadership.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::{self, Collector, Length};
use e2e::sources;
use tokio::time::Instant;

use super::{LIFE, config, world};
use crate::security::MINUTE;

#[test]
fn a_standby_asks_for_no_token_and_has_one_at_once_when_it_leads() -> Result<()> {
    let _reservation = lab::reserve()?;
    let (kafka, provider) = world()?;
    let source = sources::classic("pod-0")?;
    let start =
        |identity| Collector::start(&config(&kafka, &provider).led_by(&source.url(), identity));
    let pods = [start("pod-0")?, start("pod-1")?];
    pods[0].wait_until_complete(MINUTE)?;
    // The standby waits for longer than a token lives, so a token from before would have expired.
    lab::pause(LIFE + Duration::from_secs(10));
    source.name("");
    lab::pause(Duration::from_secs(2));
    let n_asked = provider.requests().len();
    lab::pause(LIFE);
    let n_later = provider.requests().len();
    ensure!(n_later == n_asked, "asked {} times", n_later - n_asked);
    for pod in [1, 0] {
        let collector = &pods[pod];
        source.name(&format!("pod-{pod}"));
        let told = Instant::now();
        let limit = Length::from_env().slack(Duration::from_secs(3));
        lab::wait_for("data", limit, || {
            let metrics = collector.metrics()?;
            let up = metrics.value("kafka_lag_exporter_up", []);
            ensure!(up == Some(1.0), "up is {up:?}");
            Ok(())
        })?;
        lab::say(format_args!("data after {:.1?}", told.elapsed()));
    }
    Ok(())
}
