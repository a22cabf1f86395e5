//! The task that looks for changes of the web configuration and of the files that it names.
//!
//! The task reads all files every [`INTERVAL`] and compares their contents. So it notices every kind of change, also the swap of a symbolic
//! link by which the kubelet updates the volume of a Secret. If the new contents cannot be used, the last valid policy stays in use.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::WebMetrics;
use super::contents::Contents;
use super::policy::Policy;

/// The pause between two readings of the files.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);

/// The labels of the one series of a family without labels.
const NO_LABELS: [&str; 0] = [];

/// The state of the task.
#[derive(Debug)]
pub(super) struct Reload {
    /// The contents at the last reading, valid or not.
    pub(super) seen: Contents,
    /// The channel that tells the admission the policy in use.
    pub(super) policy: watch::Sender<Arc<Policy>>,
    /// The metrics about the files.
    pub(super) metrics: WebMetrics,
}

// === impl Reload ===

impl Reload {
    /// Looks for changes until `shutdown`.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        for result in ["success", "failure"] {
            self.metrics.reloads.with_label_values(&[result]);
        }
        self.tell_use();
        while let Some(contents) = self.next_look(&shutdown).await {
            if contents != self.seen {
                self.change(contents);
            }
        }
    }

    /// Waits for [`INTERVAL`] and reads the files; `None` at `shutdown`, or if the thread that reads panicked.
    async fn next_look(&self, shutdown: &CancellationToken) -> Option<Contents> {
        let look = async {
            tokio::time::sleep(INTERVAL).await;
            let path = self.seen.path().to_owned();
            spawn_blocking(move || Contents::read(&path)).await
        };
        tokio::select! { biased;
        () = shutdown.cancelled() => None,
        contents = look => contents.ok() }
    }

    fn change(&mut self, contents: Contents) {
        let result = match Policy::new(&contents) {
            Ok(policy) => {
                self.policy.send_replace(Arc::new(policy));
                self.tell_use();
                info!(file = %contents.path().display(), "The web configuration has changed and is in use");
                "success"
            }
            Err(error) => {
                self.metrics.is_in_use.set(0);
                warn!(%error, "The web configuration has changed and cannot be used, the last one is kept");
                "failure"
            }
        };
        self.metrics.reloads.with_label_values(&[result]).inc();
        self.seen = contents;
    }

    /// Sets the metrics that say that the files are in use, and until when their certificates are valid.
    fn tell_use(&self) {
        self.metrics.is_in_use.set(1);
        let expire = &self.metrics.certificates_expire;
        let last_second = self.policy.borrow().certificates_expire;
        match last_second.and_then(|second| i64::try_from(second).ok()) {
            Some(second) => expire.with_label_values(&NO_LABELS).set(second),
            None => expire.reset(),
        }
    }
}
