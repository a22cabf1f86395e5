//! What one collection showed, by topic and group, taken out of the text of `/metrics`.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::truth::{Window, number};
use crate::lab::prom::{Exposition, Labels};

/// A partition of a topic.
pub(super) type Tp = (String, u64);

/// The values of one collection.
#[derive(Debug, Default)]
pub(super) struct Shown {
    /// The time at which the log ends had been read, in whole seconds since 1970.
    pub(super) updated: u64,
    /// The window in which everything was read, in milliseconds since 1970.
    pub(super) window: Window,
    pub(super) ends: BTreeMap<Tp, f64>,
    pub(super) starts: BTreeMap<Tp, f64>,
    pub(super) groups: BTreeMap<String, ShownGroup>,
}

/// The values of one group.
#[derive(Debug, Default)]
pub(super) struct ShownGroup {
    pub(super) rows: BTreeMap<Tp, Row>,
    pub(super) sum_lag: Option<f64>,
    pub(super) max_lag: Option<f64>,
    pub(super) max_lag_seconds: Option<f64>,
    pub(super) members: Option<f64>,
    pub(super) complete: Option<f64>,
    pub(super) topic_sums: BTreeMap<String, f64>,
}

/// The values of one group on one partition.
#[derive(Debug, Default)]
pub(super) struct Row {
    pub(super) committed: Option<f64>,
    pub(super) lag: Option<f64>,
    pub(super) lag_seconds: Option<f64>,
    pub(super) lost: Option<f64>,
    pub(super) margin: Option<f64>,
}

// === impl Shown ===

impl Shown {
    /// Reads a scrape that was answered at `answered`. Returns `None` if it shows no data, or data of another collection than the
    /// last one, whose duration is not told.
    pub(super) fn of(exposition: &Exposition, answered: u64) -> Result<Option<Self>> {
        let cluster = |family| exposition.value::<0>(family, []);
        let Some(updated) = cluster("kafka_lag_exporter_last_update_timestamp_seconds") else {
            return Ok(None);
        };
        if cluster("kafka_lag_exporter_up") != Some(1.0) {
            return Ok(None);
        }
        let duration = cluster("kafka_lag_exporter_scrape_duration_seconds");
        let duration = millis(duration.context("no duration")?);
        let phase = exposition.value(
            "kafka_lag_exporter_collection_phase_seconds",
            [("phase", "timestamps")],
        );
        let updated = millis(updated);
        let end = updated + 1000 + millis(phase.unwrap_or(0.0));
        let mut shown = Self {
            updated: updated / 1000,
            window: (
                updated.saturating_sub(duration + SLACK),
                (end + SLACK).min(answered),
            ),
            ..Self::default()
        };
        for (family, of) in &exposition.families {
            for (labels, value) in &of.series {
                shown.take(family, labels, *value)?;
            }
        }
        Ok(Some(shown))
    }

    fn take(&mut self, family: &str, labels: &Labels, value: f64) -> Result<()> {
        match family {
            "kafka_partition_latest_offset" => drop(self.ends.insert(tp(labels)?, value)),
            "kafka_partition_earliest_offset" => drop(self.starts.insert(tp(labels)?, value)),
            _ => {
                if let Some(group) = labels.get("group") {
                    let group = self.groups.entry(group.clone()).or_default();
                    group.take(family, labels, value)?;
                }
            }
        }
        Ok(())
    }
}

/// The slack, in milliseconds, for times that are rounded.
const SLACK: u64 = 10;

fn tp(labels: &Labels) -> Result<Tp> {
    let topic = labels.get("topic").context("no topic")?.clone();
    Ok((
        topic,
        labels.get("partition").context("no partition")?.parse()?,
    ))
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "times are positive and far below 2^52"
)]
fn millis(seconds: f64) -> u64 {
    (seconds * 1000.0).ceil() as u64
}

// === impl ShownGroup ===

