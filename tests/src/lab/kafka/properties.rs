//! The file server.properties of a broker, and the users that may connect.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::Result;

use super::plan::ProxiedListener;
use crate::lab::keys::Keys;
use crate::lab::ports;

/// The password with which every user logs in by SASL.
pub const PASSWORD: &str = "lab-secret";

/// The listeners that every broker of a cluster has for clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listeners {
    /// The listener PLAINTEXT alone, through which everybody may do everything.
    Plain,
    /// Listeners for SASL (PLAIN, SCRAM-SHA-256, OAUTHBEARER with unsecured tokens), for the same and SCRAM-SHA-512 over TLS, and for TLS
    /// with client certificates, besides PLAINTEXT. Rights come from ACLs, and there are none at first; the anonymous user of PLAINTEXT
    /// may do everything.
    Secured,
}

/// The users that log in by SASL or by a client certificate. The fixture's command `allow` grants them rights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// The user of a monitor with all rights that it needs.
    Monitor,
    /// The user of a monitor that lacks some rights.
    Limited,
    /// The user of a monitor that has no rights.
    Nobody,
}

/// The ports of one broker, one for each listener.
#[derive(Clone, Copy, Debug)]
pub(super) struct BrokerPorts {
    pub(super) plain: u16,
    pub(super) sasl: u16,
    pub(super) sasl_tls: u16,
    pub(super) tls: u16,
    pub(super) controller: u16,
}

/// The values from which the server.properties of one broker is written.
pub(super) struct Broker<'a> {
    pub(super) id: u16,
    /// The ports of all brokers, in the order of their ids, which count from 1.
    pub(super) ports: &'a [BrokerPorts],
    pub(super) dir: &'a Path,
    pub(super) keys: Option<&'a Keys>,
    pub(super) proxied: &'a [ProxiedListener],
    pub(super) extra: &'a str,
}

/// Returns the users as `kafka-storage format --add-scram` takes them.
pub(super) fn scram_users() -> Vec<String> {
    let users = User::ALL.map(User::name);
    let by = |kind: &str| users.map(|name| format!("{kind}=[name={name},password={PASSWORD}]"));
    [by("SCRAM-SHA-256"), by("SCRAM-SHA-512")].concat()
}

// === impl User ===

impl User {
    pub(crate) const ALL: [Self; 3] = [Self::Monitor, Self::Limited, Self::Nobody];

    /// Returns the name with which the user logs in, which is also the common name of the user's certificate.
    pub fn name(self) -> &'static str {
        match self {
            Self::Monitor => "monitor",
            Self::Limited => "limited",
            Self::Nobody => "nobody",
        }
    }
}

// === impl BrokerPorts ===

impl BrokerPorts {
    pub(super) fn free() -> Result<Self> {
        let [plain, sasl, sasl_tls, tls, controller] = ports::free_ports()?;
        Ok(Self {
            plain,
            sasl,
            sasl_tls,
            tls,
            controller,
        })
    }

    pub(super) fn for_clients(self, listeners: Listeners) -> Vec<u16> {
        match listeners {
            Listeners::Plain => vec![self.plain],
            Listeners::Secured => vec![self.plain, self.sasl, self.sasl_tls, self.tls],
        }
    }
}

// === impl Broker ===

