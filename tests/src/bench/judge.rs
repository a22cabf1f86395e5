//! The judgement of a scrape: every value that follows from the servers' numbers is compared.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::cell::{Cell, Granularity, TimeLag};
use super::record::Figures;
use crate::lab::scale::{self, ExpectedRow, Scale};

/// The number of examples that are kept.
const EXAMPLES: usize = 5;
/// The seconds by which a time lag may be older than the poll interval makes it: a collection and a scrape take time.
const SLACK: f64 = 5.0;

/// The numbers of the servers at the time of the last collection.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truth {
    /// The cell, which says what the collector should show.
    pub(super) cell: Cell,
    /// The offsets by which all logs and commits are ahead of those of the scale.
    pub(super) moved: f64,
    /// The time at which the scrape was asked for, in seconds since 1970.
    pub(super) asked: f64,
    /// The time between collections in seconds.
    pub(super) poll_interval: f64,
}

/// The findings.
#[derive(Clone, Debug, Default)]
pub(super) struct Judgement {
    /// The number of series.
    series: u64,
    /// The number of values that were compared.
    checked: u64,
    /// The number of values that were not the right ones.
    wrong: u64,
    /// The number of known values that were not shown.
    missing: u64,
    /// The first wrong values, in words.
    examples: Vec<String>,
}

/// The right values, by what a series is about.
struct Right {
    truth: Truth,
    scale: Scale,
    rows: BTreeMap<(String, String, u32), ExpectedRow>,
    groups: BTreeMap<String, Total>,
    topics: BTreeMap<(String, String), f64>,
}

/// The offset lag of a group.
#[derive(Clone, Copy, Debug, Default)]
struct Total {
    sum: f64,
    max: f64,
}

/// A value, or a span of values.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Wanted {
    Exactly(f64),
    Between(f64, f64),
}

/// Judges the text of a scrape.
pub(super) fn judge(text: &str, truth: Truth) -> Result<Judgement> {
    let right = Right::of(truth);
    let mut judgement = Judgement::default();
    let mut checked = BTreeMap::<&str, u64>::new();
    for line in text
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        judgement.series += 1;
        let (series, value) = line.rsplit_once(' ').context("a line without a value")?;
        let (family, labels) = series.split_once('{').unwrap_or((series, ""));
        let Some(wanted) = right.wanted(family, labels) else {
            continue;
        };
        judgement.checked += 1;
        *checked.entry(family).or_default() += 1;
        let value: f64 = value.parse().with_context(|| line.to_owned())?;
        if !wanted.is(value) {
            judgement.wrong += 1;
            judgement.example(format!("{series} is {value}, not {wanted:?}"));
        }
    }
    for (family, n) in right.counts() {
        let missing = n.saturating_sub(checked.get(family).copied().unwrap_or_default());
        judgement.missing += missing;
        if missing > 0 {
            judgement.example(format!("{missing} of {n} values of {family} are missing"));
        }
    }
    Ok(judgement)
}

/// The value of a label. No name of these servers has a quote in it.
fn label<'t>(labels: &'t str, name: &str) -> Option<&'t str> {
    labels.split("\",").find_map(|pair| {
        let (found, value) = pair.split_once("=\"")?;
        (found == name).then(|| value.trim_end_matches(['"', '}']))
    })
}

fn place(labels: &str) -> Option<(String, String, u32)> {
    let of = |name| label(labels, name).map(str::to_owned);
    Some((
        of("group")?,
        of("topic")?,
        label(labels, "partition")?.parse().ok()?,
    ))
}

// === impl Judgement ===

impl Judgement {
    /// Writes the findings into the figures of a measurement.
    pub(super) fn into_figures(self, figures: &mut Figures) {
        figures.series = self.series;
        figures.checked = self.checked;
        figures.wrong = self.wrong;
        figures.missing = self.missing;
        figures.examples = self.examples;
    }

    fn example(&mut self, words: String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(words);
        }
    }
}

// === impl Right ===

impl Right {
    fn of(truth: Truth) -> Self {
        let scale = truth.cell.scale();
        let mut right = Self {
            truth,
            scale,
            rows: BTreeMap::new(),
            groups: BTreeMap::new(),
            topics: BTreeMap::new(),
        };
        for n in 0..scale.groups {
            let name = Scale::group_name(n);
            let rows = scale.rows(n);
            let total = Total {
                sum: rows.iter().map(|row| row.lag).sum(),
                max: rows.iter().map(|row| row.lag).fold(0.0, f64::max),
            };
            right.groups.insert(name.clone(), total);
            for row in rows {
                let topic = (name.clone(), row.topic.clone());
                *right.topics.entry(topic).or_default() += row.lag;
                let place = (name.clone(), row.topic.clone(), row.partition);
                right.rows.insert(place, row);
            }
        }
        right
    }

