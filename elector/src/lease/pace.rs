//! How fast things are tried again.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use tokio::time::Instant;

/// Between two tries of what failed, but for the jitter.
const RETRY: Duration = Duration::from_millis(250);
/// Fresh starts that are free within [`WINDOW`].
const FREE: u32 = 4;
const WINDOW: Duration = Duration::from_secs(1);

/// Lets a few fresh starts through at once, then slows them to one per [`RETRY`].
#[derive(Debug, Default)]
pub(super) struct Pace {
    window: Option<Instant>,
    starts: u32,
}

// === impl Pace ===

impl Pace {
    /// How long to wait before the next fresh start.
    pub(super) fn start(&mut self, now: Instant) -> Duration {
        match self.window {
            Some(began) if now.duration_since(began) < WINDOW => self.starts += 1,
            _ => (self.window, self.starts) = (Some(now), 1),
        }
        if self.starts > FREE {
            retry()
        } else {
            Duration::ZERO
        }
    }
}

/// How long to wait after a failure: a little more or less each time, so that pods do not try in step.
pub(super) fn retry() -> Duration {
    RETRY + jitter(RETRY / 5)
}

/// How long to wait after `n` failures in a row, at most `most`.
pub(super) fn back_off(n: u32, most: Duration) -> Duration {
    let doubled = RETRY.saturating_mul(1 << n.min(10));
    doubled.min(most) + jitter(RETRY / 5)
}

fn jitter(most: Duration) -> Duration {
    // Each RandomState has keys of its own.
    let share = u32::try_from(RandomState::new().hash_one(()) % 1000).unwrap_or_default();
    most * share / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_fresh_starts_are_free_and_the_rest_is_slowed() {
        let mut pace = Pace::default();
        let now = Instant::now();
        let waits: Vec<_> = (0..6).map(|_| pace.start(now).is_zero()).collect();
        assert_eq!(waits, [true, true, true, true, false, false]);
        assert!(pace.start(now + WINDOW).is_zero());
    }

    #[test]
    fn failures_are_tried_again_later_and_later() {
        let most = Duration::from_secs(2);
        assert!(back_off(0, most) < RETRY * 2);
        assert!(back_off(2, most) >= RETRY * 4);
        assert!(back_off(99, most) < most + RETRY);
    }
}
