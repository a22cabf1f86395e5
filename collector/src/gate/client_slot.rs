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

#[cfg(test)]
mod tests;

use std::num::NonZeroUsize;

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
    /// The worker has Kafka clients, which may have connections. They hold this number of guards.
    Live(NonZeroUsize),
}

/// The slot of one worker. The worker writes [`ClientState::Live`] before it makes clients; the drop of their [`ClientGuard`] writes
/// [`ClientState::Gone`].
#[derive(Debug)]
pub struct ClientSlot(watch::Sender<ClientState>);

/// The proof that a slot is taken. The clients hold it, and drop it after their last connection is closed; dropping the last guard
/// of a slot frees the slot.
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

// === impl ClientState ===

impl ClientState {
    fn with_one_more(self) -> Self {
        Self::Live(match self {
            Self::Gone => NonZeroUsize::MIN,
            Self::Live(n) => n.saturating_add(1),
        })
    }

    fn with_one_less(self) -> Self {
        match self {
            Self::Gone => Self::Gone,
            Self::Live(n) => NonZeroUsize::new(n.get() - 1).map_or(Self::Gone, Self::Live),
        }
    }
}

// === impl ClientSlot ===

impl ClientSlot {
    /// Returns a free slot, and a receiver of its state for [`Quiescence`].
    pub fn new() -> (Self, watch::Receiver<ClientState>) {
        let (sender, clients) = watch::channel(ClientState::Gone);
        (Self(sender), clients)
    }

    /// Records that clients are about to be made; returns `None` if `gate` is closed.
    pub fn take(&self, gate: &watch::Receiver<Gate>) -> Option<ClientGuard> {
        self.0
            .send_modify(|clients| *clients = clients.with_one_more());
        let permit = gate.borrow().permit(Instant::now());
        let Ok(permit) = permit else {
            self.0
                .send_modify(|clients| *clients = clients.with_one_less());
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
        let clients = watch::Sender::new(ClientState::Gone.with_one_more());
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
        self.clients
            .send_modify(|clients| *clients = clients.with_one_less());
    }
}

// === impl PermitCheck ===

impl PermitCheck {
    /// Returns `true` once the permission has ended. Reads the clock.
    pub fn is_over(&self) -> bool {
        let gate = *self.gate.borrow();
        !gate.admits(self.opening, Instant::now())
    }

    /// Waits until the permission has ended. Cancel-safe.
    pub async fn over(&self) {
        wait::over(&mut self.gate.clone(), self.opening).await;
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
