//! The table `[exporter.leadership]`: whether one pod of several collects, and where the elector serves.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use crate::config::context::{ReadContext, TableRef};
use crate::config::forms::{BOOLEAN, Seconds, Switch, Text};
use crate::config::key::DefaultValue::{Described, Toml};
use crate::config::key::{Key, Table};
use crate::config::parsers;
use crate::config::program::Program;
use crate::config::program::UsedBy::{Both, Collector, Elector};
use crate::config::table_reader::TableReader;

mod election;

pub use election::{ConsumerRequirement, Election};

/// The choice between an election and a single instance.
#[derive(Clone, Debug, PartialEq)]
pub enum Leadership {
    /// There is no election: this pod always collects.
    SingleInstance,
    /// One pod of several collects, by an election with these settings.
    Elected(Box<Election>),
}

/// The addresses of the elector, and the time for which its answers may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ElectorServer {
    /// The address at which the elector answers the collector.
    pub listen: SocketAddr,
    /// The address at which the elector answers probes and scrapes; `None` where it does not answer them.
    pub telemetry_listen: Option<SocketAddr>,
    /// The longest time for which an answer of the elector may be used.
    pub max_valid: Duration,
}

const ADDRESS: Text<SocketAddr> = Text {
    words: "an address such as \"127.0.0.1:8001\"",
    parse: parsers::socket_address,
};

static ENABLED: Key<Switch<bool>> = Key {
    name: "enabled",
    form: BOOLEAN,
    default: Toml("false"),
    used_by: Both,
    meaning: "whether one pod of several collects; false: this one collects always",
};

static LISTEN: Key<Text<SocketAddr>> = Key {
    name: "listen",
    form: ADDRESS,
    default: Toml("\"127.0.0.1:8001\""),
    used_by: Elector,
    meaning: "where the elector answers the collector",
};

static TELEMETRY_LISTEN: Key<Text<SocketAddr>> = Key {
    name: "telemetry_listen",
    form: ADDRESS,
    default: Described("unset: not served"),
    used_by: Elector,
    meaning: "where the elector answers probes and scrapes from outside the pod",
};

static MAX_VALID_SECS: Key<Seconds> = Key {
    name: "max_valid_secs",
    form: Seconds::between(1, 86_400),
    default: Toml("5"),
    used_by: Elector,
    meaning: "longest time an answer may be used",
};

static HANDOVER_DELAY_SECS: Key<Seconds> = Key {
    name: "handover_delay_secs",
    form: Seconds::between(0, 86_400),
    default: Toml("20"),
    used_by: Collector,
    meaning: "how long `/prestop` of a leader is held",
};

pub(crate) static TABLE: Table = Table {
    name: "exporter.leadership",
    keys: &[
        &ENABLED,
        &election::PROVIDER,
        &election::LEASE_NAME,
        &election::LEASE_NAMESPACE,
        &election::IDENTITY,
        &election::LEASE_DURATION_SECS,
        &election::GRACE_PERIOD_SECS,
        &LISTEN,
        &TELEMETRY_LISTEN,
        &MAX_VALID_SECS,
        &election::REQUIRE_CONSUMER,
        &election::URL,
        &election::MAX_STALENESS_SECS,
        &HANDOVER_DELAY_SECS,
    ],
};

/// Reads `[exporter.leadership]`. The elector's server has an effect without an election too, and the handover delay is a setting of the
/// collector's endpoints, so they are returned beside the election.
pub(crate) fn read(
    context: &mut ReadContext<'_>,
    exporter: &TableRef<'_>,
) -> (Leadership, Duration, ElectorServer) {
    let table = exporter.below(context, "leadership");
    let mut reader = TableReader::new(context, &TABLE, table);
    let is_enabled = reader.read(&ENABLED);
    let handover_delay = reader.read(&HANDOVER_DELAY_SECS);
    let leadership = if is_enabled {
        Leadership::Elected(Box::new(election::read(&mut reader)))
    } else {
        election::check_without_effect(&mut reader);
        Leadership::SingleInstance
    };
    let elector_server = ElectorServer {
        listen: reader.read(&LISTEN),
        telemetry_listen: reader.read_optional(&TELEMETRY_LISTEN),
        max_valid: reader.read(&MAX_VALID_SECS),
    };
    (leadership, handover_delay, elector_server)
}

/// Writes the keys of `[exporter.leadership]` that have an effect in `program`.
pub(crate) fn write(
    f: &mut fmt::Formatter<'_>,
    (leadership, handover_delay, server): (&Leadership, Duration, &ElectorServer),
    program: Program,
) -> fmt::Result {
    writeln!(f, "{}", TABLE.header())?;
    match leadership {
        Leadership::SingleInstance => ENABLED.write(f, &false)?,
        Leadership::Elected(election) => {
            ENABLED.write(f, &true)?;
            election::write(f, election, program)?;
        }
    }
    match program {
        Program::Elector => {
            LISTEN.write(f, &server.listen)?;
            if let Some(address) = &server.telemetry_listen {
                TELEMETRY_LISTEN.write(f, address)?;
            }
            MAX_VALID_SECS.write(f, &server.max_valid)
        }
        Program::Collector => HANDOVER_DELAY_SECS.write(f, &handover_delay),
    }
}

/// Returns a warning where others than this pod's collector can reach the address at which the elector grants leadership;
/// `None` otherwise.
pub(crate) fn open_listener_warning(
    leadership: &Leadership,
    server: &ElectorServer,
) -> Option<String> {
    let listen = server.listen;
    let is_elected = matches!(leadership, Leadership::Elected(_));
    (is_elected && !listen.ip().to_canonical().is_loopback()).then(|| {
        format!(
            "exporter.leadership.listen: {listen} is no loopback address: whoever reaches it and knows this pod's \
             name is granted leadership in place of this pod's collector; write 127.0.0.1:{}, and telemetry_listen \
             for probes and scrapes",
            listen.port()
        )
    })
}
