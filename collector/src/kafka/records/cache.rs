//! The cache of answers about records, which are kept from one collection to the next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::{TimestampAnswers, Wanted};
use crate::snapshot::{Api, Name, Offset, OldestUnread, Reason, TopicPartition, Unknown};

/// The time for which a topic that may not be read, or a batch that is too large, is not tried again.
const DENIAL_TTL: Duration = Duration::from_secs(600);

/// The time after which a record is read again that compaction may have removed since.
const COMPACTED_TTL: Duration = Duration::from_secs(300);

/// The largest number of records that are read again in one collection because of their age in the cache.
const MAX_AGED: usize = 200;

/// Timestamps that were read, and topics and batches that are not to be read.
#[derive(Debug, Default)]
pub(super) struct TimestampCache {
    /// Answers from records: their timestamp, or that they have none. Each is kept as long as a group stands at its offset and the
    /// record is still there, as far as that can be seen.
    timestamps: HashMap<(TopicPartition, Offset), CachedAnswer>,
    /// Offsets after which nothing could be read, as there are only control records or all records are compacted away, with the
    /// end of the log at that time. Reading again is useless until the log has grown beyond that end.
    nothing_readable: HashMap<(TopicPartition, Offset), Offset>,
    /// Topics that may not be read, and the time at which to try again.
    denied: HashMap<Name, Instant>,
    /// Offsets whose batch is too large.
    too_large: HashMap<(TopicPartition, Offset), LargeBatch>,
}

/// An answer from a record.
#[derive(Clone, Copy, Debug)]
struct CachedAnswer {
    answer: OldestUnread,
    read_at: Instant,
    /// The end of the log when the record was read; `None` if it was unknown. An end that is lower later has taken the record, or
    /// may have.
    end: Option<Offset>,
}

/// A batch that is too large.
#[derive(Clone, Copy, Debug)]
struct LargeBatch {
    /// The time at which to try again.
    again: Instant,
    /// The end of the log, as in an answer.
    end: Option<Offset>,
}

/// A function that returns the end of a partition's log as read in this collection, or `None` if the end is unknown.
pub(in crate::kafka) type Ends<'a> = dyn Fn(&TopicPartition) -> Option<Offset> + 'a;

/// The wanted offsets, divided into known and unknown ones.
#[derive(Debug, Default, PartialEq)]
pub(super) struct CacheLookup {
    /// The cached answers.
    pub(super) known: TimestampAnswers,
    /// The offsets whose records have to be read.
    pub(super) unread: Wanted,
}

// === impl TimestampCache ===

impl TimestampCache {
    /// Looks up every offset of `wanted`. Drops the answers for offsets that are no longer wanted.
    pub(super) fn look_up(
        &mut self,
        wanted: &Wanted,
        ends: &Ends<'_>,
        now: Instant,
    ) -> CacheLookup {
        self.denied.retain(|_, again| *again > now);
        let is_wanted = |(tp, offset): &(TopicPartition, Offset)| {
            wanted
                .get(tp)
                .is_some_and(|offsets| offsets.contains(offset))
        };
        self.timestamps.retain(|pair, _| is_wanted(pair));
        self.nothing_readable
            .retain(|pair, end| is_wanted(pair) && ends(&pair.0) == Some(*end));
        self.too_large
            .retain(|pair, batch| is_wanted(pair) && batch.again > now);
        let unknown = |reason| OldestUnread::Unknown(Unknown::new(Api::Fetch, reason));
        let (mut known, mut unread) = (TimestampAnswers::new(), BTreeMap::<_, BTreeSet<_>>::new());
        for (tp, offsets) in wanted {
            let denied = self.denied.contains_key(&tp.topic);
            for &offset in offsets {
                let pair = (tp.clone(), offset);
                if let Some(cached) = self.timestamps.get(&pair) {
                    known.insert(pair, cached.answer);
                } else if self.nothing_readable.contains_key(&pair) {
                    known.insert(pair, OldestUnread::NothingReadable);
                } else if self.too_large.contains_key(&pair) {
                    known.insert(pair, unknown(Reason::RecordTooLarge));
                } else if denied {
                    known.insert(pair, unknown(Reason::Authorization));
                } else {
                    unread.entry(tp.clone()).or_default().insert(offset);
                }
            }
        }
        CacheLookup { known, unread }
    }

