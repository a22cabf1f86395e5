//! Records which workers have Kafka clients, and derives the word `gate` that is reported to the source of leadership.
//!
//! `gate=closed` in a request to the source of leadership promises that this process has no connection to Kafka. A closed gate
//! alone does not fulfil that promise, because clients live on for a while after it closes. The worker, which makes
//! clients, and [`Quiescence`], which reports, therefore look at two values, the gate and the slot, in opposite order:
//! - [`ClientSlot::take`] first records that clients exist, then reads the gate, and takes the record back if the gate is closed;
//! - [`Quiescence`] first reads the gate, then the slots.
//!
//! Whichever of the two comes second sees the other: either the worker finds the gate closed and makes no clients, or the
//! reporter finds the slot in use and reports `gate=open`.

use shared::leadership::ReportedGate;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Gate, Permit, Until, wait};

/// The state of one worker's Kafka clients.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ClientState {
    /// The worker has no Kafka client, and so no connection.
    #[default]
    Gone,
    /// The worker has Kafka clients, which may have connections.
    Live,
}

/// The slot of one worker. The worker writes [`ClientState::Live`] before it makes clients; the drop of their [`ClientGuard`] writes
/// [`ClientState::Gone`].
#[derive(Debug)]
pub struct ClientSlot(watch::Sender<ClientState>);

/// The proof that a slot is taken. The guard belongs to the clients and is dropped after their last connection is closed;
/// dropping it frees the slot.
#[derive(Debug)]
pub struct ClientGuard {
    clients: watch::Sender<ClientState>,
    permit_check: PermitCheck,
    /// The permission under which the slot was taken.
    pub permit: Permit,
}

/// The check that clients make before each connection and request: whether the opening of the gate under which they were made
/// still lasts.
#[derive(Clone, Debug)]
pub struct PermitCheck {
    gate: watch::Receiver<Gate>,
    opening: u64,
}

/// The gate together with the slots of all workers, from which the `gate` parameter of a request is derived.
#[derive(Clone, Debug)]
pub struct Quiescence {
    gate: watch::Receiver<Gate>,
    slots: Vec<watch::Receiver<ClientState>>,
}

// === impl ClientSlot ===

impl ClientSlot {
    /// Returns a free slot, and a receiver of its state for [`Quiescence`].
    pub fn new() -> (Self, watch::Receiver<ClientState>) {
        let (sender, clients) = watch::channel(ClientState::Gone);
        (Self(sender), clients)
    }

    /// Records that clients are about to be made; returns `None` if `gate` is closed. The guard of an earlier call must have been
    /// dropped.
    pub fn take(&self, gate: &watch::Receiver<Gate>) -> Option<ClientGuard> {
        self.0.send_replace(ClientState::Live);
        let permit = gate.borrow().permit(Instant::now());
        let Ok(permit) = permit else {
            self.0.send_replace(ClientState::Gone);
            return None;
        };
        let permit_check = PermitCheck {
            gate: gate.clone(),
            opening: permit.opening,
        };
        Some(ClientGuard {
            clients: self.0.clone(),
            permit_check,
            permit,
        })
    }
}

// === impl ClientGuard ===

impl ClientGuard {
    /// Returns a guard without a gate, whose permission never ends: for a process that connects once and exits.
    pub fn without_election() -> Self {
        let permit = Permit {
            until: Until::Forever,
            term: 0,
            opening: 1,
        };
        let open = Gate::Open {
            until: Until::Forever,
            term: 0,
            opening: permit.opening,
        };
        let permit_check = PermitCheck {
            gate: watch::channel(open).1,
            opening: permit.opening,
        };
        let clients = ClientSlot::new().0.0;
        Self {
            clients,
            permit_check,
            permit,
        }
    }

    /// Returns the check that the clients have to make before each connection and request.
    pub fn permit_check(&self) -> PermitCheck {
        self.permit_check.clone()
    }
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        self.clients.send_replace(ClientState::Gone);
    }
}

// === impl PermitCheck ===

impl PermitCheck {
    /// Returns `true` once the permission has ended. Reads the clock.
    pub fn is_over(&self) -> bool {
        let gate = *self.gate.borrow();
        !gate.admits(self.opening, Instant::now())
    }
}

