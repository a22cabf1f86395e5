//! Partitions that members are assigned and that a collection has not read.
//!
//! The metadata of all topics leaves out those that this user may not describe, and so do the answers with committed offsets.
//! Asked by name, a broker tells a missing right from a topic that is not there. Members choose the names that they claim, so
//! no claim may cost much or delay what is asked for another group: a limited number of names is asked about in one
//! collection, the groups taking turns, and the metadata is read again for the sake of claims only after a rest. What may have come
//! into being after the metadata was read is not known of until it is read again, for the next collection.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use shared::config::Filter;
use tokio::time::Instant;

use super::code::Code;
use super::groups::STEP;
use super::native::{Answer, Client, Requests, TopicId};
use super::pass::Pass;
use super::topology::Topology;
use crate::snapshot::{Api, Member, Name, Reason, Topic, TopicPartition, Unknown};

/// Names in the one request of a collection, and topics that one collection counts as refused.
const ASKED: usize = 100;

/// How long the metadata is not read again for the sake of claims.
const REST: Duration = Duration::from_secs(10);

const NOT_ASKED: Unknown = Unknown::new(Api::Metadata, Reason::NotAsked);

/// The members of a group.
pub(super) type Claims<'g> = (&'g Name, Arc<Vec<Member>>);

/// What is known of partitions that are claimed and were not read.
#[derive(Debug, Default)]
pub(super) struct Unseen {
    /// What a broker said of a topic by its name, and when.
    told: BTreeMap<Name, (Result<(), Code>, Instant)>,
    /// Partitions that were not read, and when they were first claimed: metadata that is younger and does not have them says that
    /// they are not there.
    claimed: HashMap<TopicPartition, Instant>,
    /// When the metadata was last made due for the sake of claims.
    outdated_at: Option<Instant>,
}

/// Whom to ask, about which topics, and how long an answer serves.
#[derive(Clone, Copy)]
pub(super) struct Source<'c> {
    pub(super) client: &'c Client,
    pub(super) filter: &'c Filter,
    pub(super) ttl: Duration,
}

/// What is assigned and was not read, but for names and numbers that nothing in a Kafka can have.
#[derive(Debug, Default)]
struct Outside {
    /// Topics that the filter lets through, and who is assigned them.
    topics: BTreeMap<Name, Readers>,
    /// The same by group.
    by_group: Vec<BTreeSet<Name>>,
    /// Partitions of topics that were read.
    partitions: HashSet<TopicPartition>,
}

/// Groups, one of them by name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Readers {
    group: Name,
    n_others: usize,
}

// === impl Unseen ===

impl Unseen {
    /// The topics with partitions in `claims` that are not among those that were `read`, and why not. Makes the metadata due where
    /// it may be older than what is claimed.
    pub(super) fn look(
        &mut self,
        source: Source<'_>,
        (claims, read): (&[Claims<'_>], &BTreeMap<Name, Topic>),
        topology: &mut Topology,
        pass: &mut Pass<'_>,
    ) -> BTreeMap<Name, Unknown> {
        let outside = Outside::of(claims, read, source.filter);
        self.remember(&outside);
        self.ask(source, &outside, topology, pass);
        let young = self.young(&outside, topology.read_at());
        let is_there = |topic| matches!(self.told.get(topic), Some((Ok(()), _)));
        let is_news = !young.is_empty() || outside.topics.keys().any(is_there);
        if is_news && self.outdated_at.is_none_or(|at| at.elapsed() >= REST) {
            self.outdated_at = Some(Instant::now());
            topology.outdate();
        }
        self.conclude((&outside, &young), &topology.refused, pass)
    }

    /// What is not claimed any more is not kept.
    fn remember(&mut self, outside: &Outside) {
        let now = Instant::now();
        self.told
            .retain(|topic, _| outside.topics.contains_key(topic));
        self.claimed.retain(|tp, _| outside.partitions.contains(tp));
        for tp in &outside.partitions {
            if !self.claimed.contains_key(tp) {
                self.claimed.insert(tp.clone(), now);
            }
        }
    }

    /// The topics of partitions that may be younger than metadata that was read at `read_at`.
    fn young(&self, outside: &Outside, read_at: Instant) -> BTreeSet<Name> {
        let partitions = outside.partitions.iter();
        partitions
            .filter(|tp| self.claimed.get(*tp).is_none_or(|since| *since >= read_at))
            .map(|tp| Name::clone(&tp.topic))
            .collect()
    }

    fn ask(
        &mut self,
        source: Source<'_>,
        outside: &Outside,
        topology: &Topology,
        pass: &mut Pass<'_>,
    ) {
        let names: Vec<&str> = self
            .due(outside, &topology.refused, source.ttl)
            .into_iter()
            .map(|name| &**name)
            .collect();
        let is_silent = |broker: &&i32| pass.silent.contains_key(*broker);
        let broker = topology.brokers.iter().find(|broker| !is_silent(broker));
        let (Some(&broker), false) = (broker, names.is_empty()) else {
            return;
        };
        let Some(timeout) = pass.timeout(Api::Metadata) else {
            return;
        };
        pass.count(Api::Metadata);
        let mut requests = Requests::on(source.client);
        requests.topic_ids(broker, &names, 0, timeout);
        while requests.n_waiting() > 0 && !pass.is_stopped() {
            let Some((_, Answer::TopicIds(answer))) = requests.next(STEP) else {
                continue;
            };
            match answer {
                Ok(topics) => self.keep(topics, outside),
                Err(code) => {
                    let reason = pass.reason(code);
                    let unknown = pass.fail(Api::Metadata, reason, format!("broker {broker}"));
                    pass.heed(broker, unknown, code);
                }
            }
        }
    }

    fn keep(&mut self, topics: Vec<(String, Result<Option<TopicId>, Code>)>, outside: &Outside) {
        let at = Instant::now();
        for (topic, told) in topics {
            if let Some((name, _)) = outside.topics.get_key_value(&*topic) {
                self.told.insert(Name::clone(name), (told.map(drop), at));
            }
        }
    }

    /// The names to ask about now: each group's next one in turn, until there are enough.
    fn due<'o>(
        &self,
        outside: &'o Outside,
        refused: &BTreeMap<Name, Code>,
        ttl: Duration,
    ) -> BTreeSet<&'o Name> {
        let is_due = |name: &&Name| {
            let serves = |(_, at): &(_, Instant)| at.elapsed() < ttl;
            !refused.contains_key(*name) && !self.told.get(*name).is_some_and(serves)
        };
        let groups = outside.by_group.iter();
        let mut turns: Vec<_> = groups.map(|names| names.iter().filter(is_due)).collect();
        let mut due = BTreeSet::new();
        while due.len() < ASKED && !turns.is_empty() {
            turns.retain_mut(|names| {
                due.len() >= ASKED || names.next().map(|name| due.insert(name)).is_some()
            });
        }
        due
    }

