//! The tables `[[clusters]]`: the Kafka clusters, and what is exported of each.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::brokers;
use crate::config::context::{ReadContext, TableRef};
use crate::config::credential_files::{self, CredentialFile};
use crate::config::document::{Entry, Value};
use crate::config::filter::Filter;
use crate::config::forms::{Choice, Patterns, Text, TextTable};
use crate::config::key::DefaultValue::{Required, Toml};
use crate::config::key::{Key, Table};
use crate::config::oauth::{self, OauthLogin, Surroundings};
use crate::config::parsers;
use crate::config::program::Program;
use crate::config::program::UsedBy::Collector;
use crate::config::properties;
use crate::config::secret::Secret;
use crate::config::table_reader::TableReader;

mod labels;
mod write;

pub(crate) use write::write;

/// One Kafka cluster, as a `[[clusters]]` of the file describes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// The label `cluster_name` of the cluster's series.
    pub name: Arc<str>,
    /// The brokers to begin with, separated by commas, without spaces and empty items.
    pub bootstrap_servers: String,
    /// The filter of the groups that are exported.
    pub groups: Filter,
    /// The filter of the topics that are exported.
    pub topics: Filter,
    /// The properties that librdkafka is given beyond those that the collector sets itself.
    pub consumer_properties: BTreeMap<String, Secret>,
    /// The login with tokens that the collector gets itself; `None` for another login. Read from those properties that are kept from
    /// librdkafka.
    pub oauth: Option<OauthLogin>,
    /// The labels that the user gives to every series of the cluster.
    pub labels: BTreeMap<String, String>,
    /// The end of the log to which lag counts.
    pub isolation: IsolationLevel,
}

/// The end of the log to which lag counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IsolationLevel {
    /// Lag counts to the high watermark.
    ReadUncommitted,
    /// Lag counts to the last stable offset.
    ReadCommitted,
}

// === impl Cluster ===

impl Cluster {
    /// Returns the names and values of the properties that librdkafka is given.
    pub fn librdkafka_properties(&self) -> impl Iterator<Item = (&str, &str)> {
        let all = self.consumer_properties.iter();
        let given = all.filter(|(name, _)| !oauth::is_taken_out(name));
        given.map(|(name, value)| (name.as_str(), oauth::as_given(name, value.expose())))
    }

    /// Returns the files with credentials that librdkafka reads when it makes a client.
    pub fn credential_files(&self) -> Vec<CredentialFile> {
        credential_files::of(&self.consumer_properties)
    }
}

static NAME: Key<Text<String>> = Key {
    name: "name",
    form: Text {
        words: "a name",
        parse: parsers::title,
    },
    default: Required,
    used_by: Collector,
    meaning: "the `cluster_name` of its series; no two clusters share one",
};

static BOOTSTRAP_SERVERS: Key<Text<String>> = Key {
    name: "bootstrap_servers",
    form: Text {
        words: "brokers such as \"kafka1:9092,kafka2:9092\"",
        parse: brokers::parse,
    },
    default: Required,
    used_by: Collector,
    meaning: "brokers to begin with; without a port 9092 is meant",
};

static GROUP_WHITELIST: Key<Patterns> = patterns("group_whitelist", "[\".*\"]", "groups to export");
static GROUP_BLACKLIST: Key<Patterns> =
    patterns("group_blacklist", "[]", "groups to leave out of these");
static TOPIC_WHITELIST: Key<Patterns> = patterns("topic_whitelist", "[\".*\"]", "topics to export");
static TOPIC_BLACKLIST: Key<Patterns> = patterns(
    "topic_blacklist",
    "[\"^__.*\"]",
    "topics to leave out of these",
);

static CONSUMER_PROPERTIES: Key<TextTable> = Key {
    name: "consumer_properties",
    form: TextTable {
        words: "a table of librdkafka's properties",
        read_entry: properties::read,
    },
    default: Toml("{}"),
    used_by: Collector,
    meaning: "what librdkafka is told, such as security settings",
};

static LABELS: Key<TextTable> = Key {
    name: "labels",
    form: TextTable {
        words: "a table of labels such as { environment = \"production\" }",
        read_entry: labels::read,
    },
    default: Toml("{}"),
    used_by: Collector,
    meaning: "labels on every series of the cluster",
};

static ISOLATION: Key<Choice<IsolationLevel>> = Key {
    name: "isolation",
    form: Choice(&[
        ("read_uncommitted", IsolationLevel::ReadUncommitted),
        ("read_committed", IsolationLevel::ReadCommitted),
    ]),
    default: Toml("\"read_uncommitted\""),
    used_by: Collector,
    meaning: "whether lag counts to the high watermark or to the last stable offset",
};

pub(crate) static TABLE: Table = Table {
    name: "clusters",
    keys: &[
        &NAME,
        &BOOTSTRAP_SERVERS,
        &GROUP_WHITELIST,
        &GROUP_BLACKLIST,
        &TOPIC_WHITELIST,
        &TOPIC_BLACKLIST,
        &CONSUMER_PROPERTIES,
        &LABELS,
        &ISOLATION,
    ],
};

