//! Who may still act, by what this process has seen itself, on the monotonic clock.
//!
//! The wall clocks of others are never compared with anything: a record counts from the moment it was first seen here.

use std::time::Duration;

use tokio::time::Instant;

use super::record::{Candidate, Content, Record};
use crate::standing::Sight;

/// What is waited beyond a foreign holder's duration: it counts from before it sent, on a clock that may run a little slower.
const SLACK: Duration = Duration::from_millis(200);

/// What the Lease was seen to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    /// It is not there. The version is that of the deletion, where it is known.
    Absent(Option<u64>),
    /// It is there.
    Present(Record),
}

/// How a word of the watch follows the one before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Link {
    /// Nothing happened in between.
    Next,
    /// Nobody knows what happened in between.
    Anew,
}

/// What has been seen of the Lease so far.
#[derive(Debug)]
pub(crate) struct Observation {
    candidate: Candidate,
    last: Option<Sighting>,
    watched: Option<Watched>,
}

/// An unbroken chain of words of the watch, none of which had a holder. Nobody can have held the Lease in between.
#[derive(Debug)]
struct Watched {
    /// When the first of them arrived.
    since: Instant,
    /// The version in the last of them.
    version: Option<u64>,
}

#[derive(Debug)]
struct Sighting {
    /// `None` where the Lease is absent.
    content: Option<Content>,
    version: Option<u64>,
    /// When the last word of it arrived.
    arrived: Instant,
    /// When this content was first seen.
    since: Instant,
    /// An earlier holder may act until here.
    floor: Instant,
    /// What its holder claims by it.
    claims: Claims,
}

/// What a content says of the claim of its holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Claims {
    /// There may be a new one.
    Anew,
    /// It is the one before, which the floor covers: somebody else has changed the record.
    NoMore,
}

/// How the Lease stands for this process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Stand {
    /// It has not been seen yet.
    Unknown,
    /// This instance is the holder by name.
    Ours,
    /// Another one is the holder.
    Foreign {
        /// Its identity.
        name: String,
        /// Whether it calls itself as this process does.
        twin: Twin,
        /// The moment from which it cannot act any more.
        until: Instant,
    },
    /// There is no holder, or no Lease, and nobody said goodbye.
    Vanished {
        /// The moment from which whoever it was cannot act any more.
        until: Instant,
    },
    /// The last holder gave it back.
    Released,
}

/// Whether another holder has this process's identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Twin {
    /// It has.
    SameIdentity,
    /// It has not.
    OtherIdentity,
}

/// What a sighting changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    /// It was older than what is known.
    Stale,
    /// It is what was known.
    Same,
    /// It is new.
    New,
}

// === impl Observation ===

impl Observation {
    /// Nothing seen yet.
    pub(crate) fn new(candidate: Candidate) -> Self {
        Self {
            candidate,
            last: None,
            watched: None,
        }
    }

    /// Notes what the watch brought. Events may come late, so one that is not newer than what is known says nothing.
    pub(crate) fn event(&mut self, seen: Seen, link: Link, now: Instant) -> Change {
        self.follow(&seen, link, now);
        let newer = match (self.version(), version(&seen)) {
            (Some(known), Some(version)) => version > known,
            // An absence without a version is that of a list or of a read.
            _ => true,
        };
        if newer {
            self.note(seen, now)
        } else {
            Change::Stale
        }
    }

    /// Notes the answer to a request sent at `sent`. It is the present state, whatever its version (they go back where etcd was
    /// restored from a backup), unless something newer arrived while it was under way.
    pub(crate) fn answer(&mut self, seen: Seen, sent: Instant, now: Instant) -> Change {
        let overtaken = self.last.as_ref().is_some_and(|last| {
            last.arrived >= sent
                && version(&seen).is_none_or(|version| last.version > Some(version))
        });
        if overtaken {
            Change::Stale
        } else {
            self.note(seen, now)
        }
    }

    fn follow(&mut self, seen: &Seen, link: Link, now: Instant) {
        let vanished = match seen {
            Seen::Absent(_) => true,
            Seen::Present(record) => record.content.is_vanished(),
        };
        let since = match (&self.watched, link) {
            (Some(watched), Link::Next) => watched.since,
            _ => now,
        };
        self.watched = vanished.then_some(Watched {
            since,
            version: version(seen),
        });
    }

    /// Since when the holder is known to have vanished, as of `last`.
    fn vanished_since(&self, last: &Sighting) -> Instant {
        match &self.watched {
            Some(watched) if last.version.is_some() && watched.version == last.version => {
                watched.since.min(last.since)
            }
            _ => last.since,
        }
    }

    fn note(&mut self, seen: Seen, now: Instant) -> Change {
        let version = version(&seen);
        let content = match seen {
            Seen::Absent(_) => None,
            Seen::Present(record) => Some(record.content),
        };
        if let Some(last) = &mut self.last
            && last.content == content
        {
            last.version = version.or(last.version);
            last.arrived = now;
            return Change::Same;
        }
        let claims = self.claims(content.as_ref());
        let floor = match (self.stand(), &self.last) {
            // A duration that the holder did not write is waited for as long as it stands there, and not beyond.
            (Stand::Foreign { .. }, Some(last)) if last.claims == Claims::NoMore => last.floor,
            (Stand::Foreign { until, .. } | Stand::Vanished { until }, _) => until,
            (Stand::Unknown | Stand::Ours | Stand::Released, _) => now,
        };
        self.last = Some(Sighting {
            content,
            version,
            arrived: now,
            since: now,
            floor,
            claims,
        });
        Change::New
    }

    /// What the holder in `content` claims beyond what it did before.
    fn claims(&self, content: Option<&Content>) -> Claims {
        let before = self.last.as_ref().and_then(|last| last.content.as_ref());
        match (before, content) {
            (Some(before), Some(content)) if content.claims_no_more_than(before) => Claims::NoMore,
            _ => Claims::Anew,
        }
    }

    /// The version last seen.
    pub(crate) fn version(&self) -> Option<u64> {
        self.last.as_ref()?.version
    }

    /// Whether the Lease is there.
    pub(crate) fn sight(&self) -> Sight {
        match &self.last {
            None => Sight::Never,
            Some(Sighting { content: None, .. }) => Sight::Absent,
            Some(_) => Sight::Present,
        }
    }

    /// How the Lease stands.
    pub(crate) fn stand(&self) -> Stand {
        let Some(last) = &self.last else {
            return Stand::Unknown;
        };
        let ours = self.candidate.lease_duration;
        let vanished = Stand::Vanished {
            until: last.floor.max(self.vanished_since(last) + ours),
        };
        let Some(content) = &last.content else {
            return vanished;
        };
        match &content.holder {
            None if content.is_released() => Stand::Released,
            None => vanished,
            Some(_) if content.is_of(&self.candidate) => Stand::Ours,
            Some(name) => Stand::Foreign {
                name: name.clone(),
                twin: if *name == self.candidate.identity {
                    Twin::SameIdentity
                } else {
                    Twin::OtherIdentity
                },
                until: last.floor.max(
                    last.since + content.duration.map_or(ours, |theirs| theirs.max(ours)) + SLACK,
                ),
            },
        }
    }
}

fn version(seen: &Seen) -> Option<u64> {
    match seen {
        Seen::Absent(version) => *version,
        Seen::Present(record) => Some(record.version),
    }
}
