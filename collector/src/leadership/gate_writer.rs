//! The only writer of the gate.
//!
//! The writer applies decisions, counts the transitions, and refuses to open the gate while clients of the opening before are left
//! or while a `HoldOff` delays it.

use prometheus::IntCounterVec;
use shared::leadership::ReportedGate;
use tokio::sync::watch;
use tokio::time::Instant;
use tracing::warn;

use super::hold_off::HoldOff;
use super::source_status::LOG_TARGET;
use crate::gate::client_slot::{ClientState, Quiescence};
use crate::gate::{ClosedReason, Gate, Until, wait};

#[cfg(test)]
mod tests;

/// The value of the label `reason` for every transition to open.
const GRANTED: &str = "granted";

/// The owner of the gate. Dropping the writer closes the gate.
#[derive(Debug)]
pub struct GateWriter {
    gate: watch::Sender<Gate>,
    quiescence: Quiescence,
    transitions: IntCounterVec,
    n_openings: u64,
    hold_off: HoldOff,
    /// The instant at which the gate was last closed.
    closed_at: Instant,
}

/// The result of opening the gate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenResult {
    /// The gate is open.
    Opened,
    /// The permission had ended before it came.
    TooLate,
    /// The clients of the opening before are not gone yet; the gate stays closed.
    ClientsLeft,
    /// The gate has been opened and closed too often; it stays closed for a while.
    HeldOff,
}

/// Returns every pair of the labels `to` and `reason` of a transition.
pub fn transition_labels() -> impl Iterator<Item = (&'static str, &'static str)> {
    let lost = ClosedReason::ALL
        .into_iter()
        .filter(|reason| !matches!(reason, ClosedReason::Starting | ClosedReason::HeldOff));
    std::iter::once(("leader", GRANTED)).chain(lost.map(|reason| ("standby", reason.label())))
}

// === impl GateWriter ===

impl GateWriter {
    /// Returns a writer with a closed gate, and a receiver of the gate. `slots` are the states of the workers' client slots,
    /// which must be free before the gate opens anew. Transitions are counted in `transitions`, by the labels `to` and `reason`.
    pub fn new(
        slots: Vec<watch::Receiver<ClientState>>,
        transitions: IntCounterVec,
        now: Instant,
    ) -> (Self, watch::Receiver<Gate>) {
        let (sender, gate) = watch::channel(Gate::Closed {
            reason: ClosedReason::Starting,
        });
        let gate_writer = Self {
            gate: sender,
            quiescence: Quiescence::new(gate.clone(), slots),
            transitions,
            n_openings: 0,
            hold_off: HoldOff::default(),
            closed_at: now,
        };
        (gate_writer, gate)
    }

    /// Opens the gate, or moves the deadline of a permission that still runs, under `term`. Stays closed while clients of the
    /// opening before are left, or while openings are held off.
    pub fn open(&mut self, until: Until, term: u64, now: Instant) -> OpenResult {
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
            return OpenResult::TooLate;
        }
        if opening > self.n_openings {
            self.close(ClosedReason::Expired, now);
            if !self.quiescence.all_gone() {
                return OpenResult::ClientsLeft;
            }
            if self.is_held_off(now) {
                return OpenResult::HeldOff;
            }
            self.hold_off.opened(now);
            self.n_openings = opening;
            self.count("leader", GRANTED);
        }
        self.gate.send_replace(gate);
        OpenResult::Opened
    }

    /// Closes the gate. A permission whose deadline had passed before is counted as expired, whatever `reason` says.
    pub fn close(&mut self, reason: ClosedReason, now: Instant) {
        let before = *self.gate.borrow();
        let reason = match (before, before.permit(now)) {
            (Gate::Open { .. }, permit) => {
                let lost = permit.err().unwrap_or(reason);
                self.closed_at = now;
                self.hold_off.closed(now);
                self.count("standby", lost.label());
                lost
            }
            // The reason of a closed gate may change; an expiry of a closed gate is not an event.
            (Gate::Closed { .. }, _) if reason == ClosedReason::Expired => return,
            (Gate::Closed { .. }, _) => reason,
        };
        self.gate.send_replace(Gate::Closed { reason });
    }

    /// Returns the gate as last written.
    pub fn gate(&self) -> Gate {
        *self.gate.borrow()
    }

    /// Returns the instant at which the gate was last closed, if it is closed and clients are left.
    pub fn clients_left_since(&self, now: Instant) -> Option<Instant> {
        let open = self.gate.borrow().is_open(now);
        (!open && !self.quiescence.all_gone()).then_some(self.closed_at)
    }

    /// Returns the value of the `gate` parameter for a request that is sent now.
    pub fn reported(&self) -> ReportedGate {
        self.quiescence.reported()
    }

    /// Returns a handle for waiting until the gate is closed and no client is left.
    pub fn quiescence(&self) -> Quiescence {
        self.quiescence.clone()
    }

    /// Waits for `wanted`. If the permission ends meanwhile, the gate is written as closed.
    pub async fn wait_and_expire<T>(&mut self, wanted: impl Future<Output = T>) -> T {
        let mut wanted = std::pin::pin!(wanted);
        let mut gate = self.gate.subscribe();
        loop {
            let open = matches!(*gate.borrow(), Gate::Open { .. });
            let came = tokio::select! { biased;
            came = &mut wanted => Some(came),
            _ = wait::closed(&mut gate), if open => None };
            match came {
                Some(came) => return came,
                None => self.close(ClosedReason::Expired, Instant::now()),
            }
        }
    }

    /// Returns `true` if the gate has been opened and closed too often for opening at `now`. Then the gate gets the reason
    /// `HeldOff`, and the log gets one warning.
    fn is_held_off(&mut self, now: Instant) -> bool {
        let Some(delay) = self.hold_off.delay(now) else {
            return false;
        };
        if self.hold_off.is_first_warning() {
            let seconds = delay.total.as_secs();
            warn!(
                target: LOG_TARGET,
                openings = delay.n_brief,
                seconds,
                "Leadership is given and taken too often: each time it is given, this pod waits longer before it collects"
            );
        }
        let reason = ClosedReason::HeldOff;
        self.gate.send_replace(Gate::Closed { reason });
        true
    }

    fn count(&self, to: &str, reason: &str) {
        self.transitions.with_label_values(&[to, reason]).inc();
    }
}

impl Drop for GateWriter {
    fn drop(&mut self) {
        self.close(ClosedReason::ShuttingDown, Instant::now());
    }
}
