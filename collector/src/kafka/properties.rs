//! The properties of librdkafka's clients.

use std::sync::Arc;

use shared::config::{Cluster, Mask};

use super::native::TokenHandover;

/// The `group.id` of all clients. Without a `group.id`, librdkafka dereferences NULL on an error in an `OffsetFetch` answer. The
/// group is never joined and nothing is committed in it, so no broker lists it.
const ADMIN_GROUP_ID: &str = "klag-exporter-admin";

/// The properties of every client. They override the user's properties; the configuration refuses these keys, so that no value of
/// the user is silently without effect.
const FIXED: &[(&str, &str)] = &[
    ("group.id", ADMIN_GROUP_ID),
    ("client.id", "klag-exporter"),
    ("enable.auto.commit", "false"),
    ("enable.metrics.push", "false"),
    ("allow.auto.create.topics", "false"),
    ("log.queue", "true"),
    // librdkafka does not refresh metadata by itself: a collection asks for metadata when a refresh is due.
    ("topic.metadata.refresh.interval.ms", "-1"),
    // With the defaults of 10 s and 30 s for the next two properties, a broker that has returned would be reached late.
    ("reconnect.backoff.max.ms", "1000"),
    ("socket.connection.setup.timeout.ms", "5000"),
    ("socket.timeout.ms", "10000"),
    // librdkafka sends a request that was answered with a retriable error up to twice again. The default pause of 100 ms would
    // cost much time.
    ("retry.backoff.ms", "20"),
    ("retry.backoff.max.ms", "200"),
];

/// The property with the addresses of brokers.
const BROKERS: &str = "bootstrap.servers";

/// All properties of a client, and the mask for messages about them.
#[derive(Debug)]
pub(super) struct Properties {
    values: Vec<(String, String)>,
    /// The mask that hides the user's secret values in librdkafka's messages.
    mask: Mask,
    /// The handover that gives the client its tokens; `None` where the login needs no token or librdkafka makes unsecured ones itself.
    tokens: Option<Arc<TokenHandover>>,
}

/// Returns the properties of a client of `cluster`. The properties in `added` override all others.
pub(super) fn of(cluster: &Cluster, added: &[(&str, &str)]) -> Properties {
    let user = cluster
        .librdkafka_properties()
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let ours = FIXED
        .iter()
        .chain(added)
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    let brokers = (BROKERS.to_owned(), cluster.bootstrap_servers.clone());
    let values = std::iter::once(brokers).chain(user).chain(ours).collect();
    let mask = Mask::of(&cluster.consumer_properties);
    Properties {
        values,
        mask,
        tokens: None,
    }
}

// === impl Properties ===

impl Properties {
    /// Returns the same properties without the brokers' addresses, for a client that must not connect.
    pub(super) fn without_brokers(mut self) -> Self {
        self.values.retain(|(name, _)| name != BROKERS);
        self
    }

    /// Returns the same properties for a client that gets its tokens from `tokens`.
    pub(super) fn with_tokens(self, tokens: Option<&Arc<TokenHandover>>) -> Self {
        Self {
            tokens: tokens.cloned(),
            ..self
        }
    }

    /// Returns the handover that gives the client its tokens.
    pub(super) const fn tokens(&self) -> Option<&Arc<TokenHandover>> {
        self.tokens.as_ref()
    }

    /// Returns names and values in the order in which they are set; of a name that occurs twice, the later value counts.
    pub(super) fn values(&self) -> &[(String, String)] {
        &self.values
    }

    /// Returns the mask that librdkafka's messages have to pass before they are shown.
    pub(super) const fn mask(&self) -> &Mask {
        &self.mask
    }
}
