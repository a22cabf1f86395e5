//! Every key of the file: its form, its default, who uses it, what it means.
//!
//! This table is the only place that knows them. Reading, messages, the reference in the README
//! and the tests all look here.

use std::fmt;
use std::time::Duration;

use super::Program;
use super::document::{self, Value};

/// One key.
#[derive(Debug)]
pub(super) struct Key {
    /// The table it stands in, such as `exporter.performance`.
    pub(super) table: &'static str,
    pub(super) name: &'static str,
    pub(super) form: Form,
    pub(super) default: DefaultValue,
    pub(super) used_by: UsedBy,
    pub(super) meaning: &'static str,
}

/// What a value must look like.
#[derive(Debug)]
pub(super) enum Form {
    Duration {
        least: Duration,
        most: Duration,
    },
    Whole {
        least: u32,
        most: u32,
    },
    Switch,
    Choice(&'static [&'static str]),
    /// Text with a form of its own, in words.
    Text(&'static str),
    Patterns,
    Properties,
    Labels,
    /// Whatever: nobody reads it.
    Anything,
}

/// What holds where the file says nothing.
#[derive(Debug)]
pub(super) enum DefaultValue {
    /// A value, as it would be written.
    Is(&'static str),
    /// Something found elsewhere, in words.
    From(&'static str),
    /// Nothing: the key must be there.
    Required,
}

/// Whose key it is. A program resolves references to the environment only in its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum UsedBy {
    Both,
    Collector,
    Elector,
    /// Accepted from klag-exporter's files, without effect.
    Nobody,
}

use DefaultValue::{From, Is, Required};
use Form::{Anything, Choice, Labels, Patterns, Properties, Switch, Text};
use UsedBy::{Both, Collector, Elector, Nobody};

const DAY: u64 = 86_400;
const TEN_YEARS: u64 = 315_576_000;
/// A time that something is waited for. librdkafka counts milliseconds in an `i32`: 24 days.
const WAIT: Form = Form::Duration {
    least: Duration::from_millis(1),
    most: Duration::from_secs(24 * DAY),
};
/// A time that something is kept; zero keeps nothing.
const KEEP: Form = Form::Duration {
    least: Duration::ZERO,
    most: Duration::from_secs(TEN_YEARS),
};
const PORT: Form = whole(0, 65_535);
/// A Lease needs room for a renewal that fails and one that is repeated.
const LEASE_SECONDS: Form = whole(3, 86_400);
const SECONDS: Form = whole(1, 86_400);
const SECONDS_OR_NONE: Form = whole(0, 86_400);

#[rustfmt::skip] // A table is read by its columns.
pub(super) const KEYS: &[Key] = &[
    key("exporter", "poll_interval", WAIT, Is("\"30s\""), Collector).means("from the start of one collection to the start of the next"),
    key("exporter", "http_port", PORT, Is("8000"), Collector).means("port the collector serves on; 0 takes a free one"),
    key("exporter", "http_host", Text("an IP address or \"localhost\""), Is("\"0.0.0.0\""), Collector).means("address the collector serves on"),
    key("exporter", "granularity", Choice(&["topic", "partition"]), Is("\"topic\""), Collector).means("whether each partition of a group has series of its own"),
    key("exporter", "staleness_threshold", WAIT, From("3 x `poll_interval`"), Collector).means("age at which a cluster's last collection is withdrawn"),

    key("exporter.timestamp_sampling", "enabled", Switch, Is("true"), Collector).means("whether time lag is exported"),
    key("exporter.timestamp_sampling", "mode", Choice(&["message", "rate"]), Is("\"message\""), Collector).means("read the first unread record, or interpolate in the history of the high watermark"),
    key("exporter.timestamp_sampling", "fetch_timeout", KEEP, Is("\"5s\""), Collector).means("`message`: bound of the reading phase of one collection"),
    key("exporter.timestamp_sampling", "skip_data_loss_partitions", Switch, Is("false"), Collector).means("`message`: no time lag where retention has removed the record, instead of a lower bound"),
    key("exporter.timestamp_sampling", "max_clock_skew", KEEP, Is("\"1m\""), Collector).means("`message`: how far ahead of this clock a record may be dated; farther ahead its age is unknown"),
    key("exporter.timestamp_sampling", "rate_history_samples", whole(2, 100_000), Is("5"), Collector).means("`rate`: observations kept for each partition, at least 2"),
    key("exporter.timestamp_sampling", "rate_history_max_age", KEEP, Is("\"10m\""), Collector).means("`rate`: age at which an observation is dropped"),
    key("exporter.timestamp_sampling", "cache_ttl", Anything, Is("\"60s\""), Nobody).means("what was read is kept until the commit moves"),
    key("exporter.timestamp_sampling", "max_concurrent_fetches", Anything, Is("5"), Nobody).means("all partitions are read at once"),
    key("exporter.timestamp_sampling", "rate_min_msgs_per_sec", Anything, Is("0.01"), Nobody).means("interpolation needs no rate"),

    key("exporter.performance", "kafka_timeout", WAIT, Is("\"30s\""), Collector).means("bound of one request to Kafka"),
    key("exporter.performance", "offset_fetch_timeout", WAIT, Is("\"10s\""), Collector).means("bound of one request for a group's committed offsets"),
    key("exporter.performance", "compacted_topics_cache_ttl", KEEP, Is("\"1h\""), Collector).means("how long a topic's `cleanup.policy` is kept"),
    key("exporter.performance", "metadata_cache_ttl", KEEP, Is("\"1m\""), Collector).means("how long topics, partitions and their leaders are kept"),
    key("exporter.performance", "group_fetch_retries", Anything, Is("0"), Nobody).means("a coordinator that has moved is found within the collection"),
    key("exporter.performance", "max_concurrent_groups", Anything, Is("10"), Nobody).means("requests are pipelined"),
    key("exporter.performance", "max_concurrent_watermarks", Anything, Is("50"), Nobody).means("requests are pipelined"),
    key("exporter.performance", "client_recycle_interval", Anything, Is("50"), Nobody).means("clients are rebuilt when they have grown"),
    key("exporter.performance", "max_blocking_threads", Anything, Is("64"), Nobody).means("one thread owns a cluster's clients"),
    key("exporter.performance", "consumer_groups_cache_ttl", Anything, Is("\"1m\""), Nobody).means("groups are listed in every collection"),

    key("exporter.otel", "enabled", Switch, Is("false"), Collector).means("must be false: there is no OTLP export"),
    key("exporter.otel", "endpoint", Anything, Is("\"http://localhost:4317\""), Nobody).means("there is no OTLP export"),
    key("exporter.otel", "export_interval", Anything, Is("\"60s\""), Nobody).means("there is no OTLP export"),

    key("exporter.compatibility", "state_labels", Switch, Is("false"), Collector).means("`compaction_detected` and `data_loss_detected` on time lag"),
    key("exporter.compatibility", "member_labels", Switch, Is("true"), Collector).means("`member_host`, `consumer_id` and `client_id` on the series of partitions"),

    key("exporter.leadership", "enabled", Switch, Is("false"), Both).means("whether one pod of several collects; false: this one collects always"),
    key("exporter.leadership", "provider", Choice(&["kubernetes"]), Is("\"kubernetes\""), Both).means("what the elector uses"),
    key("exporter.leadership", "lease_name", Text("a Kubernetes name: lower case letters, digits, \"-\" and \".\""), Is("\"klag-exporter\""), Elector).means("name of the Lease"),
    key("exporter.leadership", "lease_namespace", Text("a Kubernetes namespace: lower case letters, digits and \"-\""), Is("\"default\""), Elector).means("namespace of the Lease"),
    key("exporter.leadership", "identity", Text("a name without spaces, unlike that of any other pod"), From("`POD_NAME`, else `HOSTNAME`"), Both).means("who this pod is"),
    key("exporter.leadership", "lease_duration_secs", LEASE_SECONDS, Is("15"), Both).means("how long after a renewal rivals must wait"),
    key("exporter.leadership", "grace_period_secs", SECONDS, Is("5"), Both).means("from one renewal to the next; less than `lease_duration_secs`"),
    key("exporter.leadership", "listen", ADDRESS, Is("\"127.0.0.1:8001\""), Elector).means("where the elector answers the collector"),
    key("exporter.leadership", "telemetry_listen", ADDRESS, From("unset: not served"), Elector).means("where the elector answers probes and scrapes from outside the pod"),
    key("exporter.leadership", "max_valid_secs", SECONDS, Is("5"), Elector).means("longest time an answer may be used"),
    key("exporter.leadership", "require_consumer", Switch, Is("true"), Elector).means("whether the elector gives up the Lease when its collector is silent"),
    key("exporter.leadership", "url", Text("a URL such as \"http://127.0.0.1:8001/leader\", without query, or \"unix:/path\""), Is("\"http://127.0.0.1:8001/leader\""), Collector).means("where the collector asks whether it leads"),
    key("exporter.leadership", "max_staleness_secs", SECONDS, Is("2"), Collector).means("how long an answer may be used that names no time itself"),
    key("exporter.leadership", "handover_delay_secs", SECONDS_OR_NONE, Is("20"), Collector).means("how long `/prestop` is held"),

    key("clusters", "name", Text("a name"), Required, Collector).means("the `cluster_name` of its series; no two clusters share one"),
    key("clusters", "bootstrap_servers", Text("brokers such as \"kafka1:9092,kafka2:9092\""), Required, Collector).means("brokers to begin with; without a port 9092 is meant"),
    key("clusters", "group_whitelist", Patterns, Is("[\".*\"]"), Collector).means("groups to export"),
    key("clusters", "group_blacklist", Patterns, Is("[]"), Collector).means("groups to leave out of these"),
    key("clusters", "topic_whitelist", Patterns, Is("[\".*\"]"), Collector).means("topics to export"),
    key("clusters", "topic_blacklist", Patterns, Is("[\"^__.*\"]"), Collector).means("topics to leave out of these"),
    key("clusters", "consumer_properties", Properties, Is("{}"), Collector).means("what librdkafka is told, such as security settings"),
    key("clusters", "labels", Labels, Is("{}"), Collector).means("labels on every series of the cluster"),
    key("clusters", "isolation", Choice(&["read_uncommitted", "read_committed"]), Is("\"read_uncommitted\""), Collector).means("whether lag counts to the high watermark or to the last stable offset"),
];

const ADDRESS: Form = Text("an address such as \"127.0.0.1:8001\"");

const fn whole(least: u32, most: u32) -> Form {
    Form::Whole { least, most }
}

const fn key(
    table: &'static str,
    name: &'static str,
    form: Form,
    default: DefaultValue,
    used_by: UsedBy,
) -> Key {
    Key {
        table,
        name,
        form,
        default,
        used_by,
        meaning: "",
    }
}

/// The key `name` of `table`.
pub(super) fn find(table: &str, name: &str) -> Option<&'static Key> {
    let wanted = |key: &&Key| key.table == table && key.name == name;
    KEYS.iter().find(wanted)
}

