//! The replacement of clients: new ones are made and log in on a thread of its own, while the last ones go on collecting.

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::time::Instant;
use tracing::Span;

use super::files::{CredentialFiles, FileStates};
use crate::kafka::native::{Client, CreateError, Fence};
use crate::kafka::session::clients::{ClientMaker, Clients, errors_of};
use crate::kafka::session::connection_errors::{ConnectionError, ConnectionErrors, SaidBy};
use crate::snapshot::Reason;

/// The longest time for the login of new clients. A broker that is not there is given up after the same time
/// (`socket.connection.setup.timeout.ms`).
const LOGIN_TIMEOUT: Duration = Duration::from_secs(5);

/// New clients that are being made and tried.
#[derive(Debug)]
pub(super) struct Replacement {
    /// The states of the files for which it was begun.
    pub(super) states: FileStates,
    thread: JoinHandle<Attempt>,
}

/// The input of an attempt to replace the clients.
pub(super) struct AttemptInput {
    pub(super) maker: ClientMaker,
    pub(super) files: Arc<CredentialFiles>,
    pub(super) states: FileStates,
    /// The timeout of one request.
    pub(super) request_timeout: Duration,
}

/// An attempt to replace the clients that has ended.
pub(super) struct Attempt {
    pub(super) outcome: AttemptOutcome,
    /// The number of requests for metadata.
    pub(super) n_requests: u64,
}

/// The outcome of an attempt.
pub(super) enum AttemptOutcome {
    /// A broker has answered the new clients.
    LoggedIn(Box<Clients>),
    /// librdkafka refuses the files.
    Refused(CreateError),
    /// No broker has answered, because of this error.
    NoLogin(ConnectionError),
    /// The files have changed once more, or the fence is closed, so the attempt says nothing.
    Overtaken,
}

// === impl Replacement ===

impl Replacement {
    /// Starts the thread.
    ///
    /// # Errors
    /// The operating system refuses a thread.
    pub(super) fn start(input: AttemptInput) -> io::Result<Self> {
        let states = input.states.clone();
        let span = Span::current();
        let thread = std::thread::Builder::new()
            .name("credentials".to_owned())
            .spawn(move || span.in_scope(|| input.attempt()))?;
        Ok(Self { states, thread })
    }

    /// Returns true when the attempt has ended, and [`Replacement::finish`] does not block.
    pub(super) fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end of the attempt. Once the fence is closed, this takes the timeout of a request at most, and the time to free
    /// clients.
    ///
    /// # Panics
    /// The thread has panicked.
    pub(super) fn finish(self) -> Attempt {
        match self.thread.join() {
            Ok(attempt) => attempt,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    /// Waits for the end of the attempt as [`Replacement::finish`] does, and drops its clients.
    pub(super) fn end(self) {
        // The owner of the replacement is ending itself, so a panic of the thread changes nothing.
        self.thread.join().ok();
    }
}

// === impl AttemptInput ===

impl AttemptInput {
    fn attempt(self) -> Attempt {
        let without_request = |outcome| Attempt {
            outcome,
            n_requests: 0,
        };
        let clients = match self.maker.make() {
            Ok(clients) => clients,
            Err(error) => {
                return without_request(self.unless_overtaken(AttemptOutcome::Refused(error)));
            }
        };
        // Only then do the clients have the files in these states, all of them.
        if self.files.look() != self.states {
            return without_request(AttemptOutcome::Overtaken);
        }
        let fence = &self.maker.fence;
        let (login, n_requests) = log_in(&clients.client, fence, self.request_timeout);
        let outcome = match login {
            Ok(()) => AttemptOutcome::LoggedIn(Box::new(clients)),
            Err(error) => {
                // Freeing takes time, which is spent on this thread.
                drop(clients);
                self.unless_overtaken(AttemptOutcome::NoLogin(error))
            }
        };
        Attempt {
            outcome,
            n_requests,
        }
    }

    /// Returns the failure `outcome`, unless the fence is closed or the files have changed meanwhile.
    fn unless_overtaken(&self, outcome: AttemptOutcome) -> AttemptOutcome {
        if self.maker.fence.is_closed() || self.files.look() != self.states {
            AttemptOutcome::Overtaken
        } else {
            outcome
        }
    }
}

/// Asks for metadata, which a broker answers to a client that is logged in. Also returns the number of requests.
fn log_in(
    client: &Client,
    fence: &Fence,
    request_timeout: Duration,
) -> (Result<(), ConnectionError>, u64) {
    let deadline = Instant::now() + LOGIN_TIMEOUT;
    let mut errors = ConnectionErrors::new();
    let mut n_requests = 0;
    while !fence.is_closed() {
        n_requests += 1;
        let answer = client.metadata(request_timeout);
        for (code, text) in errors_of(client) {
            errors.record(code, code.reason_with_text(&text), &text);
        }
        match answer {
            Ok(_) => return (Ok(()), n_requests),
            Err(code) => {
                let may_pass = matches!(code.reason(), Reason::Timeout | Reason::Transport);
                if !may_pass || Instant::now() >= deadline {
                    break;
                }
            }
        }
    }
    let told = errors.subscribe().borrow().first().cloned();
    let error = told.unwrap_or_else(|| ConnectionError {
        advice: None,
        text: "no broker has answered in time".to_owned(),
        said_by: SaidBy::Librdkafka,
    });
    (Err(error), n_requests)
}
