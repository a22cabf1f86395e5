//! Topics and their partitions, as a test describes them for the stand-in.

use std::collections::BTreeMap;

use kafka_protocol::records::Compression;

use super::records::Records;

/// One partition: the bounds of its log, and its leader.
#[derive(Clone, Debug, Default)]
pub struct PartitionSpec {
    /// The first offset that retention has left.
    pub log_start: i64,
    /// The end of the log for consumers.
    pub high_watermark: i64,
    /// The end of the log for `read_committed` consumers; `None` means the high watermark.
    pub last_stable: Option<i64>,
    /// The node that leads the partition; `None` spreads partitions over the nodes.
    pub leader: Option<i32>,
    /// The number of times leadership has changed.
    pub leader_epoch: i32,
    /// The contents of the log; `None` means those of the topic.
    pub records: Option<Records>,
}

/// The description of one topic.
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
    /// Returns a partition whose log has the offsets `0..high_watermark`.
    pub fn ending_at(high_watermark: i64) -> Self {
        Self {
            high_watermark,
            ..Self::default()
        }
    }

    /// Sets the log start: retention has left only the offsets from `log_start` on.
    #[must_use]
    pub fn starting_at(self, log_start: i64) -> Self {
        Self { log_start, ..self }
    }

    /// Sets the last stable offset, as an open transaction does that begins at `last_stable`.
    #[must_use]
    pub fn stable_to(self, last_stable: i64) -> Self {
        Self {
            last_stable: Some(last_stable),
            ..self
        }
    }

    /// Sets the node that leads the partition.
    #[must_use]
    pub fn led_by(self, node: i32) -> Self {
        Self {
            leader: Some(node),
            ..self
        }
    }

    /// Sets the contents of the log.
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
    /// Returns a topic of `n_partitions` empty partitions.
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

    /// Sets each partition to what `spec` returns for its index.
    #[must_use]
    pub fn partitions(mut self, spec: impl Fn(i32) -> PartitionSpec) -> Self {
        for (partition, slot) in (0..).zip(&mut self.partitions) {
            *slot = spec(partition);
        }
        self
    }

    /// Sets one setting of the topic, such as `cleanup.policy`.
    #[must_use]
    pub fn config(mut self, key: &str, value: &str) -> Self {
        self.configs.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Sets the contents of the logs of all partitions.
    #[must_use]
    pub fn records(self, records: Records) -> Self {
        Self { records, ..self }
    }

    /// Sets the compression of the batches.
    #[must_use]
    pub fn compression(self, compression: Compression) -> Self {
        Self {
            compression,
            ..self
        }
    }

    /// Sets the number of offsets that a full batch spans, 10 by default.
    #[must_use]
    pub fn batch_len(self, batch_len: i64) -> Self {
        Self {
            batch_len: batch_len.max(1),
            ..self
        }
    }

    /// Sets the number of nodes that hold each partition; by default three, or all if there are fewer.
    #[must_use]
    pub fn replicas(self, replicas: usize) -> Self {
        Self {
            replicas: Some(replicas),
            ..self
        }
    }
}
