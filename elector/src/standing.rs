//! What the two halves of the elector tell each other: the lease half what it holds, the leadership half what it wants.
//!
//! ```text
//!   lease (guard, kube-lease-manager, watch) ── Standing ─► leadership (contract, grants, drain) ─► http
//!                                            ◄── Wish ────
//! ```
//! Both are published through a watch channel, whole. Nothing here reads a clock; every claim carries its end, and whoever uses
//! one compares that with the clock at the moment of use.

use shared::leadership::Reason;
use tokio::time::Instant;

/// What is known about the Lease.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// What this process holds.
    pub tenure: Tenure,
    /// Who else may be acting, as far as known.
    pub rival: Option<Rival>,
    /// What the Lease has been seen to be.
    pub sight: Sight,
    /// What keeps this process from taking part, until a request succeeds again.
    pub trouble: Option<Trouble>,
}

/// What this process holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Tenure {
    /// Nothing.
    #[default]
    Nothing,
    /// The Lease, for as long as the claim says.
    Held(Claim),
    /// It has claimed the Lease until now and is giving it back; nothing may be granted.
    Releasing,
}

/// A claim on the Lease that ends by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The first moment at which it must not be used: the deadline less the margin.
    pub until: Instant,
    /// The fencing number.
    pub term: u64,
}

/// Another holder that has to be believed in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rival {
    /// Its identity; empty for a holder that vanished without a release.
    pub name: String,
    /// The moment from which it cannot act any more.
    pub until: Instant,
}

/// Whether the Lease has been seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sight {
    /// Not yet.
    #[default]
    Never,
    /// It is there.
    Present,
    /// It is not there.
    Absent,
}

/// Why this process cannot take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trouble {
    /// The cause, as the contract names it.
    pub reason: Reason,
    /// What is lacking or fails: the verb that is missing, or a word of another closed set.
    pub cause: &'static str,
    /// What a person has to know to mend it, in words of this program: nothing that a peer or a plugin said.
    pub detail: String,
}

/// What the leadership half wants of the lease half.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wish {
    /// Hold nothing: give back what is held, then only watch. Said only when nobody can be acting on an earlier claim.
    #[default]
    Abstain,
    /// Take the Lease and keep it.
    Campaign,
}
