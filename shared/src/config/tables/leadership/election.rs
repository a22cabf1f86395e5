//! The settings of the election and of the collector's polls for leadership.

use std::fmt;
use std::time::Duration;

use crate::config::forms::{Choice, Seconds, Switch, Text};
use crate::config::key::DefaultValue::{Described, Toml};
use crate::config::key::Key;
use crate::config::parsers;
use crate::config::program::Program;
use crate::config::program::UsedBy::{Both, Collector, Elector};
use crate::config::source_url::SourceUrl;
use crate::config::table_reader::TableReader;

/// The settings of the election and of the collector's polls for leadership.
#[derive(Clone, Debug, PartialEq)]
pub struct Election {
    /// The name of this pod in the Lease and in the leadership contract. Never empty.
    pub identity: String,
    /// The time after a renewal that other pods wait before they take the Lease.
    pub lease_duration: Duration,
    /// The time from one renewal to the next; shorter than `lease_duration`.
    pub grace_period: Duration,
    /// The name of the Lease. Used by the elector only.
    pub lease_name: String,
    /// The namespace of the Lease. Used by the elector only.
    pub lease_namespace: String,
    /// The elector's need for a collector that polls it. Used by the elector only.
    pub consumer: ConsumerRequirement,
    /// The address at which the collector asks for leadership. Used by the collector only.
    pub url: SourceUrl,
    /// The grant that is assumed for an answer that names none. Used by the collector only.
    pub max_staleness: Duration,
}

/// The elector's need for a collector that polls it; without such a collector the elector gives the Lease up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsumerRequirement {
    /// The elector campaigns only with a healthy collector, and grants leadership to that collector alone.
    Required,
    /// The elector campaigns by itself and grants leadership to everyone who asks.
    NotRequired,
}

/// The kind of election. Kubernetes Leases are the only kind there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Provider {
    Kubernetes,
}

pub(super) static PROVIDER: Key<Choice<Provider>> = Key {
    name: "provider",
    form: Choice(&[("kubernetes", Provider::Kubernetes)]),
    default: Toml("\"kubernetes\""),
    used_by: Both,
    meaning: "what the elector uses",
};

pub(super) static LEASE_NAME: Key<Text<String>> = Key {
    name: "lease_name",
    form: Text {
        words: "a Kubernetes name: lower case letters, digits, \"-\" and \".\"",
        parse: parsers::dns_name,
    },
    default: Toml("\"klag-exporter\""),
    used_by: Elector,
    meaning: "name of the Lease",
};

pub(super) static LEASE_NAMESPACE: Key<Text<String>> = Key {
    name: "lease_namespace",
    form: Text {
        words: "a Kubernetes namespace: lower case letters, digits and \"-\"",
        parse: parsers::dns_label,
    },
    default: Toml("\"default\""),
    used_by: Elector,
    meaning: "namespace of the Lease",
};

pub(super) static IDENTITY: Key<Text<String>> = Key {
    name: "identity",
    form: Text {
        words: "a name without spaces, unlike that of any other pod",
        parse: parsers::word,
    },
    default: Described("`POD_NAME`, else `HOSTNAME`"),
    used_by: Both,
    meaning: "who this pod is",
};

/// The key `lease_duration_secs`. Less than 3 s is refused, because it leaves no room for a renewal that fails and is repeated.
pub(super) static LEASE_DURATION_SECS: Key<Seconds> = Key {
    name: "lease_duration_secs",
    form: Seconds::between(3, 86_400),
    default: Toml("15"),
    used_by: Both,
    meaning: "how long after a renewal rivals must wait",
};

pub(super) static GRACE_PERIOD_SECS: Key<Seconds> = Key {
    name: "grace_period_secs",
    form: Seconds::between(1, 86_400),
    default: Toml("5"),
    used_by: Both,
    meaning: "from one renewal to the next; less than `lease_duration_secs`",
};

