//! The delay before the gate opens again after it has been opened and closed too often. Pure.
//!
//! Each opening makes Kafka clients and each closing ends them. A source that gives and takes leadership all the time would cause
//! that several times a second. Leadership that changes hands now and then is never delayed, and closing is never delayed.

use std::time::Duration;

use tokio::time::Instant;

/// The duration from which on an opening is steady; a shorter opening is brief. A time of being closed counts as steady by the
/// same duration, which is longer than [`MAX_DELAY`], so that a delay is not taken for steadiness.
const STEADY: Duration = Duration::from_secs(120);

/// The number of brief openings in a row without consequence: more than a restarted elector, a rollout and a lost node cause
/// together.
const TOLERATED: u32 = 5;

/// The delay after one brief opening more than [`TOLERATED`]. The delay doubles with each further brief opening.
const FIRST_DELAY: Duration = Duration::from_secs(1);

/// The longest delay, whatever the number of brief openings.
const MAX_DELAY: Duration = Duration::from_secs(60);

/// The record of past openings. The gate writer reports each opening and closing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HoldOff {
    /// The number of brief openings in a row; reset by a steady opening, and by a steady time of being closed.
    n_brief: u32,
    opened_at: Option<Instant>,
    closed_at: Option<Instant>,
    warned: bool,
}

/// The delay that keeps the gate from being opened at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HoldOffDelay {
    /// The rest of the delay, from now on.
    pub(super) remaining: Duration,
    /// The whole delay, from the last closing.
    pub(super) total: Duration,
    /// The number of brief openings that caused the delay.
    pub(super) n_brief: u32,
}

// === impl HoldOff ===

impl HoldOff {
    /// Returns the delay if the gate must not open at `now`.
    pub(super) fn delay(&mut self, now: Instant) -> Option<HoldOffDelay> {
        let closed_at = self.closed_at?;
        let closed_for = now.saturating_duration_since(closed_at);
        if closed_for >= STEADY {
            self.reset();
        }
        let total = self.total();
        let remaining = total.saturating_sub(closed_for);
        let n_brief = self.n_brief;
        (!remaining.is_zero()).then_some(HoldOffDelay {
            remaining,
            total,
            n_brief,
        })
    }

    /// Records that the gate opens at `now`.
    pub(super) const fn opened(&mut self, now: Instant) {
        self.opened_at = Some(now);
    }

    /// Records that the gate closes at `now`.
    pub(super) fn closed(&mut self, now: Instant) {
        let Some(opened_at) = self.opened_at.take() else {
            return;
        };
        self.closed_at = Some(now);
        if now.saturating_duration_since(opened_at) < STEADY {
            self.n_brief = self.n_brief.saturating_add(1);
        } else {
            self.reset();
        }
    }

    /// Returns `true` at the first call since leadership was last steady, so that the log has one warning.
    pub(super) const fn is_first_warning(&mut self) -> bool {
        let news = !self.warned;
        self.warned = true;
        news
    }

    const fn reset(&mut self) {
        self.n_brief = 0;
        self.warned = false;
    }

    fn total(&self) -> Duration {
        match self.n_brief.checked_sub(TOLERATED + 1) {
            None => Duration::ZERO,
            Some(doublings) => {
                let factor = 2_u32.saturating_pow(doublings);
                FIRST_DELAY.saturating_mul(factor).min(MAX_DELAY)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Opens a gate as soon as that is allowed, once for each duration that an opening lasts. Returns the delay before each
    /// opening, in seconds.
    fn waits(lasting: impl IntoIterator<Item = Duration>) -> Vec<u64> {
        let (mut now, mut hold_off) = (Instant::now(), HoldOff::default());
        let mut waits = Vec::new();
        for lasts in lasting {
            let wait = hold_off
                .delay(now)
                .map_or(Duration::ZERO, |delay| delay.remaining);
            waits.push(wait.as_secs());
            now += wait;
            assert_eq!(hold_off.delay(now), None);
            hold_off.opened(now);
            now += lasts;
            hold_off.closed(now);
        }
        waits
    }

    #[test]
    fn after_five_brief_openings_the_wait_doubles_up_to_a_minute() {
        let brief = [Duration::from_millis(200); 15];
        assert_eq!(
            waits(brief),
            [0, 0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60, 60]
        );
    }

    #[test]
    fn a_steady_opening_resets_the_delay() {
        let mut lasting = [Duration::from_secs(1); 10];
        lasting[7] = STEADY;
        assert_eq!(waits(lasting), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn a_steady_time_of_being_closed_resets_the_delay() {
        let (mut now, mut hold_off) = (Instant::now(), HoldOff::default());
        for _ in 0..9 {
            hold_off.opened(now);
            hold_off.closed(now);
        }
        now += Duration::from_secs(7);
        let seconds = |delay: Option<HoldOffDelay>| delay.map(|delay| delay.remaining.as_secs());
        assert_eq!(seconds(hold_off.delay(now)), Some(1));
        assert!(hold_off.is_first_warning() && !hold_off.is_first_warning());
        now += STEADY;
        assert_eq!(hold_off.delay(now), None);
        hold_off.opened(now);
        hold_off.closed(now);
        assert_eq!(hold_off.delay(now), None);
        assert!(hold_off.is_first_warning());
    }

    proptest! {
        #[test]
        fn clients_are_made_at_most_once_a_minute_in_the_long_run(brief in 1_u64..1_000) {
            let n = 200;
            let waits = waits((0..n).map(|_| Duration::from_millis(brief)));
            let seconds: u64 = waits.iter().sum();
            prop_assert!(seconds >= (n - 12) * MAX_DELAY.as_secs(), "{} s for {} openings", seconds, n);
        }
    }
}
