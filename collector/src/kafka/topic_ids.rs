//! The ids of topics, which tell a topic from a later one of the same name.
//!
//! A topic that was deleted and created again is another topic, even where its offsets look like those of the first. State that
//! is kept of the first topic must not be used for the second. [`TopicIds`] remembers the id under which such state was read, and
//! reports each change.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::collection_context::CollectionContext;
use super::error_code::ErrorCode;
use super::metadata::Metadata;
use super::native::{Client, TopicId};
use super::topic_requests;
use crate::snapshot::Name;

/// The largest number of partitions of the topics in one request. The answer describes all partitions: 10,000 with three replicas
/// each make half a megabyte.
const MAX_PARTITIONS_PER_REQUEST: usize = 10_000;

/// The largest number of topics in one request.
const MAX_TOPICS_PER_REQUEST: usize = 500;

/// The id of each topic, learned before anything was read that is kept of the topic.
#[derive(Debug, Default)]
pub(super) struct TopicIds {
    /// The last id of each topic.
    known: BTreeMap<Name, TopicId>,
    /// Topics for which the broker gave no id. They are asked about again once metadata is read again.
    without_id: BTreeSet<Name>,
    /// The time of the metadata whose topics have all been asked about; `None` before the first.
    metadata_read_at: Option<Instant>,
}

/// The result of asking for the ids of some topics.
#[derive(Debug, Default)]
pub(super) struct Verification {
    /// Topics whose name belongs to another topic by now, and topics that are gone.
    pub(super) changed: BTreeSet<Name>,
    /// Topics with a known id for which no id came this time.
    pub(super) unanswered: BTreeSet<Name>,
}

// === impl TopicIds ===

impl TopicIds {
    /// Reads the ids of all topics if `metadata` is new, else only the ids that are still missing. A topic that the metadata no
    /// longer has counts as changed.
    pub(super) fn refresh(
        &mut self,
        client: &Client,
        metadata: &Metadata,
        context: &mut CollectionContext<'_>,
    ) -> Verification {
        let is_new = self.metadata_read_at != Some(metadata.read_at());
        if is_new {
            self.without_id.clear();
        }
        let topics = metadata.topics.keys();
        let due: BTreeSet<Name> = topics
            .filter(|&topic| is_new || !self.has(topic) && !self.without_id.contains(topic))
            .cloned()
            .collect();
        let mut verification = self.request(client, metadata, &due, context);
        let is_gone = |topic: &Name| {
            !metadata.topics.contains_key(topic) && !metadata.failed_topics.contains_key(topic)
        };
        let gone: Vec<Name> = self
            .known
            .keys()
            .filter(|it| is_gone(it))
            .cloned()
            .collect();
        self.known.retain(|topic, _| !is_gone(topic));
        verification.changed.extend(gone);
        self.metadata_read_at = Some(metadata.read_at());
        verification
    }

    /// Reads the ids of `topics` again, except of those without a known id.
    pub(super) fn verify(
        &mut self,
        client: &Client,
        metadata: &Metadata,
        topics: &BTreeSet<Name>,
        context: &mut CollectionContext<'_>,
    ) -> Verification {
        let known = topics
            .iter()
            .filter(|topic| self.known.contains_key(*topic));
        let known = known.cloned().collect();
        self.request(client, metadata, &known, context)
    }

    /// Returns `true` if the topic's id is known.
    pub(super) fn has(&self, topic: &Name) -> bool {
        self.known.contains_key(topic)
    }

    /// Asks for the ids of `topics`, each chunk from the next broker in turn, and compares the ids with the known ones.
    fn request(
        &mut self,
        client: &Client,
        metadata: &Metadata,
        topics: &BTreeSet<Name>,
        context: &mut CollectionContext<'_>,
    ) -> Verification {
        let mut verification = Verification {
            changed: BTreeSet::new(),
            unanswered: topics.clone(),
        };
        let chunks = chunks(topics, metadata);
        let answered = topic_requests::TOPIC_IDS.ask(client, &metadata.brokers, chunks, context);
        for (topic, described) in answered {
            let id = described.map(|described| described.id);
            self.record_answer(&topic, id, &mut verification);
        }
        // A topic whose id was asked for the first time is left out, because no state is kept of it yet.
        verification
            .unanswered
            .retain(|topic| self.known.contains_key(topic));
        verification
    }

    /// Keeps the id in the answer about `topic`, and records in `verification` whether the id has changed.
    fn record_answer(
        &mut self,
        topic: &str,
        id: Result<Option<TopicId>, ErrorCode>,
        verification: &mut Verification,
    ) {
        let Some(name) = verification.unanswered.get(topic).cloned() else {
            return;
        };
        match id {
            Ok(Some(id)) => {
                verification.unanswered.remove(&name);
                if self.known.insert(Name::clone(&name), id) != Some(id) {
                    verification.changed.insert(name);
                }
            }
            Ok(None) => {
                verification.unanswered.remove(&name);
                if self.known.remove(&name).is_some() {
                    verification.changed.insert(Name::clone(&name));
                }
                self.without_id.insert(name);
            }
            // The topic was deleted or is hidden from this user. The metadata and the log offsets will show which of the two.
            Err(_) => {}
        }
    }
}

/// Returns the topics in chunks, each small enough for one request.
fn chunks<'t>(topics: &'t BTreeSet<Name>, metadata: &Metadata) -> Vec<Vec<&'t str>> {
    let mut chunks: Vec<Vec<&str>> = Vec::new();
    let mut n_partitions = MAX_PARTITIONS_PER_REQUEST;
    // librdkafka fails the whole request for an empty name.
    for topic in topics.iter().filter(|topic| !topic.is_empty()) {
        let n = metadata.topics.get(topic).map_or(1, BTreeMap::len);
        n_partitions += n;
        match chunks.last_mut() {
            Some(chunk)
                if n_partitions <= MAX_PARTITIONS_PER_REQUEST
                    && chunk.len() < MAX_TOPICS_PER_REQUEST =>
            {
                chunk.push(topic);
            }
            _ => {
                chunks.push(vec![&**topic]);
                n_partitions = n;
            }
        }
    }
    chunks
}
