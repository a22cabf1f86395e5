//! The lease half of the elector: takes part in the election for one Kubernetes Lease.
//!
//! ```text
//!   manager_loop ─► kube-lease-manager ─► proxy_client ─► guard_task ─► send ─► Kubernetes API
//!        ▲                                                 │  ▲  │                  │
//!        └──────────────── ManagerControl ─────────────────┘  │  └─► publish ─► LeaseStatus, log
//!                                     lease_watch, access_review ◄──────────────────┘
//! ```
//!
//! # The parts
//!
//! kube-lease-manager implements the protocol of client-go's leader election: it acquires, renews and releases the Lease by
//! requests of its own. `manager_loop` builds it and keeps it running. `proxy_client` takes each of its requests to
//! `guard_task`, the one task that owns the guard. The guard decides whether the request may be sent, and rewrites its
//! answer. `lease_watch` shows the guard every change of the Lease, and `access_review` asks whether the Lease may be written
//! at all. `publish` tells the leadership half after every event what this process holds.
//!
//! # The rules
//!
//! - One request is in flight at a time. A write is waited for even after kube-lease-manager has been dropped, because only its
//!   outcome says whether there is a claim.
//! - A claim comes from the guard alone. Nothing that kube-lease-manager believes is published.
//! - A failure never ends this half. It is published as a problem ([`LeaseStatus::problem`]), logged once, and tried again
//!   after a pause with jitter.
//! - The Lease is given back only when the leadership half says [`Desired::Observe`].
//!
//! # What this does not promise
//!
//! A release may fail, and is given up after 1.5 s; then the Lease runs out by itself, and the next pod waits for one lease
//! duration. At shutdown nothing is given back: say [`Desired::Observe`] first, and wait until nothing is held.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use kube::Client;
use shared::config::Election;
use shared::leadership::StateReason;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use crate::guard::Guard;
use crate::guard::outcome::RequestFailure;
use crate::guard::record::Candidate;
use crate::lease_status::{Desired, LeaseStatus, Problem};

pub mod telemetry;

mod access_review;
mod api_server;
mod backoff;
mod classify_error;
mod guard_task;
mod lease_watch;
mod manager_loop;
mod message;
mod proxy_client;
mod publish;
mod reloading_client;
mod send;

use access_review::AccessReview;
use api_server::ClientPurpose;
use backoff::RestartLimiter;
use guard_task::GuardTask;
use lease_watch::LeaseWatch;
use manager_loop::ManagerLoop;
use publish::StatusPublisher;
use telemetry::LeaseTelemetry;

pub use api_server::ApiServer;
pub use send::outcome_of;

/// The time after which a problem is published while the configuration is still being read.
const SLOW_CONNECT: Duration = Duration::from_secs(10);

/// The lease half of the elector, before it runs.
#[derive(Debug)]
pub struct Lease {
    /// The settings of the election, as the configuration has them.
    pub election: Election,
    /// The word that tells this pod from another of the same identity: the pod's UID, or a word drawn at random by this
    /// process.
    pub instance: String,
    /// The instruction of the leadership half. [`Desired::Observe`] gives a held Lease back.
    pub desired: watch::Receiver<Desired>,
    /// The channel to which the status is published after every change.
    pub lease_status: watch::Sender<LeaseStatus>,
    /// The counters of requests and transitions.
    pub telemetry: LeaseTelemetry,
}

// === impl Lease ===

impl Lease {
    /// Takes part in the election until `shutdown` is cancelled. Gives nothing back at `shutdown`.
    pub async fn run(self, shutdown: CancellationToken) {
        self.run_in(ApiServer::Inferred, shutdown).await;
    }

    /// Takes part in the election at `api_server` until `shutdown` is cancelled.
    pub async fn run_in(self, api_server: ApiServer, shutdown: CancellationToken) {
        tokio::select! { biased;
            () = shutdown.cancelled() => {}
            _ = Box::pin(self.take_part(api_server)) => {}
        }
    }

    async fn take_part(self, api_server: ApiServer) -> Infallible {
        let election = self.election;
        let lease = format!("{}/{}", election.lease_namespace, election.lease_name);
        let mut publisher = StatusPublisher::new(
            (election.identity.clone(), lease),
            self.lease_status,
            self.telemetry.clone(),
        );
        let client = connect(&api_server, ClientPurpose::Requests, &mut publisher).await;
        let watching = ClientPurpose::Watch(lease_watch::MAX_SILENCE);
        let watch_client = connect(&api_server, watching, &mut publisher).await;
        let guard = Guard::new(Candidate {
            identity: election.identity.clone(),
            instance: self.instance,
            lease_duration: election.lease_duration,
            grace_period: election.grace_period,
        });
        let (messages, inbox) = mpsc::unbounded_channel();
        let (control, control_receiver) = watch::channel(guard.manager_control());
        let access_review = AccessReview {
            client: client.clone(),
            name: election.lease_name.clone(),
            namespace: election.lease_namespace.clone(),
            messages: messages.clone(),
        };
        let guard_task = GuardTask {
            guard,
            client,
            messages: inbox,
            control,
            publisher,
            telemetry: self.telemetry,
            waiting: VecDeque::new(),
            in_flight: None,
        };
        let lease_watch = LeaseWatch {
            client: watch_client,
            name: election.lease_name.clone(),
            namespace: election.lease_namespace.clone(),
            read_period: election.grace_period,
            messages: messages.clone(),
            control: control_receiver.clone(),
        };
        let manager_loop = ManagerLoop {
            client: proxy_client::client(messages.clone(), &election.lease_namespace),
            election,
            messages,
            desired: self.desired,
            control: control_receiver,
            restarts: RestartLimiter::default(),
        };
        tokio::select! {
            never = guard_task.run() => never,
            never = manager_loop.run() => never,
            never = lease_watch.run() => never,
            never = access_review.run() => never,
        }
    }
}

/// Opens a client, and tries again until that succeeds. Publishes the problem meanwhile.
async fn connect(
    api_server: &ApiServer,
    purpose: ClientPurpose,
    publisher: &mut StatusPublisher,
) -> Client {
    loop {
        let mut opening = pin!(reloading_client::open(api_server, purpose));
        let opened = if let Ok(opened) = timeout(SLOW_CONNECT, &mut opening).await {
            opened
        } else {
            publisher.publish(blocked(slow()), "expired");
            opening.await
        };
        match opened {
            Ok(client) => return client,
            Err(failure) => publisher.publish(blocked(failure), "expired"),
        }
        sleep(backoff::retry_pause()).await;
    }
}

fn slow() -> RequestFailure {
    RequestFailure {
        cause: "kubeconfig",
        text: format!(
            "reading the kubeconfig, or its credential plugin, has not ended for {} s",
            SLOW_CONNECT.as_secs()
        ),
    }
}

fn blocked(failure: RequestFailure) -> LeaseStatus {
    let problem = Problem {
        reason: StateReason::ApiUnreachable,
        cause: failure.cause,
        detail: failure.text,
    };
    LeaseStatus {
        problem: Some(problem),
        ..LeaseStatus::default()
    }
}
