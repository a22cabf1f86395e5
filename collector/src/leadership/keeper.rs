//! The one who writes the gate.

use prometheus::IntCounterVec;
use shared::leadership::GateWord;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::gate::hold::{Clients, Promise};
use crate::gate::{Gate, Reason, Until, wait};

/// The reason of every transition to open.
const GRANTED: &str = "granted";

/// Owns the gate. Dropping it closes the gate.
#[derive(Debug)]
pub struct Gatekeeper {
    gate: watch::Sender<Gate>,
    promise: Promise,
    transitions: IntCounterVec,
    n_openings: u64,
    /// When the gate was last closed.
    closed_at: Instant,
}

/// What became of a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opened {
    /// The gate is open.
    Yes,
    /// It was over when it came.
    Late,
    /// The clients of the opening before are not gone yet; the gate stays closed.
    Held,
}

/// Every pair of the labels `to` and `reason` of a transition.
pub fn transition_labels() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lost = Reason::ALL
        .into_iter()
        .filter(|reason| *reason != Reason::Starting);
    std::iter::once(("leader", GRANTED)).chain(lost.map(|reason| ("standby", reason.label())))
}

// === impl Gatekeeper ===

impl Gatekeeper {
    /// The keeper of a closed gate, and what others see of it. `holds` are the workers', who must have closed before the gate opens
    /// anew. Counts in `transitions`, by the labels `to` and `reason`.
    pub fn new(
        holds: Vec<watch::Receiver<Clients>>,
        transitions: IntCounterVec,
        now: Instant,
    ) -> (Self, watch::Receiver<Gate>) {
        let (sender, gate) = watch::channel(Gate::Closed {
            reason: Reason::Starting,
        });
        let keeper = Self {
            gate: sender,
            promise: Promise::new(gate.clone(), holds),
            transitions,
            n_openings: 0,
            closed_at: now,
        };
        (keeper, gate)
    }

    /// Opens the gate, or moves the end of a permission that still runs, with the `term` to show for it.
    pub fn open(&mut self, until: Until, term: u64, now: Instant) -> Opened {
        let opening = match self.gate.borrow().permit(now) {
            Ok(permit) => permit.opening,
            Err(_) => self.n_openings + 1,
        };
        let gate = Gate::Open {
            until,
            term,
            opening,
        };
        if let Err(reason) = gate.permit(now) {
            self.close(reason, now);
            return Opened::Late;
        }
        if opening > self.n_openings {
            self.close(Reason::Expired, now);
            if !self.promise.all_gone() {
                return Opened::Held;
            }
            self.n_openings = opening;
            self.count("leader", GRANTED);
        }
        self.gate.send_replace(gate);
        Opened::Yes
    }

    /// Closes the gate, where it stands open. A permission that had ended by itself is closed as such.
    pub fn close(&mut self, reason: Reason, now: Instant) {
        let before = *self.gate.borrow();
        let reason = match (before, before.permit(now)) {
            (Gate::Open { .. }, permit) => {
                let lost = permit.err().unwrap_or(reason);
                self.closed_at = now;
                self.count("standby", lost.label());
                lost
            }
            // Why it is not open may change; that it is not open is no news.
            (Gate::Closed { .. }, _) if reason == Reason::Expired => return,
            (Gate::Closed { .. }, _) => reason,
        };
        self.gate.send_replace(Gate::Closed { reason });
    }

    /// The gate as it was last decided.
    pub fn gate(&self) -> Gate {
        *self.gate.borrow()
    }

    /// When the gate was last closed, if there are clients of that time left.
    pub fn closing_since(&self, now: Instant) -> Option<Instant> {
        let open = self.gate.borrow().is_open(now);
        (!open && !self.promise.all_gone()).then_some(self.closed_at)
    }

    /// What may be said of this process now.
    pub fn word(&self) -> GateWord {
        self.promise.word()
    }

    /// What can be promised of the gate, to wait for.
    pub fn promise(&self) -> Promise {
        self.promise.clone()
    }

    /// Waits for `wanted`; a permission that ends meanwhile is published as what it is, closed.
    pub async fn beside<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        let mut wanted = std::pin::pin!(wanted);
        let mut gate = self.gate.subscribe();
        loop {
            let open = matches!(*gate.borrow(), Gate::Open { .. });
            let came = tokio::select! { biased;
            came = &mut wanted => Some(came),
            _ = wait::closed(&mut gate), if open => None };
            match came {
                Some(came) => return came,
                None => self.close(Reason::Expired, Instant::now()),
            }
        }
    }

    fn count(&self, to: &str, reason: &str) {
        self.transitions.with_label_values(&[to, reason]).inc();
    }
}

