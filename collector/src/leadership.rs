//! Where the permission to act comes from, and the one who writes it down.
//!
//! A [`Source`] decides; [`Gatekeeper`] publishes the decision as a [`Gate`] and counts the transitions. Everybody else holds a
//! receiver, and compares with the clock.

use prometheus::IntCounterVec;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::gate::{Gate, Reason, Until};

/// The reason of every transition to open.
const GRANTED: &str = "granted";

/// Where the permission comes from.
#[derive(Debug)]
pub enum Source {
    /// There is no election: this process always acts.
    Alone,
}

/// Owns the gate. Dropping it closes the gate.
#[derive(Debug)]
pub struct Gatekeeper {
    gate: watch::Sender<Gate>,
    transitions: IntCounterVec,
}

/// Every pair of the labels `to` and `reason` of a transition.
pub fn transition_labels() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lost = Reason::ALL
        .into_iter()
        .filter(|reason| *reason != Reason::Starting);
    std::iter::once(("leader", GRANTED)).chain(lost.map(|reason| ("standby", reason.label())))
}

// === impl Source ===

impl Source {
    /// The gate before the source has been asked anything.
    pub const fn initial(&self) -> Gate {
        match self {
            Self::Alone => Gate::Open {
                until: Until::Forever,
                term: 0,
            },
        }
    }

    /// Decides until `shutdown`, and closes the gate then.
    pub async fn run(self, mut keeper: Gatekeeper, shutdown: CancellationToken) {
        match self {
            Self::Alone => {
                info!("Running in single-instance mode - leader election is disabled");
                shutdown.cancelled().await;
                keeper.decide(
                    Gate::Closed {
                        reason: Reason::ShuttingDown,
                    },
                    Instant::now(),
                );
            }
        }
    }
}

// === impl Gatekeeper ===

impl Gatekeeper {
    /// The keeper of a gate that stands as `initial`, and what others see of it. Counts in `transitions`, by the labels `to` and
    /// `reason`.
    pub fn new(
        initial: Gate,
        transitions: IntCounterVec,
        now: Instant,
    ) -> (Self, watch::Receiver<Gate>) {
        let (sender, gate) = watch::channel(Gate::Closed {
            reason: Reason::Starting,
        });
        let mut keeper = Self {
            gate: sender,
            transitions,
        };
        keeper.decide(initial, now);
        (keeper, gate)
    }

    /// Publishes `gate`. A permission that is over at `now` is published as what it is, closed.
    pub fn decide(&mut self, gate: Gate, now: Instant) {
        let gate = match gate.permit(now) {
            Ok(_) => gate,
            Err(reason) => Gate::Closed { reason },
        };
        let before = self.gate.send_replace(gate);
        let lost = match (before, before.permit(now)) {
            (Gate::Closed { .. }, _) => None,
            (Gate::Open { .. }, Err(reason)) => Some(reason),
            (Gate::Open { .. }, Ok(_)) => gate.permit(now).err(),
        };
        if let Some(reason) = lost {
            self.transitions
                .with_label_values(&["standby", reason.label()])
                .inc();
        }
        if gate.is_open(now) && (lost.is_some() || matches!(before, Gate::Closed { .. })) {
            self.transitions
                .with_label_values(&["leader", GRANTED])
                .inc();
        }
    }
}

impl Drop for Gatekeeper {
    fn drop(&mut self) {
        self.decide(
            Gate::Closed {
                reason: Reason::ShuttingDown,
            },
            Instant::now(),
        );
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::telemetry::Telemetry;

    const STANDBY: Gate = Gate::Closed {
        reason: Reason::Standby,
    };

    fn open_for(secs: u64, now: Instant) -> Gate {
        Gate::Open {
            until: Until::At(now + Duration::from_secs(secs)),
            term: 1,
        }
    }

    /// What is decided, as seen from the moment of the decision.
    type Decision = fn(Instant) -> Gate;

    /// Takes decisions, each with its second, and returns the transitions as `to reason count`.
    fn transitions_of(decisions: &[(u64, Decision)]) -> Vec<String> {
        let counter = Telemetry::new().unwrap().transitions();
        let start = Instant::now();
        let initial = Gate::Closed {
            reason: Reason::Starting,
        };
        let (mut keeper, _gate) = Gatekeeper::new(initial, counter.clone(), start);
        for (second, gate) in decisions {
            let now = start + Duration::from_secs(*second);
            keeper.decide(gate(now), now);
        }
        let mut seen = Vec::new();
        for (to, reason) in transition_labels() {
            let n = counter.with_label_values(&[to, reason]).get();
            if n > 0 {
                seen.push(format!("{to} {reason} {n}"));
            }
        }
        seen
    }

    #[test]
    fn an_extension_is_no_transition() {
        let seen = transitions_of(&[(0, |now| open_for(5, now)), (4, |now| open_for(5, now))]);
        assert_eq!(seen, ["leader granted 1"]);
    }

    #[test]
    fn a_gap_between_two_grants_is_two_transitions() {
        let seen = transitions_of(&[(0, |now| open_for(5, now)), (5, |now| open_for(5, now))]);
        assert_eq!(seen, ["leader granted 2", "standby expired 1"]);
    }

    #[test]
    fn a_deadline_that_passed_is_counted_once_and_as_such() {
        let seen = transitions_of(&[
            (0, |now| open_for(5, now)),
            (6, |_| Gate::Closed {
                reason: Reason::Expired,
            }),
            (7, |_| STANDBY),
        ]);
        assert_eq!(seen, ["leader granted 1", "standby expired 1"]);
    }

    #[test]
    fn a_grant_that_is_over_when_it_arrives_opens_nothing() {
        assert_eq!(
            transitions_of(&[(0, |now| open_for(0, now))]),
            Vec::<String>::new()
        );
    }

    #[tokio::test(start_paused = true)]
    async fn alone_the_gate_is_open_from_the_first_moment_until_shutdown() {
        let counter = Telemetry::new().unwrap().transitions();
        let (keeper, gate) = Gatekeeper::new(Source::Alone.initial(), counter, Instant::now());
        assert_eq!(
            *gate.borrow(),
            Gate::Open {
                until: Until::Forever,
                term: 0
            }
        );
        let shutdown = CancellationToken::new();
        shutdown.cancel();
        Source::Alone.run(keeper, shutdown).await;
        assert_eq!(
            *gate.borrow(),
            Gate::Closed {
                reason: Reason::ShuttingDown
            }
        );
    }
}
