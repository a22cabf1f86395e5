//! The reports of the state machine: state, reason, leader and term, as the contract defines them.

use shared::leadership::{LeaderReport, State, StateReason};
use shared::text::sanitize;
use tokio::time::Instant;

use super::phase::Phase;
use super::{AnswerKey, Asker, StateMachine};
use crate::lease_status::{Claim, Holding, LeaseStatus, Presence, Rival};

// === impl StateMachine ===

impl StateMachine {
    /// Returns the report as of `now`, without a grant.
    pub fn report(&self, now: Instant) -> LeaderReport {
        let (state, reason) = self.state(now);
        let name = if state == State::Leading {
            self.rules.identity.clone()
        } else {
            self.rival(now)
                .map_or_else(String::new, |rival| sanitize(&rival.name))
        };
        LeaderReport {
            is_leader: false,
            identity: self.rules.identity.clone(),
            name,
            term: self.claim(now).map_or(0, |claim| claim.term),
            valid_for_ms: 0,
            state,
            reason,
        }
    }

    /// Returns the key of the answer that `asker` would be given at `now`.
    pub fn answer_key(&self, asker: &Asker, now: Instant) -> AnswerKey {
        let report = self.report(now);
        AnswerKey {
            name: report.name,
            term: report.term,
            state: report.state,
            reason: report.reason,
            granted: self.grant_for(asker, now).is_some(),
        }
    }

    /// Returns the last status that the lease half published.
    pub const fn lease_status(&self) -> &LeaseStatus {
        &self.lease_status
    }

    /// Returns the end of the last grant, if it is not over at `now`.
    pub fn granted_until(&self, now: Instant) -> Option<Instant> {
        self.grants.end().filter(|end| now < *end)
    }

    /// Returns the own claim on the Lease, if it is running at `now`.
    pub fn claim(&self, now: Instant) -> Option<Claim> {
        match self.lease_status.holding {
            Holding::Held(claim) if claim.is_running(now) => Some(claim),
            Holding::Held(_) | Holding::Nothing | Holding::Releasing => None,
        }
    }

    /// Returns the other holder of the Lease, if its pod may still be acting as leader at `now`.
    pub(super) fn rival(&self, now: Instant) -> Option<&Rival> {
        self.lease_status
            .rival
            .as_ref()
            .filter(|rival| now < rival.until)
    }

    /// Returns the other pod that leads, if its name is known.
    pub(super) fn leader_elsewhere(&self, now: Instant) -> Option<&Rival> {
        self.rival(now).filter(|rival| !rival.name.is_empty())
    }

    fn state(&self, now: Instant) -> (State, StateReason) {
        match (self.phase, self.lease_status.holding) {
            (Phase::Ended, _) => (State::Draining, StateReason::ShuttingDown),
            (Phase::Draining(cause), _) | (Phase::Resting(cause), Holding::Releasing) => {
                (State::Draining, cause)
            }
            (Phase::Campaigning, Holding::Releasing) => {
                (State::Campaigning, StateReason::NotHolder)
            }
            (phase, Holding::Held(claim)) if claim.is_running(now) => match phase {
                Phase::Resting(cause) => (State::Draining, cause),
                _ => (
                    State::Leading,
                    self.problem_reason().unwrap_or(StateReason::Renewed),
                ),
            },
            (_, Holding::Held(_)) => (State::LeaseExpired, StateReason::Expired),
            (phase, Holding::Nothing) => self.state_without_lease(phase, now),
        }
    }

    fn state_without_lease(&self, phase: Phase, now: Instant) -> (State, StateReason) {
        let named = self.leader_elsewhere(now).is_some();
        let problem = self.problem_reason();
        if let Some(reason) = problem
            && reason != StateReason::ApiUnreachable
        {
            return (State::Blocked, reason);
        }
        // A restarted elector must not deny what its earlier process granted. Until the elector knows the holder of the Lease,
        // or such a grant must be over, the elector answers "starting" or "blocked", which leaves a consumer's grant alone.
        let saw_nothing = self.lease_status.presence == Presence::Unseen && !named;
        if !named && (saw_nothing || now < self.uncertain_until) {
            return match problem {
                Some(reason) => (State::Blocked, reason),
                None => (State::Starting, StateReason::Starting),
            };
        }
        if let Some(reason) = self.unfit_reason(now) {
            return (State::Parked, reason);
        }
        match (phase, problem) {
            (_, problem) if named => (State::Standby, problem.unwrap_or(StateReason::NotHolder)),
            (_, _) if self.claim_expired => {
                (State::LeaseExpired, problem.unwrap_or(StateReason::Expired))
            }
            (_, Some(reason)) => (State::Blocked, reason),
            (Phase::Resting(cause), None) => (State::Parked, cause),
            (_, None) => (State::Campaigning, StateReason::NotHolder),
        }
    }

    fn problem_reason(&self) -> Option<StateReason> {
        let problem = self.lease_status.problem.as_ref();
        problem.map(|problem| problem.reason)
    }
}
