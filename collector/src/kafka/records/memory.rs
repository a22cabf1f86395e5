//! What is known from one call to the next.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::{Answers, Wanted};
use crate::snapshot::{Api, Name, Offset, OldestUnread, Reason, TopicPartition, Unknown};

/// How long a topic that may not be read is not asked for again.
const DENIAL: Duration = Duration::from_secs(600);

/// Timestamps that were read, and topics that may not be.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Timestamps by the offset that they answer. An entry lives as long as a group stands there.
    dated: HashMap<(TopicPartition, Offset), i64>,
    /// Topics that may not be read, and when to ask again.
    denied: HashMap<Name, Instant>,
}

/// A call's question, divided.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Recalled {
    /// What needs no reading.
    pub(super) known: Answers,
    /// What does.
    pub(super) unread: Wanted,
}

// === impl Memory ===

impl Memory {
    /// Divides `wanted` into what is known and what is not. Forgets what is wanted no more.
    pub(super) fn recall(&mut self, wanted: &Wanted, now: Instant) -> Recalled {
        self.denied.retain(|_, again| *again > now);
        self.dated.retain(|(tp, offset), _| {
            wanted
                .get(tp)
                .is_some_and(|offsets| offsets.contains(offset))
        });
        let denial = OldestUnread::Unknown(Unknown::new(Api::Fetch, Reason::Authorization));
        let (mut known, mut unread) = (Answers::new(), BTreeMap::<_, BTreeSet<_>>::new());
        for (tp, offsets) in wanted {
            let denied = self.denied.contains_key(&tp.topic);
            for &offset in offsets {
                let pair = (tp.clone(), offset);
                if let Some(&at) = self.dated.get(&pair) {
                    known.insert(pair, OldestUnread::Written(at));
                } else if denied {
                    known.insert(pair, denial);
                } else {
                    unread.entry(tp.clone()).or_default().insert(offset);
                }
            }
        }
        Recalled { known, unread }
    }

    /// Remembers the answers that hold for good. What is not readable may become readable, and a log start moves.
    pub(super) fn keep(&mut self, answers: &Answers) {
        for (pair, answer) in answers {
            if let OldestUnread::Written(at) = answer {
                self.dated.insert(pair.clone(), *at);
            }
        }
    }

    /// Remembers that these topics may not be read.
    pub(super) fn deny(&mut self, topics: Vec<Name>, now: Instant) {
        let again = now + DENIAL;
        self.denied
            .extend(topics.into_iter().map(|topic| (topic, again)));
    }
}
