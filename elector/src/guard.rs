//! The guard: checks every request that kube-lease-manager makes about the Lease, and every answer before kube-lease-manager
//! sees it.
//!
//! # Why the guard is needed
//!
//! kube-lease-manager implements the protocol: it creates, acquires, renews and releases the Lease. By itself it does not keep
//! two pods from leading at once, because it compares the times in the Lease with its own wall clock, takes any Lease without a
//! holder at once, takes a Lease with its own name for its own, and sends patches without a precondition. The guard sits
//! between kube-lease-manager and the API server and adds what is missing, without changing kube-lease-manager.
//!
//! # The rules
//!
//! - Every PATCH carries the resourceVersion of the last answer that kube-lease-manager was shown. The API server refuses the
//!   PATCH if the Lease has changed since. So a write changes the record that was seen, or nothing. ([`request`])
//! - The Lease may be taken only when no other process can be acting. After a holder has been seen, that is one lease duration
//!   after the last change of its record was seen here, plus a slack, on this machine's monotonic clock. Wall clocks of other
//!   machines are never compared with anything. ([`observation`])
//! - A holder that disappears without a release (its name was removed by hand, or the Lease was deleted) may still be acting,
//!   so a full lease duration is waited for as well. Only a release, which carries a mark, frees the Lease at once.
//! - A claim begins and is extended only by an own write that succeeded. It counts from before that write was sent, and ends by
//!   itself a margin before the lease duration is over. Nothing that is read ever extends it. ([`claim`])
//! - Each pod signs the Lease with its UID beside its identity, so two pods that were given the same identity by mistake are
//!   told apart. ([`record`])
//! - An answer is rewritten before kube-lease-manager sees it, so that its own rules lead to the decision that the guard has
//!   made. (`rewrite`)
//!
//! # Why this is safe
//!
//! A leader stops acting at the latest at the end of its claim: one lease duration, less the margin, after the moment at which
//! it sent its last successful write. A rival cannot have seen that write before it was sent, and waits a full duration plus
//! the slack after seeing the write. Margin and slack cover clocks that run at slightly different speeds. A write that arrives
//! late fails its precondition, because somebody else has written meanwhile. A write whose answer was lost makes no claim.
//!
//! # What this does not promise
//!
//! A process that is stopped between its look at the clock and the request that follows sends that request when it goes on:
//! Kafka knows nothing of terms and could not refuse it. The guard does not protect against somebody who writes the release
//! mark into the Lease by hand while a leader is acting. And margin and slack cover clocks that run a little too fast or too
//! slow, not a clock that stands still.
//!
//! The guard does no I/O and reads no clock: every call is given the [`Clocks`].

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use tokio::time::Instant;

use crate::lease_status::Claim;

pub mod claim;
pub mod clocks;
pub mod control;
pub(crate) mod failures;
pub mod observation;
pub mod outcome;
pub mod record;
pub mod request;
pub(crate) mod request_timeout;
pub(crate) mod rewrite;

mod events;
mod response;
mod status;
#[cfg(test)]
mod tests;

use claim::SendTime;
use clocks::Clocks;
use control::RecordHeld;
use failures::Failures;
use observation::{Observation, ObservedLease};
use outcome::Outcome;
use record::Candidate;
use request::{Patch, RequestKind};
use request_timeout::RequestTimeout;

/// The age up to which the last answer of the API server may answer another GET of kube-lease-manager, without a request.
const CACHE_TIME: Duration = Duration::from_millis(100);

/// Everything that this process has seen and claimed of one Lease.
#[derive(Debug)]
pub struct Guard {
    candidate: Candidate,
    observation: Observation,
    /// The own claim. A successful own write sets it; its deadline, a release, another holder or a Lease without a holder ends
    /// it.
    claim: Option<Claim>,
    /// The moment until which this process may retake a Lease whose holder vanished: the end of the claim that was lost. The
    /// holder that vanished was this process itself.
    retake_until: Option<Instant>,
    /// The resourceVersion of the last answer that kube-lease-manager was shown. The next PATCH is conditional on it.
    shown_version: Option<u64>,
    /// The Lease in the last answer to a GET or PATCH, as the API server sent it, and the moment of its arrival.
    cached: Option<(Instant, Box<Lease>)>,
    record_held: RecordHeld,
    /// The request that has been sent and not been answered.
    in_flight: Option<RequestKind>,
    request_timeout: RequestTimeout,
    failures: Failures,
    /// The number of events so far that made the knowledge of kube-lease-manager useless. Whenever the number changes, the loop
    /// that drives kube-lease-manager builds it anew.
    generation: u64,
    /// True if the Lease could be taken when the guard last looked at the time.
    could_be_taken: bool,
}

