//! What a configuration file means, as types that cannot be wrong.
//!
//! There is nothing optional here that the file leaves out: defaults are already in place.

use std::collections::BTreeMap;
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::filter::Filter;

/// Everything one program takes from the file.
#[derive(Clone, Debug, PartialEq)]
pub struct Config {
    /// What holds for all clusters.
    pub exporter: Exporter,
    /// The clusters to collect from, never two of one name. Empty for the elector.
    pub clusters: Vec<Cluster>,
}

/// What holds for all clusters.
#[derive(Clone, Debug, PartialEq)]
pub struct Exporter {
    /// From the start of one collection to the start of the next.
    pub poll_interval: Duration,
    /// Where the collector serves.
    pub http: SocketAddr,
    /// Whether series of single partitions of a group are exported.
    pub granularity: Granularity,
    /// Age at which a cluster's last collection is withdrawn.
    pub staleness_threshold: Duration,
    /// How time lag is found.
    pub time_lag: TimeLagMode,
    /// Bounds of requests, and how long answers are kept.
    pub performance: Performance,
    /// Labels as klag-exporter had them.
    pub compatibility: Compatibility,
    /// Whether this pod must ask before it collects.
    pub leadership: Leadership,
    /// How long the preStop hook of a pod that collects is held, whether it had to ask or not. Collector only.
    pub handover_delay: Duration,
    /// Where the elector serves, whether it elects or not. Elector only.
    pub elector_server: ElectorServer,
}

/// How fine the series of a group are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// Sums over the partitions of a topic, and over the group.
    Topic,
    /// These, and each partition.
    Partition,
}

/// How time lag is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeLagMode {
    /// No time lag family at all.
    Off,
    /// Read the first record that the group has not read.
    Message {
        /// Bound of the reading phase of one collection.
        timeout: Duration,
        /// What to do where retention has removed that record.
        lost: LostPartitions,
        /// How far ahead of this machine's clock a record may be dated and still count as written just now.
        max_clock_skew: Duration,
    },
    /// Interpolate in the observed history of the high watermark.
    Rate {
        /// Observations kept for each partition, at least two.
        samples: usize,
        /// Age at which an observation is dropped.
        max_age: Duration,
    },
}

/// What to do with a partition whose committed offset lies below the log start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LostPartitions {
    /// Read the record at the log start: a lower bound of the time lag.
    Read,
    /// Read nothing: the partition has no time lag sample.
    Skip,
}

/// Bounds of requests to Kafka, and how long its answers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Performance {
    /// Bound of one request.
    pub request_timeout: Duration,
    /// Bound of one request for the committed offsets of a group.
    pub offset_fetch_timeout: Duration,
    /// How long topics, partitions and their leaders are kept; zero asks in every collection.
    pub metadata_ttl: Duration,
    /// How long a topic's `cleanup.policy` is kept; zero asks in every collection.
    pub compaction_ttl: Duration,
}

/// Labels as klag-exporter had them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compatibility {
    /// `compaction_detected` and `data_loss_detected` on time lag.
    pub state_labels: ExtraLabels,
    /// `member_host`, `consumer_id` and `client_id` on the series of partitions.
    pub member_labels: ExtraLabels,
}

/// Whether a family carries certain labels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExtraLabels {
    /// It does.
    Present,
    /// It does not.
    Absent,
}

/// Whether this pod must ask before it collects.
#[derive(Clone, Debug, PartialEq)]
pub enum Leadership {
    /// No: the gate is always open.
    SingleInstance,
    /// Yes: one pod of several leads.
    Elected(Box<Election>),
}

/// How a leader is chosen, and how the collector learns of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Election {
    /// Who this pod is, in the Lease and in the contract. Never empty.
    pub identity: String,
    /// How long after a renewal rivals must wait.
    pub lease_duration: Duration,
    /// From one renewal to the next; shorter than `lease_duration`.
    pub grace_period: Duration,
    /// The Lease. Elector only.
    pub lease_name: String,
    /// Where the Lease is. Elector only.
    pub lease_namespace: String,
    /// Whether a silent collector costs the Lease. Elector only.
    pub consumer: ConsumerRequirement,
    /// Where the collector asks. Collector only.
    pub url: SourceUrl,
    /// Grant assumed of a source that names none. Collector only.
    pub max_staleness: Duration,
}

/// Where the elector serves, and for how long what it says holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectorServer {
    /// Where it answers the collector.
    pub listen: SocketAddr,
    /// Where it answers probes and scrapes, if anywhere.
    pub telemetry_listen: Option<SocketAddr>,
    /// Longest grant.
    pub max_valid: Duration,
}

/// Whether the elector needs to hear from a collector to hold the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerRequirement {
    /// Only a healthy one lets it campaign.
    Required,
    /// It campaigns by itself and grants every asker.
    NotRequired,
}

/// Where leadership is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SourceUrl {
    /// A plain `http://` URL without query and fragment.
    Http(String),
    /// The absolute path of a Unix socket.
    Unix(PathBuf),
}

/// One Kafka cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The `cluster_name` of its series.
    pub name: Arc<str>,
    /// `host:port` pairs separated by commas, with nothing else between them.
    pub bootstrap_servers: String,
    /// Which groups are exported.
    pub groups: Filter,
    /// Which topics are exported.
    pub topics: Filter,
    /// What librdkafka is told beyond what the collector sets itself.
    pub consumer_properties: BTreeMap<String, Secret>,
    /// Labels on every series of the cluster.
    pub labels: BTreeMap<String, String>,
    /// Which end of the log lag counts to.
    pub isolation: IsolationLevel,
}

/// Which end of the log lag counts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsolationLevel {
    /// The high watermark.
    ReadUncommitted,
    /// The last stable offset.
    ReadCommitted,
}

/// A value that is shown to librdkafka and to nobody else.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

// === impl SourceUrl ===

impl fmt::Display for SourceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(url) => f.write_str(url),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

// === impl Secret ===

impl Secret {
    /// Wraps `value`.
    pub const fn new(value: String) -> Self {
        Self(value)
    }

    /// The value itself. Whoever calls this answers for where it goes.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
