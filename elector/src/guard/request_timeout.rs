//! The time that one request to the API server is given.

use std::time::Duration;

/// The time that a request is given at first, and at least after a success. Where the Lease leaves less time for a renewal,
/// requests are given less.
const MIN: Duration = Duration::from_millis(1500);

/// The time that one request is given. The time grows after each request that was given up, so that the Lease is kept even
/// where the API server is slow.
#[derive(Debug)]
pub(crate) struct RequestTimeout {
    current: Duration,
    max: Duration,
}

// === impl RequestTimeout ===

impl RequestTimeout {
    /// Returns a timeout for a claim of `lease_duration` that is renewed every `grace_period`. The longest timeout lets two
    /// requests fit between the moment when a renewal is due and the end of the claim.
    pub(crate) fn new(lease_duration: Duration, grace_period: Duration) -> Self {
        let max = lease_duration.saturating_sub(grace_period) / 2;
        Self {
            current: MIN.min(max),
            max,
        }
    }

    /// Returns the time that the next request is given.
    pub(crate) const fn current(&self) -> Duration {
        self.current
    }

    /// Notes that a request was answered after `took`. The next request is given twice that time, within the bounds.
    pub(crate) fn answered(&mut self, took: Duration) {
        self.current = MIN.max(took * 2).min(self.max);
    }

    /// Notes that a request was given up. The next request is given twice as long, up to the longest timeout.
    pub(crate) fn timed_out(&mut self) {
        self.current = (self.current * 2).min(self.max);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_timeout_doubles_up_to_half_of_the_time_for_a_renewal_and_a_success_resets_it() {
        let mut timeout = RequestTimeout::new(Duration::from_secs(15), Duration::from_secs(5));
        let mut given = Vec::new();
        for _ in 0..4 {
            given.push(timeout.current().as_millis());
            timeout.timed_out();
        }
        assert_eq!(given, [1500, 3000, 5000, 5000]);
        timeout.answered(Duration::from_millis(20));
        assert_eq!(timeout.current(), MIN);
    }

    #[test]
    fn a_slow_answer_lengthens_the_next_timeout() {
        let mut timeout = RequestTimeout::new(Duration::from_secs(15), Duration::from_secs(5));
        timeout.answered(Duration::from_secs(2));
        assert_eq!(timeout.current(), Duration::from_secs(4));
    }

    #[test]
    fn a_short_lease_has_a_shorter_timeout_from_the_start() {
        let timeout = RequestTimeout::new(Duration::from_secs(3), Duration::from_secs(2));
        assert_eq!(timeout.current(), Duration::from_millis(500));
    }
}
