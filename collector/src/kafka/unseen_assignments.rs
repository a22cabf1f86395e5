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

use super::collection_context::{CollectionContext, POLL_TIMEOUT};
use super::error_code::ErrorCode;
use super::metadata::Metadata;
use super::native::{AdminRequests, AdminResult, Client, Target, TopicId};
use crate::snapshot::{Api, Member, Name, Reason, Topic, TopicPartition, Unknown};

/// Names in the one request of a collection, and topics that one collection counts as refused.
const MAX_TOPICS_PER_COLLECTION: usize = 100;

/// How long the metadata is not read again for the sake of claims.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);

const NOT_ASKED: Unknown = Unknown::new(Api::Metadata, Reason::NotAsked);

/// The members of a group.
pub(super) type GroupAssignments<'g> = (&'g Name, Arc<Vec<Member>>);

/// What is known of partitions that are claimed and were not read.
#[derive(Debug, Default)]
pub(super) struct UnseenAssignments {
    /// What a broker said of a topic by its name, and when.
    answers: BTreeMap<Name, (Result<(), ErrorCode>, Instant)>,
    /// Partitions that were not read, and when they were first claimed: metadata that is younger and does not have them says that
    /// they are not there.
    first_seen: HashMap<TopicPartition, Instant>,
    /// When the metadata was last made due for the sake of claims.
    refresh_asked_at: Option<Instant>,
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
struct Unread {
    /// Topics that the filter lets through, and who is assigned them.
    topics: BTreeMap<Name, AssignedGroups>,
    /// The same by group.
    by_group: Vec<BTreeSet<Name>>,
    /// Partitions of topics that were read.
    partitions: HashSet<TopicPartition>,
}

/// Groups, one of them by name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct AssignedGroups {
    group: Name,
    n_others: usize,
}

// === impl UnseenAssignments ===

impl UnseenAssignments {
    /// The topics with partitions in `groups` that are not among those that were `read`, and why not. Makes the metadata due where
    /// it may be older than what is claimed.
    pub(super) fn find(
        &mut self,
        source: Source<'_>,
        (groups, read): (&[GroupAssignments<'_>], &BTreeMap<Name, Topic>),
        metadata: &mut Metadata,
        context: &mut CollectionContext<'_>,
    ) -> BTreeMap<Name, Unknown> {
        let unread = Unread::of(groups, read, source.filter);
        self.update(&unread);
        self.request(source, &unread, metadata, context);
        let possibly_new = self.possibly_new(&unread, metadata.read_at());
        let is_there = |topic| matches!(self.answers.get(topic), Some((Ok(()), _)));
        let has_news = !possibly_new.is_empty() || unread.topics.keys().any(is_there);
        if has_news
            && self
                .refresh_asked_at
                .is_none_or(|at| at.elapsed() >= REFRESH_INTERVAL)
        {
            self.refresh_asked_at = Some(Instant::now());
            metadata.mark_outdated();
        }
        self.conclude((&unread, &possibly_new), &metadata.failed_topics, context)
    }

    /// What is not claimed any more is not kept.
    fn update(&mut self, unread: &Unread) {
        let now = Instant::now();
        self.answers
            .retain(|topic, _| unread.topics.contains_key(topic));
        self.first_seen
            .retain(|tp, _| unread.partitions.contains(tp));
        for tp in &unread.partitions {
            if !self.first_seen.contains_key(tp) {
                self.first_seen.insert(tp.clone(), now);
            }
        }
    }

    /// The topics of partitions that may be younger than metadata that was read at `read_at`.
    fn possibly_new(&self, unread: &Unread, read_at: Instant) -> BTreeSet<Name> {
        let partitions = unread.partitions.iter();
        partitions
            .filter(|tp| {
                self.first_seen
                    .get(*tp)
                    .is_none_or(|since| *since >= read_at)
            })
            .map(|tp| Name::clone(&tp.topic))
            .collect()
    }

    fn request(
        &mut self,
        source: Source<'_>,
        unread: &Unread,
        metadata: &Metadata,
        context: &mut CollectionContext<'_>,
    ) {
        let names: Vec<&str> = self
            .topics_to_ask(unread, &metadata.failed_topics, source.ttl)
            .into_iter()
            .map(|name| &**name)
            .collect();
        let is_silent = |broker: &&i32| context.silent_brokers.contains_key(*broker);
        let broker = metadata.brokers.iter().find(|broker| !is_silent(broker));
        let (Some(&broker), false) = (broker, names.is_empty()) else {
            return;
        };
        let Some(timeout) = context.request_timeout(Api::Metadata) else {
            return;
        };
        context.count_request(Api::Metadata);
        let mut requests = AdminRequests::on(source.client);
        let tag = 0;
        requests.topic_ids(
            Target {
                broker,
                tag,
                timeout,
            },
            &names,
        );
        while requests.n_in_flight() > 0 && !context.is_abandoned() {
            let Some((_, AdminResult::TopicIds(answer))) = requests.next_result(POLL_TIMEOUT)
            else {
                continue;
            };
            match answer {
                Ok(topics) => self.record_answer(topics, unread),
                Err(code) => {
                    context.record_broker_failure(Api::Metadata, broker, code);
                }
            }
        }
    }

    fn record_answer(
        &mut self,
        topics: Vec<(String, Result<Option<TopicId>, ErrorCode>)>,
        unread: &Unread,
    ) {
        let at = Instant::now();
        for (topic, answers) in topics {
            if let Some((name, _)) = unread.topics.get_key_value(&*topic) {
                self.answers
                    .insert(Name::clone(name), (answers.map(drop), at));
            }
        }
    }

    /// The names to ask about now: each group's next one in turn, until there are enough.
    fn topics_to_ask<'o>(
        &self,
        unread: &'o Unread,
        failed_topics: &BTreeMap<Name, ErrorCode>,
        ttl: Duration,
    ) -> BTreeSet<&'o Name> {
        let is_due = |name: &&Name| {
            let serves = |(_, at): &(_, Instant)| at.elapsed() < ttl;
            !failed_topics.contains_key(*name) && !self.answers.get(*name).is_some_and(serves)
        };
        let groups = unread.by_group.iter();
        let mut turns: Vec<_> = groups.map(|names| names.iter().filter(is_due)).collect();
        let mut due = BTreeSet::new();
        while due.len() < MAX_TOPICS_PER_COLLECTION && !turns.is_empty() {
            turns.retain_mut(|names| {
                due.len() >= MAX_TOPICS_PER_COLLECTION
                    || names.next().map(|name| due.insert(name)).is_some()
            });
        }
        due
    }

