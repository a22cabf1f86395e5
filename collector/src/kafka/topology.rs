//! Brokers, topics and partition leaders, kept from one collection to the next.

use std::collections::BTreeMap;
use std::time::Duration;

use shared::config::Filter;
use tokio::time::Instant;

use super::code::Code;
use super::native::{self, Client};
use super::pass::Pass;
use crate::snapshot::{Api, Name};

/// What metadata said.
#[derive(Debug)]
pub(super) struct Topology {
    /// Node ids.
    pub(super) brokers: Vec<i32>,
    /// The leader of each partition of the topics that the filter lets through; `None` while there is none.
    pub(super) topics: BTreeMap<Name, BTreeMap<i32, Option<i32>>>,
    /// Topics that the filter lets through and of which the broker told only an error: they exist, and nothing is known of them.
    pub(super) refused: BTreeMap<Name, Code>,
    read_at: Instant,
    freshness: Freshness,
}

/// Whether something has shown that the metadata no longer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Freshness {
    Undisputed,
    Outdated,
}

// === impl Topology ===

impl Topology {
    /// Asks for the whole cluster's metadata.
    ///
    /// # Errors
    /// The code of the failure; nothing is recorded in `pass`.
    pub(super) fn read(
        client: &Client,
        filter: &Filter,
        pass: &mut Pass<'_>,
    ) -> Result<Self, Code> {
        let timeout = pass.timeout(Api::Metadata).ok_or(Code::TIMED_OUT)?;
        pass.count(Api::Metadata);
        let native::Cluster { brokers, topics } = client.metadata(timeout)?;
        let mut topology = Self {
            brokers,
            topics: BTreeMap::new(),
            refused: BTreeMap::new(),
            read_at: Instant::now(),
            freshness: Freshness::Undisputed,
        };
        for topic in topics
            .into_iter()
            .filter(|topic| filter.matches(&topic.name))
        {
            let name = Name::from(topic.name);
            match topic.leaders {
                Ok(leaders) => {
                    topology.topics.insert(name, leaders.into_iter().collect());
                }
                Err(code) => {
                    topology.refused.insert(name, code);
                }
            }
        }
        Ok(topology)
    }

    /// Whether it is time to ask again.
    pub(super) fn is_due(&self, ttl: Duration) -> bool {
        !self.refused.is_empty()
            || self.freshness == Freshness::Outdated
            || self.read_at.elapsed() >= ttl
    }

    /// Makes it due: a topic is another one by now.
    pub(super) fn outdate(&mut self) {
        self.freshness = Freshness::Outdated;
    }

    /// When it was read.
    pub(super) const fn read_at(&self) -> Instant {
        self.read_at
    }

    /// The number of partitions of all topics.
    pub(super) fn n_partitions(&self) -> usize {
        self.topics.values().map(BTreeMap::len).sum()
    }

    /// The shared name of a topic, where it is one of these.
    pub(super) fn name(&self, topic: &str) -> Name {
        self.topics
            .get_key_value(topic)
            .map_or_else(|| Name::from(topic), |(name, _)| Name::clone(name))
    }
}
