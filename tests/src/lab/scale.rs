//! The `scale` fixture, whose expected values follow from the names of groups and topics, and the judgement of a scrape of it while
//! brokers come and go: it must show right values, or say that values are missing.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use super::kafka::Kafka;
use super::prom::Exposition;

#[cfg(test)]
mod tests;

/// The timestamp of the record at offset 0 (seconds since 1970); the record at offset n is n seconds younger.
pub const BASE: f64 = 1_700_000_000.0;

/// The size of the fixture. Each partition has a commit of exactly one group if `groups * width == topics * partitions`.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// The number of topics, `s-t0000` and so on.
    pub topics: u32,
    /// The number of partitions of each topic.
    pub partitions: u32,
    /// The number of records in each partition, at offsets from 0 on.
    pub records: u32,
    /// The number of groups, `s-g0000` and so on.
    pub groups: u32,
    /// The number of partitions in which each group has a commit.
    pub width: u32,
}

/// The findings about one scrape of the fixture.
#[derive(Clone, Debug, Default)]
pub struct ScaleFindings {
    /// The number of groups with a `kafka_consumergroup_group_complete` of 1.
    pub complete: u32,
    /// The number of groups with a `kafka_consumergroup_group_complete` of another value.
    pub incomplete: u32,
    /// True if `kafka_lag_exporter_up` is 0, so a scrape without a group claims nothing about the group.
    pub down: bool,
    /// The number of groups without series although `kafka_lag_exporter_up` is 1.
    pub silent: u32,
    /// One line for each wrong value, each value that a complete group lacks, and each sum of an incomplete group.
    pub wrong: Vec<String>,
}

/// The expected values of one group in one partition.
#[derive(Clone, Debug, PartialEq)]
pub struct ExpectedRow {
    /// The name of the topic.
    pub topic: String,
    /// The number of the partition in its topic.
    pub partition: u32,
    /// The committed offset.
    pub committed: f64,
    /// The number of offsets from the commit to the end of the log.
    pub lag: f64,
}

/// The values of one scrape, by family and group, and in `rows` also by topic and partition.
struct ScrapedValues<'a> {
    groups: BTreeMap<(&'static str, &'a str), f64>,
    rows: BTreeMap<(&'static str, &'a str, &'a str, &'a str), f64>,
    /// The time at which the scrape was asked for (seconds since 1970).
    asked: f64,
}

// === impl Scale ===

impl Scale {
    /// Creates the fixture's topics, records and commits in this Kafka.
    pub fn build(&self, kafka: &Kafka) -> Result<()> {
        let all = [
            self.topics,
            self.partitions,
            self.records,
            self.groups,
            self.width,
        ];
        let all = all.map(|n| n.to_string());
        kafka.fixture("scale", &all.each_ref().map(String::as_str))?;
        Ok(())
    }

    /// Compares a scrape that was asked for at `asked` (seconds since 1970) with the expected values of all groups.
    pub fn judge(&self, exposition: &Exposition, asked: f64) -> Result<ScaleFindings> {
        let up = exposition.value("kafka_lag_exporter_up", []);
        let up = up.context("a scrape without kafka_lag_exporter_up")?;
        let shown = ScrapedValues::of(exposition, asked);
        let mut verdict = ScaleFindings {
            down: up < 1.0,
            ..ScaleFindings::default()
        };
        for n in 0..self.groups {
            let name = Self::group_name(n);
            let rows = self.rows(n);
            let wrong = &mut verdict.wrong;
            match shown.group("kafka_consumergroup_group_complete", &name) {
                Some(1.0) => {
                    verdict.complete += 1;
                    shown.check_complete(&name, &rows, wrong);
                }
                Some(_) => {
                    verdict.incomplete += 1;
                    shown.check_incomplete(&name, &rows, wrong);
                }
                // While the cluster is said to be down, a group without series is no error.
                None if verdict.down => {}
                None => verdict.silent += 1,
            }
            shown.check_rows(&name, &rows, wrong);
        }
        let n_shown = exposition
            .series("kafka_consumergroup_group_complete")
            .count();
        if n_shown != usize::try_from(verdict.complete + verdict.incomplete)? {
            verdict.wrong.push("groups that do not exist".to_owned());
        }
        self.check_logs(exposition, &mut verdict.wrong);
        Ok(verdict)
    }

    /// The name of the group with this number.
    pub fn group_name(n: u32) -> String {
        format!("s-g{n:04}")
    }

    /// The name of the topic with this number.
    pub fn topic_name(n: u32) -> String {
        format!("s-t{n:04}")
    }

    /// The expected values of the group with this number, one row for each of its commits.
    pub fn rows(&self, group: u32) -> Vec<ExpectedRow> {
        let row = |i| {
            let n = (group * self.width + i) % (self.topics * self.partitions);
            let committed = (group * 7 + i * 3) % (self.records + 1);
            ExpectedRow {
                topic: Self::topic_name(n / self.partitions),
                partition: n % self.partitions,
                committed: f64::from(committed),
                lag: f64::from(self.records - committed),
            }
        };
        (0..self.width).map(row).collect()
    }

