//! Exact time lag: the timestamps of the oldest unread records, read from Kafka.
//!
//! The records of all partitions are read at once, by one client. Between calls no partition is assigned to the client, because
//! the client would read an assigned partition on to its end. Timestamps are cached as long as a group stands at their offset, so
//! only commits that have moved cost a read. Where the record may be gone, because its topic is compacted or its log was cut, it is
//! read again.

mod cache;
mod reader;
mod search;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use self::cache::{CacheLookup, Ends, TimestampCache};
use self::reader::ReadOutcome;
use self::search::{Search, SearchResult};
use super::native::{self, Fence};
use super::properties::Properties;
use crate::snapshot::{Failure, Name, Offset, OldestUnread, Reason, TopicPartition};

pub(super) use self::reader::{ReadLimits, RecordReader, properties};

/// The least time between two warnings that a record, or a batch, is too large.
const WARNING_INTERVAL: Duration = Duration::from_secs(3600);

/// The offsets whose records are wanted, by partition.
type Wanted = BTreeMap<TopicPartition, BTreeSet<Offset>>;

/// The answers by partition and wanted offset.
type TimestampAnswers = HashMap<(TopicPartition, Offset), OldestUnread>;

/// The timestamps of the oldest unread records of one cluster.
pub(super) struct RecordTimestamps {
    properties: Properties,
    fence: Arc<Fence>,
    /// The client; `None` before it is first needed, and after it was given up.
    reader: Option<RecordReader>,
    cache: TimestampCache,
    /// The time of the last warning that a record is too large.
    warned_at: Option<Instant>,
    /// The time of the last warning that a batch is too large.
    warned_of_batch_at: Option<Instant>,
}

/// The result of looking up timestamps once.
pub(super) struct TimestampLookup {
    /// An answer for every wanted offset.
    pub(super) oldest_unread: TimestampAnswers,
    /// Each failure once: one for each topic that may not be read, one for each partition with another error, and one for all
    /// offsets that have no answer at the end.
    pub(super) failures: Vec<Failure>,
    /// The number of positions at which fetching began, which are counted as `Fetch` requests.
    pub(super) n_reads: u64,
}

// === impl RecordTimestamps ===

impl RecordTimestamps {
    /// Starts with an empty cache and without a client. A client is made when it is first needed, behind `fence`, with the given
    /// properties, which must contain those that the function [`properties`] returns.
    pub(super) fn new(properties: Properties, fence: Arc<Fence>) -> Self {
        Self {
            properties,
            fence,
            reader: None,
            cache: TimestampCache::default(),
            warned_at: None,
            warned_of_batch_at: None,
        }
    }

    /// Looks up the timestamp of each record in `wanted`, in the cache or in Kafka, within `limits`. All wanted offsets are below
    /// the end of their log, which `ends` gives. `progress` is called with the number of offsets that have an answer, and the
    /// number of all offsets that have to be read. Blocks.
    pub(super) fn look_up(
        &mut self,
        wanted: &Wanted,
        ends: &Ends<'_>,
        limits: &ReadLimits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> TimestampLookup {
        let CacheLookup { mut known, unread } = self.cache.look_up(wanted, ends, Instant::now());
        // A client that does not read may be the one that holds many records: those that were on their way when it stopped.
        if self.reader.as_ref().is_some_and(|it| {
            native::much_is_held() || it.holds_unused_topics(wanted) || it.is_outdated_for(wanted)
        }) {
            self.reader = None;
        }
        let SearchResult {
            answers,
            failures,
            denied,
            too_large,
            n_reads,
        } = self.read(Search::of(unread, ends), limits, progress);
        if let Some((tp, offset)) = too_large.first() {
            self.warn_of_large_batch(tp, *offset);
        }
        self.cache.deny(denied, Instant::now());
        self.cache.refuse(too_large, ends, Instant::now());
        self.cache.keep(&answers, ends, Instant::now());
        known.extend(answers);
        TimestampLookup {
            oldest_unread: known,
            failures,
            n_reads,
        }
    }

    /// Drops cached answers whose records may be gone by now, a limited number of them because of compaction. `ends` gives the ends
    /// of logs, and `may_compact` returns `true` for a topic that is compacted or whose policy is unknown.
    pub(super) fn drop_doubtful(&mut self, ends: &Ends<'_>, may_compact: &dyn Fn(&Name) -> bool) {
        self.cache.drop_doubtful(ends, may_compact, Instant::now());
    }

    /// Returns the topics of the cached answers that `wanted` asks for. The ids of these topics must be read before the answers
    /// are used, because a topic of the same name may have other records.
    pub(super) fn cached_topics(&self, wanted: &Wanted) -> BTreeSet<Name> {
        self.cache.cached_topics(wanted)
    }

    /// Drops everything that is kept of these topics, which are gone, or are others of the same name by now. A client that has read
    /// one of them is replaced before it reads the new topic.
    pub(super) fn drop_topics(&mut self, topics: &BTreeSet<Name>) {
        self.forget(topics);
        if let Some(reader) = &mut self.reader {
            reader.mark_outdated(topics);
        }
    }

    /// Drops the cached answers of these topics, because they are or may be about other records.
    pub(super) fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.cache.forget(topics);
    }

