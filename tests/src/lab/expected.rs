//! The exposition that `/metrics` has to show, computed from the oracle alone, and the differences between it and a scrape.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use super::config::CLUSTER;
use super::kafka::Kafka;
use super::oracle::{self, Place, Record, Row, State, Uncommitted};
use super::prom::Labels;

mod compare;
mod topic;

pub use compare::{differences, digest};
use topic::{OfTopic, oldest};

/// The state of a Kafka in which nothing changes, as Kafka's own tools report it.
#[derive(Debug)]
pub struct World {
    rows: BTreeMap<Place, Row>,
    uncommitted: Uncommitted,
    states: BTreeMap<String, State>,
    records: BTreeMap<(String, i32, i64), Record>,
    high_watermarks: BTreeMap<(String, i32), i64>,
    log_starts: BTreeMap<(String, i32), i64>,
    compacted: BTreeSet<String>,
}

/// The value that a series must have.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// The value is this number, apart from a rounding error.
    Exactly(f64),
    /// The value is the age, in seconds, of a record with this timestamp (ms since 1970).
    AgeOf(i64),
}

/// Expected values by family and labels. Families of the exposition that are not among the keys are not compared.
pub type Expected = BTreeMap<&'static str, BTreeMap<Labels, Value>>;

#[expect(
    clippy::cast_precision_loss,
    reason = "offsets and milliseconds of a test are far below 2^52"
)]
fn number(n: i64) -> f64 {
    n as f64
}

// === impl World ===

impl World {
    /// Reads the state from Kafka's tools, without the internal topics' logs. `compacted` names the topics that the fixture has
    /// made compacted.
    pub fn ask(kafka: &Kafka, compacted: &[&str]) -> Result<Self> {
        let rows = oracle::rows(kafka)?;
        let at = rows
            .iter()
            .map(|((_, topic, partition), row)| (topic.clone(), *partition, row.committed));
        let at: BTreeSet<_> = at.collect();
        let internal = |topic: &str| topic.starts_with("__");
        let mut high_watermarks = oracle::ends(kafka, "-1")?;
        high_watermarks.retain(|(topic, _), _| !internal(topic));
        let mut log_starts = oracle::ends(kafka, "-2")?;
        log_starts.retain(|(topic, _), _| !internal(topic));
        Ok(Self {
            records: oracle::records(kafka, &Vec::from_iter(at))?,
            uncommitted: oracle::uncommitted(kafka)?,
            states: oracle::states(kafka)?,
            rows,
            high_watermarks,
            log_starts,
            compacted: compacted.iter().map(|&topic| topic.to_owned()).collect(),
        })
    }

    /// Returns the number of committed offsets, each of one group in one partition.
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// Returns the number of groups that `kafka-consumer-groups` lists.
    pub fn n_groups(&self) -> usize {
        self.states.len()
    }

    /// Returns the bounds of the log and the first record at or after the offset `committed`; `None` if no group has committed that
    /// offset.
    pub fn record(&self, topic: &str, partition: i32, committed: i64) -> Option<&Record> {
        self.records.get(&(topic.to_owned(), partition, committed))
    }

    /// Returns the expected values of the families about partitions, topics and groups, at granularity "partition" and with `mode =
    /// "message"`.
    pub fn expected(&self) -> Result<Expected> {
        let mut expected = Expected::new();
        self.partitions(&mut expected);
        for (place, row) in &self.rows {
            self.row(&mut expected, place, row)?;
        }
        for (group, state) in &self.states {
            self.group(&mut expected, group, state)?;
        }
        self.uncommitted(&mut expected);
        Ok(expected)
    }

    fn partitions(&self, expected: &mut Expected) {
        for (family, ends) in [
            ("kafka_partition_latest_offset", &self.high_watermarks),
            ("kafka_partition_earliest_offset", &self.log_starts),
        ] {
            for ((topic, partition), offset) in ends {
                let labels = of(&[("topic", topic), ("partition", &partition.to_string())]);
                put(expected, family, labels, Value::Exactly(number(*offset)));
            }
        }
        for topic in &self.compacted {
            put(
                expected,
                "kafka_topic_compacted",
                of(&[("topic", topic)]),
                Value::Exactly(1.0),
            );
        }
    }