    fn check_logs(&self, exposition: &Exposition, wrong: &mut Vec<String>) {
        for (family, wanted) in [
            ("kafka_partition_latest_offset", f64::from(self.records)),
            ("kafka_partition_earliest_offset", 0.0),
        ] {
            for (labels, value) in exposition.series(family) {
                if !same(value, wanted) {
                    wrong.push(format!("{family} {labels:?} {value}, not {wanted}"));
                }
            }
        }
    }
}

// === impl ScrapedValues ===

impl<'a> ScrapedValues<'a> {
    fn of(exposition: &'a Exposition, asked: f64) -> Self {
        let mut groups = BTreeMap::new();
        for family in [
            "kafka_consumergroup_group_complete",
            "kafka_consumergroup_group_sum_lag",
            "kafka_consumergroup_group_max_lag",
        ] {
            for (labels, value) in exposition.series(family) {
                groups.insert((family, labels["group"].as_str()), value);
            }
        }
        let mut rows = BTreeMap::new();
        for family in [
            "kafka_consumergroup_group_offset",
            "kafka_consumergroup_group_lag",
            "kafka_consumergroup_group_lag_seconds",
        ] {
            for (labels, value) in exposition.series(family) {
                let of = |name: &str| labels[name].as_str();
                rows.insert((family, of("group"), of("topic"), of("partition")), value);
            }
        }
        Self {
            groups,
            rows,
            asked,
        }
    }

    fn group(&self, family: &'static str, name: &str) -> Option<f64> {
        self.groups.get(&(family, name)).copied()
    }

    fn row(&self, family: &'static str, group: &str, row: &ExpectedRow) -> Option<f64> {
        let partition = row.partition.to_string();
        let key = (family, group, row.topic.as_str(), partition.as_str());
        self.rows.get(&key).copied()
    }

    /// Checks the values that are shown of a group's partitions; values that are missing are not errors here.
    fn check_rows(&self, group: &str, rows: &[ExpectedRow], wrong: &mut Vec<String>) {
        for row in rows {
            for (family, wanted) in [
                ("kafka_consumergroup_group_offset", row.committed),
                ("kafka_consumergroup_group_lag", row.lag),
            ] {
                let value = self.row(family, group, row).unwrap_or(wanted);
                if !same(value, wanted) {
                    wrong.push(format!("{family} {group} {value}, not {wanted}"));
                }
            }
            let family = "kafka_consumergroup_group_lag_seconds";
            let Some(value) = self.row(family, group, row) else {
                continue;
            };
            // The age was computed during the collection, which may have been up to a minute before the scrape.
            let age = self.asked - BASE - row.committed;
            let right = if row.lag > 0.0 {
                (age - 60.0..=age + 1.0).contains(&value)
            } else {
                same(value, 0.0)
            };
            if !right {
                wrong.push(format!("{family} {group} {value}, not about {age}"));
            }
        }
    }

    /// Checks that a complete group has the right sum and maximum of lag, and the lag of each partition.
    fn check_complete(&self, group: &str, rows: &[ExpectedRow], wrong: &mut Vec<String>) {
        let sum: f64 = rows.iter().map(|row| row.lag).sum();
        let max = rows.iter().map(|row| row.lag).fold(0.0, f64::max);
        for (family, wanted) in [
            ("kafka_consumergroup_group_sum_lag", sum),
            ("kafka_consumergroup_group_max_lag", max),
        ] {
            let value = self.group(family, group);
            if !value.is_some_and(|value| same(value, wanted)) {
                wrong.push(format!("{family} {group} {value:?}, not {wanted}"));
            }
        }
        for row in rows {
            let lag = self.row("kafka_consumergroup_group_lag", group, row);
            if lag.is_none() {
                wrong.push(format!("{group} is complete without {}", row.topic));
            }
        }
    }

    /// Checks that an incomplete group has no sum of lag, and that its maximum is not above the true one.
    fn check_incomplete(&self, group: &str, rows: &[ExpectedRow], wrong: &mut Vec<String>) {
        let sum = self.group("kafka_consumergroup_group_sum_lag", group);
        if let Some(sum) = sum {
            wrong.push(format!("{group} has the sum of a part, {sum}"));
        }
        let max = rows.iter().map(|row| row.lag).fold(0.0, f64::max);
        let shown = self.group("kafka_consumergroup_group_max_lag", group);
        if shown.is_some_and(|shown| shown > max) {
            wrong.push(format!("{group} has a maximum of {shown:?}, above {max}"));
        }
    }
}

fn same(got: f64, wanted: f64) -> bool {
    (got - wanted).abs() < 1e-9
}