/// A request that passed the guard and may be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SentRequest {
    /// The kind of the request, which decides how its answer is handled.
    pub kind: RequestKind,
    /// The time of sending, and the renew time in the body of the request.
    pub time: SendTime,
    /// The resourceVersion that kube-lease-manager had been shown last. A PATCH is conditional on it.
    version: Option<u64>,
}

/// The reason why the guard does not let a request be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The version that the write would be conditional on is not known.
    NoVersion,
    /// The record was not written by this instance, so this instance must not change it.
    NotOurs,
    /// Another process may be acting, so the Lease must not be taken.
    Occupied,
    /// The request is of a kind that kube-lease-manager is not known to send.
    Unknown,
}

// === impl Refusal ===

impl Refusal {
    /// Returns the message of the error status that kube-lease-manager is given in place of an answer.
    pub const fn message(self) -> &'static str {
        match self {
            Self::NoVersion => "the version of the lease is not known",
            Self::NotOurs => "the lease is not held by this instance",
            Self::Occupied => "somebody else may still be acting",
            Self::Unknown => "nothing is known of such a request",
        }
    }
}

// === impl Guard ===

impl Guard {
    /// Returns a guard that has seen nothing of the Lease and claims nothing.
    pub fn new(candidate: Candidate) -> Self {
        Self {
            observation: Observation::new(candidate.clone()),
            request_timeout: RequestTimeout::new(candidate.lease_duration, candidate.grace_period),
            candidate,
            claim: None,
            retake_until: None,
            shown_version: None,
            cached: None,
            record_held: RecordHeld::Nothing,
            in_flight: None,
            failures: Failures::default(),
            generation: 0,
            could_be_taken: false,
        }
    }

    /// Checks a request that is about to be sent. Adds its precondition to the body of a PATCH, and the signature or the
    /// release mark.
    ///
    /// # Errors
    /// Returns the [`Refusal`] if no version has been shown yet, the record is not this instance's, another process may be
    /// acting, or the request is of an unknown kind. The caller answers kube-lease-manager with a conflict, and
    /// kube-lease-manager is built anew.
    pub fn admit(
        &mut self,
        kind: RequestKind,
        body: &mut serde_json::Value,
        at: Clocks,
    ) -> Result<SentRequest, Refusal> {
        self.advance(at.monotonic);
        let renew_time = request::renew_time(body);
        if let Err(refusal) = self.check_and_prepare(kind, body, at.monotonic) {
            self.restart_manager();
            return Err(refusal);
        }
        self.in_flight = Some(kind);
        if kind == RequestKind::Patch(Patch::Release) {
            self.drop_claim();
        }
        Ok(SentRequest {
            kind,
            time: SendTime { at, renew_time },
            version: self.shown_version,
        })
    }

    /// Returns the answer to a GET that need not be sent, because kube-lease-manager reads again what it was shown or wrote a
    /// moment ago; `None` if the request has to be sent. To kube-lease-manager this looks like an answer that arrived a little
    /// late. The next write of kube-lease-manager is conditional on the version shown all the same.
    pub fn cached_answer(&self, kind: RequestKind, at: Clocks) -> Option<Outcome> {
        let (arrived, lease) = self.cached.as_ref()?;
        let is_newest =
            self.shown_version.is_some() && self.shown_version == self.observation.version();
        let is_recent = at.monotonic.duration_since(*arrived) < CACHE_TIME;
        (kind == RequestKind::Read && is_newest && is_recent)
            .then(|| Outcome::Lease(self.rewritten(lease.clone(), at)))
    }

    fn check_and_prepare(
        &self,
        kind: RequestKind,
        body: &mut serde_json::Value,
        now: Instant,
    ) -> Result<(), Refusal> {
        let patch = match kind {
            RequestKind::Read | RequestKind::Create => return Ok(()),
            RequestKind::Other => return Err(Refusal::Unknown),
            RequestKind::Patch(patch) => patch,
        };
        let version = self.shown_version.ok_or(Refusal::NoVersion)?;
        match patch {
            Patch::Acquire if !self.may_be_taken(now) => return Err(Refusal::Occupied),
            Patch::Acquire => {}
            Patch::Renew | Patch::Release | Patch::Transitions => {
                if self.observation.lease() != ObservedLease::Ours {
                    return Err(Refusal::NotOurs);
                }
            }
        }
        patch.prepare(body, version, &self.candidate);
        Ok(())
    }

    /// Has kube-lease-manager built anew, because its knowledge is useless. Nothing can be written before the next read.
    fn restart_manager(&mut self) {
        self.shown_version = None;
        self.generation += 1;
    }

    /// Ends the claim at once, and the right to retake a vanished Lease. The record in the Lease may stay.
    fn drop_claim(&mut self) {
        self.claim = None;
        self.retake_until = None;
    }
}
