//! What librdkafka is told.

use shared::config::Cluster;

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

/// Every property of a client of `cluster`; `added` comes last.
pub(super) fn of(cluster: &Cluster, added: &[(&str, &str)]) -> Vec<(String, String)> {
    let user = cluster
        .consumer_properties
        .iter()
        .map(|(name, value)| (name.clone(), value.expose().to_owned()));
    let ours = OURS
        .iter()
        .chain(added)
        .map(|&(name, value)| (name.to_owned(), value.to_owned()));
    std::iter::once((
        "bootstrap.servers".to_owned(),
        cluster.bootstrap_servers.clone(),
    ))
    .chain(user)
    .chain(ours)
    .collect()
}
