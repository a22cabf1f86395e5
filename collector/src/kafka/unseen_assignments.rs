//! Partitions that members are assigned and that a collection has not read.
//!
//! The metadata leaves out topics that this user may not describe, and so do the answers with committed offsets. Without this
//! module, a group that reads such a topic would look complete. When a topic is asked about by its name, the broker's error tells
//! a missing right from a topic that does not exist.
//!
//! Clients choose the names in their assignments, so no assignment may cost much, or delay the questions about another group. One
//! collection asks about a limited number of topics, for which the groups take turns. Assignments make the metadata be read again
//! only after an interval. A topic that may have been created after the metadata was read stays unknown until the metadata is
//! read again.

#[cfg(test)]
mod tests;
mod unseen_partitions;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use shared::config::Filter;
use tokio::time::Instant;

use self::unseen_partitions::UnseenPartitions;
use super::collection_context::CollectionContext;
use super::error_code::ErrorCode;
use super::metadata::Metadata;
use super::native::Client;
use super::topic_requests;
use crate::snapshot::{Api, Name, Reason, Topic, TopicPartition, Unknown};

pub(super) use self::unseen_partitions::GroupAssignments;

/// The largest number of topics that one collection asks about, and that it counts as refused.
const MAX_TOPICS_PER_COLLECTION: usize = 100;

/// The least time between two refreshes of the metadata for the sake of assignments.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);

const NOT_ASKED: Unknown = Unknown::new(Api::Metadata, Reason::NotAsked);

/// Answers about assigned topics and partitions that were not read, kept from one collection to the next.
#[derive(Debug, Default)]
pub(super) struct UnseenAssignments {
    /// The last answer about each topic by its name, and the instant of the answer.
    answers: BTreeMap<Name, (Result<(), ErrorCode>, Instant)>,
    /// The partitions that were not read, of topics that were, and the time when they were first seen in an assignment. Younger
    /// metadata without such a partition shows that it does not exist.
    first_seen: HashMap<TopicPartition, Instant>,
    /// The time when a refresh of the metadata was last requested for the sake of assignments.
    refresh_asked_at: Option<Instant>,
}

/// The client to ask with, the topics that are wanted, and the longest use of an answer.
#[derive(Clone, Copy)]
pub(super) struct TopicQuery<'c> {
    pub(super) client: &'c Client,
    pub(super) filter: &'c Filter,
    pub(super) ttl: Duration,
}

// === impl UnseenAssignments ===

impl UnseenAssignments {
    /// Returns the topics with partitions that the members of `groups` are assigned and that are not among those that were
    /// `read`, each with the reason. Makes a refresh of the metadata due if the metadata may be older than an assignment.
    pub(super) fn find(
        &mut self,
        query: TopicQuery<'_>,
        (groups, read): (&[GroupAssignments<'_>], &BTreeMap<Name, Topic>),
        metadata: &mut Metadata,
        context: &mut CollectionContext<'_>,
    ) -> BTreeMap<Name, Unknown> {
        let unseen_now = UnseenPartitions::of(groups, read, query.filter);
        self.update(&unseen_now);
        self.request(query, &unseen_now, metadata, context);
        let possibly_new = self.possibly_new(&unseen_now, metadata.read_at());
        let is_there = |topic| matches!(self.answers.get(topic), Some((Ok(()), _)));
        let has_news = !possibly_new.is_empty() || unseen_now.topics.keys().any(is_there);
        if has_news
            && self
                .refresh_asked_at
                .is_none_or(|at| at.elapsed() >= REFRESH_INTERVAL)
        {
            self.refresh_asked_at = Some(Instant::now());
            metadata.mark_outdated();
        }
        self.conclude(
            (&unseen_now, &possibly_new),
            &metadata.failed_topics,
            context,
        )
    }

    /// Drops what is kept of topics and partitions that are no longer assigned, and notes the time of new partitions.
    fn update(&mut self, unseen_now: &UnseenPartitions) {
        let now = Instant::now();
        self.answers
            .retain(|topic, _| unseen_now.topics.contains_key(topic));
        self.first_seen
            .retain(|tp, _| unseen_now.partitions.contains(tp));
        for tp in &unseen_now.partitions {
            if !self.first_seen.contains_key(tp) {
                self.first_seen.insert(tp.clone(), now);
            }
        }
    }

    /// Returns the topics of partitions that may have been created after the metadata, which was read at `read_at`.
    fn possibly_new(&self, unseen_now: &UnseenPartitions, read_at: Instant) -> BTreeSet<Name> {
        let partitions = unseen_now.partitions.iter();
        partitions
            .filter(|tp| {
                self.first_seen
                    .get(*tp)
                    .is_none_or(|since| *since >= read_at)
            })
            .map(|tp| Name::clone(&tp.topic))
            .collect()
    }

    /// Asks one broker about the topics that `topics_to_ask` returns, and keeps the answers.
    fn request(
        &mut self,
        query: TopicQuery<'_>,
        unseen_now: &UnseenPartitions,
        metadata: &Metadata,
        context: &mut CollectionContext<'_>,
    ) {
        let names: Vec<&str> = self
            .topics_to_ask(unseen_now, &metadata.failed_topics, query.ttl)
            .into_iter()
            .map(|name| &**name)
            .collect();
        if names.is_empty() {
            return;
        }
        // The next collection can ask another broker, so this request has the shorter time limit of metadata.
        let request = topic_requests::TOPIC_IDS.with_time_limit_of(Api::Metadata);
        let answered = request.ask(query.client, &metadata.brokers, [names], context);
        let at = Instant::now();
        for (topic, answer) in answered {
            if let Some((name, _)) = unseen_now.topics.get_key_value(&*topic) {
                self.answers
                    .insert(Name::clone(name), (answer.map(drop), at));
            }
        }
    }

    /// Returns the topics to ask about now: each group's next topic in turn, up to [`MAX_TOPICS_PER_COLLECTION`]. Topics with an
    /// answer younger than `ttl` are left out.
    fn topics_to_ask<'o>(
        &self,
        unseen_now: &'o UnseenPartitions,
        failed_topics: &BTreeMap<Name, ErrorCode>,
        ttl: Duration,
    ) -> BTreeSet<&'o Name> {
        let is_due = |name: &&Name| {
            let serves = |(_, at): &(_, Instant)| at.elapsed() < ttl;
            !failed_topics.contains_key(*name) && !self.answers.get(*name).is_some_and(serves)
        };
        let groups = unseen_now.by_group.iter();
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

    /// Returns the topics that stay unseen, and why. Records a failure for each topic that is refused, up to a limit, and one for
    /// all topics that are not settled yet.
    fn conclude(
        &self,
        (unseen_now, possibly_new): (&UnseenPartitions, &BTreeSet<Name>),
        failed_topics: &BTreeMap<Name, ErrorCode>,
        context: &mut CollectionContext<'_>,
    ) -> BTreeMap<Name, Unknown> {
        let mut unseen = BTreeMap::new();
        let mut n_counted = 0;
        for (topic, groups) in &unseen_now.topics {
            // A topic for which the metadata has an error is recorded as a failure in `log_offsets`, so it is not recorded here.
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

/// Returns `true` if the code means that there is no such topic.
pub(super) fn is_absent(code: ErrorCode) -> bool {
    code.reason() == Reason::UnknownTopicOrPartition || code == ErrorCode::INVALID_TOPIC_EXCEPTION
}
