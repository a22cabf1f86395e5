//! What a worker holds that only an open gate allows: its Kafka clients, and with them connections.
//!
//! `gate=closed` is a promise to the source of leadership, so a closed gate is not enough for it: the clients have to be gone.
//! Worker and promise look at each other's side in opposite order, so that one of them always sees the other:
//! - a worker [takes](Hold::take) first, then looks at the gate once more, and gives back what it took if that is closed;
//! - [`Promise`] looks at the gate first, then at what is held.

use shared::leadership::GateWord;
use tokio::sync::watch;
use tokio::time::Instant;

use super::{Gate, wait};

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
pub struct Held(watch::Sender<Clients>);

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

    /// Announces clients that are about to be made. What was taken before must be given back.
    pub fn take(&self) -> Held {
        self.0.send_replace(Clients::Live);
        Held(self.0.clone())
    }

    /// Waits until nothing is held. Cancel-safe.
    pub async fn released(&self) {
        gone(&mut self.0.subscribe()).await;
    }
}

// === impl Held ===

impl Drop for Held {
    fn drop(&mut self) {
        self.0.send_replace(Clients::Gone);
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
    pub fn word(&self) -> GateWord {
        let open = self.gate.borrow().is_open(Instant::now());
        if !open && self.all_gone() {
            GateWord::Closed
        } else {
            GateWord::Open
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
        let (_source, gate) = watch::channel(CLOSED);
        let (first, seen_of_first) = Hold::new();
        let (second, seen_of_second) = Hold::new();
        let promise = Promise::new(gate, vec![seen_of_first, seen_of_second]);
        assert_eq!(promise.word(), GateWord::Closed);
        let (one, two) = (first.take(), second.take());
        assert_eq!(promise.word(), GateWord::Open);
        drop(one);
        assert_eq!(promise.word(), GateWord::Open);
        drop(two);
        assert_eq!(promise.word(), GateWord::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn the_promise_is_kept_when_the_deadline_has_passed_and_the_clients_are_gone() {
        let (_source, gate) = watch::channel(open_for(Duration::from_secs(5)));
        let (hold, clients) = Hold::new();
        let held = hold.take();
        let mut promise = Promise::new(gate, vec![clients]);
        let began = Instant::now();
        let close = async {
            tokio::time::sleep(Duration::from_secs(8)).await;
            drop(held);
        };
        tokio::join!(promise.kept(), close);
        let took = began.elapsed();
        assert!(took >= Duration::from_secs(8), "{took:?}");
        assert_eq!(promise.word(), GateWord::Closed);
    }

    #[tokio::test]
    async fn an_open_gate_is_never_called_closed() {
        let (_source, gate) = watch::channel(open_for(Duration::from_secs(3600)));
        assert_eq!(Promise::new(gate, Vec::new()).word(), GateWord::Open);
    }
}