    fn conclude(
        &self,
        (unread, possibly_new): (&Unread, &BTreeSet<Name>),
        failed_topics: &BTreeMap<Name, ErrorCode>,
        context: &mut CollectionContext<'_>,
    ) -> BTreeMap<Name, Unknown> {
        let mut unseen = BTreeMap::new();
        let mut n_counted = 0;
        for (topic, groups) in &unread.topics {
            // A topic that even the whole metadata refuses is counted by whoever needs its leaders.
            let why = match (failed_topics.get(topic), self.answers.get(topic)) {
                (None, Some((Err(code), _))) if is_absent(*code) => continue,
                (None, Some((Err(code), _))) if n_counted < MAX_TOPICS_PER_COLLECTION => {
                    n_counted += 1;
                    let subject = format!("topic {topic}, assigned to members of {groups}");
                    context.record_failure(Api::Metadata, context.reason_of(*code), subject)
                }
                (Some(code), _) | (None, Some((Err(code), _))) => {
                    Unknown::new(Api::Metadata, context.reason_of(*code))
                }
                (None, Some((Ok(()), _)) | None) => NOT_ASKED,
            };
            unseen.insert(Name::clone(topic), why);
        }
        for topic in possibly_new {
            unseen.insert(Name::clone(topic), NOT_ASKED);
        }
        let n_not_asked = unseen.values().filter(|why| **why == NOT_ASKED).count();
        if n_not_asked > 0 {
            let subject = format!("topics that members are assigned: {n_not_asked}");
            context.record_failure(NOT_ASKED.api, NOT_ASKED.reason, subject);
        }
        unseen
    }
}

/// Whether an answer says that there is no such topic: error 3, or 17 for a name that none can have.
fn is_absent(code: ErrorCode) -> bool {
    code.reason() == Reason::UnknownTopicOrPartition || code == ErrorCode::INVALID_TOPIC_EXCEPTION
}

// === impl Unread ===

impl Unread {
    fn of(groups: &[GroupAssignments<'_>], read: &BTreeMap<Name, Topic>, filter: &Filter) -> Self {
        let mut unread = Self::default();
        for (group, members) in groups {
            let mut unread_topics = BTreeSet::new();
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
                            unread.partitions.extend(missing.cloned());
                        }
                        None if is_legal_name(topic) && filter.matches(topic) => {
                            unread_topics.insert(Name::clone(topic));
                        }
                        None => {}
                    }
                }
            }
            unread.add(group, unread_topics);
        }
        unread
    }

    fn add(&mut self, group: &Name, topics: BTreeSet<Name>) {
        for topic in &topics {
            self.topics
                .entry(Name::clone(topic))
                .and_modify(|groups| groups.n_others += 1)
                .or_insert_with(|| AssignedGroups {
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
fn is_legal_name(topic: &str) -> bool {
    let is_legal = |c: u8| c.is_ascii_alphanumeric() || b"._-".contains(&c);
    (1..=249).contains(&topic.len()) && topic.bytes().all(is_legal) && topic != "." && topic != ".."
}

// === impl AssignedGroups ===

impl fmt::Display for AssignedGroups {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "group {}", self.group)?;
        match self.n_others {
            0 => Ok(()),
            n_others => write!(f, " and {n_others} more"),
        }
    }
}
