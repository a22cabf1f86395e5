//! The one task that owns the leadership machine: brings it polls, what the lease half says, and the time; carries out its wish;
//! answers.
//!
//! ```text
//!   http ── Inquiries ─► Desk ── Wish ─────► lease
//!                         ▲ └◄── Standing ──┘
//!                      shutdown
//! ```
//! An answer is held until it would be news, or the asker's time is up, and is computed from the clock when it is sent. A grant is
//! noted by then; where the asker is gone there is none.

use std::time::Duration;

use prometheus::IntCounterVec;
use serde::Serialize;
use shared::leadership::{LeaderReport, Query};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::leadership::Machine;
use crate::standing::{Standing, Trouble, Wish};

mod held;
mod journal;

use held::Held;
use journal::Journal;

/// What giving the Lease back may take at the end.
pub const RELEASE: Duration = Duration::from_millis(1500);

/// How long questions are still answered after that.
pub const CLOSING: Duration = Duration::from_millis(250);

/// Polls that wait to be taken. Beyond, whoever asks waits for a place.
const QUEUE: usize = 64;

/// Owns the machine.
#[derive(Debug)]
pub struct Desk {
    machine: Machine,
    inquiries: mpsc::Receiver<Inquiry>,
    standing: watch::Receiver<Standing>,
    wish: watch::Sender<Wish>,
    held: Held,
    journal: Journal,
    ends: Ends,
    stage: Stage,
}

/// What the desk is given beside its machine.
#[derive(Debug)]
pub struct Wires {
    /// How things stand, from the lease half.
    pub standing: watch::Receiver<Standing>,
    /// What is wanted of the lease half.
    pub wish: watch::Sender<Wish>,
    /// Longest time that an answer is held.
    pub longest_wait: Duration,
    /// Counts answers, by result.
    pub answers: IntCounterVec,
    /// What the desk ends.
    pub ends: Ends,
}

/// What the desk ends, in this order.
#[derive(Clone, Debug, Default)]
pub struct Ends {
    /// The lease half: nothing is held any more, or it could not be given back in time.
    pub lease: CancellationToken,
    /// Serving: whoever had asked has been answered.
    pub http: CancellationToken,
}

/// Where to ask. Clones ask the same desk.
#[derive(Clone, Debug)]
pub struct Inquiries(mpsc::Sender<Inquiry>);

/// What an asker is told.
#[derive(Clone, Debug, Serialize)]
pub struct Answer {
    /// The contract's part.
    #[serde(flatten)]
    pub report: LeaderReport,
    /// What a person has to know to mend what keeps this pod from taking part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// The facts, for metrics.
#[derive(Clone, Debug)]
pub struct Facts {
    /// As anybody would be answered.
    pub report: LeaderReport,
    /// How long the claim on the Lease runs.
    pub claim_left: Duration,
    /// How long somebody may still act on a grant.
    pub grant_left: Duration,
    /// What keeps this process from taking part.
    pub trouble: Option<Trouble>,
}

#[derive(Debug)]
enum Inquiry {
    Leader {
        query: Option<Query>,
        reply: oneshot::Sender<Answer>,
    },
    Facts {
        reply: oneshot::Sender<Facts>,
    },
}

/// How far the end has come.
#[derive(Debug)]
enum Stage {
    Running,
    Draining,
    /// The Lease is being given back, until then.
    Releasing(Instant),
    /// Whoever asks is told so at once, until then.
    Closing(Instant),
}

enum Event {
    End,
    Standing,
    Inquiry(Inquiry),
    Due,
    NobodyAsks,
}

// === impl Desk ===

impl Desk {
    /// A desk for `machine`, and where to ask it.
    pub fn new(machine: Machine, wires: Wires) -> (Self, Inquiries) {
        let (sender, inquiries) = mpsc::channel(QUEUE);
        let desk = Self {
            machine,
            inquiries,
            standing: wires.standing,
            wish: wires.wish,
            held: Held::new(wires.longest_wait, wires.answers),
            journal: Journal::default(),
            ends: wires.ends,
            stage: Stage::Running,
        };
        (desk, Inquiries(sender))
    }

