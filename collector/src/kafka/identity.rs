//! Which topic has a name now. A topic that was deleted and made anew is another one, whatever its offsets look like, and what is
//! kept of the old one must not be told of it.

use std::collections::{BTreeMap, BTreeSet};

use tokio::time::Instant;

use super::groups::STEP;
use super::native::{Answer, Client, PerName, Requests, TopicId};
use super::pass::Pass;
use super::topology::Topology;
use crate::snapshot::{Api, Name};

/// Partitions, and topics, that one answer may be about: 10,000 partitions of three replicas are half a megabyte.
const MOST_PARTITIONS: usize = 10_000;
const MOST_TOPICS: usize = 500;

/// The id of each topic under which everything that is kept about it was read, or may have been read a moment later.
#[derive(Debug, Default)]
pub(super) struct Identities {
    known: BTreeMap<Name, TopicId>,
    /// Topics of which the broker gave no id, until metadata is read again.
    nameless: BTreeSet<Name>,
    /// When the metadata was read whose topics were all asked about.
    learned_of: Option<Instant>,
}

/// What came of asking.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// Topics that are others by now, and topics that are gone.
    pub(super) changed: BTreeSet<Name>,
    /// Topics that have an id, which was not told this time.
    pub(super) unanswered: BTreeSet<Name>,
}

// === impl Identities ===

impl Identities {
    /// Learns the ids of all topics of `topology` when it was read anew, else of those that have none yet.
    pub(super) fn learn(
        &mut self,
        client: &Client,
        topology: &Topology,
        pass: &mut Pass<'_>,
    ) -> Verified {
        let is_new = self.learned_of != Some(topology.read_at());
        if is_new {
            self.nameless.clear();
        }
        let topics = topology.topics.keys();
        let due: BTreeSet<Name> = topics
            .filter(|&topic| is_new || !self.has(topic) && !self.nameless.contains(topic))
            .cloned()
            .collect();
        let mut verified = self.ask(client, topology, &due, pass);
        let is_gone = |topic: &Name| {
            !topology.topics.contains_key(topic) && !topology.refused.contains_key(topic)
        };
        let gone: Vec<Name> = self
            .known
            .keys()
            .filter(|it| is_gone(it))
            .cloned()
            .collect();
        self.known.retain(|topic, _| !is_gone(topic));
        verified.changed.extend(gone);
        self.learned_of = Some(topology.read_at());
        verified
    }

    /// Whether `topics` are still the ones that are known. Those that have no id are not asked about.
    pub(super) fn verify(
        &mut self,
        client: &Client,
        topology: &Topology,
        topics: &BTreeSet<Name>,
        pass: &mut Pass<'_>,
    ) -> Verified {
        let known = topics
            .iter()
            .filter(|topic| self.known.contains_key(*topic));
        let known = known.cloned().collect();
        self.ask(client, topology, &known, pass)
    }

    /// Whether the topic has an id, as far as known.
    pub(super) fn has(&self, topic: &Name) -> bool {
        self.known.contains_key(topic)
    }

    fn ask(
        &mut self,
        client: &Client,
        topology: &Topology,
        topics: &BTreeSet<Name>,
        pass: &mut Pass<'_>,
    ) -> Verified {
        let mut verified = Verified {
            changed: BTreeSet::new(),
            unanswered: topics.clone(),
        };
        let brokers = topology.brokers.iter().copied();
        let brokers: Vec<i32> = brokers
            .filter(|broker| !pass.silent.contains_key(broker))
            .collect();
        let mut requests = Requests::on(client);
        let mut sent = Vec::new();
        for (chunk, &broker) in chunks(topics, topology).iter().zip(brokers.iter().cycle()) {
            // An older answer would not do here, unlike with metadata, so this may take as long as any other request.
            let Some(timeout) = pass.timeout(Api::DescribeConfigs) else {
                break;
            };
            pass.count(Api::Metadata);
            requests.topic_ids(broker, chunk, sent.len(), timeout);
            sent.push(broker);
        }
        while requests.n_waiting() > 0 && !pass.is_stopped() {
            if let Some((tag, Answer::TopicIds(answer))) = requests.next(STEP) {
                self.take(sent[tag], answer, &mut verified, pass);
            }
        }
        // Of a topic that was asked about for the first time nothing is known that could be wrong.
        verified
            .unanswered
            .retain(|topic| self.known.contains_key(topic));
        verified
    }

    fn take(
        &mut self,
        broker: i32,
        answer: PerName<Option<TopicId>>,
        verified: &mut Verified,
        pass: &mut Pass<'_>,
    ) {
        let topics = match answer {
            Ok(topics) => topics,
            Err(code) => {
                let reason = pass.reason(code);
                let unknown = pass.fail(Api::Metadata, reason, format!("broker {broker}"));
                pass.heed(broker, unknown, code);
                return;
            }
        };
        for (topic, id) in topics {
            let Some(name) = verified.unanswered.get(&*topic).cloned() else {
                continue;
            };
            match id {
                Ok(Some(id)) => {
                    verified.unanswered.remove(&name);
                    if self.known.insert(Name::clone(&name), id) != Some(id) {
                        verified.changed.insert(name);
                    }
                }
                Ok(None) => {
                    verified.unanswered.remove(&name);
                    if self.known.remove(&name).is_some() {
                        verified.changed.insert(Name::clone(&name));
                    }
                    self.nameless.insert(name);
                }
                // Deleted, or hidden from this user by now: the metadata and the ends will tell.
                Err(_) => {}
            }
        }
    }
}

/// Topics in lots that one answer may be about.
fn chunks<'t>(topics: &'t BTreeSet<Name>, topology: &Topology) -> Vec<Vec<&'t str>> {
    let mut chunks: Vec<Vec<&str>> = Vec::new();
    let mut n_partitions = MOST_PARTITIONS;
    // librdkafka fails the whole request for an empty name.
    for topic in topics.iter().filter(|topic| !topic.is_empty()) {
        let n = topology.topics.get(topic).map_or(1, BTreeMap::len);
        n_partitions += n;
        match chunks.last_mut() {
            Some(chunk) if n_partitions <= MOST_PARTITIONS && chunk.len() < MOST_TOPICS => {
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
