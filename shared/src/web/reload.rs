//! The task that looks for changes of the web configuration and of the files that it names.
//!
//! The task reads all files every [`INTERVAL`] and compares their contents. So it notices every kind of change, also the swap of a symbolic
//! link by which the kubelet updates the volume of a Secret. If the new contents cannot be used, the last valid policy stays in use.
//!
//! - A change has to be the same in two looks, [`SETTLE`] apart: a file that is being written may be read when half of it is there.
//! - A policy that asks for less than the one in use is not taken (`demands`).
//! - Files are read and parsed on a thread that may block. If a look takes longer than [`LIMIT`], because a file system hangs, the files
//!   count as not usable until the look has ended. No other look begins before that.

#[cfg(test)]
mod tests;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::WebMetrics;
use super::contents::Contents;
use super::demands::Demands;
use super::policy::Policy;
use crate::config::{ConfigError, ConfigProblem};

/// The pause between two looks at the files.
pub(super) const INTERVAL: Duration = Duration::from_secs(5);

/// The pause between the look that finds a change and the next one.
const SETTLE: Duration = Duration::from_millis(500);

/// The time that a look may take.
const LIMIT: Duration = Duration::from_secs(10);

/// The labels of the one series of a family without labels.
const NO_LABELS: [&str; 0] = [];

/// A way of reading the files. The function is called with the path of the web configuration, and tells the path of each file that it reads.
type Read = dyn Fn(&Path, &watch::Sender<PathBuf>) -> Contents + Send + Sync;

/// The state of the task.
pub(super) struct Reload {
    read: Arc<Read>,
    /// The contents that were judged last, valid or not.
    judged: Arc<Contents>,
    verdict: Verdict,
    /// Contents that differ from `judged` and were seen once; `None` where the last look found no change.
    unsettled: Option<Arc<Contents>>,
    /// The channel that tells the admission the policy in use.
    policy: watch::Sender<Arc<Policy>>,
    metrics: WebMetrics,
}

/// The judgement on contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The policy of the contents is in use.
    InUse,
    /// The contents cannot be used, and the policy of earlier ones is in use.
    Refused,
}

/// The result of a look at the files.
enum Look {
    /// The files have the contents that were judged last.
    Unchanged,
    /// The files have other contents, which have to be seen once more.
    Unsettled(Contents),
    /// The files have other contents, which were the same at the last look: the contents, and what becomes of them.
    Changed(Arc<Contents>, Result<Policy, ConfigError>),
}

/// The values that a look compares the files with.
struct Before {
    judged: Arc<Contents>,
    unsettled: Option<Arc<Contents>>,
    in_use: Arc<Policy>,
}

// === impl Reload ===

impl Reload {
    /// Makes the task, which begins with the policy of `contents` in use. `policy` tells it the admission.
    pub(super) fn new(
        contents: Contents,
        policy: watch::Sender<Arc<Policy>>,
        metrics: WebMetrics,
    ) -> Self {
        Self {
            read: Arc::new(read),
            judged: Arc::new(contents),
            verdict: Verdict::InUse,
            unsettled: None,
            policy,
            metrics,
        }
    }

    /// Looks for changes until `shutdown`.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        for result in ["success", "failure"] {
            self.metrics.reloads.with_label_values(&[result]);
        }
        self.tell_use();
        let look_for_changes = async {
            while let Some(look) = self.next_look().await {
                self.take(look);
            }
        };
        tokio::select! { biased;
        () = shutdown.cancelled() => {}
        () = look_for_changes => {} }
    }

    /// Waits until a look is due, and for its result; `None` if the thread that looks panicked.
    async fn next_look(&mut self) -> Option<Look> {
        let pause = match self.unsettled {
            Some(_) => SETTLE,
            None => INTERVAL,
        };
        tokio::time::sleep(pause).await;
        let (mut look, file) = self.begin_look();
        if let Ok(look) = timeout(LIMIT, &mut look).await {
            return look.ok();
        }
        self.metrics.is_in_use.set(0);
        self.count("failure");
        let hanging = file.borrow().display().to_string();
        warn!(
            file = hanging,
            limit = ?LIMIT,
            "Reading the web configuration takes too long, the last one is kept"
        );
        let look = look.await.ok();
        info!(file = hanging, "The web configuration can be read again");
        if self.verdict == Verdict::InUse {
            self.metrics.is_in_use.set(1);
        }
        look
    }

    /// Begins a look on a thread that may block. Returns it with the path of the file that is being read.
    fn begin_look(&self) -> (JoinHandle<Look>, watch::Receiver<PathBuf>) {
        let path = self.judged.path().to_owned();
        let (at, file) = watch::channel(path.clone());
        let read = Arc::clone(&self.read);
        let before = Before {
            judged: Arc::clone(&self.judged),
            unsettled: self.unsettled.clone(),
            in_use: Arc::clone(&self.policy.borrow()),
        };
        let look = spawn_blocking(move || before.compare(read(&path, &at)));
        (look, file)
    }

    fn take(&mut self, look: Look) {
        self.unsettled = None;
        match look {
            Look::Unchanged => {}
            Look::Unsettled(contents) => self.unsettled = Some(Arc::new(contents)),
            Look::Changed(contents, policy) => {
                self.judged = contents;
                self.change(policy);
            }
        }
    }

    fn change(&mut self, policy: Result<Policy, ConfigError>) {
        match policy {
            Ok(policy) => {
                let file = self.judged.path().display();
                info!(%file, asks_for = %policy.demands, "The web configuration has changed and is in use");
                if let Some(warning) = policy.expired() {
                    warn!(%file, "{warning}");
                }
                self.verdict = Verdict::InUse;
                self.policy.send_replace(Arc::new(policy));
                self.tell_use();
                self.count("success");
            }
            Err(error) => {
                warn!(%error, "The web configuration has changed and cannot be used, the last one is kept");
                self.verdict = Verdict::Refused;
                self.metrics.is_in_use.set(0);
                self.count("failure");
            }
        }
    }

    fn count(&self, result: &str) {
        self.metrics.reloads.with_label_values(&[result]).inc();
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

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload").finish_non_exhaustive()
    }
}

// === impl Before ===

impl Before {
    /// Compares the present contents of the files with the earlier ones, and makes a policy of them if they have changed and settled.
    fn compare(self, contents: Contents) -> Look {
        if contents.has_bytes_of(&self.judged) {
            return Look::Unchanged;
        }
        let is_settled = |unsettled: Arc<Contents>| contents.is_unchanged_since(&unsettled);
        if !self.unsettled.is_some_and(is_settled) {
            return Look::Unsettled(contents);
        }
        let policy = Policy::new(&contents);
        let policy = policy.and_then(|policy| match less(&self.in_use.demands, &policy.demands) {
            None => Ok(policy),
            Some(problem) => Err(contents.error(vec![problem])),
        });
        Look::Changed(Arc::new(contents), policy)
    }
}

fn read(path: &Path, file: &watch::Sender<PathBuf>) -> Contents {
    Contents::read(path, |path| drop(file.send_replace(path.to_owned())))
}

/// Returns the problem that `next` asks for less than `in_use`; `None` if it does not.
fn less(in_use: &Demands, next: &Demands) -> Option<ConfigProblem> {
    let keys = in_use.given_up_by(next)?;
    let message = format!(
        "asks for less than before, without {keys}; complete the file, or restart the program if that is meant"
    );
    Some(ConfigProblem::of_file(message))
}