impl Drop for Gatekeeper {
    fn drop(&mut self) {
        self.close(Reason::ShuttingDown, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gate::hold::Hold;
    use crate::telemetry::Telemetry;

    /// A keeper, and what is seen of its work.
    struct World {
        keeper: Gatekeeper,
        gate: watch::Receiver<Gate>,
        counter: IntCounterVec,
        start: Instant,
    }

    fn world(holds: Vec<watch::Receiver<Clients>>) -> World {
        let counter = Telemetry::new().unwrap().transitions();
        let start = Instant::now();
        let (keeper, gate) = Gatekeeper::new(holds, counter.clone(), start);
        World {
            keeper,
            gate,
            counter,
            start,
        }
    }

    // === impl World ===

    impl World {
        fn at(&self, second: u64) -> Instant {
            self.start + Duration::from_secs(second)
        }

        /// Grants at this second for so many more.
        fn grant(&mut self, (second, secs): (u64, u64), term: u64) -> Opened {
            let until = Until::At(self.at(second + secs));
            self.keeper.open(until, term, self.at(second))
        }

        fn close(&mut self, second: u64, reason: Reason) {
            self.keeper.close(reason, self.at(second));
        }

        fn opening(&self, second: u64) -> Option<u64> {
            let permit = self.keeper.gate().permit(self.at(second)).ok();
            permit.map(|permit| permit.opening)
        }

        /// The transitions so far as `to reason count`.
        fn transitions(&self) -> Vec<String> {
            let mut seen = Vec::new();
            for (to, reason) in transition_labels() {
                let n = self.counter.with_label_values(&[to, reason]).get();
                if n > 0 {
                    seen.push(format!("{to} {reason} {n}"));
                }
            }
            seen
        }
    }

    #[test]
    fn an_extension_is_no_transition_and_a_higher_term_without_a_gap_is_none_either() {
        let mut world = world(Vec::new());
        world.grant((0, 5), 1);
        world.grant((4, 5), 1);
        world.grant((8, 5), 2);
        assert_eq!(world.opening(12), Some(1));
        assert_eq!(world.keeper.gate().permit(world.at(12)).unwrap().term, 2);
        assert_eq!(world.transitions(), ["leader granted 1"]);
    }

    #[test]
    fn a_gap_between_two_grants_is_two_transitions_and_another_opening() {
        let mut world = world(Vec::new());
        world.grant((0, 5), 1);
        world.grant((5, 5), 1);
        assert_eq!(world.opening(5), Some(2));
        assert_eq!(
            world.transitions(),
            ["leader granted 2", "standby expired 1"]
        );
    }

    #[test]
    fn a_deadline_that_passed_is_counted_once_and_as_such() {
        let mut world = world(Vec::new());
        world.grant((0, 5), 1);
        world.close(6, Reason::Standby);
        world.close(7, Reason::Standby);
        assert_eq!(
            world.transitions(),
            ["leader granted 1", "standby expired 1"]
        );
        assert_eq!(
            world.keeper.gate().permit(world.at(7)),
            Err(Reason::Standby)
        );
    }

    #[test]
    fn a_grant_that_is_over_when_it_arrives_opens_nothing() {
        let mut world = world(Vec::new());
        assert_eq!(world.grant((3, 0), 1), Opened::Late);
        assert_eq!(world.transitions(), Vec::<String>::new());
    }

    #[test]
    fn the_gate_does_not_open_anew_before_the_clients_of_the_last_time_are_gone() {
        let (hold, clients) = Hold::new();
        let mut world = world(vec![clients]);
        assert_eq!(world.grant((0, 5), 1), Opened::Yes);
        let held = hold.take(&world.gate);
        assert_eq!(world.grant((1, 5), 1), Opened::Yes, "an extension");
        world.close(2, Reason::Standby);
        assert_eq!(world.grant((2, 5), 1), Opened::Held);
        assert_eq!(
            (world.opening(2), world.keeper.word()),
            (None, GateWord::Open)
        );
        assert_eq!(world.keeper.closing_since(world.at(3)), Some(world.at(2)));
        drop(held);
        assert_eq!(world.keeper.closing_since(world.at(3)), None);
        assert_eq!(world.grant((3, 5), 1), Opened::Yes);
        assert_eq!(world.opening(3), Some(2));
    }

    #[tokio::test(start_paused = true)]
    async fn a_deadline_is_published_while_the_keeper_waits_for_something_else() {
        let mut world = world(Vec::new());
        world.grant((0, 5), 1);
        let hour = Duration::from_secs(3600);
        world.keeper.beside(tokio::time::sleep(hour)).await;
        let expired = Gate::Closed {
            reason: Reason::Expired,
        };
        assert_eq!(world.keeper.gate(), expired);
        assert_eq!(
            world.transitions(),
            ["leader granted 1", "standby expired 1"]
        );
    }
}
