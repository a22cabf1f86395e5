//! The phases of the leadership state machine.

use shared::leadership::StateReason;

/// The phase that the state machine is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// The machine does not want the Lease, for this reason. The lease half gives back whatever it holds.
    Resting(StateReason),
    /// The machine wants the Lease, or holds it.
    Campaigning,
    /// The machine gives the Lease up for this reason, as soon as nobody can be acting on a grant any more.
    Draining(StateReason),
    /// The process is ending, and nobody can be acting on a grant any more.
    Ended,
}