/// What may stand in `table` (`""` is the file itself): its keys, and the tables below it.
pub(super) fn names(table: &str) -> Vec<&'static str> {
    let mut names: Vec<&'static str> = KEYS
        .iter()
        .filter_map(|key| {
            if key.table == table {
                return Some(key.name);
            }
            let below = match table {
                "" => Some(key.table),
                _ => key.table.strip_prefix(table)?.strip_prefix('.'),
            };
            below?.split('.').next()
        })
        .collect();
    names.dedup();
    names
}

// === impl Key ===

impl Key {
    const fn means(mut self, meaning: &'static str) -> Self {
        self.meaning = meaning;
        self
    }
}

// === impl Form ===

impl fmt::Display for Form {
    /// What to write, after the word "write".
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Duration { least, most } if least.is_zero() => {
                let most = humantime::format_duration(*most);
                write!(f, "a duration such as \"30s\", at most \"{most}\"")
            }
            Self::Duration { least, most } => {
                let (least, most) = (
                    humantime::format_duration(*least),
                    humantime::format_duration(*most),
                );
                write!(
                    f,
                    "a duration such as \"30s\", from \"{least}\" to \"{most}\""
                )
            }
            Self::Whole { least, most } => write!(f, "a whole number from {least} to {most}"),
            Switch => f.write_str("true or false"),
            Choice(words) => {
                for (i, word) in words.iter().enumerate() {
                    let or = if i > 0 { " or " } else { "" };
                    write!(f, "{or}\"{word}\"")?;
                }
                Ok(())
            }
            Text(form) => f.write_str(form),
            Patterns => f.write_str("a list of regular expressions such as [\"^orders\"]"),
            Properties => f.write_str("a table of librdkafka's properties"),
            Labels => f.write_str("a table of labels such as { environment = \"production\" }"),
            Anything => f.write_str("anything"),
        }
    }
}

// === impl Fallback ===

impl DefaultValue {
    /// The value, where there is one.
    pub(super) fn value(&self) -> Option<Value> {
        match self {
            Is(text) => document::parse_value(text),
            From(_) | Required => None,
        }
    }
}

impl fmt::Display for DefaultValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Is(value) => write!(f, "`{value}`"),
            From(words) => f.write_str(words),
            Required => f.write_str("required"),
        }
    }
}

// === impl UsedBy ===

impl UsedBy {
    /// Whether `program` resolves references to the environment in such a key.
    pub(super) fn includes(self, program: Program) -> bool {
        match self {
            Both => true,
            Collector => program == Program::Collector,
            Elector => program == Program::Elector,
            Nobody => false,
        }
    }
}

impl fmt::Display for UsedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Both => "both",
            Collector => "collector",
            Elector => "elector",
            Nobody => "nobody any more",
        })
    }
}