    /// Puts `reader` in the place of the client. With `None`, one is made when it is next needed. Returns the replaced client.
    pub(super) fn replace_reader(&mut self, reader: Option<RecordReader>) -> Option<RecordReader> {
        std::mem::replace(&mut self.reader, reader)
    }

    /// Serves the client between calls: reads its logs and errors, and lets it refresh tokens.
    pub(super) fn serve_client(&self) {
        if let Some(reader) = &self.reader {
            reader.drain_notices();
        }
    }

    /// Reads the records that `search` wants. The client is given up if it is stuck, refuses an assignment, has met a record that is too
    /// large or keeps the memory of many records; then the next call makes a new client.
    fn read(
        &mut self,
        mut search: Search,
        limits: &ReadLimits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> SearchResult {
        if search.is_done() {
            return search.finish(Reason::Deadline);
        }
        let reader = self
            .reader
            .take()
            .map_or_else(|| RecordReader::open(&self.properties, &self.fence), Ok);
        let mut reader = match reader {
            Ok(reader) => reader,
            Err(error) => {
                warn!(%error, "Cannot make a client that reads records");
                return search.finish(Reason::Other);
            }
        };
        let outcome = reader.run(&mut search, limits, progress);
        match outcome {
            Ok(ReadOutcome::Responsive) => self.reader = Some(reader),
            Ok(ReadOutcome::Overfull) => debug!("Records were left behind, giving up the client"),
            Ok(ReadOutcome::Stuck) => debug!("Records no longer arrive, giving up the client"),
            Ok(ReadOutcome::RecordTooLarge) => self.warn_of_large_record(),
            Err(code) => debug!(code = code.0, "Cannot assign, giving up the client"),
        }
        search.finish(match outcome {
            Ok(ReadOutcome::Responsive | ReadOutcome::Overfull | ReadOutcome::Stuck) => {
                Reason::Deadline
            }
            Ok(ReadOutcome::RecordTooLarge) => Reason::RecordTooLarge,
            Err(code) => code.reason(),
        })
    }

    /// Warns that a record is too large, with the remedy, at most once an hour.
    fn warn_of_large_record(&mut self) {
        if is_due(&mut self.warned_at) {
            warn!(
                property = reader::MAX_ANSWER_PROPERTY,
                "A record is too large to be read for its timestamp; raise the property in clusters.consumer_properties"
            );
        }
    }

    /// Warns that a batch is too large, with the remedy, at most once an hour.
    fn warn_of_large_batch(&mut self, tp: &TopicPartition, offset: Offset) {
        if is_due(&mut self.warned_of_batch_at) {
            warn!(
                topic = %tp.topic,
                partition = tp.partition,
                offset = offset.to_wire(),
                "A batch becomes too large when it is decompressed, or cannot be; its producer must send smaller batches to have a \
                 time lag, or time lag be found with exporter.timestamp_sampling.mode = \"rate\""
            );
        }
    }
}

/// Returns `true`, and sets the time of the last warning, if that was long enough ago.
fn is_due(warned_at: &mut Option<Instant>) -> bool {
    let now = Instant::now();
    let due = warned_at.is_none_or(|at| now - at >= WARNING_INTERVAL);
    if due {
        *warned_at = Some(now);
    }
    due
}
