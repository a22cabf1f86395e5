//! Configuration files for collectors under test.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

/// The `name` of the cluster in every configuration; the label `cluster_name`.
pub const CLUSTER: &str = "lab";

/// A configuration: no leadership, one cluster, granularity "partition", exact time lag.
#[derive(Clone, Debug)]
pub struct Config {
    bootstrap: String,
    poll_interval: Duration,
    properties: BTreeMap<String, String>,
}

// === impl Config ===

impl Config {
    /// Collects every two seconds from these brokers.
    pub fn of(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            poll_interval: Duration::from_secs(2),
            properties: BTreeMap::new(),
        }
    }

    /// Collects that often instead.
    #[must_use]
    pub fn every(self, poll_interval: Duration) -> Self {
        Self {
            poll_interval,
            ..self
        }
    }

    /// Sets one of `[clusters.consumer_properties]`.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    /// The file, for a collector that listens on `port` of loopback.
    pub fn text(&self, port: u16) -> String {
        let Self {
            bootstrap,
            poll_interval,
            properties,
        } = self;
        let seconds = poll_interval.as_secs();
        let mut text = format!(
            r#"[exporter]
http_host = "127.0.0.1"
http_port = {port}
poll_interval = "{seconds}s"
granularity = "partition"

[exporter.timestamp_sampling]
mode = "message"

[[clusters]]
name = "{CLUSTER}"
bootstrap_servers = "{bootstrap}"

[clusters.consumer_properties]
"#
        );
        for (name, value) in properties {
            writeln!(text, "\"{name}\" = \"{value}\"").ok();
        }
        text
    }
}
