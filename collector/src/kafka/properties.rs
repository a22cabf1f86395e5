//! The properties of librdkafka's clients.

use shared::config::{Cluster, Mask};

/// The `group.id` of all clients. Without one, librdkafka dereferences NULL on an error in an `OffsetFetch` answer. The group is
/// never joined and nothing is committed in it, so no broker lists it.
const ADMIN_GROUP_ID: &str = "klag-exporter-admin";

/// Properties of every client. They take effect over the user's; the configuration refuses these keys, so no user's value is
/// silently without effect.
const FIXED: &[(&str, &str)] = &[
    ("group.id", ADMIN_GROUP_ID),
    ("client.id", "klag-exporter"),
    ("enable.auto.commit", "false"),
    ("enable.metrics.push", "false"),
    ("allow.auto.create.topics", "false"),
    ("log.queue", "true"),
    // Metadata is asked for by the collection, when it is due.
    ("topic.metadata.refresh.interval.ms", "-1"),
    // With the defaults of 10 s and 30 s a broker that has returned would be reached late.
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.connection.setup.timeout.ms", "5000"),
    ("socket.timeout.ms", "10000"),
    // librdkafka repeats a request that was answered with an error, twice. The default of 100 ms between would cost much time.
    ("retry.backoff.ms", "20"),
    ("retry.backoff.max.ms", "200"),
];

/// The property with the addresses of brokers.
const BROKERS: &str = "bootstrap.servers";

/// Every property of a client.
#[derive(Debug)]
pub(super) struct Properties {
    values: Vec<(String, String)>,
    /// Hides the user's secret values in librdkafka's messages.
    mask: Mask,
}

/// The properties of a client of `cluster`. Those in `added` take effect over all others.
pub(super) fn of(cluster: &Cluster, added: &[(&str, &str)]) -> Properties {
    let user = cluster
        .consumer_properties
        .iter()
        .map(|(name, value)| (name.clone(), value.expose().to_owned()));
    let ours = FIXED
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
    /// The same properties for a client that knows no broker's address.
    pub(super) fn without_brokers(mut self) -> Self {
        self.values.retain(|(name, _)| name != BROKERS);
        self
    }

    /// Names and values, in the order in which they take effect.
    pub(super) fn values(&self) -> &[(String, String)] {
        &self.values
    }

    /// The mask that librdkafka's messages have to pass before they are shown.
    pub(super) const fn mask(&self) -> &Mask {
        &self.mask
    }
}
