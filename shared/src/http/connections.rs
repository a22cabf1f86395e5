//! The open connections of one listener, and the rule that decides which of them is closed when there are too many.
//!
//! A connection either waits for its client, which has to send a request or to read its answer, or has an answer in the making. The
//! connection that has waited for its client for the longest time is closed first; where none waits, the one whose answer has been in
//! the making for the longest time.

use std::collections::HashMap;

use tokio::sync::watch;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use tokio::time::Instant;
use tracing::{debug, error};

/// The connections that are served, each by a task of its own. Dropping this value ends the tasks.
#[derive(Debug, Default)]
pub(super) struct Connections {
    tasks: JoinSet<()>,
    open: HashMap<Id, Connection>,
}

/// The activity of a connection, and its beginning. The connection with the least state is closed first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ConnectionState {
    activity: Activity,
    since: Instant,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Activity {
    /// The client has to send a request, or to read an answer.
    AwaitingClient,
    /// An answer to the client's request is being made.
    Responding,
}

#[derive(Debug)]
struct Connection {
    task: AbortHandle,
    /// The state of the connection, written by the connection's task.
    state: watch::Receiver<ConnectionState>,
}

// === impl Connections ===

impl Connections {
    /// Starts `task`, which serves one more connection and writes its `state`.
    pub(super) fn add(
        &mut self,
        state: watch::Receiver<ConnectionState>,
        task: impl Future<Output = ()> + Send + 'static,
    ) {
        let task = self.tasks.spawn(task);
        self.open.insert(task.id(), Connection { task, state });
    }

    /// Returns the number of open connections.
    pub(super) fn len(&self) -> usize {
        self.open.len()
    }

    /// Closes the connection that has waited for its client for the longest time; where none waits, the one whose answer takes longest.
    pub(super) fn close_one(&mut self) {
        if let Some((id, _)) = self.first_to_close() {
            self.close(id);
        }
    }

    /// Closes the connection that has waited for its client for the longest time, if there is one.
    pub(super) fn close_one_awaiting_client(&mut self) {
        if let Some((id, Activity::AwaitingClient)) = self.first_to_close() {
            self.close(id);
        }
    }

    fn first_to_close(&self) -> Option<(Id, Activity)> {
        let states = self
            .open
            .iter()
            .map(|(&id, connection)| (id, *connection.state.borrow()));
        states
            .min_by_key(|(_, state)| *state)
            .map(|(id, state)| (id, state.activity))
    }

    fn close(&mut self, id: Id) {
        debug!("The connection that has lasted longest is closed to make room");
        if let Some(connection) = self.open.remove(&id) {
            connection.task.abort();
        }
    }

    /// Waits until a connection has ended; for ever if there is none. Cancel-safe.
    pub(super) async fn next_ended(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.remove(ended),
            None => std::future::pending().await,
        }
    }

    /// Waits until every connection has ended.
    pub(super) async fn all_ended(&mut self) {
        while let Some(ended) = self.tasks.join_next_with_id().await {
            self.remove(ended);
        }
    }

    fn remove(&mut self, ended: Result<(Id, ()), JoinError>) {
        let id = match ended {
            Ok((id, ())) => id,
            Err(error) => {
                if error.is_panic() {
                    error!(%error, "The answer to a request failed");
                }
                error.id()
            }
        };
        self.open.remove(&id);
    }
}

// === impl ConnectionState ===

impl ConnectionState {
    /// Returns the state of a connection that has waited for its client since `since`.
    pub(super) const fn awaiting_client(since: Instant) -> Self {
        let activity = Activity::AwaitingClient;
        Self { activity, since }
    }

    /// Returns the state of a connection whose answer has been in the making since `since`.
    pub(super) const fn responding(since: Instant) -> Self {
        let activity = Activity::Responding;
        Self { activity, since }
    }
}
