//! How many lines the log gets about the source of leadership. Pure.
//!
//! Every change of what a source says is worth a line; a source that changes what it says with every answer is not worth five
//! lines a second. What is not told when it changes is told later, if it is still so.

use std::time::Duration;

use tokio::time::Instant;

/// From one line to the next in the long run.
const EVERY: Duration = Duration::from_secs(10);

/// Lines in a row.
const BURST: u32 = 12;

/// Lines that may still be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lines {
    /// When the next line would be due, had there been [`EVERY`] between them all.
    due: Instant,
}

// === impl Lines ===

impl Lines {
    /// All are left at `now`.
    pub(super) const fn new(now: Instant) -> Self {
        Self { due: now }
    }

    /// Whether a line may be written at `now`. It counts as written then.
    pub(super) fn take(&mut self, now: Instant) -> bool {
        let due = self.due.max(now);
        let left = due.duration_since(now) <= EVERY * (BURST - 1);
        if left {
            self.due = due + EVERY;
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
        let mut lines = Lines::new(start);
        let tenths =
            |from: u32, to: u32| (from..to).map(|tenth| start + tenth * Duration::from_millis(100));
        let mut written = |from, to| tenths(from, to).filter(|now| lines.take(*now)).count();
        assert_eq!(written(0, 100), 12);
        assert_eq!(written(100, 36_000), 359);
    }
}
