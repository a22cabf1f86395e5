//! Holds the Lease: kube-lease-manager as the protocol, the guard around its requests, one watch beside it.
//!
//! ```text
//!   campaign ─► kube-lease-manager ─► service ─► keeper (owns the guard) ─► exchange ─► Kubernetes API
//!      ▲                                          ▲   │                                      │
//!      └────────────── Outlook ───────────────────┼───┤                                      │
//!                               sight, rights ────┘   └─► herald ─► Standing, log            │
//!                                         ▲                                                  │
//!                                         └────────────────── watch ─────────────────────────┘
//! ```

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use kube::Client;
use shared::config::Election;
use shared::leadership::Reason;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::guard::Guard;
use crate::guard::record::Candidate;
use crate::guard::troubles::Failure;
use crate::standing::{Standing, Trouble, Wish};

pub mod telemetry;

mod campaign;
mod cluster;
mod exchange;
mod failure;
mod herald;
mod keeper;
mod line;
mod pace;
mod rights;
mod service;
mod sight;

use campaign::Campaign;
use cluster::Purpose;
use herald::Herald;
use keeper::Keeper;
use pace::Pace;
use rights::Rights;
use sight::Sight;
use telemetry::LeaseTelemetry;

pub use cluster::Cluster;

/// How long reading the configuration may take before that is told.
const PATIENCE: Duration = Duration::from_secs(10);

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
        self.run_in(Cluster::Inferred, shutdown).await;
    }

    /// The same, in `cluster`.
    pub async fn run_in(self, cluster: Cluster, shutdown: CancellationToken) {
        tokio::select! { biased;
            () = shutdown.cancelled() => {}
            _ = Box::pin(self.take_part(cluster)) => {}
        }
    }

    async fn take_part(self, cluster: Cluster) -> Infallible {
        let lease = format!(
            "{}/{}",
            self.election.lease_namespace, self.election.lease_name
        );
        let mut herald = Herald::new(
            (self.election.identity.clone(), lease),
            self.standing,
            self.telemetry.clone(),
        );
        let client = connect(&cluster, Purpose::Requests, &mut herald).await;
        let watcher = connect(&cluster, Purpose::Watch(sight::SILENCE), &mut herald).await;
        let election = self.election;
        let guard = Guard::new(Candidate {
            identity: election.identity.clone(),
            instance: self.instance,
            lease_duration: election.lease_duration,
            grace_period: election.grace_period,
        });
        let (mail, inbox) = mpsc::unbounded_channel();
        let (outlook, look) = watch::channel(guard.outlook());
        let rights = Rights {
            client: client.clone(),
            name: election.lease_name.clone(),
            namespace: election.lease_namespace.clone(),
            mail: mail.clone(),
        };
        let keeper = Keeper {
            guard,
            client,
            mail: inbox,
            outlook,
            herald,
            telemetry: self.telemetry,
            waiting: VecDeque::new(),
            in_flight: None,
        };
        let sight = Sight {
            client: watcher,
            name: election.lease_name.clone(),
            namespace: election.lease_namespace.clone(),
            period: election.grace_period,
            mail: mail.clone(),
            outlook: look.clone(),
        };
        let campaign = Campaign {
            client: service::client(mail.clone(), &election.lease_namespace),
            election,
            mail,
            wish: self.wish,
            outlook: look,
            pace: Pace::default(),
        };
        tokio::select! {
            never = keeper.run() => never,
            never = campaign.run() => never,
            never = sight.run() => never,
            never = rights.run() => never,
        }
    }
}

/// A client, tried for until there is one.
async fn connect(cluster: &Cluster, purpose: Purpose, herald: &mut Herald) -> Client {
    loop {
        let mut opening = pin!(line::open(cluster, purpose));
        let opened = if let Ok(opened) = timeout(PATIENCE, &mut opening).await {
            opened
        } else {
            herald.tell(blocked(slow()), "expired");
            opening.await
        };
        match opened {
            Ok(client) => return client,
            Err(failure) => herald.tell(blocked(failure), "expired"),
        }
        sleep(pace::retry()).await;
    }
}

fn slow() -> Failure {
    Failure {
        cause: "kubeconfig",
        text: format!(
            "reading the kubeconfig, or its credential plugin, has not ended for {} s",
            PATIENCE.as_secs()
        ),
    }
}

fn blocked(failure: Failure) -> Standing {
    let trouble = Trouble {
        reason: Reason::ApiUnreachable,
        cause: failure.cause,
        detail: failure.text,
    };
    Standing {
        trouble: Some(trouble),
        ..Standing::default()
    }
}
