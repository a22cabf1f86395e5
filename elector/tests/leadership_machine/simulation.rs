//! A pod in which everything is late, lost or out of order: a collector that keeps the contract, a machine, and a lease half.
//!
//! The lease half gives the Lease back as soon as that is wished, and from then on another pod is taken to act. So a collector that
//! acts under a leadership which is over is one of two that act.

use std::time::Duration;

use elector::leadership::{Asker, StateMachine};
use elector::lease_status::{Claim, Desired, Holding, LeaseStatus, Presence};
use shared::leadership::{LeaderReport, Query, ReportedGate, State};
use tokio::time::Instant;

use crate::world::{POD, rules};

/// How long a claim runs from its last renewal.
const LEASE: Duration = Duration::from_secs(6);

/// What may happen next. Numbers choose among what there is.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Pass(u64),
    /// A poll that is sent, heard, answered and read.
    Poll(Health),
    Send(Health),
    /// The elector reads a poll from a socket, not always the oldest.
    Hear(usize),
    /// The elector answers a poll that it held.
    Answer(usize),
    /// The collector reads an answer.
    Read(usize),
    /// The collector has waited long enough.
    Abandon,
    /// The Lease is acquired or renewed.
    Write,
    CollectorRestarts,
    ElectorRestarts,
    End,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Health {
    Good,
    Ill,
}

pub(crate) struct Pod {
    machine: StateMachine,
    now: Instant,
    /// What this elector process holds.
    claim: Option<Claim>,
    /// The leadership of the pod, whichever process of the elector began it.
    reign: Option<Reign>,
    terms: u64,
    collector: Collector,
    n_collectors: u64,
    sockets: Vec<Query>,
    held: Vec<(Asker, Sent)>,
    answers: Vec<(Sent, LeaderReport)>,
    pub(crate) n_granted: usize,
    pub(crate) n_released: usize,
}

/// Terms from `first` on, until a moment.
struct Reign {
    first: u64,
    until: Instant,
}

struct Collector {
    instance: String,
    seq: u64,
    asked: Option<Instant>,
    /// Acts until then, under this term.
    gate: Option<(Instant, u64)>,
}

#[derive(Clone, PartialEq, Eq)]
struct Sent {
    instance: String,
    seq: u64,
}

// === impl Pod ===

