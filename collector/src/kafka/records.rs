//! Exact time lag: reads the oldest record that a group has not read, of all partitions at once.
//!
//! Nothing is fetched between calls: a partition left assigned would be read on to its end.

mod memory;
mod reader;
mod search;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, warn};

use self::memory::{Ends, Memory, Recalled};
use self::reader::{Reach, Reader};
use self::search::{Found, Search};
use super::native::Fence;
use super::properties::Properties;
use crate::snapshot::{Failure, Name, Offset, OldestUnread, Reason, TopicPartition};

pub(super) use self::reader::{Limits, properties};

/// How often it is said that a record is too large.
const REMINDER: Duration = Duration::from_secs(3600);

/// Positions whose record is wanted.
type Wanted = BTreeMap<TopicPartition, BTreeSet<Offset>>;

/// What is known of each.
type Answers = HashMap<(TopicPartition, Offset), OldestUnread>;

/// Dates the oldest unread records of one cluster.
pub(super) struct Records {
    properties: Properties,
    fence: Arc<Fence>,
    /// Made when first needed.
    reader: Option<Reader>,
    memory: Memory,
    /// When it was last said that a record is too large.
    warned: Option<Instant>,
}

/// What one call found.
pub(super) struct Dated {
    /// An answer for every pair that was wanted.
    pub(super) oldest_unread: Answers,
    /// Each failure once: per topic for rights, per partition for other answers, per call for lack of time.
    pub(super) failures: Vec<Failure>,
    /// Positions that were read from.
    pub(super) n_reads: u64,
}

// === impl Records ===

impl Records {
    /// Reads with a client of these properties, which must contain [`properties`], behind `fence`.
    pub(super) fn new(properties: Properties, fence: Arc<Fence>) -> Self {
        Self {
            properties,
            fence,
            reader: None,
            memory: Memory::default(),
            warned: None,
        }
    }

    /// Dates every pair of `wanted`, which stand below `ends`, within `limits`. `progress` is told offsets done and to do, of those that have to be read.
    /// Blocking.
    pub(super) fn date(
        &mut self,
        wanted: &Wanted,
        ends: &Ends<'_>,
        limits: &Limits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Dated {
        let Recalled { mut known, unread } = self.memory.recall(wanted, ends, Instant::now());
        if self.reader.as_ref().is_some_and(|it| it.hoards(wanted)) {
            self.reader = None;
        }
        let Found {
            answers,
            failures,
            denied,
            n_reads,
        } = self.read(unread, limits, progress);
        self.memory.deny(denied, Instant::now());
        self.memory.keep(&answers, ends);
        known.extend(answers);
        Dated {
            oldest_unread: known,
            failures,
            n_reads,
        }
    }

    /// Topics of which something is kept that `wanted` asks for: it will be told of whatever topic has that name now.
    pub(super) fn kept(&self, wanted: &Wanted) -> BTreeSet<Name> {
        self.memory.topics(wanted)
    }

    /// Forgets what was read of these topics.
    pub(super) fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.memory.forget(topics);
    }

    /// Serves the client between calls: logs, connection errors, token refresh.
    pub(super) fn idle(&self) {
        if let Some(reader) = &self.reader {
            reader.heed();
        }
    }

    fn read(
        &mut self,
        unread: Wanted,
        limits: &Limits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Found {
        let mut search = Search::of(unread);
        if search.is_over() {
            return search.end(Reason::Deadline);
        }
        let reader = self
            .reader
            .take()
            .map_or_else(|| Reader::open(&self.properties, &self.fence), Ok);
        let mut reader = match reader {
            Ok(reader) => reader,
            Err(error) => {
                warn!(%error, "Cannot make a client that reads records");
                return search.end(Reason::Other);
            }
        };
        let reach = reader.run(&mut search, limits, progress);
        match reach {
            Ok(Reach::Going) => self.reader = Some(reader),
            Ok(Reach::Stuck) => debug!("Records no longer arrive, giving up the client"),
            Ok(Reach::TooLarge) => self.warn(),
            Err(code) => debug!(code = code.0, "Cannot assign, giving up the client"),
        }
        search.end(match reach {
            Ok(Reach::Going | Reach::Stuck) => Reason::Deadline,
            Ok(Reach::TooLarge) => Reason::RecordTooLarge,
            Err(code) => code.reason(),
        })
    }

    /// Names the remedy, and again after a while.
    fn warn(&mut self) {
        let now = Instant::now();
        if self.warned.is_none_or(|at| now - at >= REMINDER) {
            self.warned = Some(now);
            warn!(
                property = reader::MAX_ANSWER,
                "A record is too large to be read for its timestamp; raise the property in clusters.consumer_properties"
            );
        }
    }
}