impl ShownGroup {
    fn take(&mut self, family: &str, labels: &Labels, value: f64) -> Result<()> {
        let Some(family) = family.strip_prefix("kafka_consumergroup_group_") else {
            return Ok(());
        };
        if labels.contains_key("partition") {
            let row = self.rows.entry(tp(labels)?).or_default();
            let slot = match family {
                "offset" => &mut row.committed,
                "lag" => &mut row.lag,
                "lag_seconds" => &mut row.lag_seconds,
                "messages_lost" => &mut row.lost,
                "retention_margin" => &mut row.margin,
                _ => return Ok(()),
            };
            *slot = Some(value);
            return Ok(());
        }
        let slot = match family {
            "sum_lag" => &mut self.sum_lag,
            "max_lag" => &mut self.max_lag,
            "max_lag_seconds" => &mut self.max_lag_seconds,
            "members" => &mut self.members,
            "complete" => &mut self.complete,
            "topic_sum_lag" => {
                let topic = labels.get("topic").context("no topic")?;
                self.topic_sums.insert(topic.clone(), value);
                return Ok(());
            }
            _ => return Ok(()),
        };
        *slot = Some(value);
        Ok(())
    }

    /// Returns the sum of the lags that are shown, of all topics or of one.
    pub(super) fn added_up(&self, topic: Option<&str>) -> f64 {
        let rows = self.rows.iter();
        let rows = rows.filter(|(tp, _)| topic.is_none_or(|topic| tp.0 == topic));
        rows.filter_map(|(_, row)| row.lag).sum()
    }

    /// Returns the greatest of some values; `None` if there are none.
    pub(super) fn greatest(&self, of: impl Fn(&Row) -> Option<f64>) -> Option<f64> {
        self.rows.values().filter_map(of).reduce(f64::max)
    }
}

/// Returns a time in milliseconds as seconds.
pub(super) fn seconds(ms: u64) -> f64 {
    number(ms) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::prom;

    const TEXT: &str = "# HELP kafka_partition_latest_offset H.\n# TYPE kafka_partition_latest_offset gauge\n\
        kafka_partition_latest_offset{topic=\"orders\",partition=\"0\"} 30\n\
        # HELP kafka_consumergroup_group_lag H.\n# TYPE kafka_consumergroup_group_lag gauge\n\
        kafka_consumergroup_group_lag{group=\"billing\",topic=\"orders\",partition=\"0\",client_id=\"c\"} 20\n\
        # HELP kafka_lag_exporter_up H.\n# TYPE kafka_lag_exporter_up gauge\n\
        kafka_lag_exporter_up 1\n\
        # HELP kafka_lag_exporter_last_update_timestamp_seconds H.\n# TYPE kafka_lag_exporter_last_update_timestamp_seconds gauge\n\
        kafka_lag_exporter_last_update_timestamp_seconds 1000\n\
        # HELP kafka_lag_exporter_scrape_duration_seconds H.\n# TYPE kafka_lag_exporter_scrape_duration_seconds gauge\n\
        kafka_lag_exporter_scrape_duration_seconds 0.5\n";

    #[test]
    fn a_collection_has_its_values_and_the_window_in_which_they_were_read() {
        let exposition = prom::parse(TEXT).unwrap();
        let shown = Shown::of(&exposition, 2_000_000).unwrap().unwrap();
        let tp = ("orders".to_owned(), 0);
        assert_eq!(shown.ends.get(&tp), Some(&30.0));
        assert_eq!(shown.groups["billing"].rows[&tp].lag, Some(20.0));
        assert_eq!(shown.window, (999_490, 1_001_010));
        // The answer had been sent before the second in which the log ends were read was over.
        let shown = Shown::of(&exposition, 1_000_300).unwrap().unwrap();
        assert_eq!(shown.window.1, 1_000_300);
    }

    #[test]
    fn data_of_an_earlier_collection_has_no_known_window() {
        let text = TEXT.replace("kafka_lag_exporter_up 1", "kafka_lag_exporter_up 0");
        let exposition = prom::parse(&text).unwrap();
        assert!(Shown::of(&exposition, 2_000_000).unwrap().is_none());
    }
}