    fn conclude(
        &self,
        (outside, young): (&Outside, &BTreeSet<Name>),
        refused: &BTreeMap<Name, Code>,
        pass: &mut Pass<'_>,
    ) -> BTreeMap<Name, Unknown> {
        let mut unseen = BTreeMap::new();
        let mut n_counted = 0;
        for (topic, readers) in &outside.topics {
            // A topic that even the whole metadata refuses is counted by whoever needs its leaders.
            let why = match (refused.get(topic), self.told.get(topic)) {
                (None, Some((Err(code), _))) if is_absent(*code) => continue,
                (None, Some((Err(code), _))) if n_counted < ASKED => {
                    n_counted += 1;
                    let subject = format!("topic {topic}, assigned to members of {readers}");
                    pass.fail(Api::Metadata, pass.reason(*code), subject)
                }
                (Some(code), _) | (None, Some((Err(code), _))) => {
                    Unknown::new(Api::Metadata, pass.reason(*code))
                }
                (None, Some((Ok(()), _)) | None) => NOT_ASKED,
            };
            unseen.insert(Name::clone(topic), why);
        }
        for topic in young {
            unseen.insert(Name::clone(topic), NOT_ASKED);
        }
        let n_open = unseen.values().filter(|why| **why == NOT_ASKED).count();
        if n_open > 0 {
            let subject = format!("topics that members are assigned: {n_open}");
            pass.fail(NOT_ASKED.api, NOT_ASKED.reason, subject);
        }
        unseen
    }
}

/// Whether an answer says that there is no such topic: error 3, or 17 for a name that none can have.
fn is_absent(code: Code) -> bool {
    code.reason() == Reason::UnknownTopicOrPartition || code == Code(17)
}

// === impl Outside ===

impl Outside {
    fn of(claims: &[Claims<'_>], read: &BTreeMap<Name, Topic>, filter: &Filter) -> Self {
        let mut outside = Self::default();
        for (group, members) in claims {
            let mut strange = BTreeSet::new();
            for member in members.iter() {
                // Partitions of a topic follow each other.
                for same in member
                    .assignment
                    .chunk_by(|tp, next| tp.topic == next.topic)
                {
                    let topic = &same[0].topic;
                    match read.get(topic) {
                        Some(read) => {
                            let missing =
                                same.iter().filter(|TopicPartition { partition, .. }| {
                                    *partition >= 0 && !read.partitions.contains_key(partition)
                                });
                            outside.partitions.extend(missing.cloned());
                        }
                        None if is_possible(topic) && filter.matches(topic) => {
                            strange.insert(Name::clone(topic));
                        }
                        None => {}
                    }
                }
            }
            outside.add(group, strange);
        }
        outside
    }

    fn add(&mut self, group: &Name, topics: BTreeSet<Name>) {
        for topic in &topics {
            self.topics
                .entry(Name::clone(topic))
                .and_modify(|readers| readers.n_others += 1)
                .or_insert_with(|| Readers {
                    group: Name::clone(group),
                    n_others: 0,
                });
        }
        if !topics.is_empty() {
            self.by_group.push(topics);
        }
    }
}

/// Whether a topic can have this name, as Kafka's `Topic.validate` has it.
fn is_possible(topic: &str) -> bool {
    let is_legal = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    (1..=249).contains(&topic.len()) && topic.bytes().all(is_legal) && topic != "." && topic != ".."
}

// === impl Readers ===

impl fmt::Display for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {}", self.group)?;
        match self.n_others {
            0 => Ok(()),
            n_others => write!(f, " and {n_others} more"),
        }
    }
}
