//! What is known from one call to the next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::{Answers, Wanted};
use crate::snapshot::{Api, Name, Offset, OldestUnread, Reason, TopicPartition, Unknown};

/// How long a topic that may not be read is not asked for again.
const DENIAL_TTL: Duration = Duration::from_secs(600);

/// Timestamps that were read, and topics that may not be.
#[derive(Debug, Default)]
pub(super) struct TimestampCache {
    /// What a record says by the offset that it answers: when it was written, or that it does not say. An entry lives as long
    /// as a group stands there.
    timestamps: Answers,
    /// The end of the log up to which nothing could be read after an offset: control records, or all compacted away. While the
    /// log does not grow, reading again would wait for nothing.
    nothing_readable: HashMap<(TopicPartition, Offset), Offset>,
    /// Topics that may not be read, and when to ask again.
    denied: HashMap<Name, Instant>,
}

/// The end of what may be read of a partition in this collection, as the cluster's isolation has it.
pub(in crate::kafka) type Ends<'a> = dyn Fn(&TopicPartition) -> Option<Offset> + 'a;

/// A call's question, divided.
#[derive(Debug, Default, PartialEq)]
pub(super) struct CacheLookup {
    /// What needs no reading.
    pub(super) known: Answers,
    /// What does.
    pub(super) unread: Wanted,
}

// === impl TimestampCache ===

impl TimestampCache {
    /// Divides `wanted` into what is known and what is not. Forgets what is wanted no more.
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
        let denial = OldestUnread::Unknown(Unknown::new(Api::Fetch, Reason::Authorization));
        let (mut known, mut unread) = (Answers::new(), BTreeMap::<_, BTreeSet<_>>::new());
        for (tp, offsets) in wanted {
            let denied = self.denied.contains_key(&tp.topic);
            for &offset in offsets {
                let pair = (tp.clone(), offset);
                if let Some(&answer) = self.timestamps.get(&pair) {
                    known.insert(pair, answer);
                } else if self.nothing_readable.contains_key(&pair) {
                    known.insert(pair, OldestUnread::NothingReadable);
                } else if denied {
                    known.insert(pair, denial);
                } else {
                    unread.entry(tp.clone()).or_default().insert(offset);
                }
            }
        }
        CacheLookup { known, unread }
    }

    /// Topics of which something is known that `wanted` asks for.
    pub(super) fn cached_topics(&self, wanted: &Wanted) -> BTreeSet<Name> {
        self.timestamps
            .keys()
            .chain(self.nothing_readable.keys())
            .filter(|(tp, offset)| {
                wanted
                    .get(tp)
                    .is_some_and(|offsets| offsets.contains(offset))
            })
            .map(|(tp, _)| Name::clone(&tp.topic))
            .collect()
    }

    /// Forgets what was read of these topics: they are others by now, or may be.
    pub(super) fn forget(&mut self, topics: &BTreeSet<Name>) {
        self.timestamps
            .retain(|(tp, _), _| !topics.contains(&tp.topic));
        self.nothing_readable
            .retain(|(tp, _), _| !topics.contains(&tp.topic));
    }

    /// Remembers the answers that hold: timestamps for good, nothing readable until the log grows.
    pub(super) fn keep(&mut self, answers: &Answers, ends: &Ends<'_>) {
        for (pair, answer) in answers {
            match (answer, ends(&pair.0)) {
                (OldestUnread::Written(_) | OldestUnread::NoTimestamp, _) => {
                    self.timestamps.insert(pair.clone(), *answer);
                }
                (OldestUnread::NothingReadable, Some(end)) => {
                    self.nothing_readable.insert(pair.clone(), end);
                }
                _ => {}
            }
        }
    }

    /// Remembers that these topics may not be read.
    pub(super) fn deny(&mut self, topics: Vec<Name>, now: Instant) {
        let again = now + DENIAL_TTL;
        self.denied
            .extend(topics.into_iter().map(|topic| (topic, again)));
    }
}