    fn row(&self, expected: &mut Expected, place: &Place, row: &Row) -> Result<()> {
        let (group, topic, partition) = place;
        let record = self
            .record(topic, *partition, row.committed)
            .context("no record")?;
        let (start, end) = (record.log_start, record.high_watermark);
        let lag = lag(row);
        let bare = of(&[
            ("group", group),
            ("topic", topic),
            ("partition", &partition.to_string()),
        ]);
        let mut with_member = bare.clone();
        with_member.extend(of(&[
            ("member_host", &row.member.host),
            ("consumer_id", &row.member.consumer_id),
            ("client_id", &row.member.client_id),
        ]));
        let ratio = if lag == 0 {
            0.0
        } else {
            100.0 * number(lag) / number(end - start)
        };
        for (family, value) in [
            (
                "kafka_consumergroup_group_offset",
                Value::Exactly(number(row.committed)),
            ),
            ("kafka_consumergroup_group_lag", Value::Exactly(number(lag))),
            ("kafka_consumergroup_group_lag_seconds", age(lag, record)),
        ] {
            put(expected, family, with_member.clone(), value);
        }
        for (family, value) in [
            (
                "kafka_consumergroup_group_messages_lost",
                number((start - row.committed).max(0)),
            ),
            (
                "kafka_consumergroup_group_retention_margin",
                number(row.committed - start),
            ),
            ("kafka_consumergroup_group_lag_retention_ratio", ratio),
        ] {
            put(expected, family, bare.clone(), Value::Exactly(value));
        }
        Ok(())
    }

    /// Adds the expected series of uncommitted partitions. Each topic of which a member is assigned a partition has them, even if
    /// every partition has a commit.
    fn uncommitted(&self, expected: &mut Expected) {
        for ((group, topic), ends) in &self.uncommitted {
            let held = ends.iter().map(|(partition, end)| {
                let start = self.log_starts.get(&(topic.clone(), *partition));
                end - start.copied().unwrap_or_default()
            });
            let held: Vec<_> = held.filter(|held| *held > 0).collect();
            let n_held = i64::try_from(held.len()).unwrap_or(i64::MAX);
            for (family, value) in [
                ("kafka_consumergroup_group_uncommitted_partitions", n_held),
                (
                    "kafka_consumergroup_group_uncommitted_records",
                    held.iter().sum(),
                ),
            ] {
                let labels = of(&[("group", group), ("topic", topic)]);
                put(expected, family, labels, Value::Exactly(number(value)));
            }
        }
    }

    fn group(&self, expected: &mut Expected, group: &str, state: &State) -> Result<()> {
        let labels = of(&[("group", group)]);
        let rows: Vec<_> = self
            .rows
            .iter()
            .filter(|((of, ..), _)| of == group)
            .collect();
        let mut topics = BTreeMap::<&str, OfTopic>::new();
        let mut lost = 0;
        for ((_, topic, partition), row) in &rows {
            let record = self
                .record(topic, *partition, row.committed)
                .context("no record")?;
            topics.entry(topic).or_default().add(row, record);
            lost += (record.log_start - row.committed).max(0);
        }
        for (topic, of_topic) in &topics {
            let labels = of(&[("group", group), ("topic", topic)]);
            for (family, value) in of_topic.expected() {
                put(expected, family, labels.clone(), value);
            }
        }
        let ages = topics.values().flat_map(|topic| &topic.ages);
        let oldest = oldest(ages);
        let members = i64::try_from(state.members)?;
        let mut all = vec![
            (
                "kafka_consumergroup_group_state",
                Value::Exactly(state_number(&state.state)?),
            ),
            (
                "kafka_consumergroup_group_members",
                Value::Exactly(number(members)),
            ),
            ("kafka_consumergroup_group_complete", Value::Exactly(1.0)),
        ];
        if let Some(most) = rows.iter().map(|(_, row)| lag(row)).max() {
            all.push((
                "kafka_consumergroup_group_max_lag",
                Value::Exactly(number(most)),
            ));
            all.push((
                "kafka_consumergroup_group_sum_lag",
                Value::Exactly(number(topics.values().map(|topic| topic.lag).sum())),
            ));
            all.push(("kafka_consumergroup_group_max_lag_seconds", oldest));
            all.push((
                "kafka_consumergroup_group_sum_messages_lost",
                Value::Exactly(number(lost)),
            ));
        }
        for (family, value) in all {
            put(expected, family, labels.clone(), value);
        }
        Ok(())
    }
}

/// Returns the lag of a row. For a commit beyond the end `kafka-consumer-groups` prints a negative lag, but the collector shows 0.
fn lag(row: &Row) -> i64 {
    (row.high_watermark - row.committed).max(0)
}

fn age(lag: i64, record: &Record) -> Value {
    match record.first {
        Some((_, ms)) if lag > 0 => Value::AgeOf(ms),
        _ => Value::Exactly(0.0),
    }
}

fn state_number(state: &str) -> Result<f64> {
    let words = [
        "Unknown",
        "PreparingRebalance",
        "CompletingRebalance",
        "Stable",
        "Dead",
        "Empty",
        "Assigning",
        "Reconciling",
    ];
    let at = words
        .iter()
        .position(|word| *word == state)
        .with_context(|| format!("state {state}"))?;
    Ok(f64::from(u32::try_from(at)?))
}

fn of(pairs: &[(&str, &str)]) -> Labels {
    let cluster = [("cluster_name", CLUSTER)];
    let all = cluster.iter().chain(pairs);
    all.map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn put(expected: &mut Expected, family: &'static str, labels: Labels, value: Value) {
    expected.entry(family).or_default().insert(labels, value);
}
