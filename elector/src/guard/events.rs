//! The guard's handling of everything but requests: events of the watch, time, and the beginning and end of a release.

use tokio::time::Instant;

use super::Guard;
use super::control::RecordHeld;
use super::observation::{Change, Continuity, ObservedLease, SeenLease};
use super::outcome::RequestFailure;
use super::request::RequestKind;

// === impl Guard ===

impl Guard {
    /// Takes the Lease as the watch, or a read in place of the watch, has shown it.
    pub fn observe(&mut self, seen: SeenLease, continuity: Continuity, now: Instant) {
        self.advance(now);
        let before = self.observation.lease();
        self.failures.watch_succeeded();
        if let SeenLease::Present(_) = seen {
            self.failures.lease_seen();
        }
        // A list that found no Lease may be older than the own write that made the claim. So the claim stays, and
        // kube-lease-manager is built anew, which makes it read the Lease.
        if seen == SeenLease::Absent(None) && self.claim.is_some() {
            self.generation += 1;
            return;
        }
        if self.observation.event(seen, continuity, now) == Change::Stale {
            // An old event can still show that the Lease has had no holder for long enough.
            self.advance(now);
            return;
        }
        let writing = matches!(self.in_flight, Some(RequestKind::Patch(_)));
        let known =
            self.shown_version.is_none() || self.shown_version == self.observation.version();
        if self.observation.lease() == ObservedLease::Ours && !writing && !known {
            // Somebody edited the record, or an own write took effect after it was given up. The next write of
            // kube-lease-manager would be conditional on an old version and fail.
            self.generation += 1;
        }
        self.step_down(&before);
        self.advance(now);
    }

    /// Lets time pass until `now`: ends a claim whose deadline has passed, and has kube-lease-manager built anew at the moment
    /// from which the Lease may be taken.
    pub fn advance(&mut self, now: Instant) {
        self.expire_claim(now);
        let may_be_taken = self.may_be_taken(now);
        if may_be_taken && !self.could_be_taken && self.observation.lease() != ObservedLease::Ours {
            self.generation += 1;
        }
        self.could_be_taken = may_be_taken;
    }

    /// Notes that the watch failed for another reason than a missing right.
    pub fn watch_failed(&mut self, failure: RequestFailure) {
        self.failures.watch_failed(failure);
    }

    /// Notes that the API server says the Lease may be written.
    pub fn review_allows_patch(&mut self) {
        self.failures.review_allows();
    }

    /// Notes that the API server says the Lease may not be written; `detail` is for people. A claim stays: it ends when its next
    /// renewal is denied.
    pub fn review_denies_patch(&mut self, detail: String) {
        self.failures.review_denies(detail);
    }

    /// Notes that the Lease is about to be given back. From now on nothing is claimed, whatever answers still arrive.
    pub fn begin_release(&mut self) {
        self.drop_claim();
        if self.record_held == RecordHeld::Ours {
            self.record_held = RecordHeld::Releasing;
        }
    }

    /// Notes that the release succeeded or was given up. A record that stayed in the Lease runs out by itself.
    pub fn end_release(&mut self) {
        self.record_held = RecordHeld::Nothing;
    }

    /// Notes that nobody waits for the answer to the current GET any more.
    pub fn read_abandoned(&mut self) {
        self.in_flight = None;
    }

    /// Ends the claim, and the right to retake a vanished Lease, if their deadlines have passed.
    pub(super) fn expire_claim(&mut self, now: Instant) {
        self.claim = self.claim.filter(|claim| claim.is_running(now));
        self.retake_until = self.retake_until.filter(|until| now < *until);
    }

    /// Ends the claim if this process does not hold the Lease any more; `before` is the Lease as observed before the last
    /// event. kube-lease-manager is then built anew.
    pub(super) fn step_down(&mut self, before: &ObservedLease) {
        let after = self.observation.lease();
        if after == ObservedLease::Ours || (*before != ObservedLease::Ours && self.claim.is_none())
        {
            return;
        }
        let until = self.claim.map(|claim| claim.until);
        self.claim = None;
        self.retake_until = match after {
            ObservedLease::Vanished { .. } => until,
            _ => None,
        };
        self.record_held = RecordHeld::Nothing;
        self.restart_manager();
    }
}
