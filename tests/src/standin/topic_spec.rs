//! The description of topics and their partitions by a test.

use std::collections::BTreeMap;

use kafka_protocol::records::Compression;

use super::records::Records;

/// One partition: where its log begins and ends, and who leads it.
#[derive(Clone, Debug, Default)]
pub struct PartitionSpec {
    /// First offset retention has left.
    pub log_start: i64,
    /// End of what consumers may read.
    pub high_watermark: i64,
    /// The same bound for `read_committed`; `None` means the high watermark.
    pub last_stable: Option<i64>,
    /// Node that leads it; `None` spreads partitions over the nodes.
    pub leader: Option<i32>,
    /// The number of times leadership has changed.
    pub leader_epoch: i32,
    /// The contents of the log; `None` means those of the topic.
    pub records: Option<Records>,
}

/// One topic.
#[derive(Debug)]
pub struct TopicSpec {
    pub(crate) name: String,
    pub(crate) partitions: Vec<PartitionSpec>,
    pub(crate) configs: BTreeMap<String, String>,
    pub(crate) records: Records,
    pub(crate) compression: Compression,
    pub(crate) batch_len: i64,
    pub(crate) replicas: Option<usize>,
}

// === impl PartitionSpec ===

impl PartitionSpec {
    /// A log of offsets `0..high_watermark`.
    pub fn ending_at(high_watermark: i64) -> Self {
        Self {
            high_watermark,
            ..Self::default()
        }
    }

    /// Retention has left only offsets from `log_start` on.
    #[must_use]
    pub fn starting_at(self, log_start: i64) -> Self {
        Self { log_start, ..self }
    }

    /// A transaction is open at `last_stable`.
    #[must_use]
    pub fn stable_to(self, last_stable: i64) -> Self {
        Self {
            last_stable: Some(last_stable),
            ..self
        }
    }

    /// `node` leads it.
    #[must_use]
    pub fn led_by(self, node: i32) -> Self {
        Self {
            leader: Some(node),
            ..self
        }
    }

    /// Its log holds `records`.
    #[must_use]
    pub fn holding(self, records: Records) -> Self {
        Self {
            records: Some(records),
            ..self
        }
    }
}

// === impl TopicSpec ===

impl TopicSpec {
    /// A topic of `n_partitions` empty partitions.
    pub fn new(name: &str, n_partitions: usize) -> Self {
        Self {
            name: name.to_owned(),
            partitions: vec![PartitionSpec::default(); n_partitions],
            configs: BTreeMap::new(),
            records: Records::default(),
            compression: Compression::None,
            batch_len: 10,
            replicas: None,
        }
    }

    /// Says of each partition what it is.
    #[must_use]
    pub fn partitions(mut self, spec: impl Fn(i32) -> PartitionSpec) -> Self {
        for (partition, slot) in (0..).zip(&mut self.partitions) {
            *slot = spec(partition);
        }
        self
    }

    /// Sets one key, such as `cleanup.policy`.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.configs.insert(key.to_owned(), value.to_owned());
        self
    }

    /// The contents of the logs of all its partitions.
    #[must_use]
    pub fn records(self, records: Records) -> Self {
        Self { records, ..self }
    }

    /// The compression of its batches.
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        Self {
            compression,
            ..self
        }
    }

    /// The number of offsets that a full batch spans, 10 by default.
    #[must_use]
    pub fn batch_len(self, batch_len: i64) -> Self {
        Self {
            batch_len: batch_len.max(1),
            ..self
        }
    }

    /// On how many nodes each partition is; three, or all if there are fewer, by default.
    #[must_use]
    pub fn replicas(self, replicas: usize) -> Self {
        Self {
            replicas: Some(replicas),
            ..self
        }
    }
}
