//! The pauses before a failed request is tried again, and before kube-lease-manager is built again.

use std::time::Duration;

use tokio::time::Instant;

/// The first pause after a failure, without the jitter.
const RETRY: Duration = Duration::from_millis(250);
/// The greatest jitter, which keeps pods from trying in step.
const JITTER: Duration = Duration::from_millis(50);
/// The number of restarts of kube-lease-manager within [`WINDOW`] that need no pause.
const FREE_RESTARTS: u32 = 4;
/// The time window in which restarts of kube-lease-manager are counted.
const WINDOW: Duration = Duration::from_secs(1);

/// A limiter that lets a few restarts of kube-lease-manager through at once, and slows further ones down to one per [`RETRY`].
#[derive(Debug, Default)]
pub(super) struct RestartLimiter {
    /// The beginning of the current window; `None` before the first restart.
    window: Option<Instant>,
    /// The number of restarts in the current window.
    restarts: u32,
}

// === impl RestartLimiter ===

impl RestartLimiter {
    /// Counts a restart of kube-lease-manager at `now`, and returns the pause before that restart.
    pub(super) fn next_pause(&mut self, now: Instant) -> Duration {
        match self.window {
            Some(began) if now.duration_since(began) < WINDOW => self.restarts += 1,
            _ => (self.window, self.restarts) = (Some(now), 1),
        }
        if self.restarts > FREE_RESTARTS {
            retry_pause()
        } else {
            Duration::ZERO
        }
    }
}

/// Returns the pause after a failure, with its jitter.
pub(super) fn retry_pause() -> Duration {
    RETRY + jitter()
}

/// Returns the pause after a failure that follows `n` others in a row. The pause doubles with each failure, up to `max`, and
/// has a jitter on top.
pub(super) fn failure_pause(n: u32, max: Duration) -> Duration {
    let doubled = RETRY.saturating_mul(1 << n.min(10));
    doubled.min(max) + jitter()
}

fn jitter() -> Duration {
    JITTER.mul_f64(fastrand::f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_restarts_need_no_pause_and_the_rest_is_slowed_down() {
        let mut limiter = RestartLimiter::default();
        let now = Instant::now();
        let waits: Vec<_> = (0..6).map(|_| limiter.next_pause(now).is_zero()).collect();
        assert_eq!(waits, [true, true, true, true, false, false]);
        assert!(limiter.next_pause(now + WINDOW).is_zero());
    }

    #[test]
    fn the_pause_after_failures_doubles_up_to_its_maximum() {
        let max = Duration::from_secs(2);
        assert!(failure_pause(0, max) < RETRY * 2);
        assert!(failure_pause(2, max) >= RETRY * 4);
        assert!(failure_pause(99, max) < max + RETRY);
    }
}
