//! The two values by which the halves of the elector talk to each other.
//!
//! ```text
//!   lease (guard, kube-lease-manager, watch) ── LeaseStatus ─► leadership (contract, grants, draining) ─► http
//!                                            ◄── Desired ─────
//! ```
//! The lease half publishes a [`LeaseStatus`]: what this process holds, and who else may be acting. The leadership half
//! publishes a [`Desired`]: whether this process should take the Lease. Each value goes through a watch channel as a whole.
//! This module reads no clock. Every claim carries its end, and whoever uses a claim compares its end with the clock at the
//! moment of use.

use shared::leadership::StateReason;
use tokio::time::Instant;

/// Everything that the lease half knows about the Lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeaseStatus {
    /// The hold of this process on the Lease: none, a claim, or a release under way.
    pub holding: Holding,
    /// Another holder that may still be acting, as far as known.
    pub rival: Option<Rival>,
    /// The existence of the Lease, as far as it has been seen.
    pub presence: Presence,
    /// The problem that keeps this process from taking part. A request that succeeds ends the problem.
    pub problem: Option<Problem>,
}

/// The hold of this process on the Lease: none, a claim, or a release under way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Holding {
    /// This process has no claim on the Lease.
    #[default]
    Nothing,
    /// This process holds the Lease for as long as the claim says.
    Held(Claim),
    /// This process held the Lease and is giving it back. Nothing may be granted.
    Releasing,
}

/// A claim on the Lease, made by an own write that succeeded. The claim ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The instant that the claim counts from, just before the write was sent.
    pub counted_from: Instant,
    /// The first moment at which the claim must not be used: the end of the lease duration, less the safety margin.
    pub until: Instant,
    /// The term of this leadership: the resourceVersion of the write that acquired the Lease.
    pub term: u64,
}

/// Another holder of the Lease that may still be acting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// The identity of the holder; empty for a holder that disappeared from the Lease without a release.
    pub name: String,
    /// The first moment at which the holder cannot be acting any more.
    pub until: Instant,
}

/// The existence of the Lease, as far as this process has seen it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Presence {
    /// Neither the Lease nor its absence has been seen yet.
    #[default]
    Unseen,
    /// The Lease exists.
    Present,
    /// The Lease does not exist.
    Absent,
}

/// A problem that keeps this process from taking part in the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The reason of the problem, as the leadership contract names it.
    pub reason: StateReason,
    /// A short label for metrics: the verb whose right is missing, or another word of a closed set.
    pub cause: &'static str,
    /// A sentence for the person who has to repair the problem. The words are this program's own: no text of a peer or of a
    /// credential plugin is repeated.
    pub detail: String,
}

/// The instruction of the leadership half to the lease half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Desired {
    /// The instruction to hold nothing: give back whatever is held, and only watch from then on. The leadership half says this
    /// only when nobody can still be acting on an earlier claim.
    #[default]
    Observe,
    /// The instruction to take the Lease and keep it.
    Campaign,
}

// === impl Claim ===

impl Claim {
    /// Returns true if the claim may be used at `now`.
    pub fn is_running(&self, now: Instant) -> bool {
        now < self.until
    }
}
