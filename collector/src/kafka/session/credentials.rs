//! Credentials that change while the clients run: files that properties name are replaced, and new clients are made with them.
//!
//! # The course
//! 1. Before each collection, and every few seconds between collections, the files are looked at (`files`). A change that stays as
//!    it is for a moment is used (`schedule`).
//! 2. New clients are made beside those in use, on a thread of their own, and log in (`replacement`). Collections go on with the
//!    clients in use.
//! 3. Once a broker has answered the new clients, they take the place of the others between two collections. What the session knows
//!    of the cluster stays. The replaced clients are freed on another thread, because that may take as long as a request.
//! 4. If librdkafka refuses the files, or no broker answers the new clients, those in use stay. The failure is logged once for each
//!    change and reason, and counted; the next attempt follows after a pause, or when the files change again.
//!
//! If the clients in use cannot read metadata either, new ones take their place without a login. After a failed login the metadata
//! is due for that reason: whether the clients in use work is seen in the next collection.
//!
//! # Leadership
//! All clients of a session are behind its fence, so the end of a leadership ends the connections of both sets at once. The threads end
//! soon after, and before the thread of the session does.
//!
//! # Not promised
//! A broker that answers the new clients shows that one listener accepts them, not that each broker does. The files are read by the
//! thread of the session: a file system that hangs holds it.

mod exchange;
mod files;
mod replacement;
mod schedule;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use shared::config::{CredentialFile, Mask};
use shared::text::sanitize;
use tokio::time::Instant;
use tracing::{debug, info, warn};

use self::files::{CredentialFiles, FileProblem, FileStates};
use self::replacement::{Attempt, AttemptInput, Replacement};
use self::schedule::{FailureKind, FailureNovelty, Schedule, Urgency};
use super::clients::{ClientMaker, Clients};
use super::connection_errors::ConnectionError;
use crate::kafka::native::CreateError;
use crate::snapshot::ReloadResult;

/// Requires that the files with credentials can be read.
///
/// # Errors
/// Names the property, the path and the reason of the first file that cannot be read.
pub(super) fn require_readable(files: Vec<CredentialFile>) -> Result<(), CreateError> {
    let files = CredentialFiles::new(files);
    files.require_readable(&files.look())
}

/// The files with credentials of a session, and the clients that are about to come and to go because of them. Dropping it waits for
/// their threads.
pub(super) struct Credentials {
    files: Arc<CredentialFiles>,
    mask: Mask,
    schedule: Schedule,
    /// New clients that are not in use yet; `None` while there are none.
    replacement: Option<Replacement>,
    /// Threads that free clients which were replaced.
    retiring: Vec<JoinHandle<()>>,
    /// Reloads and requests since the last collection, which the next one reports.
    uncounted: Uncounted,
}

/// Reloads and requests since the last collection, which the next one reports.
#[derive(Debug, Default)]
struct Uncounted {
    reloads: BTreeMap<ReloadResult, u64>,
    n_requests: u64,
}

/// A failure to replace the clients.
#[derive(Debug)]
struct Failure {
    kind: FailureKind,
    problem: FileProblem,
    /// The likely cause and its remedy; `None` where nothing more is known than the problem.
    advice: Option<String>,
}

/// The time of a look at the files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Look {
    /// The next one that the schedule has.
    WhenDue,
    /// Now, because a collection begins.
    Now,
}

// === impl Credentials ===

impl Credentials {
    /// Looks at `files` for the first time, which has to happen before clients are made with them. Messages are hidden by `mask`.
    ///
    /// # Errors
    /// Names the property, the path and the reason of the first file that cannot be read.
    pub(super) fn new(files: Vec<CredentialFile>, mask: Mask) -> Result<Self, CreateError> {
        let files = CredentialFiles::new(files);
        let states = files.look();
        files.require_readable(&states)?;
        Ok(Self {
            schedule: Schedule::new(states, Instant::now()),
            files: Arc::new(files),
            mask,
            replacement: None,
            retiring: Vec::new(),
            uncounted: Uncounted::default(),
        })
    }

    /// Returns true where no property names a file.
    pub(super) fn is_empty(&self) -> bool {
        self.files.is_empty()
    }

