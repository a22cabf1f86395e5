//! The task that owns the leadership state machine.
//!
//! ```text
//!   http ── Handle ─► LeadershipTask ── Desired ─────► lease
//!                        ▲   ▲ └◄─────── LeaseStatus ──┘
//!                  shutdown  time
//! ```
//! Exactly one task may change the [`StateMachine`], so no lock is needed and no two answers can contradict each other. The task
//! waits for the next event (a request, a new [`LeaseStatus`], the shutdown signal, or the machine's next deadline), hands it
//! to the machine together with the current time, publishes the machine's [`Desired`], and sends the answers that are due
//! (`long_poll` has the rules for holding an answer back).
//!
//! # Shutdown
//!
//! Shutdown happens in this order, so that the Lease is given back last:
//! 1. Draining: every answer says no. The task waits until the consumer confirms that its gate is closed, or until the last
//!    grant is over.
//! 2. Releasing: [`Desired::Observe`] makes the lease half give the Lease back, for at most [`RELEASE`].
//! 3. Closing: held answers are sent, the lease half and the HTTP servers are told to stop, and requests are still answered for
//!    [`CLOSING`].
//!
//! If the task itself ends early, it stops the lease half and the servers; a claim that was held then runs out by itself.
//! The Lease is not given back if the API server does not answer within [`RELEASE`]: then the next pod waits for one lease
//! duration.

use std::time::Duration;

use prometheus::IntCounterVec;
use shared::leadership::Query;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::answer::{LeaderAnswer, MetricValues};
use crate::leadership::StateMachine;
use crate::lease_status::{Desired, LeaseStatus};

mod long_poll;
mod state_log;

use long_poll::LongPolls;
use state_log::StateLog;

/// The longest time that giving the Lease back may take at shutdown.
pub const RELEASE: Duration = Duration::from_millis(1500);

/// The time for which requests are still answered after the release.
pub const CLOSING: Duration = Duration::from_millis(250);

/// The number of requests that may wait for the task. Senders beyond that number wait for a free place.
const QUEUE: usize = 64;

/// The task that owns the state machine and answers requests.
#[derive(Debug)]
pub struct LeadershipTask {
    machine: StateMachine,
    requests: mpsc::Receiver<TaskRequest>,
    lease_status: watch::Receiver<LeaseStatus>,
    desired: watch::Sender<Desired>,
    long_polls: LongPolls,
    state_log: StateLog,
    tokens: ShutdownTokens,
    stage: ShutdownStage,
}

/// The channels and settings that the task needs beside its state machine.
#[derive(Debug)]
pub struct Parts {
    /// The receiver of the Lease's status, which the lease half publishes.
    pub lease_status: watch::Receiver<LeaseStatus>,
    /// The sender of the instruction to the lease half: whether to take the Lease.
    pub desired: watch::Sender<Desired>,
    /// The longest time that an answer is held back.
    pub max_wait: Duration,
    /// The counter of answers, by their result.
    pub answers: IntCounterVec,
    /// The tokens by which the task stops the other tasks.
    pub tokens: ShutdownTokens,
}

/// The tokens by which the task stops the other tasks at the end of its own shutdown.
#[derive(Clone, Debug, Default)]
pub struct ShutdownTokens {
    /// The token that stops the lease half. The task cancels this token once nothing is held any more, or the release took too
    /// long.
    pub lease: CancellationToken,
    /// The token that stops the HTTP servers. The task cancels this token once every waiting request has been answered.
    pub http: CancellationToken,
}

/// The sender of requests to the leadership task. Clones send to the same task.
#[derive(Clone, Debug)]
pub struct Handle(mpsc::Sender<TaskRequest>);

/// A request to the leadership task, with the channel for its answer.
#[derive(Debug)]
enum TaskRequest {
    Leader {
        query: Option<Query>,
        reply: oneshot::Sender<LeaderAnswer>,
    },
    Metrics {
        reply: oneshot::Sender<MetricValues>,
    },
}

/// The stage of the task's shutdown.
#[derive(Debug)]
enum ShutdownStage {
    /// No shutdown has been requested.
    Running,
    /// Nothing is granted any more, and the last grant is waited for.
    Draining,
    /// The Lease is being given back, until this moment at the latest.
    Releasing(Instant),
    /// Every request is answered at once with a no, until this moment.
    Closing(Instant),
}

enum LeadershipEvent {
    Shutdown,
    LeaseStatus,
    Request(TaskRequest),
    Due,
    HandlesDropped,
}

// === impl LeadershipTask ===

impl LeadershipTask {
    /// Returns a task for `machine`, and the handle for sending it requests.
    pub fn new(machine: StateMachine, parts: Parts) -> (Self, Handle) {
        let (sender, requests) = mpsc::channel(QUEUE);
        let task = Self {
            machine,
            requests,
            lease_status: parts.lease_status,
            desired: parts.desired,
            long_polls: LongPolls::new(parts.max_wait, parts.answers),
            state_log: StateLog::default(),
            tokens: parts.tokens,
            stage: ShutdownStage::Running,
        };
        (task, Handle(sender))
    }

