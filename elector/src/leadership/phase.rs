//! The phases of the leadership state machine.

use shared::leadership::Reason;

/// The phase that the machine is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// Holds nothing and does not want the Lease, for this reason.
    Resting(Reason),
    /// Wants the Lease, or holds it.
    Campaigning,
    /// Gives the Lease up for this reason, as soon as nobody can be acting on a grant any more.
    Draining(Reason),
    /// The process is ending, and nobody can be acting on a grant any more.
    Ended,
}
