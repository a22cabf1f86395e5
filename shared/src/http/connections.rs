//! The connections of one listener, and which of them leaves when there are too many.

use std::collections::HashMap;

use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{debug, error};

/// Connections that are served.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    tasks: JoinSet<()>,
    guests: HashMap<Id, Guest>,
}

/// What a connection does. The lesser of two leaves first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stance {
    doing: Doing,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Doing {
    /// The client has to send a request, or to read its answer.
    Waiting,
    /// An answer is being made.
    Answering,
}

#[derive(Debug)]
struct Guest {
    task: AbortHandle,
    stance: watch::Receiver<Stance>,
}

// === impl Crowd ===

impl Crowd {
    /// Serves one more connection by `task`, which tells its stance.
    pub(super) fn admit(
        &mut self,
        stance: watch::Receiver<Stance>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.tasks.spawn(task);
        self.guests.insert(task.id(), Guest { task, stance });
    }

    pub(super) fn len(&self) -> usize {
        self.guests.len()
    }

    /// Ends the connection that has been waiting for the longest time; where none waits, the one whose answer takes longest.
    pub(super) fn dismiss(&mut self) {
        if let Some((id, _)) = self.longest() {
            self.end(id);
        }
    }

    /// Ends the connection that has been waiting for the longest time, if any waits.
    pub(super) fn dismiss_waiting(&mut self) {
        if let Some((id, Doing::Waiting)) = self.longest() {
            self.end(id);
        }
    }

    /// The connection that leaves first, and what it does.
    fn longest(&self) -> Option<(Id, Doing)> {
        let stances = self
            .guests
            .iter()
            .map(|(&id, guest)| (id, *guest.stance.borrow()));
        stances
            .min_by_key(|(_, stance)| *stance)
            .map(|(id, stance)| (id, stance.doing))
    }

    fn end(&mut self, id: Id) {
        debug!("The connection that has lasted longest is closed to make room");
        if let Some(guest) = self.guests.remove(&id) {
            guest.task.abort();
        }
    }

    /// Waits until a connection has ended; for ever if there is none. Cancel-safe.
    pub(super) async fn ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.note(ended),
            None => std::future::pending().await,
        }
    }

    /// Waits until every connection has ended.
    pub(super) async fn all_ended(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.note(ended);
        }
    }

    fn note(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    error!(%error, "The answer to a request failed");
                }
                error.id()
            }
        };
        self.guests.remove(&id);
    }
}

// === impl Stance ===

impl Stance {
    /// The client is waited for from `since` on.
    pub(super) const fn waiting(since: Instant) -> Self {
        let doing = Doing::Waiting;
        Self { doing, since }
    }

    /// An answer is being made from `since` on.
    pub(super) const fn answering(since: Instant) -> Self {
        let doing = Doing::Answering;
        Self { doing, since }
    }
}