pub(super) static REQUIRE_CONSUMER: Key<Switch<ConsumerRequirement>> = Key {
    name: "require_consumer",
    form: Switch {
        on: ConsumerRequirement::Required,
        off: ConsumerRequirement::NotRequired,
    },
    default: Toml("true"),
    used_by: Elector,
    meaning: "whether the elector gives up the Lease when its collector is silent",
};

pub(super) static URL: Key<Text<SourceUrl>> = Key {
    name: "url",
    form: Text {
        words: "a URL such as \"http://127.0.0.1:8001/leader\", without query, or \"unix:/path\"",
        parse: SourceUrl::parse,
    },
    default: Toml("\"http://127.0.0.1:8001/leader\""),
    used_by: Collector,
    meaning: "where the collector asks whether it leads",
};

pub(super) static MAX_STALENESS_SECS: Key<Seconds> = Key {
    name: "max_staleness_secs",
    form: Seconds::between(1, 86_400),
    default: Toml("2"),
    used_by: Collector,
    meaning: "how long an answer may be used that names no time itself",
};

/// Reads the keys of the election, where there is one.
pub(super) fn read(reader: &mut TableReader<'_, '_>) -> Election {
    let identity = identity(reader);
    let election = election(reader, identity);
    if election.grace_period >= election.lease_duration {
        let lease = election.lease_duration.as_secs();
        let message = format!("write less than lease_duration_secs, which is {lease}");
        reader.add_problem(GRACE_PERIOD_SECS.name, message);
    }
    election
}

/// Checks the form of the keys where there is no election. References are left unresolved, since their variables need not be
/// set.
pub(super) fn check_without_effect(reader: &mut TableReader<'_, '_>) {
    reader.leave_references();
    election(reader, String::new());
}

fn election(reader: &mut TableReader<'_, '_>, identity: String) -> Election {
    match reader.read(&PROVIDER) {
        Provider::Kubernetes => Election {
            identity,
            lease_duration: reader.read(&LEASE_DURATION_SECS),
            grace_period: reader.read(&GRACE_PERIOD_SECS),
            lease_name: reader.read(&LEASE_NAME),
            lease_namespace: reader.read(&LEASE_NAMESPACE),
            consumer: reader.read(&REQUIRE_CONSUMER),
            url: reader.read(&URL),
            max_staleness: reader.read(&MAX_STALENESS_SECS),
        },
    }
}

/// Returns the identity that the file names, else the name of the pod (`POD_NAME`), else that of the machine (`HOSTNAME`). Adds
/// a problem where there is none.
fn identity(reader: &mut TableReader<'_, '_>) -> String {
    let before = reader.n_problems();
    if let Some(identity) = reader.read_optional(&IDENTITY) {
        return identity;
    }
    for variable in ["POD_NAME", "HOSTNAME"] {
        match reader.variable(variable) {
            Ok(Some(identity)) if !identity.is_empty() => return identity.to_owned(),
            Ok(_) => {}
            Err(message) => reader.add_problem(IDENTITY.name, message),
        }
    }
    if reader.n_problems() == before {
        let message = "nobody says who this pod is; set POD_NAME to the pod's name (downward API, \
                       metadata.name), or write identity";
        reader.add_problem(IDENTITY.name, message.to_owned());
    }
    String::new()
}

/// Writes the keys of the election that have an effect in `program`.
pub(super) fn write(
    f: &mut fmt::Formatter<'_>,
    election: &Election,
    program: Program,
) -> fmt::Result {
    PROVIDER.write(f, &Provider::Kubernetes)?;
    IDENTITY.write(f, &election.identity)?;
    LEASE_DURATION_SECS.write(f, &election.lease_duration)?;
    GRACE_PERIOD_SECS.write(f, &election.grace_period)?;
    match program {
        Program::Elector => {
            LEASE_NAME.write(f, &election.lease_name)?;
            LEASE_NAMESPACE.write(f, &election.lease_namespace)?;
            REQUIRE_CONSUMER.write(f, &election.consumer)
        }
        Program::Collector => {
            URL.write(f, &election.url)?;
            MAX_STALENESS_SECS.write(f, &election.max_staleness)
        }
    }
}
