//! librdkafka's properties: those that the user may set, and those whose values may be shown.

use super::document::Value;

/// Converts the property `name` to the text that librdkafka is given.
///
/// # Errors
/// Returns a message for the user, never with the value, if the user may not set the property, the name cannot be a property's,
/// or the value has no form that librdkafka takes.
pub(super) fn read(name: &str, value: &Value) -> Result<String, String> {
    if name == "client.rack" {
        let why = "records have to be read from leaders, as a follower may not have the newest";
        return Err(format!("remove it; {why}"));
    }
    if let Some(remedy) = remedy(name) {
        return Err(format!("is set by klag-exporter itself; {remedy}"));
    }
    let forbidden = |c: char| c.is_whitespace() || c.is_control();
    if name.is_empty() || name.contains(forbidden) {
        return Err("no property has such a name; write one of librdkafka's".to_owned());
    }
    match value {
        Value::Text(text) | Value::Unquoted(text) | Value::Resolved(text) => Ok(text.clone()),
        Value::Integer(n) => Ok(n.to_string()),
        Value::Float(n) => Ok(n.clone()),
        Value::Boolean(value) => Ok(value.to_string()),
        // A name with dots outside quotes is a table in TOML.
        Value::Table(_) => Err(format!(
            "write the whole name in quotes, such as \"{name}.x\" = \"y\""
        )),
        Value::Datetime | Value::List(_) => Err("write the value in quotes".to_owned()),
    }
}

/// Returns the words that tell what to do instead of setting the property `name`; `None` where the user may set it.
fn remedy(name: &str) -> Option<&'static str> {
    let remedy = match name {
        "isolation.level" => "remove it and write isolation = \"read_committed\" in [[clusters]]",
        "bootstrap.servers" | "metadata.broker.list" => {
            "remove it and write bootstrap_servers in [[clusters]]"
        }
        "socket.timeout.ms" => "remove it and write kafka_timeout in [exporter.performance]",
        "topic.metadata.refresh.interval.ms" => {
            "remove it and write metadata_cache_ttl in [exporter.performance]"
        }
        name if RESERVED.contains(&name) => "remove it",
        _ => return None,
    };
    Some(remedy)
}

/// Returns the part of the value of the property `name` that may not be printed; empty where all of it may.
pub(super) fn secret_part<'v>(name: &str, value: &'v str) -> &'v str {
    if is_public(name) {
        ""
    } else if has_query(name) {
        value.split_once('?').map_or("", |(_, query)| query)
    } else {
        value
    }
}

/// Returns the value of the property `name` to be printed, with `***` in place of what may not be.
pub(super) fn shown(name: &str, value: &str) -> String {
    let secret = secret_part(name, value);
    if is_public(name) || (has_query(name) && secret.is_empty()) {
        value.to_owned()
    } else {
        format!("{}***", &value[..value.len() - secret.len()])
    }
}

/// Returns true for a property whose value is a URL. Of a URL the query may be a secret.
pub(super) fn has_query(name: &str) -> bool {
    name == "sasl.oauthbearer.token.endpoint.url"
}

fn is_public(name: &str) -> bool {
    PUBLIC.contains(&name) || (name.starts_with("ssl.") && name.ends_with(".location"))
}

/// Returns true where librdkafka splits the value of the property `name`, so that its messages may show a part of the value.
pub(super) fn is_split(name: &str) -> bool {
    name == "sasl.oauthbearer.config" || name.rsplit('.').next() == Some("pem")
}

/// Properties that the collector sets, or whose wrong values make librdkafka abort the process.
const RESERVED: &[&str] = &[
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

/// Properties whose values are no secrets, besides the locations of files for TLS.
const PUBLIC: &[&str] = &[
    "aws.profile",
    "aws.region",
    "aws.role.arn",
    "aws.role.session.name",
    "broker.address.family",
    "client.dns.lookup",
    "debug",
    "enable.ssl.certificate.verification",
    "https.ca.location",
    "log_level",
    "sasl.kerberos.service.name",
    "sasl.mechanism",
    "sasl.mechanisms",
    "sasl.oauthbearer.client.credentials.client.id",
    "sasl.oauthbearer.client.id",
    "sasl.oauthbearer.method",
    "security.protocol",
    "ssl.endpoint.identification.algorithm",
];
