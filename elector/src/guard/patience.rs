//! How long one request is given.

use std::time::Duration;

/// What a request is given at first, and again after a success.
const LEAST: Duration = Duration::from_millis(1500);

/// How long one request is given: longer after each that was given up, so that a slow API server is still led on.
#[derive(Debug)]
pub(crate) struct Patience {
    present: Duration,
    most: Duration,
}

// === impl Patience ===

impl Patience {
    /// For a claim of `lease_duration` that is renewed every `grace_period`: two requests fit between a renewal that is due and
    /// the end of the claim.
    pub(crate) fn new(lease_duration: Duration, grace_period: Duration) -> Self {
        let most = lease_duration.saturating_sub(grace_period) / 2;
        Self {
            present: LEAST.min(most),
            most,
        }
    }

    /// How long the next request is given.
    pub(crate) const fn present(&self) -> Duration {
        self.present
    }

    /// A request was answered after `took`: the next one is given twice as long, and never less than at first.
    pub(crate) fn settle(&mut self, took: Duration) {
        self.present = LEAST.max(took * 2).min(self.most);
    }

    /// A request was given up.
    pub(crate) fn stretch(&mut self) {
        self.present = (self.present * 2).min(self.most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_up_to_half_of_what_a_renewal_has_and_comes_back() {
        let mut patience = Patience::new(Duration::from_secs(15), Duration::from_secs(5));
        let mut given = Vec::new();
        for _ in 0..4 {
            given.push(patience.present().as_millis());
            patience.stretch();
        }
        assert_eq!(given, [1500, 3000, 5000, 5000]);
        patience.settle(Duration::from_millis(20));
        assert_eq!(patience.present(), LEAST);
    }

    #[test]
    fn a_server_that_answers_slowly_is_not_hurried_again() {
        let mut patience = Patience::new(Duration::from_secs(15), Duration::from_secs(5));
        patience.settle(Duration::from_secs(2));
        assert_eq!(patience.present(), Duration::from_secs(4));
    }

    #[test]
    fn a_short_lease_has_less_from_the_start() {
        let patience = Patience::new(Duration::from_secs(3), Duration::from_secs(2));
        assert_eq!(patience.present(), Duration::from_millis(500));
    }
}
