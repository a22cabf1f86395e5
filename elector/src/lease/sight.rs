//! The one watch: shows the Lease as it changes, so that a standby wakes and a leader hears of another holder.

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

use super::exchange::quietly;
use super::failure;
use super::keeper::Mail;
use super::pace;
use crate::guard::observation::{Link, Seen};
use crate::guard::record::Record;
use crate::guard::troubles::Failure;
use crate::guard::{Hold, Outlook};

/// How long one watch is asked for. Seconds.
const TIMEOUT: u32 = 30;
/// A watch that has been silent for so long is dead: the other side should have ended it before.
pub(super) const SILENCE: Duration = Duration::from_secs(40);
/// Longest pause between two tries to watch.
const PAUSE: Duration = Duration::from_secs(2);
/// After which rights are tried again.
const RIGHTS: Duration = Duration::from_secs(60);
/// What one read may take.
const READ: Duration = Duration::from_millis(1500);

/// Watches the Lease.
pub(super) struct Sight {
    pub(super) client: Client,
    pub(super) name: String,
    pub(super) namespace: String,
    /// From one read to the next where watching is not allowed.
    pub(super) period: Duration,
    pub(super) mail: mpsc::UnboundedSender<Mail>,
    pub(super) outlook: watch::Receiver<Outlook>,
}

/// Watching is not allowed.
struct Denied;

// === impl Sight ===

impl Sight {
    /// Watches until it is dropped.
    pub(super) async fn run(self) -> Infallible {
        let api: Api<Lease> = Api::namespaced(self.client.clone(), &self.namespace);
        let mut said = false;
        loop {
            let Denied = self.watch(&api).await;
            if !said {
                said = true;
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
            .timeout(TIMEOUT);
        let mut events = pin!(watcher(api.clone(), config));
        let mut found = false;
        let mut failures = 0;
        while let Some(event) = quietly(events.next()).await {
            let event = match event {
                Ok(event) => event,
                Err(error) if is_denied(&error) => return Denied,
                Err(error) => {
                    self.tell(Mail::WatchFailed(failure::of(&error)));
                    sleep(pace::back_off(failures, PAUSE)).await;
                    failures += 1;
                    continue;
                }
            };
            failures = 0;
            match event {
                // A list says how things are, and not what happened since the last one.
                Event::Init => found = false,
                Event::InitApply(lease) => {
                    found = true;
                    self.present(&lease, Link::Anew);
                }
                Event::InitDone if !found => self.absent(None, Link::Anew),
                Event::InitDone => {}
                Event::Apply(lease) => self.present(&lease, Link::Next),
                Event::Delete(lease) => {
                    let version = Record::read(&lease).map(|record| record.version);
                    self.absent(version, Link::Next);
                }
            }
        }
        // The stream of a watcher has no end.
        Denied
    }

    /// Reads from time to time instead, until it is time to ask for the right again. A leader reads after each renewal anyway.
    async fn read(&self, api: &Api<Lease>) {
        let until = Instant::now() + RIGHTS;
        while Instant::now() < until {
            if self.outlook.borrow().hold == Hold::Nothing {
                match timeout(READ, quietly(api.get_opt(&self.name))).await {
                    Ok(Ok(Some(lease))) => self.present(&lease, Link::Anew),
                    Ok(Ok(None)) => self.absent(None, Link::Anew),
                    Ok(Err(error)) => self.tell(Mail::WatchFailed(failure::of(&error))),
                    Err(_) => self.tell(Mail::WatchFailed(Failure {
                        cause: "timeout",
                        text: format!("no answer to get within {} ms", READ.as_millis()),
                    })),
                }
            }
            sleep(self.period).await;
        }
    }

    fn present(&self, lease: &Lease, link: Link) {
        if let Some(record) = Record::read(lease) {
            self.tell(Mail::Seen(Seen::Present(record), link));
        }
    }

    fn absent(&self, version: Option<u64>, link: Link) {
        self.tell(Mail::Seen(Seen::Absent(version), link));
    }

    fn tell(&self, mail: Mail) {
        // The keeper is dropped together with this loop.
        self.mail.send(mail).ok();
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
