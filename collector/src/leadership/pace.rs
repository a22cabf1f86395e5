//! When the source is asked again. Pure.
//!
//! A source that holds its answers sets the pace itself. One that answers at once is asked five times a second, but a few
//! answers in a row may come early without being waited for: that is how a change is told.

use std::time::Duration;

use tokio::time::Instant;

/// From one question to the next in the long run; also how long the source is asked to hold an answer.
pub const EVERY: Duration = Duration::from_millis(200);

/// Questions that may come early in a row.
const EARLY: u32 = 5;

/// Patience with the first answer: far more than a source needs that holds it for [`EVERY`] on the same machine, and a fraction
/// of a grant. On loopback only a source that stands still is late, and what stands still fails at once when it ends.
pub const PATIENCE: Duration = Duration::from_secs(1);

/// Patience with a source that keeps being late: it may be short of CPU, and an answer late is better than none.
const MOST_PATIENCE: Duration = Duration::from_secs(4);

/// When to ask, and how long to wait for the answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// When the next question would be due, had each taken [`EVERY`].
    due: Instant,
    patience: Duration,
}

// === impl Pace ===

impl Pace {
    /// The first question may be asked at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            due: now,
            patience: PATIENCE,
        }
    }

    /// When the next question may be asked, at the earliest.
    pub(super) fn next(&self, now: Instant) -> Instant {
        let credit = EVERY * (EARLY - 1);
        now + self.due.saturating_duration_since(now + credit)
    }

    /// A question is asked at `now`.
    pub(super) fn asked(&mut self, now: Instant) {
        self.due = self.due.max(now) + EVERY;
    }

    /// How long the answer is waited for.
    pub(super) const fn patience(&self) -> Duration {
        self.patience
    }

    /// The last answer did not come in time.
    pub(super) fn late(&mut self) {
        self.patience = (self.patience * 2).min(MOST_PATIENCE);
    }

    /// There was an answer, or the certainty that there is none.
    pub(super) const fn in_time(&mut self) {
        self.patience = PATIENCE;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Asks as often as allowed, each answer taking its time; the moments in milliseconds.
    fn ask(answers: impl IntoIterator<Item = Duration>) -> Vec<u128> {
        let start = Instant::now();
        let (mut now, mut pace) = (start, Pace::new(start));
        let mut asked = Vec::new();
        for takes in answers {
            now = pace.next(now);
            asked.push((now - start).as_millis());
            pace.asked(now);
            now += takes;
        }
        asked
    }

    #[test]
    fn a_few_early_answers_are_not_waited_for_and_then_it_is_five_a_second() {
        let at_once = [Duration::ZERO; 8];
        assert_eq!(ask(at_once), [0, 0, 0, 0, 0, 200, 400, 600]);
    }

    #[test]
    fn a_source_that_holds_its_answers_is_asked_again_without_a_pause() {
        let held = [EVERY; 4];
        assert_eq!(ask(held), [0, 200, 400, 600]);
    }

    #[test]
    fn patience_grows_with_a_late_source_and_is_back_with_its_answer() {
        let mut pace = Pace::new(Instant::now());
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(pace.patience().as_secs());
            pace.late();
        }
        pace.in_time();
        seen.push(pace.patience().as_secs());
        assert_eq!(seen, [1, 2, 4, 4, 1]);
    }

    proptest! {
        #[test]
        fn no_source_is_asked_more_often_than_the_pace(answers in prop::collection::vec(0_u64..500, 1..60)) {
            let asked = ask(answers.into_iter().map(Duration::from_millis));
            for (i, first) in asked.iter().enumerate() {
                for (n, last) in asked.iter().enumerate().skip(i) {
                    let most = (last - first) / EVERY.as_millis() + u128::from(EARLY);
                    prop_assert!((n - i) as u128 <= most, "{asked:?}");
                }
            }
        }
    }
}
