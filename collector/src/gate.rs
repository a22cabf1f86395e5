//! The collector's permission to act: a deadline, never a bool.
//!
//! Pure: every question takes the moment it is asked at. A gate closes by itself when its deadline passes, so whoever is about to
//! act asks again; the waiting for that moment is in [`wait`]. What a worker holds by it is told in [`hold`].

use tokio::time::Instant;

pub mod hold;
pub mod wait;

/// Whether this process may act, as its source of leadership last decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    /// It may, until a moment.
    Open {
        /// The first moment at which it may not any more.
        until: Until,
        /// The fencing number of this leadership; 0 where there is no election, or the source has none.
        term: u64,
        /// Counts the times the gate has opened. It stays the same as long as the gate stays open without a gap, also where the
        /// term grows meanwhile: that is the same leadership under another number.
        opening: u64,
    },
    /// It may not.
    Closed {
        /// Why.
        reason: Reason,
    },
}

/// When an open gate closes by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// It does not: there is no election.
    Forever,
    /// At this moment.
    At(Instant),
}

/// An open gate, seen at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Permit {
    /// When it ends by itself.
    pub until: Until,
    /// The fencing number of this leadership.
    pub term: u64,
    /// Which opening of the gate this is.
    pub opening: u64,
}

/// Why a gate is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason {
    /// No source of leadership has answered yet.
    Starting,
    /// The source says that this pod does not lead.
    Standby,
    /// The deadline passed without a new grant.
    Expired,
    /// The source answered for another pod.
    ForeignIdentity,
    /// The source granted a lower term than before.
    LowerTerm,
    /// The source contradicted itself.
    Contradiction,
    /// The source says that this pod leads, but has given and taken leadership too often for it to begin at once.
    HeldOff,
    /// The process is ending.
    ShuttingDown,
}

// === impl Gate ===

impl Gate {
    /// The permission at `now`.
    ///
    /// # Errors
    /// Why there is none; [`Reason::Expired`] from the deadline on.
    pub fn permit(self, now: Instant) -> Result<Permit, Reason> {
        match self {
            Self::Open {
                until: Until::At(end),
                ..
            } if now >= end => Err(Reason::Expired),
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

    /// Whether acting may begin at `now`.
    pub fn is_open(self, now: Instant) -> bool {
        self.permit(now).is_ok()
    }

    /// Whether what was collected in `opening` may be shown at `now`.
    pub fn admits(self, opening: u64, now: Instant) -> bool {
        self.permit(now)
            .is_ok_and(|permit| permit.opening == opening)
    }
}

// === impl Reason ===

impl Reason {
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

    /// The value of the label `reason`, and the log field.
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
    fn a_closed_gate_says_why() {
        let gate = Gate::Closed {
            reason: Reason::Standby,
        };
        assert_eq!(gate.permit(Instant::now()), Err(Reason::Standby));
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
            prop_assert_eq!(gate.permit(now).err(), (now >= end).then_some(Reason::Expired));
        }

        #[test]
        fn what_another_opening_collected_is_never_admitted(
            term: u64,
            opening in 0_u64..3,
            collected in 0_u64..3,
        ) {
            let now = Instant::now();
            let gate = Gate::Open { until: Until::Forever, term, opening };
            prop_assert_eq!(gate.admits(collected, now), collected == opening);
            let closed = Gate::Closed { reason: Reason::Standby };
            prop_assert!(!closed.admits(collected, now));
        }
    }
}
