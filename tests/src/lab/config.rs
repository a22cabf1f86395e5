//! Configuration files for collectors under test.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::time::Duration;

/// The `name` of the first cluster in every configuration, which is the label `cluster_name`.
pub const CLUSTER: &str = "lab";

/// A configuration. By default there is no leadership, one cluster, granularity "partition" and exact time lag.
#[derive(Clone, Debug)]
pub struct Config {
    bootstrap: String,
    poll_interval: Duration,
    properties: BTreeMap<String, String>,
    granularity: &'static str,
    /// Lines of `[exporter.performance]`.
    performance: BTreeMap<String, String>,
    /// Lines of `[exporter.timestamp_sampling]`.
    sampling: BTreeMap<String, String>,
    isolation: &'static str,
    /// Further clusters: name and brokers.
    more: Vec<(String, String)>,
    /// Lines of `[exporter.leadership]`.
    leadership: String,
}

// === impl Config ===

impl Config {
    /// A configuration that collects every two seconds from these brokers.
    pub fn of(bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            poll_interval: Duration::from_secs(2),
            properties: BTreeMap::new(),
            granularity: "partition",
            performance: BTreeMap::new(),
            sampling: BTreeMap::from([("mode".to_owned(), "message".to_owned())]),
            isolation: "read_uncommitted",
            more: Vec::new(),
            leadership: String::new(),
        }
    }

    /// Collects from these brokers instead.
    #[must_use]
    pub fn bootstrap(self, bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            ..self
        }
    }

    /// Collects at this interval instead.
    #[must_use]
    pub fn every(self, poll_interval: Duration) -> Self {
        Self {
            poll_interval,
            ..self
        }
    }

    /// Sets one key of `[clusters.consumer_properties]`.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Shows no series of single partitions of a group.
    #[must_use]
    pub fn by_topic(self) -> Self {
        Self {
            granularity: "topic",
            ..self
        }
    }

    /// Sets one duration of `[exporter.performance]`, such as `metadata_cache_ttl`.
    #[must_use]
    pub fn performance(mut self, name: &str, duration: &str) -> Self {
        self.performance
            .insert(name.to_owned(), duration.to_owned());
        self
    }

    /// Sets one key of `[exporter.timestamp_sampling]` whose value is a text, such as `mode`.
    #[must_use]
    pub fn sampling(mut self, name: &str, value: &str) -> Self {
        self.sampling.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Treats groups as readers of committed records only.
    #[must_use]
    pub fn read_committed(self) -> Self {
        Self {
            isolation: "read_committed",
            ..self
        }
    }

    /// Collects from one more cluster, which has this name.
    #[must_use]
    pub fn and_cluster(mut self, name: &str, bootstrap: &str) -> Self {
        self.more.push((name.to_owned(), bootstrap.to_owned()));
        self
    }

    /// Asks for leadership at `url`, as the collector of the pod `identity`.
    #[must_use]
    pub fn led_by(mut self, url: &str, identity: &str) -> Self {
        self.leadership = format!("enabled = true\nidentity = \"{identity}\"\nurl = \"{url}\"\n");
        self
    }

    /// The text of the file, for a collector that listens on `port` of loopback.
    pub fn text(&self, port: u16) -> String {
        let Self {
            bootstrap,
            poll_interval,
            properties,
            granularity,
            performance,
            sampling,
            isolation,
            more,
            leadership,
        } = self;
        let millis = poll_interval.as_millis();
        let (performance, sampling) = (lines(performance), lines(sampling));
        let mut text = format!(
            r#"[exporter]
http_host = "127.0.0.1"
http_port = {port}
poll_interval = "{millis}ms"
granularity = "{granularity}"

[exporter.timestamp_sampling]
{sampling}
[exporter.performance]
{performance}
[exporter.leadership]
{leadership}
[[clusters]]
name = "{CLUSTER}"
bootstrap_servers = "{bootstrap}"
isolation = "{isolation}"

[clusters.consumer_properties]
"#
        );
        text.push_str(&lines(properties));
        for (name, bootstrap) in more {
            let cluster = [("name", name), ("bootstrap_servers", bootstrap)];
            text.push_str("\n[[clusters]]\n");
            text.push_str(&lines(cluster));
        }
        text
    }
}

fn lines<N: Display, V: Display>(pairs: impl IntoIterator<Item = (N, V)>) -> String {
    let mut text = String::new();
    for (name, value) in pairs {
        writeln!(text, "\"{name}\" = \"{value}\"").ok();
    }
    text
}
