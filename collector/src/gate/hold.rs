//! What a worker holds that only an open gate allows: its Kafka clients, and with them connections.
//!
//! `gate=closed` is a promise to the source of leadership, so a closed gate is not enough for it: the clients have to be gone.
//! Worker and promise look at each other's side in opposite order, so that one of them always sees the other:
//! - [`Hold::take`] announces first, then looks at the gate once more, and gives back what it took if that is closed;
//! - [`Promise`] looks at the gate first, then at what is held.

use shared::leadership::ReportedGate;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Gate, Permit, Until, wait};

/// What a worker holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Clients {
    /// No client, no connection.
    #[default]
    Gone,
    /// Clients that may send.
    Live,
}

/// One worker's side.
#[derive(Debug)]
pub struct Hold(watch::Sender<Clients>);

/// Clients are held until this is dropped.
#[derive(Debug)]
pub struct Held {
    clients: watch::Sender<Clients>,
    leave: Leave,
    /// The permission that they were taken by.
    pub permit: Permit,
}

/// What clients act by: one opening of the gate.
#[derive(Clone, Debug)]
pub struct Leave {
    gate: watch::Receiver<Gate>,
    opening: u64,
}

/// The side of whoever answers for the gate.
#[derive(Clone, Debug)]
pub struct Promise {
    gate: watch::Receiver<Gate>,
    holds: Vec<watch::Receiver<Clients>>,
}

// === impl Hold ===

impl Hold {
    /// A worker's side that holds nothing, and what others see of it.
    pub fn new() -> (Self, watch::Receiver<Clients>) {
        let (sender, clients) = watch::channel(Clients::Gone);
        (Self(sender), clients)
    }

    /// Announces clients that are about to be made, unless `gate` is closed. What was taken before must have been given back.
    pub fn take(&self, gate: &watch::Receiver<Gate>) -> Option<Held> {
        self.0.send_replace(Clients::Live);
        let permit = gate.borrow().permit(Instant::now());
        let Ok(permit) = permit else {
            self.0.send_replace(Clients::Gone);
            return None;
        };
        let leave = Leave {
            gate: gate.clone(),
            opening: permit.opening,
        };
        Some(Held {
            clients: self.0.clone(),
            leave,
            permit,
        })
    }
}

// === impl Held ===

impl Held {
    /// Held by nobody's leave, for ever: for a process that only looks once.
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
        let leave = Leave {
            gate: watch::channel(open).1,
            opening: permit.opening,
        };
        let clients = Hold::new().0.0;
        Self {
            clients,
            leave,
            permit,
        }
    }

    /// What the clients act by.
    pub fn leave(&self) -> Leave {
        self.leave.clone()
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.clients.send_replace(Clients::Gone);
    }
}

// === impl Leave ===

impl Leave {
    /// Whether nothing may begin any more, by the clock of this moment.
    pub fn is_over(&self) -> bool {
        let gate = *self.gate.borrow();
        !gate.admits(self.opening, Instant::now())
    }
}

// === impl Promise ===

impl Promise {
    /// What can be promised of `gate` and all the workers behind `holds`.
    pub const fn new(gate: watch::Receiver<Gate>, holds: Vec<watch::Receiver<Clients>>) -> Self {
        Self { gate, holds }
    }

    /// Whether no worker holds clients.
    pub fn all_gone(&self) -> bool {
        self.holds
            .iter()
            .all(|clients| *clients.borrow() == Clients::Gone)
    }

    /// What may be said of this process. The closed word stays true until whoever asks opens the gate.
    pub fn word(&self) -> ReportedGate {
        let open = self.gate.borrow().is_open(Instant::now());
        if !open && self.all_gone() {
            ReportedGate::Closed
        } else {
            ReportedGate::Open
        }
    }

    /// Waits until the closed word is true. Cancel-safe.
    pub async fn kept(&mut self) {
        wait::closed(&mut self.gate).await;
        for clients in &mut self.holds {
            gone(clients).await;
        }
    }
}

async fn gone(clients: &mut watch::Receiver<Clients>) {
    // A worker that is gone has dropped its clients.
    clients
        .wait_for(|clients| *clients == Clients::Gone)
        .await
        .ok();
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::gate::{Reason, Until};

    const CLOSED: Gate = Gate::Closed {
        reason: Reason::Standby,
    };

    fn open_for(time: Duration) -> Gate {
        Gate::Open {
            until: Until::At(Instant::now() + time),
            term: 7,
            opening: 1,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn closed_is_not_said_while_one_of_two_workers_has_clients() {
        let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
        let (first, seen_of_first) = Hold::new();
        let (second, seen_of_second) = Hold::new();
        let promise = Promise::new(gate.clone(), vec![seen_of_first, seen_of_second]);
        let (one, two) = (first.take(&gate), second.take(&gate));
        source.send_replace(CLOSED);
        assert_eq!(promise.word(), ReportedGate::Open);
        drop(one);
        assert_eq!(promise.word(), ReportedGate::Open);
        drop(two);
        assert_eq!(promise.word(), ReportedGate::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn the_promise_is_kept_when_the_deadline_has_passed_and_the_clients_are_gone() {
        let (_source, gate) = watch::channel(open_for(Duration::from_secs(5)));
        let (hold, clients) = Hold::new();
        let held = hold.take(&gate);
        let mut promise = Promise::new(gate, vec![clients]);
        let began = Instant::now();
        let close = async {
            tokio::time::sleep(Duration::from_secs(8)).await;
            drop(held);
        };
        tokio::join!(promise.kept(), close);
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(8), "{took:?}");
        assert_eq!(promise.word(), ReportedGate::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_taken_behind_a_gate_that_has_closed_meanwhile() {
        let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
        let (hold, clients) = Hold::new();
        source.send_replace(CLOSED);
        assert!(hold.take(&gate).is_none());
        assert_eq!(*clients.borrow(), Clients::Gone);
    }

    #[tokio::test(start_paused = true)]
    async fn leave_is_over_at_the_deadline_and_stays_over_when_the_gate_opens_anew() {
        let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
        let held = Hold::new().0.take(&gate).unwrap();
        let leave = held.leave();
        assert!(!leave.is_over());
        tokio::time::advance(Duration::from_secs(5)).await;
        assert!(leave.is_over());
        source.send_replace(Gate::Open {
            until: Until::Forever,
            term: 7,
            opening: 2,
        });
        assert!(leave.is_over());
    }

    #[tokio::test]
    async fn an_open_gate_is_never_called_closed() {
        let (_source, gate) = watch::channel(open_for(Duration::from_secs(3600)));
        assert_eq!(Promise::new(gate, Vec::new()).word(), ReportedGate::Open);
    }
}
