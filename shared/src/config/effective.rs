//! The configuration as it has effect, as a file that means the same.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::Program;
use super::filter::Filter;
use super::model::{
    Cluster, Config, ConsumerRequirement, Election, ElectorServer, Exporter, ExtraLabels,
    Granularity, IsolationLevel, Leadership, LostPartitions, Secret, TimeLagMode,
};
use super::properties;

/// Prints what `program` uses, as TOML, with secrets masked.
#[derive(Debug)]
pub struct Effective<'a> {
    config: &'a Config,
    program: Program,
}

/// Text as TOML has it.
struct Quoted<'a>(&'a str);

// === impl Config ===

impl Config {
    /// The configuration as `program` sees it, to be printed.
    pub const fn effective(&self, program: Program) -> Effective<'_> {
        Effective {
            config: self,
            program,
        }
    }
}

// === impl Effective ===

impl fmt::Display for Effective<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let exporter = &self.config.exporter;
        if self.program == Program::Collector {
            collection(f, exporter)?;
        }
        writeln!(f, "[exporter.leadership]")?;
        match &exporter.leadership {
            Leadership::SingleInstance => writeln!(f, "enabled = false")?,
            Leadership::Elected(election) => leadership(f, election, self.program)?,
        }
        match self.program {
            Program::Elector => elector_server(f, &exporter.elector_server)?,
            Program::Collector => {
                let delay = exporter.handover_delay.as_secs();
                writeln!(f, "handover_delay_secs = {delay}")?;
            }
        }
        self.config
            .clusters
            .iter()
            .try_for_each(|each| cluster(f, each))
    }
}

fn collection(f: &mut fmt::Formatter<'_>, exporter: &Exporter) -> fmt::Result {
    let granularity = match exporter.granularity {
        Granularity::Topic => "topic",
        Granularity::Partition => "partition",
    };
    writeln!(f, "[exporter]")?;
    duration(f, "poll_interval", exporter.poll_interval)?;
    writeln!(f, "http_port = {}", exporter.http.port())?;
    writeln!(f, "http_host = \"{}\"", exporter.http.ip())?;
    writeln!(f, "granularity = \"{granularity}\"")?;
    duration(f, "staleness_threshold", exporter.staleness_threshold)?;

    writeln!(f, "\n[exporter.timestamp_sampling]")?;
    writeln!(f, "enabled = {}", exporter.time_lag != TimeLagMode::Off)?;
    match exporter.time_lag {
        TimeLagMode::Off => {}
        TimeLagMode::Message {
            timeout,
            lost,
            max_clock_skew,
        } => {
            writeln!(f, "mode = \"message\"")?;
            duration(f, "fetch_timeout", timeout)?;
            let skip = lost == LostPartitions::Skip;
            writeln!(f, "skip_data_loss_partitions = {skip}")?;
            duration(f, "max_clock_skew", max_clock_skew)?;
        }
        TimeLagMode::Rate { samples, max_age } => {
            writeln!(f, "mode = \"rate\"")?;
            writeln!(f, "rate_history_samples = {samples}")?;
            duration(f, "rate_history_max_age", max_age)?;
        }
    }

    let performance = &exporter.performance;
    writeln!(f, "\n[exporter.performance]")?;
    duration(f, "kafka_timeout", performance.request_timeout)?;
    duration(f, "offset_fetch_timeout", performance.offset_fetch_timeout)?;
    duration(f, "compacted_topics_cache_ttl", performance.compaction_ttl)?;
    duration(f, "metadata_cache_ttl", performance.metadata_ttl)?;

    let compatibility = &exporter.compatibility;
    let state = compatibility.state_labels == ExtraLabels::Present;
    let member = compatibility.member_labels == ExtraLabels::Present;
    writeln!(f, "\n[exporter.compatibility]")?;
    writeln!(f, "state_labels = {state}\nmember_labels = {member}\n")
}

fn leadership(f: &mut fmt::Formatter<'_>, election: &Election, program: Program) -> fmt::Result {
    writeln!(f, "enabled = true\nprovider = \"kubernetes\"")?;
    writeln!(f, "identity = {}", Quoted(&election.identity))?;
    writeln!(
        f,
        "lease_duration_secs = {}",
        election.lease_duration.as_secs()
    )?;
    writeln!(f, "grace_period_secs = {}", election.grace_period.as_secs())?;
    match program {
        Program::Elector => {
            let required = election.consumer == ConsumerRequirement::Required;
            writeln!(f, "lease_name = {}", Quoted(&election.lease_name))?;
            writeln!(f, "lease_namespace = {}", Quoted(&election.lease_namespace))?;
            writeln!(f, "require_consumer = {required}")
        }
        Program::Collector => {
            writeln!(f, "url = {}", Quoted(&election.url.to_string()))?;
            writeln!(
                f,
                "max_staleness_secs = {}",
                election.max_staleness.as_secs()
            )
        }
    }
}

fn elector_server(f: &mut fmt::Formatter<'_>, elector_server: &ElectorServer) -> fmt::Result {
    writeln!(f, "listen = \"{}\"", elector_server.listen)?;
    if let Some(address) = elector_server.telemetry_listen {
        writeln!(f, "telemetry_listen = \"{address}\"")?;
    }
    writeln!(f, "max_valid_secs = {}", elector_server.max_valid.as_secs())
}

fn cluster(f: &mut fmt::Formatter<'_>, cluster: &Cluster) -> fmt::Result {
    let isolation = match cluster.isolation {
        IsolationLevel::ReadUncommitted => "read_uncommitted",
        IsolationLevel::ReadCommitted => "read_committed",
    };
    writeln!(f, "\n[[clusters]]")?;
    writeln!(f, "name = {}", Quoted(&cluster.name))?;
    writeln!(
        f,
        "bootstrap_servers = {}",
        Quoted(&cluster.bootstrap_servers)
    )?;
    filter(f, "group", &cluster.groups)?;
    filter(f, "topic", &cluster.topics)?;
    writeln!(f, "isolation = \"{isolation}\"")?;
    consumer_properties(f, &cluster.consumer_properties)?;
    if !cluster.labels.is_empty() {
        writeln!(f, "\n[clusters.labels]")?;
    }
    for (name, value) in &cluster.labels {
        writeln!(f, "{name} = {}", Quoted(value))?;
    }
    Ok(())
}

fn filter(f: &mut fmt::Formatter<'_>, what: &str, filter: &Filter) -> fmt::Result {
    let lists = [
        ("whitelist", filter.include()),
        ("blacklist", filter.exclude()),
    ];
    for (list, patterns) in lists {
        write!(f, "{what}_{list} = [")?;
        for (i, pattern) in patterns.iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            write!(f, "{comma}{}", Quoted(pattern))?;
        }
        writeln!(f, "]")?;
    }
    Ok(())
}

fn consumer_properties(
    f: &mut fmt::Formatter<'_>,
    consumer_properties: &BTreeMap<String, Secret>,
) -> fmt::Result {
    if !consumer_properties.is_empty() {
        writeln!(f, "\n[clusters.consumer_properties]")?;
    }
    for (name, value) in consumer_properties {
        if properties::is_public(name) {
            writeln!(f, "{} = {}", Quoted(name), Quoted(value.expose()))?;
        } else {
            writeln!(f, "{} = \"{value}\"", Quoted(name))?;
        }
    }
    Ok(())
}

fn duration(f: &mut fmt::Formatter<'_>, name: &str, value: Duration) -> fmt::Result {
    writeln!(f, "{name} = \"{}\"", humantime::format_duration(value))
}

// === impl Quoted ===

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", toml::Value::String(self.0.to_owned()))
    }
}
