//! Configuration files for collectors under test.

use std::collections::BTreeMap;
use std::fmt::{Display, Write as _};
use std::path::Path;
use std::time::Duration;

/// The key `name` of the first cluster in every configuration, and so the value of its label `cluster_name`.
pub const CLUSTER: &str = "lab";

/// A configuration of a collector. The default is one cluster, no leadership, granularity "partition" and time lag by reading
/// records.
#[derive(Clone, Debug)]
pub struct Config {
    bootstrap: String,
    poll_interval: Duration,
    properties: BTreeMap<String, String>,
    granularity: &'static str,
    /// The keys and values of `[exporter.performance]`.
    performance: BTreeMap<String, String>,
    /// The keys and values of `[exporter.timestamp_sampling]`.
    sampling: BTreeMap<String, String>,
    isolation: &'static str,
    /// The names and brokers of further clusters, which have the defaults of all other keys.
    more: Vec<(String, String)>,
    /// The lines of `[exporter.leadership]`; empty for a collector that runs alone.
    leadership: String,
    /// Lines of `[exporter.web]`.
    web: String,
}

// === impl Config ===

impl Config {
    /// Returns a configuration for one cluster with these brokers, which is collected every two seconds.
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
            web: String::new(),
        }
    }

    /// Sets the brokers of the first cluster.
    #[must_use]
    pub fn bootstrap(self, bootstrap: &str) -> Self {
        Self {
            bootstrap: bootstrap.to_owned(),
            ..self
        }
    }

    /// Sets the time between two collections.
    #[must_use]
    pub fn every(self, poll_interval: Duration) -> Self {
        Self {
            poll_interval,
            ..self
        }
    }

    /// Sets one property of librdkafka for the first cluster (`[clusters.consumer_properties]`).
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        self.properties.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Sets granularity "topic", with which a group has no series of single partitions.
    #[must_use]
    pub fn by_topic(self) -> Self {
        Self {
            granularity: "topic",
            ..self
        }
    }

    /// Sets one key of `[exporter.performance]` whose value is a duration, such as `metadata_cache_ttl`.
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

    /// Sets isolation `read_committed` for the first cluster: lag ends at the last stable offset.
    #[must_use]
    pub fn read_committed(self) -> Self {
        Self {
            isolation: "read_committed",
            ..self
        }
    }

    /// Adds a cluster with this name and these brokers.
    #[must_use]
    pub fn and_cluster(mut self, name: &str, bootstrap: &str) -> Self {
        self.more.push((name.to_owned(), bootstrap.to_owned()));
        self
    }

    /// Switches leadership on: the collector asks at `url`, as the collector of the pod `identity`.
    #[must_use]
    pub fn led_by(mut self, url: &str, identity: &str) -> Self {
        self.leadership = format!("enabled = true\nidentity = \"{identity}\"\nurl = \"{url}\"\n");
        self
    }

    /// Closes the endpoints by the web configuration in this file.
    #[must_use]
    pub fn closed_by(mut self, web_config: &Path) -> Self {
        self.web = format!("config_file = \"{}\"\n", web_config.display());
        self
    }

    /// Returns the text of the file, for a collector that listens on `port` of loopback.
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
            web,
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
[exporter.web]
{web}
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
