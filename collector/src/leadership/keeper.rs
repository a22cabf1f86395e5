//! The one who writes the gate.

use prometheus::IntCounterVec;
use shared::leadership::ReportedGate;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;

use super::hold_off::HoldOff;
use super::standing::TARGET;
use crate::gate::hold::{Clients, Promise};
use crate::gate::{Gate, Reason, Until, wait};

#[cfg(test)]
mod tests;

/// The reason of every transition to open.
const GRANTED: &str = "granted";

/// Owns the gate. Dropping it closes the gate.
#[derive(Debug)]
pub struct Gatekeeper {
    gate: watch::Sender<Gate>,
    promise: Promise,
    transitions: IntCounterVec,
    n_openings: u64,
    hold_off: HoldOff,
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
    /// It has been opened and closed too often for it to open at once; the gate stays closed for a while.
    HeldOff,
}

/// Every pair of the labels `to` and `reason` of a transition.
pub fn transition_labels() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lost = Reason::ALL
        .into_iter()
        .filter(|reason| !matches!(reason, Reason::Starting | Reason::HeldOff));
    std::iter::once(("leader", GRANTED)).chain(lost.map(|reason| ("standby", reason.label())))
}

// === impl Gatekeeper ===

impl Gatekeeper {
    /// The keeper of a closed gate, and what others see of it. `holds` are the workers', who must have closed before the gate
    /// opens anew. Counts in `transitions`, by the labels `to` and `reason`.
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
            hold_off: HoldOff::default(),
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
            if self.is_held_off(now) {
                return Opened::HeldOff;
            }
            self.hold_off.opened(now);
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
                self.hold_off.closed(now);
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
    pub fn word(&self) -> ReportedGate {
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

    /// Whether the gate has been opened and closed too often for it to open at `now`. The log is told once.
    fn is_held_off(&mut self, now: Instant) -> bool {
        let Some(held) = self.hold_off.held(now) else {
            return false;
        };
        if self.hold_off.is_news() {
            let seconds = held.whole.as_secs();
            warn!(
                target: TARGET,
                openings = held.n_brief,
                seconds,
                "Leadership is given and taken too often: each time it is given, this pod waits longer before it collects"
            );
        }
        let reason = Reason::HeldOff;
        self.gate.send_replace(Gate::Closed { reason });
        true
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
