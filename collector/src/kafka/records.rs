//! Exact time lag: reads the oldest record that a group has not read, of all partitions at once.
//!
//! Nothing is fetched between calls: a partition left assigned would be read on to its end.

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
use self::reader::{ReadOutcome, RecordReader};
use self::search::{Search, SearchResult};
use super::native::Fence;
use super::properties::Properties;
use crate::snapshot::{Failure, Name, Offset, OldestUnread, Reason, TopicPartition};

pub(super) use self::reader::{ReadLimits, properties};

/// How often it is said that a record is too large.
const WARNING_INTERVAL: Duration = Duration::from_secs(3600);

/// Positions whose record is wanted.
type Wanted = BTreeMap<TopicPartition, BTreeSet<Offset>>;

/// What is known of each.
type Answers = HashMap<(TopicPartition, Offset), OldestUnread>;

/// Dates the oldest unread records of one cluster.
pub(super) struct RecordTimestamps {
    properties: Properties,
    fence: Arc<Fence>,
    /// Made when first needed.
    reader: Option<RecordReader>,
    cache: TimestampCache,
    /// When it was last said that a record is too large.
    warned_at: Option<Instant>,
}

/// What one call found.
pub(super) struct TimestampLookup {
    /// An answer for every pair that was wanted.
    pub(super) oldest_unread: Answers,
    /// Each failure once: per topic for rights, per partition for other answers, per call for lack of time.
    pub(super) failures: Vec<Failure>,
    /// Positions that were read from.
    pub(super) n_reads: u64,
}

// === impl RecordTimestamps ===

impl RecordTimestamps {
    /// Reads with a client of these properties, which must contain [`properties`], behind `fence`.
    pub(super) fn new(properties: Properties, fence: Arc<Fence>) -> Self {
        Self {
            properties,
            fence,
            reader: None,
            cache: TimestampCache::default(),
            warned_at: None,
        }
    }

    /// Dates every pair of `wanted`, which stand below `ends`, within `limits`. `progress` is told offsets done and to do, of those that have to be read.
    /// Blocking.
    pub(super) fn look_up(
        &mut self,
        wanted: &Wanted,
        ends: &Ends<'_>,
        limits: &ReadLimits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> TimestampLookup {
        let CacheLookup { mut known, unread } = self.cache.look_up(wanted, ends, Instant::now());
        if self
            .reader
            .as_ref()
            .is_some_and(|it| it.holds_unused_topics(wanted))
        {
            self.reader = None;
        }
        let SearchResult {
            answers,
            failures,
            denied,
            n_reads,
        } = self.read(unread, limits, progress);
        self.cache.deny(denied, Instant::now());
        self.cache.keep(&answers, ends);
        known.extend(answers);
        TimestampLookup {
            oldest_unread: known,
            failures,
            n_reads,
        }
    }

    /// Topics of which something is kept that `wanted` asks for: it will be told of whatever topic has that name now.
    pub(super) fn cached_topics(&self, wanted: &Wanted) -> BTreeSet<Name> {
        self.cache.cached_topics(wanted)
    }

    /// Forgets what was read of these topics.
    pub(super) fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.cache.forget(topics);
    }

    /// Serves the client between calls: logs, connection errors, token refresh.
    pub(super) fn serve_client(&self) {
        if let Some(reader) = &self.reader {
            reader.drain_notices();
        }
    }

    fn read(
        &mut self,
        unread: Wanted,
        limits: &ReadLimits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> SearchResult {
        let mut search = Search::of(unread);
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
            Ok(ReadOutcome::Stuck) => debug!("Records no longer arrive, giving up the client"),
            Ok(ReadOutcome::RecordTooLarge) => self.warn_of_large_record(),
            Err(code) => debug!(code = code.0, "Cannot assign, giving up the client"),
        }
        search.finish(match outcome {
            Ok(ReadOutcome::Responsive | ReadOutcome::Stuck) => Reason::Deadline,
            Ok(ReadOutcome::RecordTooLarge) => Reason::RecordTooLarge,
            Err(code) => code.reason(),
        })
    }

    /// Names the remedy, and again after a while.
    fn warn_of_large_record(&mut self) {
        let now = Instant::now();
        if self.warned_at.is_none_or(|at| now - at >= WARNING_INTERVAL) {
            self.warned_at = Some(now);
            warn!(
                property = reader::MAX_ANSWER_PROPERTY,
                "A record is too large to be read for its timestamp; raise the property in clusters.consumer_properties"
            );
        }
    }
}
