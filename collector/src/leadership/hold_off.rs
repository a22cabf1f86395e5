//! How long the gate stays closed after it has been opened and closed too often. Pure.
//!
//! Every opening makes Kafka clients, and every closing ends them. A source that gives leadership and takes it back all the time
//! would have them made anew several times a second. A leadership that changes hands now and then is never held up, and no
//! closing ever is.

use std::time::Duration;

use tokio::time::Instant;

/// An opening that lasted for less is brief. Longer than [`LONGEST`], so that having waited does not count as steadiness.
const STEADY: Duration = Duration::from_secs(120);

/// Brief openings in a row that nothing follows from: more than a restarted elector, a rollout and a lost node make together.
const FREE: u32 = 5;

/// How long the gate stays closed after one brief opening more. It doubles with each.
const FIRST: Duration = Duration::from_secs(1);

/// The longest that it stays closed.
const LONGEST: Duration = Duration::from_secs(60);

/// What is remembered of the openings.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct HoldOff {
    /// Brief openings in a row.
    n_brief: u32,
    opened_at: Option<Instant>,
    closed_at: Option<Instant>,
    told: bool,
}

/// Why the gate may not open yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    /// For how long it is not to be opened from now on.
    pub(super) left: Duration,
    /// How long it stays closed in all.
    pub(super) whole: Duration,
    /// How many brief openings it is for.
    pub(super) n_brief: u32,
}

// === impl HoldOff ===

impl HoldOff {
    /// Why the gate may not open at `now`, if it may not.
    pub(super) fn held(&mut self, now: Instant) -> Option<Held> {
        let closed_at = self.closed_at?;
        let closed_for = now.saturating_duration_since(closed_at);
        if closed_for >= STEADY {
            self.forget();
        }
        let whole = self.whole();
        let left = whole.saturating_sub(closed_for);
        let n_brief = self.n_brief;
        (!left.is_zero()).then_some(Held {
            left,
            whole,
            n_brief,
        })
    }

    /// The gate opens at `now`.
    pub(super) const fn opened(&mut self, now: Instant) {
        self.opened_at = Some(now);
    }

    /// The gate closes at `now`.
    pub(super) fn closed(&mut self, now: Instant) {
        let Some(opened_at) = self.opened_at.take() else {
            return;
        };
        self.closed_at = Some(now);
        if now.saturating_duration_since(opened_at) < STEADY {
            self.n_brief = self.n_brief.saturating_add(1);
        } else {
            self.forget();
        }
    }

    /// Whether this is the first time since leadership was last steady that somebody could be told.
    pub(super) const fn is_news(&mut self) -> bool {
        let news = !self.told;
        self.told = true;
        news
    }

    const fn forget(&mut self) {
        self.n_brief = 0;
        self.told = false;
    }

    fn whole(&self) -> Duration {
        match self.n_brief.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(doublings) => {
                let factor = 2_u32.saturating_pow(doublings);
                FIRST.saturating_mul(factor).min(LONGEST)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Opens as soon as it may, each opening lasting as long as said; the seconds that each was held up.
    fn waits(lasting: impl IntoIterator<Item = Duration>) -> Vec<u64> {
        let (mut now, mut hold_off) = (Instant::now(), HoldOff::default());
        let mut waits = Vec::new();
        for lasts in lasting {
            let wait = hold_off.held(now).map_or(Duration::ZERO, |held| held.left);
            waits.push(wait.as_secs());
            now += wait;
            assert_eq!(hold_off.held(now), None);
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
    fn a_steady_opening_is_the_end_of_it() {
        let mut lasting = [Duration::from_secs(1); 10];
        lasting[7] = STEADY;
        assert_eq!(waits(lasting), [0, 0, 0, 0, 0, 0, 1, 2, 0, 0]);
    }

    #[test]
    fn so_is_a_steady_no() {
        let (mut now, mut hold_off) = (Instant::now(), HoldOff::default());
        for _ in 0..9 {
            hold_off.opened(now);
            hold_off.closed(now);
        }
        now += Duration::from_secs(7);
        let seconds = |held: Option<Held>| held.map(|held| held.left.as_secs());
        assert_eq!(seconds(hold_off.held(now)), Some(1));
        assert!(hold_off.is_news() && !hold_off.is_news());
        now += STEADY;
        assert_eq!(hold_off.held(now), None);
        hold_off.opened(now);
        hold_off.closed(now);
        assert_eq!(hold_off.held(now), None);
        assert!(hold_off.is_news());
    }

    proptest! {
        #[test]
        fn clients_are_made_at_most_once_a_minute_in_the_long_run(brief in 1_u64..1_000) {
            let n = 200;
            let waits = waits((0..n).map(|_| Duration::from_millis(brief)));
            let seconds: u64 = waits.iter().sum();
            prop_assert!(seconds >= (n - 12) * LONGEST.as_secs(), "{} s for {} openings", seconds, n);
        }
    }
}