impl Pod {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            machine: StateMachine::new(rules(), now),
            now,
            claim: None,
            reign: None,
            terms: 0,
            collector: Collector::new(1),
            n_collectors: 1,
            sockets: Vec::new(),
            held: Vec::new(),
            answers: Vec::new(),
            n_granted: 0,
            n_released: 0,
        }
    }

    pub(crate) fn go(&mut self, step: &Step) {
        match step {
            Step::Pass(ms) => self.pass(Duration::from_millis(*ms)),
            Step::Poll(health) => {
                self.send(*health);
                self.hear(self.sockets.len() - 1);
                self.answer(self.held.len() - 1);
                self.read(self.answers.len() - 1);
            }
            Step::Send(health) => self.send(*health),
            Step::Hear(choice) => self.hear(*choice),
            Step::Answer(choice) => self.answer(*choice),
            Step::Read(choice) => self.read(*choice),
            Step::Abandon => self.collector.asked = None,
            Step::Write => self.write(),
            Step::CollectorRestarts => {
                self.n_collectors += 1;
                self.collector = Collector::new(self.n_collectors);
            }
            Step::ElectorRestarts => {
                self.machine = StateMachine::new(rules(), self.now);
                self.claim = None;
                self.sockets.clear();
                self.held.clear();
            }
            Step::End => self.machine.shut_down(self.now),
        }
        self.settle();
    }

    /// The lease half does what is wished, and nobody acts who must not.
    fn settle(&mut self) {
        if self.claim.is_some() && self.machine.desired() == Desired::Observe {
            self.claim = None;
            self.reign = None;
            self.n_released += 1;
            self.tell();
        }
        if let Some((_, term)) = self.collector.acts(self.now) {
            let reign = self.reign.as_ref();
            let rightful = reign.is_some_and(|reign| reign.first <= term && self.now < reign.until);
            assert!(rightful, "acts under term {term}, which is over");
        }
    }

    fn pass(&mut self, time: Duration) {
        let target = self.now + time;
        while let Some(due) = self
            .machine
            .next_deadline(self.now)
            .filter(|due| *due <= target)
        {
            self.now = due;
            self.machine.advance(due);
            self.settle();
        }
        self.now = target;
        self.machine.advance(target);
        if self.claim.is_some_and(|claim| claim.until <= target) {
            self.claim = None;
            self.tell();
        }
    }

    fn send(&mut self, health: Health) {
        let gate = match self.collector.acts(self.now) {
            Some(_) if health == Health::Good => ReportedGate::Open,
            // The last word is said when the gate has been closed.
            Some(_) | None => ReportedGate::Closed,
        };
        if gate == ReportedGate::Closed {
            self.collector.gate = None;
        }
        self.collector.seq += 1;
        self.collector.asked = Some(self.now);
        self.sockets.push(Query {
            consumer: POD.to_owned(),
            instance: self.collector.instance.clone(),
            seq: self.collector.seq,
            healthy: health == Health::Good,
            gate,
            wait_ms: 0,
        });
    }

    fn hear(&mut self, choice: usize) {
        if let Some(poll) = take(&mut self.sockets, choice) {
            let asker = self.machine.receive_poll(Some(&poll), self.now);
            let Query { instance, seq, .. } = poll;
            self.held.push((asker, Sent { instance, seq }));
        }
    }

    fn answer(&mut self, choice: usize) {
        if let Some((asker, sent)) = take(&mut self.held, choice) {
            let report = self.machine.answer(&asker, self.now);
            self.n_granted += usize::from(report.is_leader);
            self.answers.push((sent, report));
        }
    }

    fn read(&mut self, choice: usize) {
        let Some((sent, report)) = take(&mut self.answers, choice) else {
            return;
        };
        let waited_for = Sent {
            instance: self.collector.instance.clone(),
            seq: self.collector.seq,
        };
        if sent != waited_for {
            return;
        }
        let Some(asked) = self.collector.asked.take() else {
            return;
        };
        match report.grant() {
            Some(grant) => self.collector.gate = Some((asked + grant, report.term)),
            None if matches!(report.state, State::Starting | State::Blocked) => {}
            None => self.collector.gate = None,
        }
    }

    fn write(&mut self) {
        if self.machine.desired() == Desired::Observe {
            return;
        }
        let until = self.now + LEASE;
        let goes_on = self
            .reign
            .as_ref()
            .filter(|reign| self.now < reign.until)
            .map(|reign| reign.first);
        if self.claim.is_none() {
            self.terms += 1;
        }
        let first = goes_on.unwrap_or(self.terms);
        let term = self.terms;
        self.reign = Some(Reign { first, until });
        self.claim = Some(Claim {
            counted_from: self.now,
            until,
            term,
        });
        self.tell();
    }

    fn tell(&mut self) {
        let holding = self.claim.map_or(Holding::Nothing, Holding::Held);
        self.machine.update_lease_status(
            LeaseStatus {
                holding,
                presence: Presence::Present,
                ..LeaseStatus::default()
            },
            self.now,
        );
    }
}

fn take<T>(items: &mut Vec<T>, choice: usize) -> Option<T> {
    let index = choice.checked_rem(items.len())?;
    Some(items.remove(index))
}

// === impl Collector ===

impl Collector {
    fn new(number: u64) -> Self {
        Self {
            instance: format!("process-{number}"),
            seq: 0,
            asked: None,
            gate: None,
        }
    }

    fn acts(&self, now: Instant) -> Option<(Instant, u64)> {
        self.gate.filter(|(until, _)| now < *until)
    }
}
