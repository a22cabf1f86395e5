//! The observation of the Lease: who may still be acting, by what this process has seen itself, on the monotonic clock.
//!
//! The times in a record come from the wall clock of its writer, so they are never compared with a clock here. A record counts
//! from the moment at which it was first seen by this process: its holder wrote it before that moment, and so stops acting at
//! the latest one lease duration after it. The observation keeps the last record, that moment, and the moment until which an
//! earlier holder may be acting; both ends have to pass before the Lease may be taken.

use std::time::Duration;

use tokio::time::Instant;

use super::record::{Candidate, Content, Record};
use crate::lease_status::Presence;

/// The time that is waited in addition to the duration of another holder, whose clock may run a little slower.
const SLACK: Duration = Duration::from_millis(200);

/// The Lease as a request or the watch has shown it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeenLease {
    /// The Lease does not exist. The version is that of the deletion, if it is known.
    Absent(Option<u64>),
    /// The Lease exists, with this record.
    Present(Record),
}

/// The relation of an event of the watch to the event before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Continuity {
    /// No change of the Lease can lie between the two events.
    Unbroken,
    /// Changes of the Lease may lie between the two events, because the watch began anew.
    Unknown,
}

/// Everything that has been seen of the Lease so far.
#[derive(Debug)]
pub struct Observation {
    candidate: Candidate,
    /// The state of the Lease that was seen last; `None` before the first.
    last: Option<LastSeen>,
    /// The current run of watch events without a holder. An event with a holder, or with a release, ends the run.
    holderless: Option<Holderless>,
}

/// An unbroken run of watch events, none of which had a holder. Nobody can have held the Lease in that time.
#[derive(Debug)]
struct Holderless {
    /// The arrival of the first event in the run.
    since: Instant,
    /// The version in the last event of the run.
    version: Option<u64>,
}

/// The state of the Lease that was seen last, and the times from which the end of its holder follows.
#[derive(Debug)]
struct LastSeen {
    /// The content of the Lease; `None` if the Lease does not exist.
    content: Option<Content>,
    version: Option<u64>,
    /// The latest moment at which this content was seen again.
    confirmed_at: Instant,
    /// The first moment at which this content was seen.
    first_seen_at: Instant,
    /// The moment from which an earlier holder cannot be acting any more.
    earlier_holder_until: Instant,
    /// The possible writer of this content, on which the end of the holder's claim depends.
    holder_wrote: HolderWrote,
}

/// The possible writer of a content. Only a write of the holder itself extends its claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum HolderWrote {
    /// The holder may have written the content.
    Maybe,
    /// Somebody else changed the record. The holder's claim is that of the earlier record, whose end is `earlier_holder_until`.
    No,
}

/// The state of the Lease from this process's point of view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ObservedLease {
    /// The Lease has not been seen yet.
    Unknown,
    /// This instance is the holder in the record. The record alone does not say that this instance has a claim.
    Ours,
    /// Another instance is the holder.
    Foreign {
        /// The identity of the holder.
        name: String,
        /// The identity of the holder, compared with this process's own.
        identity: HolderIdentity,
        /// The moment from which the holder cannot be acting any more.
        until: Instant,
    },
    /// The Lease has no holder, or does not exist, although nobody released it.
    Vanished {
        /// The moment from which the last holder cannot be acting any more.
        until: Instant,
    },
    /// The last holder released the Lease.
    Released,
}

/// The identity of another holder, compared with this process's own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HolderIdentity {
    /// The holder has this process's identity: two pods were given one identity.
    Same,
    /// The holder has another identity.
    Other,
}

/// The effect of an event or answer on the observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// The event or answer was older than the last state, and is ignored.
    Stale,
    /// The content is the one that was known; only the version may be another.
    Same,
    /// The content differs from the one that was known.
    New,
}

// === impl Observation ===

impl Observation {
    /// Returns an observation that has seen nothing yet.
    pub fn new(candidate: Candidate) -> Self {
        Self {
            candidate,
            last: None,
            holderless: None,
        }
    }

    /// Takes an event of the watch. An event whose version is not newer than the last state came late and is ignored.
    pub fn event(&mut self, seen: SeenLease, continuity: Continuity, now: Instant) -> Change {
        self.extend_holderless(&seen, continuity, now);
        let newer = match (self.version(), version(&seen)) {
            (Some(known), Some(version)) => version > known,
            // An absence without a version comes from a list or a read, which show the present.
            _ => true,
        };
        if newer {
            self.note(seen, now)
        } else {
            Change::Stale
        }
    }