    /// The right value of a series; `None` for series that do not follow from the servers' numbers alone.
    fn wanted(&self, family: &str, labels: &str) -> Option<Wanted> {
        let moved = self.truth.moved;
        let group = || self.groups.get(label(labels, "group")?);
        let row = || self.rows.get(&place(labels)?);
        let of = |name| label(labels, name).map(str::to_owned);
        let wanted = match family {
            "kafka_partition_latest_offset" => f64::from(self.scale.records) + moved,
            "kafka_partition_earliest_offset" => 0.0,
            "kafka_consumergroup_group_offset" => row()?.committed + moved,
            "kafka_consumergroup_group_lag" => row()?.lag,
            "kafka_consumergroup_group_sum_lag" => group()?.sum,
            "kafka_consumergroup_group_max_lag" => group()?.max,
            "kafka_consumergroup_group_topic_sum_lag" => {
                *self.topics.get(&(of("group")?, of("topic")?))?
            }
            "kafka_consumergroup_group_lag_seconds" if self.is_dated() => {
                return Some(self.age(row()?));
            }
            _ => return None,
        };
        Some(Wanted::Exactly(wanted))
    }

    /// True if records say what the time lag is. What an estimate from the movement of logs should be is not known.
    fn is_dated(&self) -> bool {
        self.truth.cell.time_lag == TimeLag::Message
    }

    fn age(&self, row: &ExpectedRow) -> Wanted {
        if row.lag > 0.0 {
            let Truth {
                moved,
                asked,
                poll_interval,
                ..
            } = self.truth;
            let age = asked - scale::BASE - row.committed - moved;
            Wanted::Between(age - poll_interval - SLACK, age + 1.0)
        } else {
            Wanted::Exactly(0.0)
        }
    }

    /// The number of values that each family should have.
    fn counts(&self) -> Vec<(&'static str, u64)> {
        let partitions = u64::from(self.truth.cell.partitions);
        let [rows, groups, topics] = [self.rows.len(), self.groups.len(), self.topics.len()]
            .map(|n| u64::try_from(n).unwrap_or(u64::MAX));
        let mut counts = vec![
            ("kafka_consumergroup_group_sum_lag", groups),
            ("kafka_consumergroup_group_max_lag", groups),
            ("kafka_consumergroup_group_topic_sum_lag", topics),
        ];
        if self.truth.cell.granularity == Granularity::Partition {
            counts.extend([
                ("kafka_partition_latest_offset", partitions),
                ("kafka_partition_earliest_offset", partitions),
                ("kafka_consumergroup_group_offset", rows),
                ("kafka_consumergroup_group_lag", rows),
            ]);
            if self.is_dated() {
                counts.push(("kafka_consumergroup_group_lag_seconds", rows));
            }
        }
        counts
    }
}

// === impl Wanted ===

impl Wanted {
    fn is(self, value: f64) -> bool {
        match self {
            Self::Exactly(wanted) => (value - wanted).abs() < 1e-9,
            Self::Between(least, most) => (least..=most).contains(&value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One group with one commit at offset 0 of one partition of 100 records.
    const TRUTH: Truth = Truth {
        cell: Cell {
            groups: 1,
            partitions: 1,
            commits: 1,
            time_lag: TimeLag::Message,
            ..Cell::BASE
        },
        moved: 10.0,
        asked: scale::BASE + 50.0,
        poll_interval: 5.0,
    };
    const RIGHT: &str = r#"# HELP kafka_partition_latest_offset Help.
kafka_partition_latest_offset{cluster_name="bench",topic="s-t0000",partition="0"} 110
kafka_partition_earliest_offset{cluster_name="bench",topic="s-t0000",partition="0"} 0
kafka_consumergroup_group_offset{group="s-g0000",topic="s-t0000",partition="0",client_id=""} 10
kafka_consumergroup_group_lag{group="s-g0000",topic="s-t0000",partition="0",client_id="x"} 100
kafka_consumergroup_group_lag_seconds{group="s-g0000",topic="s-t0000",partition="0"} 38.5
kafka_consumergroup_group_sum_lag{group="s-g0000"} 100
kafka_consumergroup_group_max_lag{group="s-g0000"} 100
kafka_consumergroup_group_topic_sum_lag{group="s-g0000",topic="s-t0000"} 100
kafka_lag_exporter_up 1
"#;

    #[test]
    fn right_values_are_not_faulted() {
        let judgement = judge(RIGHT, TRUTH).unwrap();
        assert_eq!(judgement.series, 9);
        assert_eq!(judgement.checked, 8);
        assert_eq!(
            (judgement.wrong, judgement.missing),
            (0, 0),
            "{judgement:?}"
        );
    }

    #[test]
    fn wrong_and_missing_values_are_counted() {
        let text = RIGHT.replace("} 110", "} 109").replace("38.5", "90");
        assert_eq!(judge(&text, TRUTH).unwrap().wrong, 2);
        let lines = RIGHT.split_inclusive('\n');
        let text: String = lines.filter(|line| !line.contains("sum_lag")).collect();
        assert_eq!(judge(&text, TRUTH).unwrap().missing, 2);
    }
}
