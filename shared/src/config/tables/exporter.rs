//! The table `[exporter]`: the time between collections, the address of the collector, and the granularity of its series.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use super::compatibility::{self, Compatibility};
use super::leadership::{self, ElectorServer, Leadership};
use super::otel;
use super::performance::{self, Performance};
use super::timestamp_sampling::{self, TimeLagMode};
use super::web;
use crate::config::context::{ReadContext, TableRef};
use crate::config::forms::{Choice, Durations, Port, TIMEOUT, Text};
use crate::config::key::DefaultValue::{Described, Toml};
use crate::config::key::{Key, Table};
use crate::config::parsers;
use crate::config::program::Program;
use crate::config::program::UsedBy::Collector;
use crate::config::table_reader::TableReader;

/// The settings that hold for all clusters: `[exporter]` and the tables below it.
#[derive(Clone, Debug, PartialEq)]
pub struct Exporter {
    /// The time from the start of one collection to the start of the next.
    pub poll_interval: Duration,
    /// The address on which the collector serves HTTP.
    pub http: SocketAddr,
    /// The granularity of the series of a group: topics or partitions.
    pub granularity: Granularity,
    /// The age at which a cluster's last collection is withdrawn.
    pub staleness_threshold: Duration,
    /// The way in which time lag is found, with the settings of that way.
    pub time_lag: TimeLagMode,
    /// Bounds of requests to Kafka, and the times for which Kafka's answers are kept.
    pub performance: Performance,
    /// Labels that klag-exporter has and that may be left out.
    pub compatibility: Compatibility,
    /// The path of the web configuration; `None` if all clients are answered.
    pub web_config_file: Option<PathBuf>,
    /// The choice between an election and a single instance.
    pub leadership: Leadership,
    /// The time for which `/prestop` holds the request of a leader. It has no effect without an election. Used by the collector only.
    pub handover_delay: Duration,
    /// The addresses of the elector, which serves with an election or without. Used by the elector only.
    pub elector_server: ElectorServer,
}

/// The granularity of the series of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// Sums over the partitions of a topic, and over the group.
    Topic,
    /// Sums over the partitions of a topic and over the group, and values of each partition.
    Partition,
}

static POLL_INTERVAL: Key<Durations> = Key {
    name: "poll_interval",
    form: TIMEOUT,
    default: Toml("\"30s\""),
    used_by: Collector,
    meaning: "from the start of one collection to the start of the next",
};

static HTTP_PORT: Key<Port> = Key {
    name: "http_port",
    form: Port,
    default: Toml("8000"),
    used_by: Collector,
    meaning: "port the collector serves on; 0 takes a free one",
};

static HTTP_HOST: Key<Text<IpAddr>> = Key {
    name: "http_host",
    form: Text {
        words: "an IP address or \"localhost\"",
        parse: parsers::host,
    },
    default: Toml("\"0.0.0.0\""),
    used_by: Collector,
    meaning: "address the collector serves on",
};

static GRANULARITY: Key<Choice<Granularity>> = Key {
    name: "granularity",
    form: Choice(&[
        ("topic", Granularity::Topic),
        ("partition", Granularity::Partition),
    ]),
    default: Toml("\"topic\""),
    used_by: Collector,
    meaning: "whether each partition of a group has series of its own",
};

static STALENESS_THRESHOLD: Key<Durations> = Key {
    name: "staleness_threshold",
    form: TIMEOUT,
    default: Described("3 x `poll_interval`"),
    used_by: Collector,
    meaning: "age at which a cluster's last collection is withdrawn",
};

pub(crate) static TABLE: Table = Table {
    name: "exporter",
    keys: &[
        &POLL_INTERVAL,
        &HTTP_PORT,
        &HTTP_HOST,
        &GRANULARITY,
        &STALENESS_THRESHOLD,
    ],
};

/// Reads `[exporter]` of the file and the tables below it.
pub(crate) fn read(context: &mut ReadContext<'_>, file: &TableRef<'_>) -> Exporter {
    let table = file.below(context, "exporter");
    let time_lag = timestamp_sampling::read(context, &table);
    let performance = performance::read(context, &table);
    otel::read(context, &table);
    let compatibility = compatibility::read(context, &table);
    let web_config_file = web::read(context, &table);
    let (leadership, handover_delay, elector_server) = leadership::read(context, &table);

    let mut reader = TableReader::new(context, &TABLE, table);
    let poll_interval = reader.read(&POLL_INTERVAL);
    let staleness_threshold = reader.read_optional(&STALENESS_THRESHOLD);
    let host = reader.read(&HTTP_HOST);
    let port = reader.read(&HTTP_PORT);
    Exporter {
        poll_interval,
        http: SocketAddr::new(host, port),
        granularity: reader.read(&GRANULARITY),
        staleness_threshold: staleness_threshold.unwrap_or(poll_interval * 3),
        time_lag,
        performance,
        compatibility,
        web_config_file: web_config_file.map(PathBuf::from),
        leadership,
        handover_delay,
        elector_server,
    }
}

/// Writes the keys of `[exporter]` and of the tables below it that `program` uses.
pub(crate) fn write(
    f: &mut fmt::Formatter<'_>,
    exporter: &Exporter,
    program: Program,
) -> fmt::Result {
    if program == Program::Collector {
        write_collection(f, exporter)?;
    }
    let file = exporter.web_config_file.as_ref();
    web::write(f, file.map(|file| file.display().to_string()).as_ref())?;
    let server = &exporter.elector_server;
    let settings = (&exporter.leadership, exporter.handover_delay, server);
    leadership::write(f, settings, program)
}

/// Writes the tables that only the collector uses.
fn write_collection(f: &mut fmt::Formatter<'_>, exporter: &Exporter) -> fmt::Result {
    writeln!(f, "{}", TABLE.header())?;
    POLL_INTERVAL.write(f, &exporter.poll_interval)?;
    HTTP_PORT.write(f, &exporter.http.port())?;
    HTTP_HOST.write(f, &exporter.http.ip())?;
    GRANULARITY.write(f, &exporter.granularity)?;
    STALENESS_THRESHOLD.write(f, &exporter.staleness_threshold)?;
    writeln!(f)?;
    timestamp_sampling::write(f, exporter.time_lag)?;
    writeln!(f)?;
    performance::write(f, exporter.performance)?;
    writeln!(f)?;
    compatibility::write(f, exporter.compatibility)?;
    writeln!(f)
}