    /// Drops the answers whose records may be gone: those in a log that has been cut since, and up to [`MAX_AGED`] of those in a
    /// topic for which `may_compact` returns `true` that are older than [`COMPACTED_TTL`], the oldest first.
    pub(super) fn drop_doubtful(
        &mut self,
        ends: &Ends<'_>,
        may_compact: &dyn Fn(&Name) -> bool,
        now: Instant,
    ) {
        let is_cut = |tp: &TopicPartition, then: Option<Offset>| {
            then.is_some_and(|then| ends(tp).is_some_and(|end| end < then))
        };
        self.timestamps
            .retain(|(tp, _), cached| !is_cut(tp, cached.end));
        self.too_large
            .retain(|(tp, _), batch| !is_cut(tp, batch.end));
        let aged = self.timestamps.iter().filter(|((tp, _), cached)| {
            now.duration_since(cached.read_at) >= COMPACTED_TTL && may_compact(&tp.topic)
        });
        let mut aged: Vec<_> = aged
            .map(|(pair, cached)| (cached.read_at, pair.clone()))
            .collect();
        aged.sort_unstable_by_key(|(read_at, _)| *read_at);
        for (_, pair) in aged.iter().take(MAX_AGED) {
            self.timestamps.remove(pair);
        }
    }

    /// Returns the topics of the cached answers that `wanted` asks for.
    pub(super) fn cached_topics(&self, wanted: &Wanted) -> BTreeSet<Name> {
        self.timestamps
            .keys()
            .chain(self.nothing_readable.keys())
            .chain(self.too_large.keys())
            .filter(|(tp, offset)| {
                wanted
                    .get(tp)
                    .is_some_and(|offsets| offsets.contains(offset))
            })
            .map(|(tp, _)| Name::clone(&tp.topic))
            .collect()
    }

    /// Drops the answers of these topics, whose names belong or may belong to other topics by now.
    pub(super) fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.timestamps
            .retain(|(tp, _), _| !topics.contains(&tp.topic));
        self.nothing_readable
            .retain(|(tp, _), _| !topics.contains(&tp.topic));
        self.too_large
            .retain(|(tp, _), _| !topics.contains(&tp.topic));
    }

    /// Keeps the answers that may be used again: timestamps, until no group stands at their offset any more, and that nothing can
    /// be read, until the log grows.
    pub(super) fn keep(&mut self, answers: &TimestampAnswers, ends: &Ends<'_>, now: Instant) {
        for (pair, answer) in answers {
            match (answer, ends(&pair.0)) {
                (OldestUnread::Written(_) | OldestUnread::NoTimestamp, end) => {
                    let cached = CachedAnswer {
                        answer: *answer,
                        read_at: now,
                        end,
                    };
                    self.timestamps.insert(pair.clone(), cached);
                }
                (OldestUnread::NothingReadable, Some(end)) => {
                    self.nothing_readable.insert(pair.clone(), end);
                }
                _ => {}
            }
        }
    }

    /// Remembers for [`DENIAL_TTL`] that these topics may not be read.
    pub(super) fn deny(&mut self, topics: Vec<Name>, now: Instant) {
        let again = now + DENIAL_TTL;
        self.denied
            .extend(topics.into_iter().map(|topic| (topic, again)));
    }

    /// Remembers for [`DENIAL_TTL`] that the batches at these offsets are too large.
    pub(super) fn refuse(
        &mut self,
        offsets: Vec<(TopicPartition, Offset)>,
        ends: &Ends<'_>,
        now: Instant,
    ) {
        let again = now + DENIAL_TTL;
        for pair in offsets {
            let end = ends(&pair.0);
            self.too_large.insert(pair, LargeBatch { again, end });
        }
    }
}
