//! The hold-off after a leadership that was given up.

use std::time::Duration;

use tokio::time::Instant;

/// The shortest hold-off, which is also the first.
const MIN_HOLD_OFF: Duration = Duration::from_secs(5);
/// The longest hold-off, at which doubling ends.
const MAX_HOLD_OFF: Duration = Duration::from_secs(60);
/// A leadership of at least this length makes the next hold-off the shortest again.
const STEADY_LEADERSHIP: Duration = Duration::from_secs(600);

/// The time for which a pod that gave the Lease up leaves it to others. Each hold-off is twice as long as the one before, up to
/// [`MAX_HOLD_OFF`], so that pods with broken consumers do not pass the Lease around.
#[derive(Debug, Default)]
pub(super) struct HoldOff {
    until: Option<Instant>,
    last: Duration,
}

// === impl HoldOff ===

impl HoldOff {
    /// Begins a hold-off at `now`, after a leadership of length `led`.
    pub(super) fn begin(&mut self, led: Duration, now: Instant) {
        self.last = if led >= STEADY_LEADERSHIP {
            MIN_HOLD_OFF
        } else {
            (self.last * 2).clamp(MIN_HOLD_OFF, MAX_HOLD_OFF)
        };
        self.until = Some(now + self.last);
    }

    /// Returns the end of the hold-off, if it is not over at `now`.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| now < *until)
    }
}
