//! Which way the machine is going: holding nothing, wanting the Lease, or giving it up.

use std::time::Duration;

use shared::config::ConsumerRequirement;
use shared::leadership::Reason;
use tokio::time::Instant;

use super::{LEFT_ALONE, Machine};

/// The first hold-off after giving up.
const SHORTEST: Duration = Duration::from_secs(5);
/// The longest.
const LONGEST: Duration = Duration::from_secs(60);
/// A leadership of this length makes the next hold-off the shortest again.
const STEADY: Duration = Duration::from_secs(600);

/// What the machine is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Course {
    /// Holds nothing and wants nothing, because of this.
    Rest(Reason),
    /// Wants the Lease.
    Campaign,
    /// Gives up because of this, as soon as nobody can be acting.
    Drain(Reason),
    /// The process is ending, and nobody can be acting.
    Over,
}

/// How long whoever gave the Lease up leaves it to others.
#[derive(Debug, Default)]
pub(super) struct HoldOff {
    until: Option<Instant>,
    last: Duration,
}

// === impl HoldOff ===

impl HoldOff {
    /// Begins a hold-off, after a leadership of this length.
    fn begin(&mut self, led: Duration, now: Instant) {
        self.last = if led >= STEADY {
            SHORTEST
        } else {
            (self.last * 2).clamp(SHORTEST, LONGEST)
        };
        self.until = Some(now + self.last);
    }

    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }
}

// === impl Machine ===

impl Machine {
    /// The Lease is given up, or was not held.
    pub(super) fn rest(&mut self, cause: Reason, now: Instant) {
        if cause == Reason::ShuttingDown {
            self.course = Course::Over;
            return;
        }
        if let Some(since) = self.led_since {
            self.hold_off.begin(now - since, now);
        }
        self.course = Course::Rest(cause);
    }

    pub(super) fn would_campaign(&self, now: Instant) -> bool {
        let nobody_wants_it = self
            .free_since
            .is_some_and(|since| since + LEFT_ALONE <= now);
        self.complaint(now).is_none()
            && self.holds_nothing(now)
            && (nobody_wants_it || self.hold_off.until(now).is_none())
    }

    /// What speaks against the consumer, where one is needed.
    pub(super) fn complaint(&self, now: Instant) -> Option<Reason> {
        match self.rules.consumer {
            ConsumerRequirement::Required => self.heart.complaint(now, &self.grants),
            ConsumerRequirement::NotRequired => None,
        }
    }

    /// Keeps the moment since which nobody has held the Lease.
    pub(super) fn watch_for_nobody(&mut self, now: Instant) {
        let nobody = self.holds_nothing(now) && self.rival(now).is_none();
        self.free_since = nobody.then(|| self.free_since.unwrap_or(now));
    }

    pub(super) const fn is_draining(&self) -> bool {
        matches!(self.course, Course::Drain(_))
    }

    /// The next moment at which time alone may change something, if there is one.
    pub fn due(&self, now: Instant) -> Option<Instant> {
        let moments = [
            self.claim(now).map(|claim| claim.until),
            self.rival(now).map(|rival| rival.until),
            self.grants.end(),
            self.heart.silent_at(&self.grants),
            self.hold_off.until(now),
            self.free_since.map(|since| since + LEFT_ALONE),
            Some(self.settled_at),
        ];
        moments
            .into_iter()
            .flatten()
            .filter(|moment| now < *moment)
            .min()
    }
}