const fn patterns(
    name: &'static str,
    default: &'static str,
    meaning: &'static str,
) -> Key<Patterns> {
    Key {
        name,
        form: Patterns,
        default: Toml(default),
        used_by: Collector,
        meaning,
    }
}

/// The greatest number of clusters. Each has threads and memory of its own, and even reading a cluster compiles its filters.
const MAX_CLUSTERS: usize = 1000;

/// Reads every `[[clusters]]` of the file. For the elector the clusters are only checked, and the result is empty.
pub(crate) fn read(context: &mut ReadContext<'_>, file: &TableRef<'_>) -> Vec<Cluster> {
    let tables: &[(usize, Value)] = match file.entry(TABLE.name) {
        Some(Entry {
            value: Value::List(items),
            ..
        }) => items,
        Some(Entry { line, .. }) => {
            let message = "write [[clusters]], in two pairs of brackets";
            context.add_problem(Some(*line), TABLE.name, message.to_owned());
            return Vec::new();
        }
        None => &[],
    };
    if tables.is_empty() && context.program == Program::Collector {
        let message = "there is none; write [[clusters]] with name and bootstrap_servers";
        context.add_problem(None, TABLE.name, message.to_owned());
    }
    if let Some((line, _)) = tables.get(MAX_CLUSTERS) {
        let message =
            format!("there are more than {MAX_CLUSTERS}; give the others to another collector");
        context.add_problem(Some(*line), TABLE.name, message);
        return Vec::new();
    }
    let mut clusters: Vec<Cluster> = Vec::new();
    let mut lines: BTreeMap<Arc<str>, usize> = BTreeMap::new();
    for (i, (line, value)) in tables.iter().enumerate() {
        let path = format!("clusters[{i}]");
        let Value::Table(entries) = value else {
            let message = format!("write a table, not {}", value.kind());
            context.add_problem(Some(*line), &path, message);
            continue;
        };
        let table = TableRef {
            path,
            line: Some(*line),
            entries,
        };
        let program = context.program;
        let mut reader = TableReader::new(context, &TABLE, table);
        let cluster = cluster(&mut reader, program);
        if cluster.name.is_empty() {
            continue;
        }
        let line = reader.line_of(NAME.name).unwrap_or_default();
        if let Some(first) = lines.insert(Arc::clone(&cluster.name), line) {
            let message = format!("line {first} has the same name; write one of its own");
            reader.add_problem(NAME.name, message);
        }
        clusters.push(cluster);
    }
    match context.program {
        Program::Collector => clusters,
        Program::Elector => Vec::new(),
    }
}

fn cluster(reader: &mut TableReader<'_, '_>, program: Program) -> Cluster {
    let name = reader.read_optional(&NAME).unwrap_or_default();
    let bootstrap_servers = reader.read_optional(&BOOTSTRAP_SERVERS).unwrap_or_default();
    let n_problems = reader.n_problems();
    let properties = reader.read_texts(&CONSUMER_PROPERTIES).into_iter();
    let consumer_properties = properties
        .map(|(name, value)| (name, Secret::new(value)))
        .collect();
    // Properties with a problem were not read, and the elector leaves references to variables alone, so the login cannot be judged then.
    let all_read = reader.n_problems() == n_problems && program == Program::Collector;
    let oauth = if all_read {
        oauth_login(reader, &bootstrap_servers, &consumer_properties)
    } else {
        None
    };
    if let Some(message) = brokers::protocol_mismatch(&bootstrap_servers, &consumer_properties) {
        reader.add_problem(BOOTSTRAP_SERVERS.name, message);
    }
    Cluster {
        name: name.into(),
        bootstrap_servers,
        groups: filter(reader, &GROUP_WHITELIST, &GROUP_BLACKLIST),
        topics: filter(reader, &TOPIC_WHITELIST, &TOPIC_BLACKLIST),
        consumer_properties,
        oauth,
        labels: reader.read_texts(&LABELS),
        isolation: reader.read(&ISOLATION),
    }
}

fn oauth_login(
    reader: &mut TableReader<'_, '_>,
    servers: &str,
    properties: &BTreeMap<String, Secret>,
) -> Option<OauthLogin> {
    let surroundings = Surroundings {
        servers,
        variable: &|name| Ok(reader.variable(name)?.map(str::to_owned)),
    };
    OauthLogin::of(properties, &surroundings).unwrap_or_else(|problem| {
        reader.add_entry_problem(CONSUMER_PROPERTIES.name, &problem.name, problem.message);
        None
    })
}

fn filter(
    reader: &mut TableReader<'_, '_>,
    include: &Key<Patterns>,
    exclude: &Key<Patterns>,
) -> Filter {
    let included = reader.read_patterns(include);
    let excluded = reader.read_patterns(exclude);
    if included.is_empty() {
        reader.warn(include.name, "is empty, so nothing is exported");
    }
    Filter::new(&included, &excluded).unwrap_or_else(|error| {
        // Each pattern has compiled by itself, so all of them together are too large.
        reader.add_problem(include.name, Patterns::describe(&error));
        Filter::default()
    })
}