    /// Looks at the files if that is due. Returns the states for which clients have to be made now, if any.
    fn look(&mut self, look: Look, urgency: Urgency) -> Option<FileStates> {
        let now = Instant::now();
        if look == Look::WhenDue && !self.schedule.is_look_due(now) {
            return None;
        }
        let states = self.schedule.record_look(self.files.look(), urgency, now)?;
        match self.files.unreadable(self.schedule.in_use(), &states) {
            None => Some(states),
            Some(problem) => {
                let failure = Failure {
                    kind: FailureKind::Refused,
                    problem,
                    advice: None,
                };
                self.fail(&states, &failure);
                None
            }
        }
    }

    /// Starts to make new clients for these states of the files. Does nothing until the clients of the last replacement are freed, so
    /// that there are never more than two sets that may be connected.
    fn start(&mut self, maker: ClientMaker, states: &FileStates, request_timeout: Duration) {
        self.retiring.retain(|thread| !thread.is_finished());
        if !self.retiring.is_empty() {
            return;
        }
        let started = Replacement::start(AttemptInput {
            maker,
            files: Arc::clone(&self.files),
            states: states.clone(),
            request_timeout,
        });
        match started {
            Ok(replacement) => self.replacement = Some(replacement),
            Err(error) => {
                self.refuse(states, format!("cannot start a thread: {error}"));
            }
        }
    }

    /// Returns the attempt that has ended, with the states of the files for which it was begun; `None` while there is none.
    fn finished_attempt(&mut self) -> Option<(Attempt, FileStates)> {
        let replacement = self.replacement.take_if(|it| it.is_finished())?;
        let states = replacement.states.clone();
        let attempt = replacement.finish();
        self.uncounted.n_requests += attempt.n_requests;
        Some((attempt, states))
    }

    /// Records that clients with these states of the files are in use.
    fn succeed(&mut self, states: FileStates) {
        if states == *self.schedule.in_use() {
            return;
        }
        let properties = self
            .files
            .changed_properties(self.schedule.in_use(), &states);
        info!(
            property = properties,
            "Files that properties name have changed and are in use"
        );
        self.schedule.record_success(states);
        self.count(ReloadResult::Success);
    }

    /// Records that files in these states are refused, for a reason that may name a property.
    fn refuse(&mut self, states: &FileStates, reason: String) {
        let in_use = self.schedule.in_use();
        let failure = Failure {
            kind: FailureKind::Refused,
            problem: self.files.unusable(in_use, states, reason),
            advice: None,
        };
        self.fail(states, &failure);
    }

    /// Records that clients with files in these states cannot log in.
    fn fail_login(&mut self, states: &FileStates, error: ConnectionError) {
        let in_use = self.schedule.in_use();
        let failure = Failure {
            kind: FailureKind::Login,
            problem: self.files.unusable(in_use, states, error.text),
            advice: error.advice,
        };
        self.fail(states, &failure);
    }

    /// Records a failure, and logs it if it is new.
    fn fail(&mut self, states: &FileStates, failure: &Failure) {
        self.count(ReloadResult::Failure);
        let Failure {
            kind,
            problem,
            advice,
        } = failure;
        let error = sanitize(&self.mask.hide(&problem.reason));
        let paths = self.mask.hide(&problem.paths);
        let novelty =
            self.schedule
                .record_failure(states, (*kind, &problem.reason), Instant::now());
        match novelty {
            FailureNovelty::New => warn!(
                property = problem.properties,
                file = paths,
                error,
                likely_cause = advice,
                "Files that properties name have changed and cannot be used, the last ones are kept"
            ),
            FailureNovelty::Known => debug!(error, "The files still cannot be used"),
        }
    }

    fn count(&mut self, result: ReloadResult) {
        *self.uncounted.reloads.entry(result).or_default() += 1;
    }

    /// Frees clients that are no longer in use, on a thread of its own. If the operating system refuses a thread, they are freed here.
    fn retire(&mut self, clients: Clients) {
        self.retiring.retain(|thread| !thread.is_finished());
        let started = std::thread::Builder::new()
            .name("retiring".to_owned())
            .spawn(move || drop(clients));
        match started {
            Ok(thread) => self.retiring.push(thread),
            Err(error) => debug!(%error, "Cannot start a thread that frees clients"),
        }
    }
}

impl Drop for Credentials {
    fn drop(&mut self) {
        if let Some(replacement) = self.replacement.take() {
            replacement.end();
        }
        for thread in self.retiring.drain(..) {
            // Freeing does not panic.
            thread.join().ok();
        }
    }
}
