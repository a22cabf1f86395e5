//! Lines that say what is being measured, and how long the rest may take.

use std::time::Duration;

use tokio::time::Instant;

use super::cell::Cell;
use crate::lab;

/// The progress through the cells.
#[derive(Debug)]
pub(super) struct Progress {
    begun: Instant,
    n_cells: usize,
    n_done: usize,
    /// The most time that a cell is meant to take.
    budget: Duration,
}

/// A time as people say it.
fn words(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        ..=90 => format!("{seconds} s"),
        91..=5_400 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

// === impl Progress ===

impl Progress {
    pub(super) fn new(n_cells: usize, budget: Duration) -> Self {
        Self {
            begun: Instant::now(),
            n_cells,
            n_done: 0,
            budget,
        }
    }

    /// Says that a cell begins.
    pub(super) fn begin(&self, cell: Cell) {
        let (n, n_cells) = (self.n_done + 1, self.n_cells);
        let left = words(self.left());
        self.say(&format!(
            "cell {n} of {n_cells}: {cell}; at most about {left} left"
        ));
    }

    /// Says what happens within a cell.
    pub(super) fn step(&self, what: &str) {
        self.say(&format!("  {what}"));
    }

    /// Says that a cell has ended.
    pub(super) fn end(&mut self) {
        self.n_done += 1;
    }

    /// The time that the cells that are not done may take: as long as the others did on average, and nothing beyond the budget.
    fn left(&self) -> Duration {
        let n_left = u32::try_from(self.n_cells - self.n_done).unwrap_or(u32::MAX);
        let each = match u32::try_from(self.n_done) {
            Ok(n @ 1..) => self.budget.min(self.begun.elapsed() / n),
            _ => self.budget,
        };
        each * n_left
    }

    fn say(&self, line: &str) {
        let seconds = self.begun.elapsed().as_secs();
        lab::say(format_args!(
            "{:3}:{:02}  {line}",
            seconds / 60,
            seconds % 60
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_as_people_say_them() {
        let of = |seconds| words(Duration::from_secs(seconds));
        assert_eq!(
            [of(45), of(600), of(7_500)],
            ["45 s", "10 min", "2 h 5 min"]
        );
    }
}
