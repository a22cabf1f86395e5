//! librdkafka's properties: which are ours to set, and which may be shown.

/// What to do instead of setting a property that is ours; `None` if it is the user's.
pub(super) fn refusal(name: &str) -> Option<&'static str> {
    let remedy = match name {
        "isolation.level" => "remove it and write isolation = \"read_committed\" in [[clusters]]",
        "bootstrap.servers" | "metadata.broker.list" => {
            "remove it and write bootstrap_servers in [[clusters]]"
        }
        "socket.timeout.ms" => "remove it and write kafka_timeout in [exporter.performance]",
        "topic.metadata.refresh.interval.ms" => {
            "remove it and write metadata_cache_ttl in [exporter.performance]"
        }
        name if OURS.contains(&name) => "remove it",
        _ => return None,
    };
    Some(remedy)
}

/// Whether the value of a property may be printed.
pub(super) fn is_public(name: &str) -> bool {
    PUBLIC.contains(&name) || (name.starts_with("ssl.") && name.ends_with(".location"))
}

/// Whether librdkafka takes the value apart, and may tell of a piece of it.
pub(super) fn is_taken_apart(name: &str) -> bool {
    name == "sasl.oauthbearer.config" || name.rsplit('.').next() == Some("pem")
}

/// Set by the collector, or beyond a value that librdkafka survives.
const OURS: &[&str] = &[
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.offset.reset",
    "client.id",
    "coordinator.query.interval.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.metrics.push",
    "enable.partition.eof",
    "fetch.error.backoff.ms",
    "fetch.max.bytes",
    "fetch.message.max.bytes",
    "fetch.wait.max.ms",
    "group.id",
    "group.instance.id",
    "max.partition.fetch.bytes",
    "log.queue",
    "message.max.bytes",
    "queued.max.messages.kbytes",
    "queued.min.messages",
    "reconnect.backoff.max.ms",
    "retry.backoff.max.ms",
    "retry.backoff.ms",
    "socket.connection.setup.timeout.ms",
];

const PUBLIC: &[&str] = &[
    "broker.address.family",
    "client.dns.lookup",
    "client.rack",
    "debug",
    "enable.ssl.certificate.verification",
    "log_level",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.method",
    "security.protocol",
    "ssl.endpoint.identification.algorithm",
];
