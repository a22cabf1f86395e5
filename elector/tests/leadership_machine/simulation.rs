//! A simulated pod: a collector that keeps the contract, a state machine, and a lease half. Messages between them may be late, lost
//! or out of order.
//!
//! The lease half gives the Lease back as soon as the machine says so, and from then on another pod is assumed to act. So a
//! collector that acts under a leadership that is over would be one of two that act.

use std::time::Duration;

use elector::leadership::{Asker, StateMachine};
use elector::lease_status::{Claim, Desired, Holding, LeaseStatus, Presence};
use shared::leadership::{LeaderReport, Query, ReportedGate, State};
use tokio::time::Instant;

use crate::fixture::{POD, rules};

/// The length of a claim, counted from its last renewal.
const LEASE: Duration = Duration::from_secs(6);

/// The next event. An index chooses one of the messages that are on their way.
#[derive(Clone, Debug)]
pub(crate) enum SimulationStep {
    /// So many milliseconds pass.
    Pass(u64),
    /// The collector sends a poll, the elector receives and answers it, and the collector reads the answer.
    Poll(Health),
    /// The collector sends a poll.
    Send(Health),
    /// The elector receives a poll, not always the oldest.
    Hear(usize),
    /// The elector answers a poll that it has received.
    Answer(usize),
    /// The collector reads an answer.
    Read(usize),
    /// The collector stops waiting for the answer to its last poll.
    Abandon,
    /// The lease half acquires or renews the Lease.
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

pub(crate) struct SimulatedPod {
    machine: StateMachine,
    now: Instant,
    /// The claim of this elector process.
    claim: Option<Claim>,
    /// The leadership of the pod, which an earlier process of the elector may have begun.
    leadership: Option<Leadership>,
    terms: u64,
    collector: Collector,
    n_collectors: u64,
    sockets: Vec<Query>,
    held: Vec<(Asker, Sent)>,
    answers: Vec<(Sent, LeaderReport)>,
    pub(crate) n_granted: usize,
    pub(crate) n_released: usize,
}

/// A leadership: the terms from `first` on, until the end of the last claim.
struct Leadership {
    first: u64,
    until: Instant,
}

struct Collector {
    instance: String,
    seq: u64,
    asked: Option<Instant>,
    /// The end of the collector's permission, and the term of that permission.
    gate: Option<(Instant, u64)>,
}

#[derive(Clone, PartialEq, Eq)]
struct Sent {
    instance: String,
    seq: u64,
}

// === impl SimulatedPod ===

impl SimulatedPod {
    pub(crate) fn new() -> Self {
        let now = Instant::now();
        Self {
            machine: StateMachine::new(rules(), now),
            now,
            claim: None,
            leadership: None,
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

    pub(crate) fn go(&mut self, step: &SimulationStep) {
        match step {
            SimulationStep::Pass(ms) => self.pass(Duration::from_millis(*ms)),
            SimulationStep::Poll(health) => {
                self.send(*health);
                self.hear(self.sockets.len() - 1);
                self.answer(self.held.len() - 1);
                self.read(self.answers.len() - 1);
            }
            SimulationStep::Send(health) => self.send(*health),
            SimulationStep::Hear(choice) => self.hear(*choice),
            SimulationStep::Answer(choice) => self.answer(*choice),
            SimulationStep::Read(choice) => self.read(*choice),
            SimulationStep::Abandon => self.collector.asked = None,
            SimulationStep::Write => self.write(),
            SimulationStep::CollectorRestarts => {
                self.n_collectors += 1;
                self.collector = Collector::new(self.n_collectors);
            }
            SimulationStep::ElectorRestarts => {
                self.machine = StateMachine::new(rules(), self.now);
                self.claim = None;
                self.sockets.clear();
                self.held.clear();
            }
            SimulationStep::End => self.machine.shut_down(self.now),
        }
        self.settle();
    }

    /// Lets the lease half follow the machine, and checks that the collector does not act under a leadership that is over.
    fn settle(&mut self) {
        if self.claim.is_some() && self.machine.desired() == Desired::Observe {
            self.claim = None;
            self.leadership = None;
            self.n_released += 1;
            self.tell();
        }
        if let Some((_, term)) = self.collector.acts(self.now) {
            let leadership = self.leadership.as_ref();
            let rightful = leadership
                .is_some_and(|leadership| leadership.first <= term && self.now < leadership.until);
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
            // An unhealthy collector closes its gate before it says that it is unhealthy.
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
            .leadership
            .as_ref()
            .filter(|leadership| self.now < leadership.until)
            .map(|leadership| leadership.first);
        if self.claim.is_none() {
            self.terms += 1;
        }
        let first = goes_on.unwrap_or(self.terms);
        let term = self.terms;
        self.leadership = Some(Leadership { first, until });
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
