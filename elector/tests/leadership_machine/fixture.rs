//! A state machine at a given time, and short functions that give it input.

use std::time::Duration;

use elector::leadership::{Asker, Rules, StateMachine};
use elector::lease_status::{Claim, Desired, Holding, LeaseStatus, Presence, Problem, Rival};
use shared::config::ConsumerRequirement;
use shared::leadership::{LeaderReport, Query, ReportedGate, State, StateReason};
use tokio::time::Instant;

pub(crate) const POD: &str = "pod-a";
pub(crate) const OTHER_POD: &str = "pod-b";
pub(crate) const TERM: u64 = 4711;

/// A state machine, and the current time. Times are in milliseconds since the start of the machine.
pub(crate) struct MachineFixture {
    pub(crate) machine: StateMachine,
    start: Instant,
    now: Instant,
    seq: u64,
}

pub(crate) fn rules() -> Rules {
    Rules {
        identity: POD.to_owned(),
        max_valid: Duration::from_secs(5),
        consumer: ConsumerRequirement::Required,
    }
}

/// Returns a poll of the own consumer's first process.
pub(crate) fn poll(seq: u64, gate: ReportedGate) -> Query {
    Query {
        consumer: POD.to_owned(),
        instance: "first".to_owned(),
        seq,
        healthy: true,
        gate,
        wait_ms: 0,
    }
}

// === impl MachineFixture ===

impl MachineFixture {
    pub(crate) fn new() -> Self {
        Self::with(rules())
    }

    pub(crate) fn with(rules: Rules) -> Self {
        let start = Instant::now();
        Self {
            machine: StateMachine::new(rules, start),
            start,
            now: start,
            seq: 0,
        }
    }

    /// Returns a leader at 10 s whose consumer is granted leadership until 15 s. The grant of an earlier process is over.
    pub(crate) fn leading() -> Self {
        let mut fixture = Self::new();
        fixture.says(ReportedGate::Closed);
        fixture.advance_to(10_000);
        fixture.says(ReportedGate::Closed);
        fixture.holds_until(60_000);
        assert!(fixture.says(ReportedGate::Closed).is_leader);
        fixture
    }

    pub(crate) fn moment(&self, ms: u64) -> Instant {
        self.start + Duration::from_millis(ms)
    }

    /// Lets time pass until `ms`, and advances the machine at every deadline on the way.
    pub(crate) fn advance_to(&mut self, ms: u64) {
        self.until(self.moment(ms));
    }

    fn until(&mut self, target: Instant) {
        while let Some(due) = self
            .machine
            .next_deadline(self.now)
            .filter(|due| *due <= target)
        {
            self.now = due;
            self.machine.advance(due);
        }
        self.now = target;
        self.machine.advance(target);
    }

    /// Lets time pass until `ms`, with a poll every 200 ms, each with an open gate.
    pub(crate) fn polled_until(&mut self, ms: u64) {
        let step = Duration::from_millis(200);
        while self.now + step < self.moment(ms) {
            let next = self.now + step;
            self.until(next);
            self.says(ReportedGate::Open);
        }
        self.advance_to(ms);
    }

    pub(crate) fn seen(&mut self, lease_status: LeaseStatus) {
        let now = self.now;
        self.machine.update_lease_status(lease_status, now);
    }

    pub(crate) fn holds_until(&mut self, ms: u64) {
        let until = self.moment(ms);
        self.seen(LeaseStatus {
            holding: Holding::Held(Claim {
                counted_from: self.now,
                until,
                term: TERM,
            }),
            presence: Presence::Present,
            ..LeaseStatus::default()
        });
    }

    pub(crate) fn free(&mut self) {
        self.seen(LeaseStatus {
            presence: Presence::Present,
            ..LeaseStatus::default()
        });
    }

    pub(crate) fn held_by(&mut self, name: &str, until_ms: u64) {
        let until = self.moment(until_ms);
        self.seen(LeaseStatus {
            rival: Some(Rival {
                name: name.to_owned(),
                until,
            }),
            presence: Presence::Present,
            ..LeaseStatus::default()
        });
    }

    pub(crate) fn problem(&mut self, reason: StateReason) {
        self.seen(LeaseStatus {
            problem: Some(Problem {
                reason,
                cause: "patch",
                detail: "patch".to_owned(),
            }),
            ..LeaseStatus::default()
        });
    }

    /// Lets the machine receive a poll and answer it.
    pub(crate) fn asks(&mut self, query: &Query) -> LeaderReport {
        let asker = self.hears(query);
        self.answers(&asker)
    }

    pub(crate) fn hears(&mut self, query: &Query) -> Asker {
        self.machine.receive_poll(Some(query), self.now)
    }

    pub(crate) fn answers(&mut self, asker: &Asker) -> LeaderReport {
        self.machine.answer(asker, self.now)
    }

    /// Lets the machine receive and answer the next poll of the own consumer, which is healthy.
    pub(crate) fn says(&mut self, gate: ReportedGate) -> LeaderReport {
        let poll = self.next(gate);
        self.asks(&poll)
    }

    pub(crate) fn says_unhealthy(&mut self, gate: ReportedGate) -> LeaderReport {
        let poll = Query {
            healthy: false,
            ..self.next(gate)
        };
        self.asks(&poll)
    }

    /// Returns the next poll of the own consumer. The machine has not received it.
    pub(crate) fn next(&mut self, gate: ReportedGate) -> Query {
        self.seq += 1;
        poll(self.seq, gate)
    }

    pub(crate) fn tokens(&mut self) {
        self.machine.shut_down(self.now);
    }

    pub(crate) fn report(&self) -> LeaderReport {
        self.machine.report(self.now)
    }

    pub(crate) fn state(&self) -> (State, StateReason) {
        let report = self.report();
        (report.state, report.reason)
    }

    pub(crate) fn campaigns(&self) -> bool {
        self.machine.desired() == Desired::Campaign
    }
}
