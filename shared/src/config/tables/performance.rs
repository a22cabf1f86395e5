//! The table `[exporter.performance]`: bounds of requests to Kafka, and the times for which Kafka's answers are kept.

use std::fmt;
use std::time::Duration;

use crate::config::context::{ReadContext, TableRef};
use crate::config::forms::{Durations, RETENTION, TIMEOUT};
use crate::config::key::DefaultValue::Toml;
use crate::config::key::{Key, Table};
use crate::config::program::UsedBy::Collector;
use crate::config::table_reader::TableReader;

/// Bounds of requests to Kafka, and the times for which Kafka's answers are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Performance {
    /// The time limit of one request.
    pub request_timeout: Duration,
    /// The time limit of one request for the committed offsets of a group.
    pub offset_fetch_timeout: Duration,
    /// The time for which topics, partitions and their leaders are kept; with zero every collection asks Kafka for them.
    pub metadata_ttl: Duration,
    /// The time for which a topic's `cleanup.policy` is kept; with zero every collection asks Kafka for it.
    pub compaction_ttl: Duration,
}

static KAFKA_TIMEOUT: Key<Durations> = Key {
    name: "kafka_timeout",
    form: TIMEOUT,
    default: Toml("\"30s\""),
    used_by: Collector,
    meaning: "bound of one request to Kafka",
};

static OFFSET_FETCH_TIMEOUT: Key<Durations> = Key {
    name: "offset_fetch_timeout",
    form: TIMEOUT,
    default: Toml("\"10s\""),
    used_by: Collector,
    meaning: "bound of one request for a group's committed offsets",
};

static COMPACTED_TOPICS_CACHE_TTL: Key<Durations> = Key {
    name: "compacted_topics_cache_ttl",
    form: RETENTION,
    default: Toml("\"1h\""),
    used_by: Collector,
    meaning: "how long a topic's `cleanup.policy` is kept",
};

static METADATA_CACHE_TTL: Key<Durations> = Key {
    name: "metadata_cache_ttl",
    form: RETENTION,
    default: Toml("\"1m\""),
    used_by: Collector,
    meaning: "how long topics, partitions and their leaders are kept",
};

pub(crate) static TABLE: Table = Table {
    name: "exporter.performance",
    keys: &[
        &KAFKA_TIMEOUT,
        &OFFSET_FETCH_TIMEOUT,
        &COMPACTED_TOPICS_CACHE_TTL,
        &METADATA_CACHE_TTL,
        &Key::ignored(
            "group_fetch_retries",
            "0",
            "a coordinator that has moved is found within the collection",
        ),
        &Key::ignored("max_concurrent_groups", "10", "requests are pipelined"),
        &Key::ignored("max_concurrent_watermarks", "50", "requests are pipelined"),
        &Key::ignored(
            "client_recycle_interval",
            "50",
            "clients are rebuilt when they have grown",
        ),
        &Key::ignored(
            "max_blocking_threads",
            "64",
            "one thread owns a cluster's clients",
        ),
        &Key::ignored(
            "consumer_groups_cache_ttl",
            "\"1m\"",
            "groups are listed in every collection",
        ),
    ],
};

/// Reads `[exporter.performance]`.
pub(crate) fn read(context: &mut ReadContext<'_>, exporter: &TableRef<'_>) -> Performance {
    let table = exporter.below(context, "performance");
    let mut reader = TableReader::new(context, &TABLE, table);
    Performance {
        request_timeout: reader.read(&KAFKA_TIMEOUT),
        offset_fetch_timeout: reader.read(&OFFSET_FETCH_TIMEOUT),
        metadata_ttl: reader.read(&METADATA_CACHE_TTL),
        compaction_ttl: reader.read(&COMPACTED_TOPICS_CACHE_TTL),
    }
}

/// Writes the keys of `[exporter.performance]` that have an effect.
pub(crate) fn write(f: &mut fmt::Formatter<'_>, performance: Performance) -> fmt::Result {
    writeln!(f, "{}", TABLE.header())?;
    KAFKA_TIMEOUT.write(f, &performance.request_timeout)?;
    OFFSET_FETCH_TIMEOUT.write(f, &performance.offset_fetch_timeout)?;
    COMPACTED_TOPICS_CACHE_TTL.write(f, &performance.compaction_ttl)?;
    METADATA_CACHE_TTL.write(f, &performance.metadata_ttl)
}
