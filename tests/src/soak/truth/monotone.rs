//! A value that only grows, as far as it is known: attempts to raise it, and confirmations.

use super::Window;

/// A number that only grows, such as the end of a log.
#[derive(Debug, Default)]
pub(in crate::soak) struct Monotone {
    /// The times of attempts, and the highest value that was attempted by then.
    attempted: Vec<(u64, u64)>,
    /// The times of confirmations, and the highest value that was confirmed by then.
    confirmed: Vec<(u64, u64)>,
}

/// The least and the greatest value that can have been read within a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::soak) struct Bounds {
    pub(in crate::soak) least: u64,
    pub(in crate::soak) most: u64,
}

// === impl Monotone ===

impl Monotone {
    pub(in crate::soak) fn attempt(&mut self, at: u64, value: u64) {
        push(&mut self.attempted, at, value);
    }

    pub(in crate::soak) fn confirm(&mut self, at: u64, value: u64) {
        push(&mut self.confirmed, at, value);
    }

    /// Returns the bounds of what was read within the window; the value was 0 before the first attempt.
    pub(in crate::soak) fn bounds(&self, (from, to): Window) -> Bounds {
        Bounds {
            least: last(&self.confirmed, from).unwrap_or(0),
            most: last(&self.attempted, to).unwrap_or(0),
        }
    }

    /// Returns the time of the first confirmation.
    pub(in crate::soak) fn confirmed_at(&self) -> Option<u64> {
        self.confirmed.first().map(|(at, _)| *at)
    }
}

/// Appends a value. One that raises nothing changes no answer, and is left out.
fn push(values: &mut Vec<(u64, u64)>, at: u64, value: u64) {
    if values.last().is_none_or(|(_, before)| *before < value) {
        values.push((at, value));
    }
}

fn last(values: &[(u64, u64)], until: u64) -> Option<u64> {
    let after = values.partition_point(|(at, _)| *at <= until);
    Some(values[after.checked_sub(1)?].1)
}

// === impl Bounds ===

impl Bounds {
    pub(in crate::soak) fn contain(self, value: f64) -> bool {
        value >= number(self.least) && value <= number(self.most)
    }
}

#[expect(clippy::cast_precision_loss, reason = "offsets are far below 2^52")]
pub(in crate::soak) fn number(n: u64) -> f64 {
    n as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_lies_between_what_was_confirmed_before_and_what_was_attempted_since() {
        let mut end = Monotone::default();
        end.attempt(100, 10);
        end.confirm(130, 10);
        end.attempt(200, 25);
        let bounds = |window| {
            let Bounds { least, most } = end.bounds(window);
            (least, most)
        };
        assert_eq!(bounds((50, 90)), (0, 0));
        assert_eq!(bounds((110, 120)), (0, 10));
        assert_eq!(bounds((140, 150)), (10, 10));
        assert_eq!(bounds((140, 200)), (10, 25));
        assert!(end.bounds((140, 200)).contain(25.0));
        assert!(!end.bounds((140, 150)).contain(11.0));
    }

    #[test]
    fn an_attempt_that_failed_leaves_its_doubt_until_a_higher_one() {
        let mut commit = Monotone::default();
        commit.attempt(100, 50);
        commit.attempt(200, 40);
        commit.confirm(210, 40);
        let Bounds { least, most } = commit.bounds((220, 230));
        assert_eq!((least, most), (40, 50));
    }
}
