//! The last step of a collection: the ages of the oldest unread records.
//!
//! Both sources of timestamps keep state from one collection to the next: the cache of record timestamps, and the history of high
//! watermarks. Before kept state is used, the ids of its topics are read again. State of a topic that was deleted and created
//! again is dropped, as it belongs to other records.

use std::collections::BTreeSet;
use std::time::Duration;

use shared::config::{LostPartitions, TimeLagMode};
use tokio::time::Instant;

use super::{Session, TimestampSource};
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::metadata::Metadata;
use crate::kafka::records::ReadLimits;
use crate::kafka::topic_ids::Verification;
use crate::progress::Step;
use crate::snapshot::{
    Api, Compaction, Name, OldestUnread, Reason, Snapshot, TopicPartition, Unknown,
};

impl Session {
    /// Reads the ids of the topics in `metadata`, as far as that is due, and drops the state that is kept of topics whose id has
    /// changed.
    pub(super) fn refresh_topic_ids(
        &mut self,
        metadata: &Metadata,
        context: &mut CollectionContext<'_>,
    ) {
        let verification = self.topic_ids.refresh(&self.client, metadata, context);
        self.forget_topics(&verification.changed);
    }

    /// Looks up the timestamps of the oldest unread records of `snapshot`.
    pub(super) fn look_up_timestamps(
        &mut self,
        metadata: &mut Metadata,
        snapshot: &mut Snapshot,
        context: &mut CollectionContext<'_>,
    ) {
        match self.exporter.time_lag {
            TimeLagMode::Off => {}
            TimeLagMode::Message { timeout, lost, .. } => {
                self.read_records(metadata, snapshot, (timeout, lost), context);
            }
            TimeLagMode::Rate { .. } => self.interpolate(metadata, snapshot, context),
        }
    }

    fn read_records(
        &mut self,
        metadata: &mut Metadata,
        snapshot: &mut Snapshot,
        (timeout, lost): (Duration, LostPartitions),
        context: &mut CollectionContext<'_>,
    ) {
        let wanted = snapshot.oldest_unread_offsets(lost);
        let TimestampSource::Records(records) = &mut self.timestamps else {
            return;
        };
        let ends = |tp: &TopicPartition| {
            let topic = snapshot.topics.get(&tp.topic)?;
            topic.partitions.get(&tp.partition)?.log()?.end().ok()
        };
        let may_compact = |topic: &Name| {
            let topic = snapshot.topics.get(topic);
            topic.is_none_or(|topic| topic.compaction != Ok(Compaction::Deleted))
        };
        records.drop_doubtful(&ends, &may_compact);
        let kept = records.cached_topics(&wanted);
        let Verification { unanswered, .. } = self.verify_topic_ids(metadata, &kept, context);
        let is_unproven = |topic: &Name| unanswered.contains(topic) || !self.topic_ids.has(topic);
        let unproven: BTreeSet<Name> = kept.into_iter().filter(is_unproven).collect();
        let TimestampSource::Records(records) = &mut self.timestamps else {
            return;
        };
        // Cached timestamps of a topic whose id was not confirmed may belong to an earlier topic, so they are read again.
        records.forget(&unproven);
        let deadline = context.deadline().min(Instant::now() + timeout);
        let limits = ReadLimits {
            deadline,
            is_abandoned: &|| context.is_abandoned(),
        };
        let mut report = |done, total| {
            context.report_progress(|progress| progress.step = Step::Timestamps { done, total });
        };
        let looked_up = records.look_up(&wanted, &ends, &limits, &mut report);
        snapshot.oldest_unread = looked_up.oldest_unread;
        context.failures.extend(looked_up.failures);
        *context.requests.entry(Api::Fetch).or_default() += looked_up.n_reads;
    }

    fn interpolate(
        &mut self,
        metadata: &mut Metadata,
        snapshot: &mut Snapshot,
        context: &mut CollectionContext<'_>,
    ) {
        let TimestampSource::History(history) = &mut self.timestamps else {
            return;
        };
        history.observe(snapshot, snapshot.read_at_ms);
        let wanted = snapshot.oldest_unread_offsets(LostPartitions::Read);
        let topics = wanted.keys().map(|tp| Name::clone(&tp.topic)).collect();
        let Verification { unanswered, .. } = self.verify_topic_ids(metadata, &topics, context);
        let TimestampSource::History(history) = &self.timestamps else {
            return;
        };
        snapshot.oldest_unread = history.oldest_unread(&wanted);
        // The history of a topic whose id was not confirmed may belong to an earlier topic, so it is not used now. It is kept for
        // the next collection.
        let unknown = OldestUnread::Unknown(Unknown::new(Api::Metadata, Reason::NotAsked));
        for ((tp, _), answer) in &mut snapshot.oldest_unread {
            if unanswered.contains(&tp.topic) {
                *answer = unknown;
            }
        }
    }

    /// Reads the ids of `topics` again, and drops the state that is kept of topics whose id has changed. A change makes a refresh
    /// of the metadata due.
    fn verify_topic_ids(
        &mut self,
        metadata: &mut Metadata,
        topics: &BTreeSet<Name>,
        context: &mut CollectionContext<'_>,
    ) -> Verification {
        let verification = self
            .topic_ids
            .verify(&self.client, metadata, topics, context);
        self.forget_topics(&verification.changed);
        if !verification.changed.is_empty() {
            metadata.mark_outdated();
        }
        verification
    }

    /// Drops all state that is kept of these topics.
    fn forget_topics(&mut self, topics: &BTreeSet<Name>) {
        if topics.is_empty() {
            return;
        }
        self.cleanup_policies.forget(topics);
        match &mut self.timestamps {
            TimestampSource::Off => {}
            TimestampSource::Records(records) => records.drop_topics(topics),
            TimestampSource::History(history) => history.forget(topics),
        }
    }
}
