//! Holds the Lease: kube-lease-manager as the protocol, the guard around its requests, one watch beside it.

use shared::config::Election;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::standing::{Standing, Wish};

pub mod telemetry;

use telemetry::LeaseTelemetry;

/// The part of the elector that holds the Lease.
#[derive(Debug)]
pub struct Lease {
    /// Which Lease, and how.
    pub election: Election,
    /// Tells this pod from another of the same identity: its UID, or a word drawn at random by this process.
    pub instance: String,
    /// What the leadership half wants. [`Wish::Abstain`] with a claim held gives the Lease back.
    pub wish: watch::Receiver<Wish>,
    /// Where to say how things stand.
    pub standing: watch::Sender<Standing>,
    /// Where to count.
    pub telemetry: LeaseTelemetry,
}

// === impl Lease ===

impl Lease {
    /// Takes part in the election until `shutdown`. Never ends before: whatever fails is tried again, and told in
    /// [`Standing::trouble`].
    ///
    /// Gives nothing back at `shutdown`: say [`Wish::Abstain`] and wait for the tenure to be nothing before.
    pub async fn run(self, shutdown: CancellationToken) {
        shutdown.cancelled().await;
    }
}
