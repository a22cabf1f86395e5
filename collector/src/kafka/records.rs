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

use tokio::time::Instant;
use tracing::{debug, warn};

use self::memory::{Ends, Memory, Recalled};
use self::reader::{Reach, Reader};
use self::search::{Found, Search};
use super::code::Code;
use super::native::Fence;
use super::properties::Properties;
use crate::snapshot::{Failure, Offset, OldestUnread, Reason, TopicPartition};

pub(super) use self::reader::{Limits, properties};

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
            Err(code) => debug!(code = code.0, "Cannot assign, giving up the client"),
        }
        search.end(reach.map_or_else(Code::reason, |_| Reason::Deadline))
    }
}
