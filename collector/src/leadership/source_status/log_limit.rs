//! A limit on the log lines about the source of leadership. Pure.
//!
//! Every change of what the source says is worth a line, but a source that changes its answer at every poll must not cause five
//! lines a second. A change that is not logged when it happens is logged later if it still holds then.

use std::time::Duration;

use tokio::time::Instant;

/// The interval between lines in the long run.
const INTERVAL: Duration = Duration::from_secs(10);

/// The number of lines in a row that may be written without the interval between them.
const BURST: u32 = 12;

/// The limit: a token bucket, kept as the instant at which the next line is due.
#[derive(Clone, Copy, Debug)]
pub(super) struct LogLimit {
    /// The instant at which the next line would be due if there had been [`INTERVAL`] between all of them.
    due: Instant,
}

// === impl LogLimit ===

impl LogLimit {
    /// Returns a limit by which no line has been written at `now`.
    pub(super) const fn new(now: Instant) -> Self {
        Self { due: now }
    }

    /// Returns `true` if a line may be written at `now`, and counts the line as written.
    pub(super) fn allow(&mut self, now: Instant) -> bool {
        let due = self.due.max(now);
        let left = due.duration_since(now) <= INTERVAL * (BURST - 1);
        if left {
            self.due = due + INTERVAL;
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_hour_of_changes_is_a_burst_of_lines_and_then_one_every_ten_seconds() {
        let start = Instant::now();
        let mut log_limit = LogLimit::new(start);
        let tenths =
            |from: u32, to: u32| (from..to).map(|tenth| start + tenth * Duration::from_millis(100));
        let mut written = |from, to| tenths(from, to).filter(|now| log_limit.allow(*now)).count();
        assert_eq!(written(0, 100), 12);
        assert_eq!(written(100, 36_000), 359);
    }
}
