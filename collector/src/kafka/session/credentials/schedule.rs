//! The schedule of a reload: when the files are looked at, and when new clients are made because of a change.
//!
//! A change has to stay as it is for [`SETTLE`] before new clients are made: whoever writes certificate and key one after the other
//! is given the time to do so. After a failure the same change is tried again with growing pauses, and another change at once.

#[cfg(test)]
mod tests;

use std::time::Duration;

use tokio::time::Instant;

use super::files::FileStates;

/// The time between two looks at files that have not changed.
const LOOK_INTERVAL: Duration = Duration::from_secs(2);

/// The time for which a change has to stay as it is.
const SETTLE: Duration = Duration::from_millis(500);

/// The pause after the first failure. Each further failure doubles it.
const FIRST_PAUSE: Duration = Duration::from_secs(5);

/// The longest pause after a login that failed. The brokers may accept the new credentials at any time.
const LONGEST_LOGIN_PAUSE: Duration = Duration::from_secs(60);

/// The longest pause after librdkafka refused files, which it does again as long as they stay the same. Each refusal costs some
/// kilobytes of memory (see `Client::create`).
const LONGEST_REFUSAL_PAUSE: Duration = Duration::from_secs(300);

/// The schedule.
#[derive(Debug)]
pub(super) struct Schedule {
    /// The states of the files with which the clients in use were made.
    in_use: FileStates,
    /// The change that the clients in use do not have; `None` where there is none.
    change: Option<Change>,
    next_look: Instant,
}

/// A change of the files.
#[derive(Debug)]
struct Change {
    states: FileStates,
    /// The instant before which no clients are made, by [`SETTLE`] or by the pause after a failure.
    not_before: Instant,
    n_failures: u32,
    /// The last failure, and its text; `None` before the first.
    last_failure: Option<(FailureKind, String)>,
}

/// The kinds of failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// The files cannot be read, or librdkafka refuses them.
    Refused,
    /// New clients cannot log in.
    Login,
}

/// The urgency of new clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Urgency {
    /// The clients in use work, as far as is known.
    Usual,
    /// The clients in use do not work, so even untried ones are better.
    Urgent,
}

/// The novelty of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FailureNovelty {
    /// The same change has failed with the same text.
    Known,
    New,
}

// === impl Schedule ===

impl Schedule {
    /// Starts with clients that were made at `now`, with files in these states.
    pub(super) fn new(in_use: FileStates, now: Instant) -> Self {
        Self {
            in_use,
            change: None,
            next_look: now + LOOK_INTERVAL,
        }
    }

    /// Returns the states of the files with which the clients in use were made.
    pub(super) const fn in_use(&self) -> &FileStates {
        &self.in_use
    }

    /// Returns true when the files have to be looked at.
    pub(super) fn is_look_due(&self, now: Instant) -> bool {
        now >= self.next_look
    }

    /// Records the states of the files at a look. Returns those with which clients have to be made now, if any.
    pub(super) fn record_look(
        &mut self,
        states: FileStates,
        urgency: Urgency,
        now: Instant,
    ) -> Option<FileStates> {
        self.next_look = now + LOOK_INTERVAL;
        if states == self.in_use {
            self.change = None;
            return None;
        }
        let change = match self.change.take() {
            Some(change) if change.states == states => change,
            _ => Change {
                states,
                not_before: now + SETTLE,
                n_failures: 0,
                last_failure: None,
            },
        };
        let is_due = now >= change.not_before || change.may_be_hurried(urgency);
        if !is_due {
            self.next_look = self.next_look.min(change.not_before);
        }
        let change = self.change.insert(change);
        is_due.then(|| change.states.clone())
    }

    /// Records that clients which were made with files in these states are in use.
    pub(super) fn record_success(&mut self, states: FileStates) {
        self.in_use = states;
        self.change = None;
    }

    /// Records that no clients could be made with files in these states, or that they could not log in.
    pub(super) fn record_failure(
        &mut self,
        states: &FileStates,
        (kind, text): (FailureKind, &str),
        now: Instant,
    ) -> FailureNovelty {
        let change = self.change.as_mut();
        let Some(change) = change.filter(|change| change.states == *states) else {
            // The files have changed since.
            return FailureNovelty::New;
        };
        let longest = match kind {
            FailureKind::Refused => LONGEST_REFUSAL_PAUSE,
            FailureKind::Login => LONGEST_LOGIN_PAUSE,
        };
        let pause = FIRST_PAUSE.saturating_mul(2_u32.saturating_pow(change.n_failures));
        change.not_before = now + pause.min(longest);
        change.n_failures += 1;
        let failure = Some((kind, text.to_owned()));
        let is_known = change.last_failure == failure;
        change.last_failure = failure;
        if is_known {
            FailureNovelty::Known
        } else {
            FailureNovelty::New
        }
    }
}

// === impl Change ===

impl Change {
    /// Returns true where clients may be made before the pause is over.
    fn may_be_hurried(&self, urgency: Urgency) -> bool {
        let was_refused = matches!(self.last_failure, Some((FailureKind::Refused, _)));
        urgency == Urgency::Urgent && !was_refused
    }
}
