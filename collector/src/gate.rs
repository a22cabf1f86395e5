//! The permission to collect: a value with a deadline.
//!
//! `leadership` decides from the answers of the source of leadership whether this pod may collect, and publishes the decision as
//! a [`Gate`] through a watch channel. Everything that acts on it (the cluster workers, their Kafka clients, the HTTP endpoints)
//! holds a receiver.
//!
//! **The rule.** An open gate carries its deadline. Nobody has to close it: from the deadline on [`Gate::permit`] answers
//! [`ClosedReason::Expired`], whether or not the deciding task, the source or the network still works. A reader therefore never
//! keeps the outcome of a check; it asks again, with the current instant, whenever it is about to act. [`wait`] turns the
//! deadline into a future for tasks that have to stop at it.
//!
//! **Client slots.** An open gate allows a worker to have Kafka clients, and clients hold connections and threads that outlive
//! the moment at which the gate closes. [`client_slot`] keeps the record of them. A worker takes its
//! [`ClientSlot`](client_slot::ClientSlot) before it makes clients and gets a [`ClientGuard`](client_slot::ClientGuard), which
//! travels with the clients and is dropped after the last connection is closed. With the guard comes a
//! [`PermitCheck`](client_slot::PermitCheck), by which the clients stop opening connections and starting requests at the
//! deadline.
//!
//! **The report.** The source of leadership may let another pod lead as soon as this one reports `gate=closed`. The report
//! therefore means more than a closed gate: [`Quiescence`](client_slot::Quiescence) gives it only while the gate is closed and no
//! worker has clients. Until then the report is `gate=open`, and the source has to wait for the report or for the end of the
//! permission it granted.
//!
//! **The fence, seen from outside.** librdkafka connects, repeats and sends on threads of its own, so nothing that a worker does
//! at the deadline would stop it. All sockets of the clients are opened through a fence (`kafka::native::fence`), which asks the
//! permit check before each connection. When the worker drops its clients, the fence is shut: open sockets are closed at that
//! instant, unsent bytes are discarded, and no new socket is opened. After that the `ClientGuard` can be dropped, although
//! threads of librdkafka may still be ending.
//!
//! **Why this is safe.** Every deadline counts from the instant before the request for it was sent, so this pod's
//! permission ends no later than the source believes. Series are shown only under the opening of the gate in which they were
//! collected ([`Gate::admits`]), so data of an earlier leadership does not come back with a later one. The gate opens anew only
//! after the clients of the opening before are gone.
//!
//! **Not promised.** Requests that were on the wire at the deadline still reach Kafka; they only read, and their answers are
//! dropped. A process that is stopped for long enough and continued runs a few instructions with an old check before it asks
//! again. A pod that is cut off from its source gives no report at all; the other pod then waits for the deadline instead.
//!
//! This module is pure: the current instant is an argument of every function. Only [`wait`] and [`client_slot`] read the clock.

use tokio::time::Instant;

pub mod client_slot;
pub mod wait;

/// The permission to collect, as `leadership` last decided it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// Collecting is permitted until an instant.
    Open {
        /// The first instant at which collecting is no longer permitted.
        until: Until,
        /// The term of this leadership; 0 without an election, and for a source that gives none.
        term: u64,
        /// The number of times that the gate has opened so far. An extension keeps the number, even one with a higher term:
        /// without a gap in between it is the same leadership.
        opening: u64,
    },
    /// Collecting is not permitted.
    Closed {
        /// The cause of the closed gate.
        reason: ClosedReason,
    },
}

/// The end of a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// The permission has no end, because there is no election.
    Forever,
    /// The permission ends at this instant.
    At(Instant),
}

/// The permission of an open gate, as read at one instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// The end of the permission.
    pub until: Until,
    /// The term of this leadership; 0 without an election.
    pub term: u64,
    /// The number of this opening of the gate, counted from 1 since the process began.
    pub opening: u64,
}

/// The causes of a closed gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ClosedReason {
    /// The source of leadership has not answered yet.
    Starting,
    /// The source says that this pod does not lead.
    Standby,
    /// The deadline passed and no new grant had come.
    Expired,
    /// The source answered for another pod.
    ForeignIdentity,
    /// The source granted a lower term than before.
    LowerTerm,
    /// An answer of the source contradicted itself.
    Contradiction,
    /// The source says that this pod leads, but has given and taken leadership too often for this pod to begin at once.
    HeldOff,
    /// The process is ending.
    ShuttingDown,
}

// === impl Gate ===

impl Gate {
    /// Returns the permission at `now`.
    ///
    /// # Errors
    /// The cause of the closed gate, which is [`ClosedReason::Expired`] from the deadline on.
    pub fn permit(self, now: Instant) -> Result<Permit, ClosedReason> {
        match self {
            Self::Open {
                until: Until::At(end),
                ..
            } if now >= end => Err(ClosedReason::Expired),
            Self::Open {
                until,
                term,
                opening,
            } => Ok(Permit {
                until,
                term,
                opening,
            }),
            Self::Closed { reason } => Err(reason),
        }
    }

    /// Returns `true` if collecting is permitted at `now`.
    pub fn is_open(self, now: Instant) -> bool {
        self.permit(now).is_ok()
    }

    /// Returns `true` if data that was collected in `opening` may be shown at `now`.
    pub fn admits(self, opening: u64, now: Instant) -> bool {
        self.permit(now)
            .is_ok_and(|permit| permit.opening == opening)
    }
}

// === impl ClosedReason ===

impl ClosedReason {
    /// Every reason, in the order of the exposition.
    pub const ALL: [Self; 8] = [
        Self::Starting,
        Self::Standby,
        Self::Expired,
        Self::ForeignIdentity,
        Self::LowerTerm,
        Self::Contradiction,
        Self::HeldOff,
        Self::ShuttingDown,
    ];

    /// Returns the value of the label `reason` and of the log field.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Standby => "standby",
            Self::Expired => "expired",
            Self::ForeignIdentity => "foreign_identity",
            Self::LowerTerm => "lower_term",
            Self::Contradiction => "contradiction",
            Self::HeldOff => "held_off",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_closed_gate_gives_its_reason() {
        let gate = Gate::Closed {
            reason: ClosedReason::Standby,
        };
        assert_eq!(gate.permit(Instant::now()), Err(ClosedReason::Standby));
    }

    #[test]
    fn without_an_election_the_gate_stays_open() {
        let now = Instant::now();
        let gate = Gate::Open {
            until: Until::Forever,
            term: 0,
            opening: 1,
        };
        assert!(gate.is_open(now + Duration::from_secs(1_000_000_000)));
    }

    proptest! {
        #[test]
        fn a_gate_is_open_before_its_deadline_and_never_from_it_on(
            end in 0_u64..10_000,
            at in 0_u64..10_000,
            term: u64,
        ) {
            let start = Instant::now();
            let [end, now] = [end, at].map(|ms| start + Duration::from_millis(ms));
            let gate = Gate::Open { until: Until::At(end), term, opening: 1 };
            prop_assert_eq!(gate.is_open(now), now < end);
            prop_assert_eq!(gate.permit(now).err(), (now >= end).then_some(ClosedReason::Expired));
        }

        #[test]
        fn data_of_another_opening_is_never_admitted(
            term: u64,
            opening in 0_u64..3,
            collected in 0_u64..3,
        ) {
            let now = Instant::now();
            let gate = Gate::Open { until: Until::Forever, term, opening };
            prop_assert_eq!(gate.admits(collected, now), collected == opening);
            let closed = Gate::Closed { reason: ClosedReason::Standby };
            prop_assert!(!closed.admits(collected, now));
        }
    }
}