    /// Takes the answer to a request that was sent at `sent`. An answer shows the present state, whatever its version:
    /// versions go back when etcd is restored from a backup. Only if something newer arrived after the request was sent is the
    /// answer ignored.
    pub fn answer(&mut self, seen: SeenLease, sent: Instant, now: Instant) -> Change {
        let overtaken = self.last.as_ref().is_some_and(|last| {
            last.confirmed_at >= sent
                && version(&seen).is_none_or(|version| last.version > Some(version))
        });
        if overtaken {
            Change::Stale
        } else {
            self.note(seen, now)
        }
    }

    fn extend_holderless(&mut self, seen: &SeenLease, continuity: Continuity, now: Instant) {
        let vanished = match seen {
            SeenLease::Absent(_) => true,
            SeenLease::Present(record) => record.content.is_vanished(),
        };
        let since = match (&self.holderless, continuity) {
            (Some(holderless), Continuity::Unbroken) => holderless.since,
            _ => now,
        };
        self.holderless = vanished.then_some(Holderless {
            since,
            version: version(seen),
        });
    }

    /// Returns the moment since which the Lease is known to have had no holder, given that `last` has none.
    fn vanished_since(&self, last: &LastSeen) -> Instant {
        match &self.holderless {
            Some(run) if last.version.is_some() && run.version == last.version => {
                run.since.min(last.first_seen_at)
            }
            _ => last.first_seen_at,
        }
    }

    fn note(&mut self, seen: SeenLease, now: Instant) -> Change {
        let version = version(&seen);
        let content = match seen {
            SeenLease::Absent(_) => None,
            SeenLease::Present(record) => Some(record.content),
        };
        if let Some(last) = &mut self.last
            && last.content == content
        {
            last.version = version.or(last.version);
            last.confirmed_at = now;
            return Change::Same;
        }
        let holder_wrote = self.holder_wrote(content.as_ref());
        let earlier_holder_until = match (self.lease(), &self.last) {
            // Somebody else edited the duration in the last record. An edited duration counts only as long as it is in the
            // record.
            (ObservedLease::Foreign { .. }, Some(last)) if last.holder_wrote == HolderWrote::No => {
                last.earlier_holder_until
            }
            (ObservedLease::Foreign { until, .. } | ObservedLease::Vanished { until }, _) => until,
            (ObservedLease::Unknown | ObservedLease::Ours | ObservedLease::Released, _) => now,
        };
        self.last = Some(LastSeen {
            content,
            version,
            confirmed_at: now,
            first_seen_at: now,
            earlier_holder_until,
            holder_wrote,
        });
        Change::New
    }

    /// Returns the possible writer of `content`, by comparison with the last content.
    fn holder_wrote(&self, content: Option<&Content>) -> HolderWrote {
        let before = self.last.as_ref().and_then(|last| last.content.as_ref());
        match (before, content) {
            (Some(before), Some(content)) if content.is_not_renewed_since(before) => {
                HolderWrote::No
            }
            _ => HolderWrote::Maybe,
        }
    }

    /// Returns the resourceVersion that was seen last.
    pub fn version(&self) -> Option<u64> {
        self.last.as_ref()?.version
    }

    /// Returns the existence of the Lease, as far as it has been seen.
    pub fn presence(&self) -> Presence {
        match &self.last {
            None => Presence::Unseen,
            Some(LastSeen { content: None, .. }) => Presence::Absent,
            Some(_) => Presence::Present,
        }
    }

    /// Returns the state of the Lease from this process's point of view.
    pub fn lease(&self) -> ObservedLease {
        let Some(last) = &self.last else {
            return ObservedLease::Unknown;
        };
        let own_duration = self.candidate.lease_duration;
        let vanished = ObservedLease::Vanished {
            until: last
                .earlier_holder_until
                .max(self.vanished_since(last) + own_duration),
        };
        let Some(content) = &last.content else {
            return vanished;
        };
        match &content.holder {
            None if content.is_released() => ObservedLease::Released,
            None => vanished,
            Some(_) if content.is_written_by(&self.candidate) => ObservedLease::Ours,
            Some(name) => {
                // A record may say a shorter duration than its holder uses, because somebody edited it.
                let duration = content
                    .duration
                    .map_or(own_duration, |duration| duration.max(own_duration));
                ObservedLease::Foreign {
                    name: name.clone(),
                    identity: if *name == self.candidate.identity {
                        HolderIdentity::Same
                    } else {
                        HolderIdentity::Other
                    },
                    until: last
                        .earlier_holder_until
                        .max(last.first_seen_at + duration + SLACK),
                }
            }
        }
    }
}

fn version(seen: &SeenLease) -> Option<u64> {
    match seen {
        SeenLease::Absent(version) => *version,
        SeenLease::Present(record) => Some(record.version),
    }
}
