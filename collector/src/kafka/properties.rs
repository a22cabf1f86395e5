//! What librdkafka is told.

use shared::config::{Cluster, Mask};

/// The group that makes librdkafka's group requests safe: without any `group.id` an error in an `OffsetFetch` answer
/// dereferences NULL. The group is never joined and never committed to, so no broker lists it.
const GROUP: &str = "klag-exporter-admin";

/// Set on every client, over whatever the user sets. The configuration refuses these keys, so nothing is overruled silently.
const OURS: &[(&str, &str)] = &[
    ("group.id", GROUP),
    ("client.id", "klag-exporter"),
    ("enable.auto.commit", "false"),
    ("enable.metrics.push", "false"),
    ("allow.auto.create.topics", "false"),
    ("log.queue", "true"),
    // Metadata is asked for by the collection, when it is due.
    ("topic.metadata.refresh.interval.ms", "-1"),
    // The defaults of 10 s and 30 s delay a broker that returns.
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.connection.setup.timeout.ms", "5000"),
    ("socket.timeout.ms", "10000"),
    // An answer with an error is asked for again twice inside librdkafka; the default of 100 ms makes that dear.
    ("retry.backoff.ms", "20"),
    ("retry.backoff.max.ms", "200"),
];

const BROKERS: &str = "bootstrap.servers";

/// Every property of a client.
#[derive(Debug)]
pub(super) struct Properties {
    values: Vec<(String, String)>,
    /// Hides in librdkafka's words what the user's values have to hide.
    mask: Mask,
}

/// Every property of a client of `cluster`; `added` comes last.
pub(super) fn of(cluster: &Cluster, added: &[(&str, &str)]) -> Properties {
    let user = cluster
        .consumer_properties
        .iter()
        .map(|(name, value)| (name.clone(), value.expose().to_owned()));
    let ours = OURS
        .iter()
        .chain(added)
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let brokers = (BROKERS.to_owned(), cluster.bootstrap_servers.clone());
    let values = std::iter::once(brokers).chain(user).chain(ours).collect();
    let mask = Mask::of(&cluster.consumer_properties);
    Properties { values, mask }
}

// === impl Properties ===

impl Properties {
    /// The same, for a client that knows no broker.
    pub(super) fn without_brokers(mut self) -> Self {
        self.values.retain(|(name, _)| name != BROKERS);
        self
    }

    /// Names and values, in the order in which they take effect.
    pub(super) fn values(&self) -> &[(String, String)] {
        &self.values
    }

    /// What librdkafka's words have to go through.
    pub(super) const fn mask(&self) -> &Mask {
        &self.mask
    }
}