impl Broker<'_> {
    /// Returns the text of server.properties. Buffers are small and threads few, because three brokers share two cores with a
    /// collector.
    pub(super) fn text(&self) -> String {
        let own = self.ports[usize::from(self.id) - 1];
        let voters: Vec<_> = (1..)
            .zip(self.ports)
            .map(|(id, ports)| format!("{id}@127.0.0.1:{}", ports.controller))
            .collect();
        let mut listeners = format!("PLAINTEXT://127.0.0.1:{}", own.plain);
        if self.keys.is_some() {
            for (name, port) in [
                ("SASL_PLAINTEXT", own.sasl),
                ("SASL_SSL", own.sasl_tls),
                ("SSL", own.tls),
            ] {
                write!(listeners, ",{name}://127.0.0.1:{port}").ok();
            }
        }
        let mut advertised = listeners.clone();
        let mut protocols = String::new();
        for (n, ProxiedListener { port, proxy }) in self.proxied.iter().enumerate() {
            write!(listeners, ",PROXIED{n}://127.0.0.1:{port}").ok();
            write!(advertised, ",PROXIED{n}://127.0.0.1:{proxy}").ok();
            write!(protocols, ",PROXIED{n}:PLAINTEXT").ok();
        }
        let mut text = format!(
            "process.roles=broker,controller\n\
             node.id={id}\n\
             controller.quorum.voters={voters}\n\
             listeners={listeners},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners={advertised}\n\
             controller.listener.names=CONTROLLER\n\
             inter.broker.listener.name=PLAINTEXT\n\
             listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,\
             SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,SSL:SSL{protocols}\n\
             log.dirs={dir}/data\n",
            id = self.id,
            voters = voters.join(","),
            controller = own.controller,
            dir = self.dir.display(),
        );
        self.replication(&mut text);
        text += "auto.create.topics.enable=false\n\
            group.initial.rebalance.delay.ms=0\n\
            log.cleaner.backoff.ms=1000\n\
            log.retention.hours=-1\n\
            num.network.threads=2\n\
            num.io.threads=4\n\
            log.segment.bytes=67108864\n\
            log.index.size.max.bytes=1048576\n\
            log.cleaner.dedupe.buffer.size=16777216\n\
            log.initial.task.delay.ms=2000\n";
        if let Some(keys) = self.keys {
            security(&mut text, keys);
        }
        text + self.extra
    }

    fn replication(&self, text: &mut String) {
        let replicas = self.ports.len().min(3);
        for topic in [
            "offsets.topic",
            "transaction.state.log",
            "share.coordinator.state.topic",
        ] {
            write_line(text, format_args!("{topic}.replication.factor={replicas}"));
        }
        for topic in ["transaction.state.log", "share.coordinator.state.topic"] {
            write_line(text, format_args!("{topic}.min.isr=1"));
        }
    }
}

fn security(text: &mut String, keys: &Keys) {
    write_line(
        text,
        "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    );
    write_line(text, "super.users=User:ANONYMOUS");
    write_line(
        text,
        "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,OAUTHBEARER",
    );
    write_line(
        text,
        "listener.name.sasl_ssl.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
    );
    for listener in ["sasl_plaintext", "sasl_ssl"] {
        logins(text, &format!("listener.name.{listener}"));
    }
    write_line(text, "ssl.client.auth=required");
    write_line(text, "listener.name.sasl_ssl.ssl.client.auth=none");
    write_line(text, "ssl.keystore.type=PEM");
    write_line(
        text,
        format_args!("ssl.keystore.location={}", keys.broker().display()),
    );
    write_line(text, "ssl.truststore.type=PEM");
    write_line(
        text,
        format_args!("ssl.truststore.location={}", keys.ca().display()),
    );
    // Without this rule the principal of a client certificate would be "User:CN=monitor", which no ACL names.
    write_line(text, "ssl.principal.mapping.rules=RULE:^CN=([^,]*).*$/$1/");
}

/// Writes the users and modules with which clients log in at a listener with SASL, such as `listener.name.sasl_ssl`.
fn logins(text: &mut String, listener: &str) {
    let users = User::ALL.map(|user| format!("user_{}=\"{PASSWORD}\"", user.name()));
    let users = users.join(" ");
    for (mechanism, module) in [
        ("plain", format!("plain.PlainLoginModule required {users}")),
        (
            "scram-sha-256",
            "scram.ScramLoginModule required".to_owned(),
        ),
        (
            "scram-sha-512",
            "scram.ScramLoginModule required".to_owned(),
        ),
        (
            "oauthbearer",
            "oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\""
                .to_owned(),
        ),
    ] {
        write_line(
            text,
            format_args!(
                "{listener}.{mechanism}.sasl.jaas.config=org.apache.kafka.common.security.{module};"
            ),
        );
    }
}

fn write_line(text: &mut String, line: impl std::fmt::Display) {
    writeln!(text, "{line}").ok();
}
