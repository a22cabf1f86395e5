//! The times of the polls. Pure.
//!
//! A source that holds its answers determines the rate itself. A source that answers at once is polled five times a second; a few
//! polls in a row may come early, so that a change that is announced by an early answer is followed at once.

use std::time::Duration;

use tokio::time::Instant;

/// The interval between polls in the long run; also the time for which the source is asked to hold its answer (`wait_ms`).
pub const QUERY_INTERVAL: Duration = Duration::from_millis(200);

/// The number of polls in a row that may be sent without the interval between them.
const BURST: u32 = 5;

/// The timeout of the first poll. A source on the same machine that holds its answer for [`QUERY_INTERVAL`] needs a small part of
/// that time, which is also a fraction of a usual permission. On loopback only a stopped process is this late; a process that has
/// ended refuses connections at once.
pub const INITIAL_TIMEOUT: Duration = Duration::from_secs(1);

/// The longest timeout. A source that is late again and again may be short of CPU, and a late answer is better than none.
const MAX_TIMEOUT: Duration = Duration::from_secs(4);

/// The schedule of the polls: the time of the next poll, and its timeout.
#[derive(Clone, Copy, Debug)]
pub(super) struct PollSchedule {
    /// The instant at which the next poll would be due if each had taken [`QUERY_INTERVAL`].
    due: Instant,
    timeout: Duration,
}

// === impl PollSchedule ===

impl PollSchedule {
    /// Returns a schedule whose first poll may be sent at `now`.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            due: now,
            timeout: INITIAL_TIMEOUT,
        }
    }

    /// Returns the earliest instant for the next poll, which is `now` if a poll may be sent at once.
    pub(super) fn next(&self, now: Instant) -> Instant {
        let credit = QUERY_INTERVAL * (BURST - 1);
        now + self.due.saturating_duration_since(now + credit)
    }

    /// Records that a poll is sent at `now`.
    pub(super) fn record_query(&mut self, now: Instant) {
        self.due = self.due.max(now) + QUERY_INTERVAL;
    }

    /// Returns the timeout of the next poll.
    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Doubles the timeout after a poll that timed out.
    pub(super) fn lengthen_timeout(&mut self) {
        self.timeout = (self.timeout * 2).min(MAX_TIMEOUT);
    }

    /// Resets the timeout after an answer, or an error that came at once.
    pub(super) const fn reset_timeout(&mut self) {
        self.timeout = INITIAL_TIMEOUT;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Polls as often as the schedule allows, once for each duration that an answer takes. Returns the times of the polls, in
    /// milliseconds since the first.
    fn poll_times(answers: impl IntoIterator<Item = Duration>) -> Vec<u128> {
        let start = Instant::now();
        let (mut now, mut schedule) = (start, PollSchedule::new(start));
        let mut asked = Vec::new();
        for takes in answers {
            now = schedule.next(now);
            asked.push((now - start).as_millis());
            schedule.record_query(now);
            now += takes;
        }
        asked
    }

    #[test]
    fn a_few_polls_come_early_and_then_there_are_five_a_second() {
        let at_once = [Duration::ZERO; 8];
        assert_eq!(poll_times(at_once), [0, 0, 0, 0, 0, 200, 400, 600]);
    }

    #[test]
    fn a_source_that_holds_its_answers_is_polled_without_a_pause() {
        let held = [QUERY_INTERVAL; 4];
        assert_eq!(poll_times(held), [0, 200, 400, 600]);
    }

    #[test]
    fn the_timeout_grows_for_a_late_source_and_is_reset_by_an_answer() {
        let mut schedule = PollSchedule::new(Instant::now());
        let mut seen = Vec::new();
        for _ in 0..4 {
            seen.push(schedule.timeout().as_secs());
            schedule.lengthen_timeout();
        }
        schedule.reset_timeout();
        seen.push(schedule.timeout().as_secs());
        assert_eq!(seen, [1, 2, 4, 4, 1]);
    }

    proptest! {
        #[test]
        fn no_source_is_polled_more_often_than_the_schedule_allows(answers in prop::collection::vec(0_u64..500, 1..60)) {
            let asked = poll_times(answers.into_iter().map(Duration::from_millis));
            for (i, first) in asked.iter().enumerate() {
                for (n, last) in asked.iter().enumerate().skip(i) {
                    let most = (last - first) / QUERY_INTERVAL.as_millis() + u128::from(BURST);
                    prop_assert!((n - i) as u128 <= most, "{asked:?}");
                }
            }
        }
    }
}
