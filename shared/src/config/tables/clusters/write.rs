//! One `[[clusters]]` as text, for the printed configuration.

use std::fmt;

use super::{
    BOOTSTRAP_SERVERS, CONSUMER_PROPERTIES, Cluster, GROUP_BLACKLIST, GROUP_WHITELIST, ISOLATION,
    LABELS, NAME, TABLE, TOPIC_BLACKLIST, TOPIC_WHITELIST,
};
use crate::config::form::TomlText;
use crate::config::properties;

/// Writes one `[[clusters]]` with the tables below it, secrets masked.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, cluster: &Cluster) -> fmt::Result {
    writeln!(f, "\n{}", TABLE.header())?;
    writeln!(f, "{} = {}", NAME.name, TomlText(&cluster.name))?;
    BOOTSTRAP_SERVERS.write(f, &cluster.bootstrap_servers)?;
    GROUP_WHITELIST.write(f, cluster.groups.include())?;
    GROUP_BLACKLIST.write(f, cluster.groups.exclude())?;
    TOPIC_WHITELIST.write(f, cluster.topics.include())?;
    TOPIC_BLACKLIST.write(f, cluster.topics.exclude())?;
    ISOLATION.write(f, &cluster.isolation)?;
    if !cluster.consumer_properties.is_empty() {
        writeln!(f, "\n[clusters.{}]", CONSUMER_PROPERTIES.name)?;
    }
    for (name, value) in &cluster.consumer_properties {
        let shown = properties::shown(name, value.expose());
        writeln!(f, "{} = {}", TomlText(name), TomlText(&shown))?;
    }
    if !cluster.labels.is_empty() {
        writeln!(f, "\n[clusters.{}]", LABELS.name)?;
    }
    for (name, value) in &cluster.labels {
        writeln!(f, "{name} = {}", TomlText(value))?;
    }
    Ok(())
}
