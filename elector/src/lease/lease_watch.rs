//! The watch of the Lease. The watch shows the guard every change at once, so that a standby takes over without delay after a
//! release, and a leader learns of another holder.

use std::convert::Infallible;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use k8s_openapi::api::coordination::v1::Lease;
use kube::runtime::watcher::{self, Event, watcher};
use kube::{Api, Client};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::warn;

use super::backoff;
use super::classify_error;
use super::message::Message;
use super::send::without_kube_logs;
use crate::guard::control::{ManagerControl, RecordHeld};
use crate::guard::observation::{Continuity, SeenLease};
use crate::guard::outcome::RequestFailure;
use crate::guard::record::Record;

/// The time after which the API server ends one watch, in seconds.
const WATCH_SECONDS: u32 = 30;
/// The silence after which a watch is given up. By then the API server should have ended the watch itself.
pub(super) const MAX_SILENCE: Duration = Duration::from_secs(40);
/// The longest pause between two attempts to watch.
const MAX_PAUSE: Duration = Duration::from_secs(2);
/// The time for which the Lease is read where watching is not allowed, before watching is tried again.
const READ_INSTEAD: Duration = Duration::from_secs(60);
/// The time limit of one read of the Lease.
const READ_TIMEOUT: Duration = Duration::from_millis(1500);

/// The task that watches the Lease.
pub(super) struct LeaseWatch {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) namespace: String,
    /// The time from one read to the next where watching is not allowed.
    pub(super) read_period: Duration,
    pub(super) messages: mpsc::UnboundedSender<Message>,
    /// The state of the guard, which says whether this process has a record in the Lease.
    pub(super) control: watch::Receiver<ManagerControl>,
}

/// The end of a watch that the API server does not allow.
struct Denied;

// === impl LeaseWatch ===

impl LeaseWatch {
    /// Watches the Lease, or reads it where watching is not allowed, until the task is dropped.
    pub(super) async fn run(self) -> Infallible {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut has_warned = false;
        loop {
            let Denied = self.watch(&api).await;
            if !has_warned {
                has_warned = true;
                warn!(
                    target: "klag_exporter::leadership::kubernetes",
                    lease = self.name,
                    "list and watch are not allowed on the Lease: it is read every grace_period_secs instead, and a planned \
                     hand-over takes as long"
                );
            }
            self.read(&api).await;
        }
    }

    async fn watch(&self, api: &Api<Lease>) -> Denied {
        let only_this = format!("metadata.name={}", self.name);
        let config = watcher::Config::default()
            .fields(&only_this)
            .timeout(WATCH_SECONDS);
        let mut events = pin!(watcher(api.clone(), config));
        let mut found = false;
        let mut n_failures = 0;
        while let Some(event) = without_kube_logs(events.next()).await {
            let event = match event {
                Ok(event) => event,
                Err(error) if is_denied(&error) => return Denied,
                Err(error) => {
                    self.send(Message::WatchFailed(classify_error::failure_of(&error)));
                    sleep(backoff::failure_pause(n_failures, MAX_PAUSE)).await;
                    n_failures += 1;
                    continue;
                }
            };
            n_failures = 0;
            match event {
                // A list shows the present, and not the changes since the last event.
                Event::Init => found = false,
                Event::InitApply(lease) => {
                    found = true;
                    self.seen_present(&lease, Continuity::Unknown);
                }
                Event::InitDone if !found => self.seen_absent(None, Continuity::Unknown),
                Event::InitDone => {}
                Event::Apply(lease) => self.seen_present(&lease, Continuity::Unbroken),
                Event::Delete(lease) => {
                    let version = Record::read(&lease).map(|record| record.version);
                    self.seen_absent(version, Continuity::Unbroken);
                }
            }
        }
        // Not reached: the stream of a watcher never ends.
        Denied
    }

    /// Reads the Lease from time to time instead of watching it, until watching is worth another attempt. A leader does not
    /// read here, because it reads the Lease after each renewal anyway.
    async fn read(&self, api: &Api<Lease>) {
        let until = Instant::now() + READ_INSTEAD;
        while Instant::now() < until {
            if self.control.borrow().record_held == RecordHeld::Nothing {
                match timeout(READ_TIMEOUT, without_kube_logs(api.get_opt(&self.name))).await {
                    Ok(Ok(Some(lease))) => self.seen_present(&lease, Continuity::Unknown),
                    Ok(Ok(None)) => self.seen_absent(None, Continuity::Unknown),
                    Ok(Err(error)) => {
                        self.send(Message::WatchFailed(classify_error::failure_of(&error)));
                    }
                    Err(_) => self.send(Message::WatchFailed(RequestFailure {
                        cause: "timeout",
                        text: format!("no answer to get within {} ms", READ_TIMEOUT.as_millis()),
                    })),
                }
            }
            sleep(self.read_period).await;
        }
    }

    fn seen_present(&self, lease: &Lease, continuity: Continuity) {
        if let Some(record) = Record::read(lease) {
            self.send(Message::Seen(SeenLease::Present(record), continuity));
        }
    }

    fn seen_absent(&self, version: Option<u64>, continuity: Continuity) {
        self.send(Message::Seen(SeenLease::Absent(version), continuity));
    }

    fn send(&self, message: Message) {
        // Sending cannot fail: the guard task is dropped together with this loop.
        self.messages.send(message).ok();
    }
}

fn is_denied(error: &watcher::Error) -> bool {
    use watcher::Error as E;
    let (E::InitialListFailed(kube::Error::Api(status))
    | E::WatchStartFailed(kube::Error::Api(status))
    | E::WatchFailed(kube::Error::Api(status))
    | E::WatchError(status)) = error
    else {
        return false;
    };
    status.code == 403
}