// === impl Quiescence ===

impl Quiescence {
    /// Combines `gate` with the states of all slots.
    pub const fn new(
        gate: watch::Receiver<Gate>,
        slots: Vec<watch::Receiver<ClientState>>,
    ) -> Self {
        Self { gate, slots }
    }

    /// Returns `true` if no worker has clients.
    pub fn all_gone(&self) -> bool {
        self.slots
            .iter()
            .all(|clients| *clients.borrow() == ClientState::Gone)
    }

    /// Returns the value of the `gate` parameter. `Closed` stays true until this process opens its gate again, which only an
    /// answer of the source can cause.
    pub fn reported(&self) -> ReportedGate {
        let open = self.gate.borrow().is_open(Instant::now());
        if !open && self.all_gone() {
            ReportedGate::Closed
        } else {
            ReportedGate::Open
        }
    }

    /// Waits until [`Quiescence::reported`] returns `Closed`. Cancel-safe.
    pub async fn reached(&mut self) {
        wait::closed(&mut self.gate).await;
        for clients in &mut self.slots {
            gone(clients).await;
        }
    }
}

async fn gone(clients: &mut watch::Receiver<ClientState>) {
    // The wait fails once all senders are dropped, those of the worker and of its guard, and then no client is left.
    clients
        .wait_for(|clients| *clients == ClientState::Gone)
        .await
        .ok();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gate::{ClosedReason, Until};

    const CLOSED: Gate = Gate::Closed {
        reason: ClosedReason::Standby,
    };

    fn open_for(time: Duration) -> Gate {
        Gate::Open {
            until: Until::At(Instant::now() + time),
            term: 7,
            opening: 1,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn closed_is_not_reported_while_one_of_two_workers_has_clients() {
        let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
        let (first, seen_of_first) = ClientSlot::new();
        let (second, seen_of_second) = ClientSlot::new();
        let quiescence = Quiescence::new(gate.clone(), vec![seen_of_first, seen_of_second]);
        let (one, two) = (first.take(&gate), second.take(&gate));
        source.send_replace(CLOSED);
        assert_eq!(quiescence.reported(), ReportedGate::Open);
        drop(one);
        assert_eq!(quiescence.reported(), ReportedGate::Open);
        drop(two);
        assert_eq!(quiescence.reported(), ReportedGate::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn quiescence_is_reached_when_the_deadline_has_passed_and_the_clients_are_gone() {
        let (_source, gate) = watch::channel(open_for(Duration::from_secs(5)));
        let (slot, clients) = ClientSlot::new();
        let guard = slot.take(&gate);
        let mut quiescence = Quiescence::new(gate, vec![clients]);
        let began = Instant::now();
        let close = async {
            tokio::time::sleep(Duration::from_secs(8)).await;
            drop(guard);
        };
        tokio::join!(quiescence.reached(), close);
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(8), "{took:?}");
        assert_eq!(quiescence.reported(), ReportedGate::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slot_is_not_taken_if_the_gate_has_closed_meanwhile() {
        let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
        let (slot, clients) = ClientSlot::new();
        source.send_replace(CLOSED);
        assert!(slot.take(&gate).is_none());
        assert_eq!(*clients.borrow(), ClientState::Gone);
    }

    #[tokio::test(start_paused = true)]
    async fn a_permit_check_is_over_at_the_deadline_and_stays_over_in_a_new_opening() {
        let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
        let guard = ClientSlot::new().0.take(&gate).unwrap();
        let permit_check = guard.permit_check();
        assert!(!permit_check.is_over());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(permit_check.is_over());
        source.send_replace(Gate::Open {
            until: Until::Forever,
            term: 7,
            opening: 2,
        });
        assert!(permit_check.is_over());
    }

    #[tokio::test]
    async fn an_open_gate_is_never_reported_closed() {
        let (_source, gate) = watch::channel(open_for(Duration::from_secs(3600)));
        assert_eq!(
            Quiescence::new(gate, Vec::new()).reported(),
            ReportedGate::Open
        );
    }
}
