//! The judgement of the `/metrics` that a collector serves about a stand-in for Kafka, by comparison with the stand-in's own
//! state.

use std::collections::{BTreeMap, BTreeSet};

use super::Expected;
use crate::lab::prom::{Exposition, Labels};

/// The commit and the bounds of the log of each (group, topic, partition).
pub type Truth = BTreeMap<(String, String, i32), Expected>;

/// A function from an offset to the timestamp of its record, Unix time in milliseconds.
pub type Written = fn(i64) -> i64;

/// A function from a row to the value of a family.
type Value = fn(&Expected) -> i64;

/// The age that an exposition may have, in seconds; a time lag may be less than the true one by this much.
const OLD: f64 = 15.0;

/// The judgement of an exposition.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The false statements of the exposition, one sentence each.
    pub wrong: Vec<String>,
    /// The groups that are shown with all their data.
    pub complete: BTreeSet<String>,
    /// The groups that are shown as incomplete.
    pub incomplete: BTreeSet<String>,
    /// The groups that have commits and are not shown at all.
    pub absent: BTreeSet<String>,
    /// The groups of which no commit is shown.
    pub without_commits: BTreeSet<String>,
    /// The partitions with a commit whose end or start is not shown.
    pub without_bounds: BTreeSet<(String, i32)>,
    /// The number of rows that have records to read and no time lag.
    pub undated: usize,
}

/// One cluster's part of an exposition.
struct ClusterExposition<'e> {
    metrics: &'e Exposition,
    cluster: &'e str,
}

/// Judges what `metrics` says about `cluster` at `now`, Unix time in seconds.
pub fn judge(
    (metrics, cluster): (&Exposition, &str),
    truth: &Truth,
    (written, now): (Written, f64),
) -> Verdict {
    let shown = ClusterExposition { metrics, cluster };
    let mut verdict = Verdict::default();
    shown.bounds(truth, &mut verdict);
    shown.rows(truth, &mut verdict);
    shown.ages(truth, (written, now), &mut verdict);
    shown.groups(truth, &mut verdict);
    verdict
}

/// Returns the lag of a row: the end minus the commit, 0 for a commit beyond the end.
fn lag(row: &Expected) -> i64 {
    (row.high_watermark - row.committed).max(0)
}

#[expect(clippy::cast_precision_loss, reason = "samples are doubles")]
fn number(n: i64) -> f64 {
    n as f64
}

fn label<'l>(labels: &'l Labels, name: &str) -> &'l str {
    labels.get(name).map_or("", String::as_str)
}

fn partition(labels: &Labels) -> i32 {
    label(labels, "partition").parse().unwrap_or(-1)
}

fn key(labels: &Labels) -> (String, String, i32) {
    let (group, topic) = (label(labels, "group"), label(labels, "topic"));
    (group.to_owned(), topic.to_owned(), partition(labels))
}

// === impl ClusterExposition ===

impl<'e> ClusterExposition<'e> {
    fn series(&self, family: &str) -> impl Iterator<Item = (&'e Labels, f64)> {
        let cluster = self.cluster;
        let ours = move |(labels, _): &(&Labels, f64)| label(labels, "cluster_name") == cluster;
        self.metrics.series(family).filter(ours)
    }

    fn bounds(&self, truth: &Truth, verdict: &mut Verdict) {
        let mut logs = BTreeMap::new();
        for ((_, topic, partition), row) in truth {
            logs.insert((topic.clone(), *partition), *row);
        }
        for (family, bound) in [
            (
                "kafka_partition_latest_offset",
                (|row| row.high_watermark) as Value,
            ),
            ("kafka_partition_earliest_offset", |row| row.log_start),
        ] {
            let mut missing: BTreeSet<_> = logs.keys().cloned().collect();
            for (labels, value) in self.series(family) {
                let tp = (label(labels, "topic").to_owned(), partition(labels));
                missing.remove(&tp);
                if let Some(row) = logs.get(&tp) {
                    verdict.equal(family, labels, (value, number(bound(row))));
                }
            }
            verdict.without_bounds.extend(missing);
        }
    }

    fn rows(&self, truth: &Truth, verdict: &mut Verdict) {
        let mut silent: BTreeSet<_> = truth.keys().map(|(group, ..)| group.clone()).collect();
        let families: [(&str, Value); 4] = [
            ("kafka_consumergroup_group_offset", |row| row.committed),
            ("kafka_consumergroup_group_lag", lag),
            ("kafka_consumergroup_group_messages_lost", |row| {
                (row.log_start - row.committed).max(0)
            }),
            ("kafka_consumergroup_group_retention_margin", |row| {
                row.committed - row.log_start
            }),
        ];
        for (family, value_of) in families {
            for (labels, value) in self.series(family) {
                silent.remove(label(labels, "group"));
                match truth.get(&key(labels)) {
                    Some(row) => verdict.equal(family, labels, (value, number(value_of(row)))),
                    None => verdict.say(format_args!("{family}{labels:?} should not be there")),
                }
            }
        }
        verdict.without_commits = silent;
    }

