//! The cluster's metadata: brokers, topics and partition leaders. It is kept from one collection to the next until a refresh is
//! due.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::config::Filter;
use tokio::time::Instant;

use super::collection_context::CollectionContext;
use super::error_code::ErrorCode;
use super::native::{self, Client};
use crate::snapshot::{Api, Name, TopicPartition};

/// The metadata of one answer, without the topics that the filter leaves out.
#[derive(Debug)]
pub(super) struct Metadata {
    /// The node ids of all brokers.
    pub(super) brokers: Vec<i32>,
    /// The node id of each partition's leader, by topic and partition; `None` while the partition has none.
    pub(super) topics: BTreeMap<Name, BTreeMap<i32, Option<i32>>>,
    /// The topics that exist but for which the broker returned an error instead of partitions.
    pub(super) failed_topics: BTreeMap<Name, ErrorCode>,
    read_at: Instant,
    freshness: Freshness,
}

/// The validity of the metadata, apart from its age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    /// No later answer has contradicted the metadata.
    Current,
    /// A later answer has contradicted the metadata, so a refresh is due.
    Outdated,
}

// === impl Metadata ===

impl Metadata {
    /// Asks any broker for the metadata of the whole cluster.
    ///
    /// # Errors
    /// No broker answers, or there is no time for a request. The error is librdkafka's code; no failure is recorded in `context`.
    pub(super) fn read(
        client: &Client,
        filter: &Filter,
        context: &mut CollectionContext<'_>,
    ) -> Result<Self, ErrorCode> {
        let timeout = context
            .request_timeout(Api::Metadata)
            .ok_or(ErrorCode::LOCAL_TIMED_OUT)?;
        context.count_request(Api::Metadata);
        let native::MetadataResponse { brokers, topics } = client.metadata(timeout)?;
        let mut metadata = Self {
            brokers,
            topics: BTreeMap::new(),
            failed_topics: BTreeMap::new(),
            read_at: Instant::now(),
            freshness: Freshness::Current,
        };
        for topic in topics
            .into_iter()
            .filter(|topic| filter.matches(&topic.name))
        {
            let name = Name::from(topic.name);
            match topic.leaders {
                Ok(leaders) => {
                    metadata.topics.insert(name, leaders.into_iter().collect());
                }
                Err(code) => {
                    metadata.failed_topics.insert(name, code);
                }
            }
        }
        Ok(metadata)
    }

    /// Returns metadata that was read now and has topics with these numbers of partitions, which broker 1 leads.
    #[cfg(test)]
    pub(super) fn with_topics<const N: usize>(topics: [(&str, i32); N]) -> Self {
        let leaders = |n| (0..n).map(|partition| (partition, Some(1))).collect();
        Self {
            brokers: vec![1],
            topics: topics.map(|(name, n)| (name.into(), leaders(n))).into(),
            failed_topics: BTreeMap::new(),
            read_at: Instant::now(),
            freshness: Freshness::Current,
        }
    }

    /// Returns `true` if the metadata has to be read again: it is older than `ttl`, was contradicted, or lacks the partitions of
    /// a topic.
    pub(super) fn needs_refresh(&self, ttl: Duration) -> bool {
        !self.failed_topics.is_empty()
            || self.freshness == Freshness::Outdated
            || self.read_at.elapsed() >= ttl
    }

    /// Makes a refresh due, because another answer has contradicted this metadata.
    pub(super) fn mark_outdated(&mut self) {
        self.freshness = Freshness::Outdated;
    }

    /// Returns the instant at which the metadata was read.
    pub(super) const fn read_at(&self) -> Instant {
        self.read_at
    }

    /// Returns every partition, sorted by topic and number.
    pub(super) fn partitions(&self) -> Vec<TopicPartition> {
        let topics = self.topics.iter();
        topics
            .flat_map(|(topic, leaders)| {
                let numbers = leaders.keys();
                numbers.map(|&partition| TopicPartition::of(topic, partition))
            })
            .collect()
    }

    /// Returns `true` if the topic has this partition.
    pub(super) fn has_partition(&self, topic: &str, partition: i32) -> bool {
        let leaders = self.topics.get(topic);
        leaders.is_some_and(|leaders| leaders.contains_key(&partition))
    }

    /// Returns the node id of a partition's leader; `None` if the partition has no leader or is not in this metadata.
    pub(super) fn partition_leader(&self, tp: &TopicPartition) -> Option<i32> {
        let leaders = self.topics.get(&tp.topic)?;
        leaders.get(&tp.partition).copied().flatten()
    }

    /// Returns the number of partitions of all topics.
    pub(super) fn n_partitions(&self) -> usize {
        self.topics.values().map(BTreeMap::len).sum()
    }

    /// Returns the name of a topic as a shared value. Topics of this metadata share one allocation of their name.
    pub(super) fn shared_name(&self, topic: &str) -> Name {
        self.topics
            .get_key_value(topic)
            .map_or_else(|| Name::from(topic), |(name, _)| Name::clone(name))
    }
}