    /// Answers requests until `shutdown` is cancelled, then goes through the shutdown that the module describes, and returns.
    /// Returns early once every [`Handle`] has been dropped.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !self.is_closed(Instant::now()) {
            match self.next_event(&shutdown).await {
                LeadershipEvent::Shutdown => {
                    self.stage = ShutdownStage::Draining;
                    self.machine.shut_down(Instant::now());
                }
                LeadershipEvent::LeaseStatus => {
                    let lease_status = self.lease_status.borrow_and_update().clone();
                    self.machine
                        .update_lease_status(lease_status, Instant::now());
                }
                LeadershipEvent::Request(TaskRequest::Leader { query, reply }) => {
                    self.long_polls
                        .add(&mut self.machine, query.as_ref(), reply, Instant::now());
                }
                LeadershipEvent::Request(TaskRequest::Metrics { reply }) => {
                    // Sending fails if the asker has left meanwhile, and then nobody needs the values.
                    reply.send(self.metric_values(Instant::now())).ok();
                }
                LeadershipEvent::Due => {}
                LeadershipEvent::HandlesDropped => return,
            }
            self.advance(Instant::now());
        }
    }

    async fn next_event(&mut self, shutdown: &CancellationToken) -> LeadershipEvent {
        let running = matches!(self.stage, ShutdownStage::Running);
        let lease_half_runs = self.lease_status.has_changed().is_ok();
        let due = self.next_deadline(Instant::now());
        tokio::select! { biased;
            () = shutdown.cancelled(), if running => LeadershipEvent::Shutdown,
            Ok(()) = self.lease_status.changed(), if lease_half_runs => LeadershipEvent::LeaseStatus,
            request = self.requests.recv() => request.map_or(LeadershipEvent::HandlesDropped, LeadershipEvent::Request),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => LeadershipEvent::Due,
        }
    }

    fn next_deadline(&self, now: Instant) -> Option<Instant> {
        let stage = match self.stage {
            ShutdownStage::Releasing(until) | ShutdownStage::Closing(until) => Some(until),
            ShutdownStage::Running | ShutdownStage::Draining => None,
        };
        let deadlines = [
            self.machine.next_deadline(now),
            self.long_polls.next_deadline(),
            stage,
        ];
        deadlines.into_iter().flatten().min()
    }

    /// Lets the machine advance to `now`, publishes its results, and sends the answers that are due.
    fn advance(&mut self, now: Instant) {
        self.machine.advance(now);
        let desired = self.machine.desired();
        self.desired.send_if_modified(|current| {
            let changed = *current != desired;
            *current = desired;
            changed
        });
        self.state_log
            .log_change(&self.machine.report(now), self.machine.lease_status());
        self.long_polls.answer_due(&mut self.machine, now);
        self.continue_shutdown(now);
    }

    fn continue_shutdown(&mut self, now: Instant) {
        if matches!(self.stage, ShutdownStage::Draining) && self.machine.has_ended() {
            self.stage = ShutdownStage::Releasing(now + RELEASE);
        }
        if let ShutdownStage::Releasing(until) = self.stage
            && (self.machine.holds_nothing(now) || until <= now)
        {
            self.stage = ShutdownStage::Closing(now + CLOSING);
            self.long_polls.close(&mut self.machine, now);
            self.tokens.lease.cancel();
            self.tokens.http.cancel();
        }
    }

    fn is_closed(&self, now: Instant) -> bool {
        matches!(self.stage, ShutdownStage::Closing(until) if until <= now)
    }

    fn metric_values(&self, now: Instant) -> MetricValues {
        let left = |end: Option<Instant>| end.map_or(Duration::ZERO, |end| end - now);
        MetricValues {
            report: self.machine.report(now),
            claim_left: left(self.machine.claim(now).map(|claim| claim.until)),
            grant_left: left(self.machine.granted_until(now)),
            problem: self.machine.lease_status().problem.clone(),
        }
    }
}

impl Drop for LeadershipTask {
    /// Stops the lease half and the servers, however this task ended. A claim that is still held runs out by itself.
    fn drop(&mut self) {
        self.tokens.lease.cancel();
        self.tokens.http.cancel();
    }
}

// === impl Handle ===

impl Handle {
    /// Asks who leads. The answer is held back as long as `query` allows and nothing has changed. Returns `None` if the task
    /// has ended.
    pub async fn leader(&self, query: Option<Query>) -> Option<LeaderAnswer> {
        let (reply, answer) = oneshot::channel();
        self.0
            .send(TaskRequest::Leader { query, reply })
            .await
            .ok()?;
        answer.await.ok()
    }

    /// Asks for the values of the metrics. Returns `None` if the task has ended.
    pub async fn metric_values(&self) -> Option<MetricValues> {
        let (reply, values) = oneshot::channel();
        self.0.send(TaskRequest::Metrics { reply }).await.ok()?;
        values.await.ok()
    }
}
