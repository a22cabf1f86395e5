//! The source of the permission to collect: polling it, and deciding from its answers.
//!
//! The collector does not take part in the election. It polls a *source of leadership*, usually the elector in the same pod, over
//! loopback HTTP or a Unix socket, and turns each answer into a decision about the [`Gate`](crate::gate::Gate).
//!
//! ```text
//! poll_task: the loop ─► source_client ─► answer ─► contradiction, evaluate ─► gate_writer ─► Gate
//!                        HTTP             parsing   pure decision              hold_off
//! poll_schedule: when to poll, and for how long to wait    source_status: log lines, and Availability for /available
//! ```
//!
//! **The rule.** Only a definite, whole and consistent answer that names this pod as the leader opens or extends the gate. A
//! definite no, an answer for another pod, a lower term and an answer that contradicts itself close the gate at once. Everything
//! else (no answer, a timeout, an error status, a source that cannot know) changes nothing: the gate keeps its deadline and
//! closes there by itself.
//!
//! **Deadlines.** A permission lasts for as long as the answer grants, counted from the instant just before the request was sent.
//! The time that an answer was on its way is thereby never added to the permission. No grant counts for longer than a lease
//! lasts, and an answer without a duration counts for `max_staleness`.
//!
//! **Terms.** A term that is lower than one granted before shows that the answer comes from the past, or from another election.
//! Such an answer is refused for as long as a lease lasts, and accepted afterwards: a Lease that was deleted and created anew may
//! start with a lower number.
//!
//! **The report.** Each request carries the state of this process: whether it is healthy, and `gate=open` or `gate=closed` as
//! [`Quiescence`](crate::gate::client_slot::Quiescence) finds it at that instant. A request that was sent with `gate=open` is
//! abandoned when `closed` becomes true, and the next one says so. The last request of the process says the same after its
//! clients are gone, as far as that is true within a second.
//!
//! **Why this is safe.** The gate can be open only by an answer whose permission still runs, so a collector that hears nothing
//! stops within the time it was granted, and two collectors overlap only if their source lets two pods lead.
//!
//! **Not promised.** A source that lies consistently is believed. Terms are compared with those that this process has seen since
//! it started; nothing is stored. A source that gives and takes leadership all the time is followed more and more slowly when it
//! gives (`hold_off`), and always at once when it takes.

use prometheus::IntCounterVec;
use shared::config::Leadership;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::info;

use crate::gate::{ClosedReason, Until};

pub mod answer;
mod contradiction;
pub mod evaluate;
pub mod gate_writer;
mod hold_off;
mod poll_schedule;
mod poll_task;
pub mod source_client;
mod source_status;
#[cfg(test)]
mod tests;

pub use self::contradiction::Contradiction;
pub use self::gate_writer::{GateWriter, transition_labels};
pub use self::poll_schedule::{INITIAL_TIMEOUT, QUERY_INTERVAL};
pub use self::poll_task::PollTask;
pub use self::source_client::InvalidSource;
pub use self::source_status::Availability;

/// The source of the permission to collect.
#[derive(Debug)]
pub enum Source {
    /// There is no election: this process always collects.
    Alone,
    /// The permission comes from the answers of a source, which is polled.
    Polled(Box<PollTask>),
}

/// The reasons why a source cannot be set up.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The configured address of the source is not usable.
    #[error(transparent)]
    Source(#[from] InvalidSource),
    /// The counter of polls cannot be registered.
    #[error(transparent)]
    Telemetry(#[from] prometheus::Error),
}

// === impl Source ===

impl Source {
    /// Builds the source that the configuration names, and a receiver of its availability. `polls` makes the counter of polls; it
    /// is called only if there is something to poll.
    ///
    /// # Errors
    /// The configured address is not usable, or the counter cannot be registered.
    pub fn of(
        leadership: &Leadership,
        polls: impl FnOnce() -> Result<IntCounterVec, prometheus::Error>,
        now: Instant,
    ) -> Result<(Self, watch::Receiver<Availability>), SetupError> {
        match leadership {
            Leadership::SingleInstance => {
                Ok((Self::Alone, watch::channel(Availability::Pending).1))
            }
            Leadership::Elected(election) => {
                let (poll_task, availability) = PollTask::new(election, polls()?, now)?;
                Ok((Self::Polled(Box::new(poll_task)), availability))
            }
        }
    }

    /// Opens the gate at once where there is no election.
    pub fn begin(&self, gate_writer: &mut GateWriter, now: Instant) {
        if let Self::Alone = self {
            gate_writer.open(Until::Forever, 0, now);
        }
    }

    /// Decides about the gate until `shutdown`, then closes the gate.
    pub async fn run(self, mut gate_writer: GateWriter, shutdown: CancellationToken) {
        match self {
            Self::Alone => {
                info!("Running in single-instance mode - leader election is disabled");
                shutdown.cancelled().await;
                gate_writer.close(ClosedReason::ShuttingDown, Instant::now());
            }
            Self::Polled(poll_task) => poll_task.run(gate_writer, shutdown).await,
        }
    }
}