    fn ages(&self, truth: &Truth, (written, now): (Written, f64), verdict: &mut Verdict) {
        let family = "kafka_consumergroup_group_lag_seconds";
        let mut dated = 0;
        for (labels, value) in self.series(family) {
            let Some(row) = truth.get(&key(labels)) else {
                verdict.say(format_args!("{family}{labels:?} should not be there"));
                continue;
            };
            let oldest = row.committed.max(row.log_start);
            if oldest >= row.high_watermark {
                verdict.equal(family, labels, (value, 0.0));
                continue;
            }
            dated += 1;
            let age = now - number(written(oldest)) / 1000.0;
            if value > age + 1.0 || value < age - OLD {
                verdict.say(format_args!("{family}{labels:?} is {value}, not {age}"));
            }
        }
        let unread = |row: &&Expected| row.committed.max(row.log_start) < row.high_watermark;
        verdict.undated = truth.values().filter(unread).count().saturating_sub(dated);
    }

    fn groups(&self, truth: &Truth, verdict: &mut Verdict) {
        let mut lags: BTreeMap<&str, BTreeMap<(&str, i32), i64>> = BTreeMap::new();
        for ((group, topic, partition), row) in truth {
            lags.entry(group)
                .or_default()
                .insert((topic, *partition), lag(row));
        }
        let family = |name: &str| -> BTreeMap<String, f64> {
            self.series(name)
                .map(|(labels, value)| (label(labels, "group").to_owned(), value))
                .collect()
        };
        let complete = family("kafka_consumergroup_group_complete");
        let sums = family("kafka_consumergroup_group_sum_lag");
        let maxima = family("kafka_consumergroup_group_max_lag");
        let mut n_rows = BTreeMap::<&str, usize>::new();
        for (labels, _) in self.series("kafka_consumergroup_group_lag") {
            *n_rows.entry(label(labels, "group")).or_default() += 1;
        }
        for (group, lags) in &lags {
            let sum: i64 = lags.values().sum();
            let max = number(lags.values().copied().max().unwrap_or_default());
            let name = (*group).to_owned();
            match complete.get(*group) {
                None => {
                    verdict.absent.insert(name.clone());
                }
                Some(1.0) => {
                    verdict.complete.insert(name.clone());
                    if sums.get(*group) != Some(&number(sum)) || maxima.get(*group) != Some(&max) {
                        let found = (sums.get(*group), maxima.get(*group));
                        verdict.say(format_args!(
                            "{group} is complete and {found:?}, not {sum} {max}"
                        ));
                    }
                }
                Some(_) => {
                    verdict.incomplete.insert(name.clone());
                    // A group that is incomplete only because its members' assignments are unknown may show its sum, which covers
                    // all commits.
                    let is_whole = n_rows.get(group) == Some(&lags.len());
                    let found = sums.get(*group);
                    if found.is_some() && !(is_whole && found == Some(&number(sum))) {
                        verdict.say(format_args!("{group} is not complete and has a sum"));
                    }
                }
            }
            if maxima.get(*group).is_some_and(|found| *found > max) {
                verdict.say(format_args!("{group} has a maximum above its own"));
            }
        }
        self.topic_sums(&lags, verdict);
    }

    fn topic_sums(&self, lags: &BTreeMap<&str, BTreeMap<(&str, i32), i64>>, verdict: &mut Verdict) {
        let family = "kafka_consumergroup_group_topic_sum_lag";
        for (labels, value) in self.series(family) {
            let of_group = lags.get(label(labels, "group")).into_iter().flatten();
            let of_topic = of_group.filter(|((topic, _), _)| *topic == label(labels, "topic"));
            let sum: i64 = of_topic.map(|(_, lag)| *lag).sum();
            verdict.equal(family, labels, (value, number(sum)));
        }
    }
}

// === impl Verdict ===

impl Verdict {
    /// Returns true if every group is shown with all its data, and no value is wrong.
    pub fn is_whole(&self) -> bool {
        self.wrong.is_empty()
            && self.absent.is_empty()
            && self.incomplete.is_empty()
            && self.without_bounds.is_empty()
    }

    #[expect(clippy::float_cmp, reason = "both are whole numbers far below 2^52")]
    fn equal(&mut self, family: &str, labels: &Labels, (found, right): (f64, f64)) {
        if found != right {
            self.say(format_args!("{family}{labels:?} is {found}, not {right}"));
        }
    }

    fn say(&mut self, what: std::fmt::Arguments<'_>) {
        self.wrong.push(what.to_string());
    }
}