    /// Answers until `shutdown`; then sees to it that nobody acts, that the Lease is given back, and that everything ends, in this
    /// order.
    pub async fn run(mut self, shutdown: CancellationToken) {
        while !self.is_closed(Instant::now()) {
            match self.event(&shutdown).await {
                Event::End => {
                    self.stage = Stage::Draining;
                    self.machine.end(Instant::now());
                }
                Event::Standing => {
                    let standing = self.standing.borrow_and_update().clone();
                    self.machine.observe(standing, Instant::now());
                }
                Event::Inquiry(Inquiry::Leader { query, reply }) => {
                    self.held
                        .take(&mut self.machine, query.as_ref(), reply, Instant::now());
                }
                Event::Inquiry(Inquiry::Facts { reply }) => {
                    // Whoever asked may have left.
                    reply.send(self.facts(Instant::now())).ok();
                }
                Event::Due => {}
                Event::NobodyAsks => return,
            }
            self.settle(Instant::now());
        }
    }

    async fn event(&mut self, shutdown: &CancellationToken) -> Event {
        let running = matches!(self.stage, Stage::Running);
        let told = self.standing.has_changed().is_ok();
        let due = self.due(Instant::now());
        tokio::select! { biased;
            () = shutdown.cancelled(), if running => Event::End,
            Ok(()) = self.standing.changed(), if told => Event::Standing,
            inquiry = self.inquiries.recv() => inquiry.map_or(Event::NobodyAsks, Event::Inquiry),
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => Event::Due,
        }
    }

    fn due(&self, now: Instant) -> Option<Instant> {
        let stage = match self.stage {
            Stage::Releasing(until) | Stage::Closing(until) => Some(until),
            Stage::Running | Stage::Draining => None,
        };
        let moments = [self.machine.due(now), self.held.due(), stage];
        moments.into_iter().flatten().min()
    }

    /// Does what the machine wants at `now`.
    fn settle(&mut self, now: Instant) {
        self.machine.turn(now);
        let wish = self.machine.wish();
        self.wish.send_if_modified(|wished| {
            let changed = *wished != wish;
            *wished = wish;
            changed
        });
        self.journal
            .note(&self.machine.report(now), self.machine.standing());
        self.held.answer_due(&mut self.machine, now);
        self.go_on_ending(now);
    }

    fn go_on_ending(&mut self, now: Instant) {
        if matches!(self.stage, Stage::Draining) && self.machine.is_over() {
            self.stage = Stage::Releasing(now + RELEASE);
        }
        if let Stage::Releasing(until) = self.stage
            && (self.machine.holds_nothing(now) || until <= now)
        {
            self.stage = Stage::Closing(now + CLOSING);
            self.held.close(&mut self.machine, now);
            self.ends.lease.cancel();
            self.ends.http.cancel();
        }
    }

    fn is_closed(&self, now: Instant) -> bool {
        matches!(self.stage, Stage::Closing(until) if until <= now)
    }

    fn facts(&self, now: Instant) -> Facts {
        let left = |end: Option<Instant>| end.map_or(Duration::ZERO, |end| end - now);
        Facts {
            report: self.machine.report(now),
            claim_left: left(self.machine.claim(now).map(|claim| claim.until)),
            grant_left: left(self.machine.granted_until(now)),
            trouble: self.machine.standing().trouble.clone(),
        }
    }
}

impl Drop for Desk {
    /// Nothing goes on without a desk, whatever became of it. What is held then runs out by itself.
    fn drop(&mut self) {
        self.ends.lease.cancel();
        self.ends.http.cancel();
    }
}

// === impl Inquiries ===

impl Inquiries {
    /// The answer, held as long as it is no news and `query` allows; `None` where the desk is closed.
    pub async fn leader(&self, query: Option<Query>) -> Option<Answer> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Inquiry::Leader { query, reply }).await.ok()?;
        answer.await.ok()
    }

    /// The facts; `None` where the desk is closed.
    pub async fn facts(&self) -> Option<Facts> {
        let (reply, answer) = oneshot::channel();
        self.0.send(Inquiry::Facts { reply }).await.ok()?;
        answer.await.ok()
    }
}
