//! A cell of the grid: a cluster's size and a collector's settings.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use crate::lab::scale::Scale;

/// The partitions of each topic.
const TOPIC: u32 = 100;
/// The records of each partition at first.
const RECORDS: u32 = 100;

/// The size of a cluster and the settings at which both collectors are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Cell {
    /// The servers that are asked.
    pub servers: Servers,
    /// The number of consumer groups.
    pub groups: u32,
    /// The number of partitions of the cluster.
    pub partitions: u32,
    /// The number of partitions on which each group has committed.
    pub commits: u32,
    /// The granularity: series for each partition of a group, or for each topic.
    pub granularity: Granularity,
    /// The way in which time lag is found.
    pub time_lag: TimeLag,
}

/// The servers of a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Servers {
    /// The simulated cluster of three brokers, which counts requests.
    Standin,
    /// Apache Kafka with three brokers.
    Kafka,
}

/// The key `granularity` of `[exporter]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum Granularity {
    /// Series for each partition of each group.
    Partition,
    /// Series for each group and topic only.
    Topic,
}

/// The table `[exporter.timestamp_sampling]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum TimeLag {
    /// No time lag.
    Off,
    /// Computed from the movement of high watermarks.
    Rate,
    /// Read from records.
    Message,
}

// === impl Cell ===

impl Cell {
    /// The cell around which the others lie: 1,000 groups with 20 commits each on 20,000 partitions, everything shown.
    pub const BASE: Self = Self {
        servers: Servers::Standin,
        groups: 1_000,
        partitions: 20_000,
        commits: 20,
        granularity: Granularity::Partition,
        time_lag: TimeLag::Rate,
    };

    /// The number of commits of all groups, which is the number of rows of the largest families.
    pub fn rows(self) -> u32 {
        self.groups * self.commits
    }

    /// The cluster's contents.
    pub fn scale(self) -> Scale {
        Scale {
            topics: self.partitions.div_ceil(TOPIC),
            partitions: TOPIC.min(self.partitions),
            records: RECORDS,
            groups: self.groups,
            width: self.commits,
        }
    }

    /// The configuration file for a collector that listens on `port` of loopback.
    pub(super) fn config(self, bootstrap: &str, (port, poll_interval): (u16, u64)) -> String {
        let granularity = self.granularity.word();
        let enabled = self.time_lag != TimeLag::Off;
        let mode = match self.time_lag {
            TimeLag::Off | TimeLag::Rate => "rate",
            TimeLag::Message => "message",
        };
        format!(
            r#"[exporter]
http_host = "127.0.0.1"
http_port = {port}
poll_interval = "{poll_interval}s"
granularity = "{granularity}"

[exporter.timestamp_sampling]
enabled = {enabled}
mode = "{mode}"

[[clusters]]
name = "bench"
bootstrap_servers = "{bootstrap}"
"#
        )
    }
}

impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            groups,
            partitions,
            commits,
            ..
        } = self;
        let servers = match self.servers {
            Servers::Standin => "stand-in",
            Servers::Kafka => "Apache Kafka",
        };
        let granularity = self.granularity.word();
        let time_lag = self.time_lag.word();
        let [groups, partitions] = [*groups, *partitions].map(thousands);
        write!(
            f,
            "{servers}, {partitions} partitions, {groups} groups x {commits}, by {granularity}, time lag {time_lag}"
        )
    }
}

/// The number with commas between thousands.
pub(super) fn thousands(n: u32) -> String {
    let digits = n.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

// === impl Granularity ===

impl Granularity {
    /// The word in configuration files.
    pub fn word(self) -> &'static str {
        match self {
            Self::Partition => "partition",
            Self::Topic => "topic",
        }
    }
}

// === impl TimeLag ===

impl TimeLag {
    /// The word on the command line and in reports.
    pub fn word(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Rate => "by rate",
            Self::Message => "by message",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_told_apart() {
        assert_eq!(
            [7, 999, 1_000, 20_000, 1_234_567].map(thousands),
            ["7", "999", "1,000", "20,000", "1,234,567"]
        );
    }

    #[test]
    fn a_cell_has_as_many_partitions_as_it_says() {
        for partitions in [50, 1_000, 20_000, 100_000] {
            let scale = Cell {
                partitions,
                ..Cell::BASE
            }
            .scale();
            assert_eq!(scale.topics * scale.partitions, partitions);
        }
    }
}
