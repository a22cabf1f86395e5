//! The loop that drives kube-lease-manager: builds it, keeps its `changed()` running, builds it anew when what it knows is of no
//! use any more, and gives the Lease back.
//!
//! Whether the Lease is held is nothing that is asked of kube-lease-manager: the keeper knows.

use std::convert::Infallible;
use std::future;
use std::time::Duration;

use kube::Client;
use kube_lease_manager::{LeaseManager, LeaseManagerBuilder, LeaseManagerError, LeaseParams};
use shared::config::Election;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::debug;

use super::keeper::Mail;
use super::pace::{self, Pace};
use crate::guard::{Hold, Outlook};
use crate::standing::Wish;

/// One name for all pods, so that the Lease does not collect one list of managed fields per pod there ever was.
const FIELD_MANAGER: &str = "klag-exporter";
/// What giving the Lease back may take.
const RELEASE: Duration = Duration::from_millis(1500);
/// Between two tries to give it back.
const RELEASE_RETRY: Duration = Duration::from_millis(100);

/// Drives kube-lease-manager.
pub(super) struct Campaign {
    pub(super) election: Election,
    pub(super) client: Client,
    pub(super) mail: mpsc::UnboundedSender<Mail>,
    pub(super) wish: watch::Receiver<Wish>,
    pub(super) outlook: watch::Receiver<Outlook>,
    pub(super) pace: Pace,
}

/// Why a manager was left.
enum End {
    Abstain,
    StartOver,
    Failed(LeaseManagerError),
}

// === impl Campaign ===

impl Campaign {
    /// Does what is wished until it is dropped.
    pub(super) async fn run(mut self) -> Infallible {
        loop {
            let wish = *self.wish.borrow_and_update();
            match wish {
                Wish::Campaign => self.take_part().await,
                Wish::Abstain => self.abstain().await,
            }
        }
    }

    /// Holds nothing. A write that was under way may still take the Lease, and then that is given back too.
    async fn abstain(&mut self) {
        if self.outlook.borrow_and_update().hold == Hold::Ours {
            self.release(None).await;
            return;
        }
        tokio::select! { biased;
            () = changed(&mut self.wish) => {}
            () = changed(&mut self.outlook) => {}
        }
    }

    /// Takes part until that is not wished any more, and gives back what is held then.
    async fn take_part(&mut self) {
        let mut manager = None;
        loop {
            let pause = match self.drive(&mut manager).await {
                End::Abstain => break,
                End::StartOver => self.pace.start(Instant::now()),
                End::Failed(error) => {
                    debug!(%error, "The lease manager failed");
                    pace::retry()
                }
            };
            manager = None;
            tokio::select! { biased;
                () = abstention(&mut self.wish) => break,
                () = sleep(pause) => {}
            }
        }
        if self.outlook.borrow_and_update().hold == Hold::Ours {
            self.release(manager).await;
        }
    }

    /// Builds a manager and lets it run until it is of no use.
    async fn drive(&mut self, manager: &mut Option<LeaseManager>) -> End {
        let turn = self.outlook.borrow_and_update().turn;
        let build = build(&self.election, &self.client);
        let built = tokio::select! { biased;
            () = abstention(&mut self.wish) => return End::Abstain,
            () = next_turn(&mut self.outlook, turn) => return End::StartOver,
            built = build => built,
        };
        let manager = match built {
            Ok(built) => manager.insert(built),
            Err(error) => return failed(error),
        };
        loop {
            let changed = tokio::select! { biased;
                () = abstention(&mut self.wish) => return End::Abstain,
                () = next_turn(&mut self.outlook, turn) => return End::StartOver,
                changed = manager.changed() => changed,
            };
            if let Err(error) = changed {
                return failed(error);
            }
        }
    }

    /// Gives the Lease back within [`RELEASE`], or leaves it to run out. The keeper claims nothing from the first moment on.
    async fn release(&mut self, manager: Option<LeaseManager>) {
        self.tell(Mail::ReleaseBegins);
        let tries = try_to_release(&self.election, &self.client, manager);
        let released = async {
            tokio::select! { biased;
                _ = self.outlook.wait_for(|outlook| outlook.hold == Hold::Nothing) => {}
                () = tries => {}
            }
        };
        if timeout(RELEASE, released).await.is_err() {
            debug!("The lease could not be given back in time");
        }
        self.tell(Mail::ReleaseEnded);
        // Until the keeper has read that, it looks as if there were something left to give back.
        let settled = self
            .outlook
            .wait_for(|outlook| outlook.hold != Hold::Releasing);
        settled.await.ok();
    }

    fn tell(&self, mail: Mail) {
        // The keeper is dropped together with this loop.
        self.mail.send(mail).ok();
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
    // kube-lease-manager counts from the end of the lease backwards.
    let before_the_end = duration.saturating_sub(election.grace_period.as_secs());
    let parameters = LeaseParams::new(&*election.identity, duration, before_the_end)
        .with_field_manager(FIELD_MANAGER.to_owned());
    LeaseManagerBuilder::new(client.clone(), &*election.lease_name)
        .with_namespace(&*election.lease_namespace)
        .with_parameters(parameters)
        .build()
        .await
}

fn failed(error: LeaseManagerError) -> End {
    match error {
        // Only the constructor makes a Lease.
        LeaseManagerError::NonexistentLease(_) => End::StartOver,
        error => End::Failed(error),
    }
}

async fn abstention(wish: &mut watch::Receiver<Wish>) {
    if wish.wait_for(|wish| *wish == Wish::Abstain).await.is_err() {
        // Nobody is left to wish anything, which is what the end of the process looks like.
        future::pending::<()>().await;
    }
}

async fn next_turn(outlook: &mut watch::Receiver<Outlook>, turn: u64) {
    if outlook
        .wait_for(|outlook| outlook.turn != turn)
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
