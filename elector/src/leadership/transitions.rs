//! The transitions between the phases, and the deadlines at which time alone causes a transition.

use std::time::Duration;

use shared::config::ConsumerRequirement;
use shared::leadership::StateReason;
use tokio::time::Instant;

use super::StateMachine;
use super::phase::Phase;

/// The time after which a pod that gave the Lease up may take it back in spite of its hold-off, if nobody else has taken it.
const RETAKE_AFTER: Duration = Duration::from_secs(2);

// === impl StateMachine ===

impl StateMachine {
    /// Carries out the transitions that are due at `now`.
    pub fn advance(&mut self, now: Instant) {
        self.track_free_since(now);
        if let Phase::Resting(_) = self.phase
            && self.should_campaign(now)
        {
            self.phase = Phase::Campaigning;
        }
        if matches!(self.phase, Phase::Campaigning)
            && let Some(cause) = self.unfit_reason(now)
        {
            self.heartbeat.forget_refusal();
            self.phase = Phase::Draining(cause);
        }
        if let Phase::Draining(cause) = self.phase
            && self.grants.are_over(now)
        {
            self.finish_draining(cause, now);
        }
    }

    /// Returns the next moment at which time alone may change something, if there is one.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let deadlines = [
            self.claim(now).map(|claim| claim.until),
            self.rival(now).map(|rival| rival.until),
            self.grants.end(),
            self.heartbeat.silent_at(&self.grants),
            self.hold_off.until(now),
            self.free_since.map(|since| since + RETAKE_AFTER),
            Some(self.uncertain_until),
        ];
        deadlines
            .into_iter()
            .flatten()
            .filter(|deadline| now < *deadline)
            .min()
    }

    /// Ends the draining: the process may end, or the machine rests. A hold-off begins only if this process led.
    fn finish_draining(&mut self, cause: StateReason, now: Instant) {
        if cause == StateReason::ShuttingDown {
            self.phase = Phase::Ended;
            return;
        }
        if let Some(since) = self.led_since {
            self.hold_off.begin(now - since, now);
        }
        self.phase = Phase::Resting(cause);
    }

    fn should_campaign(&self, now: Instant) -> bool {
        let left_alone = self
            .free_since
            .is_some_and(|since| since + RETAKE_AFTER <= now);
        self.unfit_reason(now).is_none()
            && self.holds_nothing(now)
            && (left_alone || self.hold_off.until(now).is_none())
    }

    /// Returns the reason why the consumer must not lead. Always `None` where no consumer is required.
    pub(super) fn unfit_reason(&self, now: Instant) -> Option<StateReason> {
        match self.rules.consumer {
            ConsumerRequirement::Required => self.heartbeat.unfit_reason(now, &self.grants),
            ConsumerRequirement::NotRequired => None,
        }
    }

    /// Updates the moment since which nobody has held the Lease.
    fn track_free_since(&mut self, now: Instant) {
        let free = self.holds_nothing(now) && self.rival(now).is_none();
        self.free_since = free.then(|| self.free_since.unwrap_or(now));
    }

    pub(super) const fn is_draining(&self) -> bool {
        matches!(self.phase, Phase::Draining(_))
    }
}
