//! The loop that drives kube-lease-manager: builds it, keeps its `changed()` running, builds it anew when its knowledge has
//! become useless, and gives the Lease back.
//!
//! The loop never asks kube-lease-manager whether the Lease is held. The guard knows it from the API server's answers.

use std::convert::Infallible;
use std::future;
use std::time::Duration;

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError, LeaseParams};
use shared::config::Election;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::backoff::{self, RestartLimiter};
use super::message::Message;
use crate::guard::control::{ManagerControl, RecordHeld};
use crate::lease_status::Desired;

/// The field manager of every pod. All pods share one name, because Kubernetes keeps a list of managed fields per name in the
/// Lease, which would grow with every pod that ever wrote.
const FIELD_MANAGER: &str = "klag-exporter";
/// The longest time that giving the Lease back may take.
const RELEASE_TIME: Duration = Duration::from_millis(1500);
/// The pause between two attempts to give the Lease back.
const RELEASE_RETRY: Duration = Duration::from_millis(100);

/// The loop that drives kube-lease-manager.
pub(super) struct ManagerLoop {
    pub(super) election: Election,
    /// The proxy client, whose requests go to the guard task.
    pub(super) client: Client,
    pub(super) messages: mpsc::UnboundedSender<Message>,
    /// The instruction of the leadership half: campaign or observe.
    pub(super) desired: watch::Receiver<Desired>,
    /// The state of the guard, which the loop follows.
    pub(super) control: watch::Receiver<ManagerControl>,
    pub(super) restarts: RestartLimiter,
}

/// The reason why a manager is not used any further.
enum ManagerEnd {
    /// The leadership half does not want the Lease any more.
    Observe,
    /// The guard says that the manager's knowledge is useless.
    Restart,
    /// kube-lease-manager returned an error.
    Failed(LeaseManagerError),
}

// === impl ManagerLoop ===

impl ManagerLoop {
    /// Follows the instruction of the leadership half until the loop is dropped.
    pub(super) async fn run(mut self) -> Infallible {
        loop {
            let desired = *self.desired.borrow_and_update();
            match desired {
                Desired::Campaign => self.campaign().await,
                Desired::Observe => self.observe().await,
            }
        }
    }

    /// Waits while the Lease is not wanted. A write that was in flight may still acquire the Lease; then the Lease is given
    /// back.
    async fn observe(&mut self) {
        if self.control.borrow_and_update().record_held == RecordHeld::Ours {
            self.release(None).await;
            return;
        }
        tokio::select! { biased;
            () = changed(&mut self.desired) => {}
            () = changed(&mut self.control) => {}
        }
    }

    /// Takes part in the election until the leadership half wants the Lease no more, then gives the Lease back if it is held.
    async fn campaign(&mut self) {
        let mut manager = None;
        loop {
            let pause = match self.run_manager(&mut manager).await {
                ManagerEnd::Observe => break,
                ManagerEnd::Restart => self.restarts.next_pause(Instant::now()),
                ManagerEnd::Failed(error) => {
                    debug!(%error, "The lease manager failed");
                    backoff::retry_pause()
                }
            };
            manager = None;
            tokio::select! { biased;
                () = observe_desired(&mut self.desired) => break,
                () = sleep(pause) => {}
            }
        }
        if self.control.borrow_and_update().record_held == RecordHeld::Ours {
            self.release(manager).await;
        }
    }

    /// Builds a manager and keeps it running. Returns the reason why the manager is not used any further.
    async fn run_manager(&mut self, manager: &mut Option<LeaseManager>) -> ManagerEnd {
        let generation = self.control.borrow_and_update().generation;
        let build = build(&self.election, &self.client);
        let built = tokio::select! { biased;
            () = observe_desired(&mut self.desired) => return ManagerEnd::Observe,
            () = next_generation(&mut self.control, generation) => return ManagerEnd::Restart,
            built = build => built,
        };
        let manager = match built {
            Ok(built) => manager.insert(built),
            Err(error) => return failed(error),
        };
        loop {
            let changed = tokio::select! { biased;
                () = observe_desired(&mut self.desired) => return ManagerEnd::Observe,
                () = next_generation(&mut self.control, generation) => return ManagerEnd::Restart,
                changed = manager.changed() => changed,
            };
            if let Err(error) = changed {
                return failed(error);
            }
        }
    }

    /// Gives the Lease back within [`RELEASE_TIME`], or leaves it to run out. The guard claims nothing from the first moment on.
    async fn release(&mut self, manager: Option<LeaseManager>) {
        self.send(Message::ReleaseBegins);
        let tries = try_to_release(&self.election, &self.client, manager);
        let released = async {
            tokio::select! { biased;
                _ = self.control.wait_for(|control| control.record_held == RecordHeld::Nothing) => {}
                () = tries => {}
            }
        };
        if timeout(RELEASE_TIME, released).await.is_err() {
            debug!("The lease could not be given back in time");
        }
        self.send(Message::ReleaseEnded);
        // Before the guard task has read `ReleaseEnded`, the control still says that there is something to give back.
        let settled = self
            .control
            .wait_for(|control| control.record_held != RecordHeld::Releasing);
        settled.await.ok();
    }

    fn send(&self, message: Message) {
        // Sending cannot fail: the guard task is dropped together with this loop.
        self.messages.send(message).ok();
    }
}

async fn try_to_release(election: &Election, client: &Client, manager: Option<LeaseManager>) {
    let mut manager = manager;
    loop {
        let released = match manager.take() {
            Some(manager) => manager.release().await,
            None => match build(election, client).await {
                Ok(manager) => manager.release().await,
                Err(error) => Err(error),
            },
        };
        let Err(error) = released else {
            return;
        };
        debug!(%error, "The lease manager could not release");
        sleep(RELEASE_RETRY).await;
    }
}

async fn build(election: &Election, client: &Client) -> Result<LeaseManager, LeaseManagerError> {
    let duration = election.lease_duration.as_secs();
    // kube-lease-manager's grace period is counted from the end of the lease backwards.
    let before_the_end = duration.saturating_sub(election.grace_period.as_secs());
    let parameters = LeaseParams::new(&*election.identity, duration, before_the_end)
        .with_field_manager(FIELD_MANAGER.to_owned());
    LeaseManagerBuilder::new(client.clone(), &*election.lease_name)
        .with_namespace(&*election.lease_namespace)
        .with_parameters(parameters)
        .build()
        .await
}

fn failed(error: LeaseManagerError) -> ManagerEnd {
    match error {
        // The Lease was deleted. Only building a manager creates it again.
        LeaseManagerError::NonexistentLease(_) => ManagerEnd::Restart,
        error => ManagerEnd::Failed(error),
    }
}

/// Waits until the leadership half says [`Desired::Observe`].
async fn observe_desired(desired: &mut watch::Receiver<Desired>) {
    if desired
        .wait_for(|desired| *desired == Desired::Observe)
        .await
        .is_err()
    {
        // The leadership half has ended, because the process is ending.
        future::pending::<()>().await;
    }
}

/// Waits until the guard has another generation than `generation`.
async fn next_generation(control: &mut watch::Receiver<ManagerControl>, generation: u64) {
    if control
        .wait_for(|control| control.generation != generation)
        .await
        .is_err()
    {
        future::pending::<()>().await;
    }
}

async fn changed<T>(receiver: &mut watch::Receiver<T>) {
    if receiver.changed().await.is_err() {
        future::pending::<()>().await;
    }
}
