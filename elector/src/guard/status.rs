//! The values that the guard derives from its state: for the leadership half, for kube-lease-manager and for its driver.

use std::time::Duration;

use shared::leadership::StateReason;
use shared::text::sanitize;
use tokio::time::Instant;

use super::Guard;
use super::control::{ManagerControl, RecordHeld};
use super::failures::Contention;
use super::observation::{HolderIdentity, ObservedLease};
use super::rewrite::ShownLease;
use crate::lease_status::{Holding, LeaseStatus, Presence, Problem, Rival};

// === impl Guard ===

impl Guard {
    /// Returns the status of the Lease that the leadership half is told.
    pub fn lease_status(&self, now: Instant) -> LeaseStatus {
        let running = self.claim.filter(|claim| claim.is_running(now));
        let holding = match (self.record_held, running) {
            (RecordHeld::Releasing, _) => Holding::Releasing,
            (_, Some(claim)) => Holding::Held(claim),
            (_, None) => Holding::Nothing,
        };
        let lease = self.observation.lease();
        let rival = self.rival(&lease, now);
        let contention = match rival {
            None => Contention::Uncontested,
            Some(_) => Contention::Contested,
        };
        let presence = self.observation.presence();
        let problem = match presence {
            Presence::Unseen => self.failures.problem_before_first_sight(),
            Presence::Absent | Presence::Present => self
                .failures
                .problem(contention, duplicate(&lease, contention)),
        };
        LeaseStatus {
            holding,
            rival,
            presence,
            problem,
        }
    }

    /// Returns the state of the guard that the loop that drives kube-lease-manager follows.
    pub fn manager_control(&self) -> ManagerControl {
        ManagerControl {
            generation: self.generation,
            record_held: self.record_held,
        }
    }

    /// Returns the reason why this process does not hold the Lease, as a label and for the log.
    pub fn loss_reason(&self) -> &'static str {
        match self.observation.lease() {
            _ if self.record_held == RecordHeld::Releasing => "released",
            ObservedLease::Ours | ObservedLease::Unknown => "expired",
            ObservedLease::Foreign { .. } => "not_holder",
            ObservedLease::Vanished { .. } => "vanished",
            ObservedLease::Released => "released",
        }
    }

    /// Returns the time that the next request is given.
    pub fn request_timeout(&self) -> Duration {
        self.request_timeout.current()
    }

    /// Returns the next moment after `now` at which time alone changes the state of the guard, if there is one.
    pub fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let claim = self.claim.map(|claim| claim.until);
        [claim, self.occupied_until(), self.retake_until]
            .into_iter()
            .flatten()
            .filter(|deadline| *deadline > now)
            .min()
    }

    /// Returns true if the Lease may be taken at `now`, because no other process can be acting.
    pub(super) fn may_be_taken(&self, now: Instant) -> bool {
        match self.observation.lease() {
            ObservedLease::Unknown => false,
            ObservedLease::Ours | ObservedLease::Released => true,
            ObservedLease::Foreign { until, .. } => until <= now,
            // The holder that vanished was this process itself as long as its lost claim would have run, because nobody else
            // can have taken the Lease before that.
            ObservedLease::Vanished { until } => {
                until <= now || self.retake_until.is_some_and(|retake| now < retake)
            }
        }
    }

    /// Returns the Lease as kube-lease-manager is to see it.
    pub(super) fn shown_lease(&self, now: Instant) -> ShownLease {
        match self.observation.lease() {
            ObservedLease::Ours => ShownLease::Ours {
                age: self
                    .claim
                    .map(|claim| now.saturating_duration_since(claim.counted_from)),
            },
            _ if self.may_be_taken(now) => ShownLease::Free,
            ObservedLease::Foreign { name, .. } => ShownLease::Theirs { name },
            ObservedLease::Unknown | ObservedLease::Vanished { .. } | ObservedLease::Released => {
                ShownLease::Theirs {
                    name: String::new(),
                }
            }
        }
    }

    fn rival(&self, lease: &ObservedLease, now: Instant) -> Option<Rival> {
        if self.may_be_taken(now) {
            return None;
        }
        let name = match lease {
            ObservedLease::Foreign { name, .. } => name.clone(),
            _ => String::new(),
        };
        let until = self.occupied_until()?;
        Some(Rival { name, until })
    }

    /// Returns the moment from which no other process can be acting, by what was seen of the Lease; `None` if no other process
    /// holds the Lease or has vanished from it.
    fn occupied_until(&self) -> Option<Instant> {
        match self.observation.lease() {
            ObservedLease::Foreign { until, .. } | ObservedLease::Vanished { until } => Some(until),
            ObservedLease::Unknown | ObservedLease::Ours | ObservedLease::Released => None,
        }
    }
}

/// Returns the problem that another instance of this process's identity holds the Lease, if one does.
fn duplicate(lease: &ObservedLease, contention: Contention) -> Option<Problem> {
    match (lease, contention) {
        (
            ObservedLease::Foreign {
                identity: HolderIdentity::Same,
                name,
                ..
            },
            Contention::Contested,
        ) => Some(Problem {
            reason: StateReason::DuplicateIdentity,
            cause: "identity",
            detail: format!(
                "another pod holds the Lease as {} too, or its annotation was changed by hand; give every pod an identity of \
                 its own",
                sanitize(name)
            ),
        }),
        _ => None,
    }
}
