//! The contract between the elector and its collector, as a state machine over plain values.
//!
//! ```text
//!   LeaseStatus ──┐                  ┌──► Desired: take the Lease, or hold nothing
//!   poll ─────────┼─► StateMachine ──┼──► LeaderReport: may the asker act, and for how long
//!   shutdown ─────┘        ▲         └──► the next deadline
//!                         now
//! ```
//! The machine reads no clock, and uses no channel and no HTTP. Its owner passes the current time to every call, carries out
//! what [`StateMachine::desired`] says, and calls [`StateMachine::advance`] after every input and at every
//! [`StateMachine::next_deadline`].
//!
//! # The phases
//!
//! The machine rests while no healthy consumer has polled it. Once one has, it campaigns for the Lease. (Where no consumer is
//! required, it campaigns from the start.) Once the consumer goes silent, reports ill health, or keeps its gate closed although
//! it is granted leadership, the machine drains: it grants nothing, waits until the last grant cannot be acted on any more, and
//! only then asks for the Lease to be given back. After a leadership that was given up, it holds off for a while so that
//! another pod can take the Lease.
//!
//! # The grants
//!
//! A grant is the permission to act for a time that the collector counts from the moment it sent its request. The module
//! `grants` says which grants may be given, and why no two processes can be acting at once.
//!
//! # What this does not promise
//!
//! A Lease gives no fencing. A process that is stopped for longer than its grant, in the middle of a request to Kafka, may
//! finish that request under a leadership that is over. The term in every report tells readers which of two results is newer.

use std::time::Duration;

use shared::config::ConsumerRequirement;
use shared::leadership::{LeaderReport, Query, ReportedGate, State, StateReason};
use tokio::time::Instant;

use crate::lease_status::{Desired, Holding, LeaseStatus};

mod grants;
mod heartbeat;
mod hold_off;
mod phase;
mod report;
mod transitions;

use grants::Grants;
use heartbeat::Heartbeat;
use hold_off::HoldOff;
use phase::Phase;

/// The settings of the state machine, which do not change while the process lives.
#[derive(Clone, Debug)]
pub struct Rules {
    /// The identity of this pod. Only a consumer of the same identity is this pod's own.
    pub identity: String,
    /// The longest time that one grant may last.
    pub max_valid: Duration,
    /// The need for a consumer: if one is required, the Lease is held only while the consumer polls.
    pub consumer: ConsumerRequirement,
}

/// The state machine that decides who may act, and for how long.
#[derive(Debug)]
pub struct StateMachine {
    rules: Rules,
    /// The last status that the lease half published.
    lease_status: LeaseStatus,
    heartbeat: Heartbeat,
    grants: Grants,
    phase: Phase,
    hold_off: HoldOff,
    /// The moment until which an earlier process of this pod may have granted leadership without this process knowing. Until
    /// then the machine says "starting" or "blocked" instead of denying a leader. A known holder of the Lease ends the
    /// uncertainty early.
    uncertain_until: Instant,
    /// The moment since which this process has held the Lease without a gap.
    led_since: Option<Instant>,
    /// The moment since which nobody has held the Lease, as far as known.
    free_since: Option<Instant>,
    /// True after the own claim ran out by its deadline, until somebody is seen to hold the Lease.
    claim_expired: bool,
}

/// The sender of a request, as far as grants are concerned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The consumer in this pod, where a consumer is required.
    Own {
        /// The random word of the consumer's process.
        instance: String,
        /// The number of the poll within the consumer's process.
        seq: u64,
    },
    /// Anybody else: another pod's consumer, a person, or a poll that arrived out of order. Where no consumer is required,
    /// every asker is of this kind.
    Other,
}

/// The parts of an answer that make it worth sending before its time: two answers with equal keys say the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnswerKey {
    name: String,
    term: u64,
    state: State,
    reason: StateReason,
    granted: bool,
}

// === impl StateMachine ===

impl StateMachine {
    /// Returns a machine that starts at `now`. The machine assumes that an earlier process of this elector gave a full grant at
    /// `now`.
    pub fn new(rules: Rules, now: Instant) -> Self {
        Self {
            uncertain_until: now + rules.max_valid,
            grants: Grants::inherited(now + rules.max_valid),
            heartbeat: Heartbeat::new(rules.max_valid),
            rules,
            lease_status: LeaseStatus::default(),
            phase: Phase::Resting(StateReason::ConsumerSilent),
            hold_off: HoldOff::default(),
            led_since: None,
            free_since: None,
            claim_expired: false,
        }
    }

    /// Takes the newest status from the lease half.
    pub fn update_lease_status(&mut self, lease_status: LeaseStatus, now: Instant) {
        match (self.lease_status.holding, lease_status.holding) {
            (_, Holding::Held(_)) => {
                self.led_since = self.led_since.or(Some(now));
                self.claim_expired = false;
            }
            (Holding::Held(claim), Holding::Nothing) => {
                self.claim_expired = !claim.is_running(now);
            }
            _ => {}
        }
        if !matches!(lease_status.holding, Holding::Held(_)) {
            self.led_since = None;
            self.heartbeat.forget_refusal();
        }
        self.lease_status = lease_status;
        self.claim_expired &= self.rival(now).is_none();
        if self.claim(now).is_some() || self.leader_elsewhere(now).is_some() {
            self.uncertain_until = self.uncertain_until.min(now);
        }
        self.advance(now);
    }

    /// Takes a poll, and returns its sender; `None` stands for a request without a query. The request is answered later, by
    /// [`StateMachine::answer`].
    pub fn receive_poll(&mut self, poll: Option<&Query>, now: Instant) -> Asker {
        let own = |poll: &&Query| {
            self.rules.consumer == ConsumerRequirement::Required
                && poll.consumer == self.rules.identity
        };
        let Some(poll) = poll.filter(own) else {
            return Asker::Other;
        };
        if !self.heartbeat.record(poll, now) {
            return Asker::Other;
        }
        self.grants.attribute_inherited(&poll.instance);
        // A consumer that is ending says so, with a closed gate, in one last poll. This poll makes the machine drain, and it
        // already confirms the closed gate.
        self.advance(now);
        if self.is_draining() && poll.gate == ReportedGate::Closed {
            self.grants.confirm_closed(&poll.instance);
            self.advance(now);
        }
        Asker::Own {
            instance: poll.instance.clone(),
            seq: poll.seq,
        }
    }

    /// Begins the shutdown: nothing is granted from here on, and the Lease is given back last.
    pub fn shut_down(&mut self, now: Instant) {
        self.phase = match self.phase {
            Phase::Resting(_) | Phase::Ended => Phase::Ended,
            Phase::Campaigning | Phase::Draining(_) => Phase::Draining(StateReason::ShuttingDown),
        };
        self.advance(now);
    }

    /// Returns the instruction to the lease half. [`Desired::Observe`] after [`Desired::Campaign`] also says that nobody can be
    /// acting any more, so that the Lease may be given back.
    pub const fn desired(&self) -> Desired {
        match self.phase {
            Phase::Resting(_) | Phase::Ended => Desired::Observe,
            Phase::Campaigning | Phase::Draining(_) => Desired::Campaign,
        }
    }

    /// Returns true if the process may end as soon as the lease half holds nothing.
    pub const fn has_ended(&self) -> bool {
        matches!(self.phase, Phase::Ended)
    }

    /// Returns true if the lease half holds nothing at `now`.
    pub fn holds_nothing(&self, now: Instant) -> bool {
        match self.lease_status.holding {
            Holding::Nothing => true,
            Holding::Held(claim) => !claim.is_running(now),
            Holding::Releasing => false,
        }
    }

    /// Answers `asker` as of `now`. A grant is noted before this function returns, so the grant counts even if nobody reads the
    /// answer.
    pub fn answer(&mut self, asker: &Asker, now: Instant) -> LeaderReport {
        let mut report = self.report(now);
        let grant = self.grant_for(asker, now).unwrap_or_default();
        report.valid_for_ms = whole_millis(grant);
        report.is_leader = report.valid_for_ms > 0;
        if report.is_leader {
            let end = now + grant;
            match asker {
                Asker::Own { instance, .. } => {
                    self.grants.grant_to(instance, end);
                    self.heartbeat.note_grant(now);
                }
                Asker::Other => self.grants.grant_to_anybody(end),
            }
        }
        report
    }

    /// Returns true if a later poll of the same consumer has arrived, so that nobody waits for this answer any more.
    pub fn is_superseded(&self, asker: &Asker) -> bool {
        match asker {
            Asker::Own { instance, seq } => !self.heartbeat.is_latest(instance, *seq),
            Asker::Other => false,
        }
    }

    /// Returns the longest grant that `asker` may be given; `None` if `asker` may not be granted leadership.
    fn grant_for(&self, asker: &Asker, now: Instant) -> Option<Duration> {
        let claim = self.claim(now)?;
        let allowed = matches!(self.phase, Phase::Campaigning)
            && match (self.rules.consumer, asker) {
                (ConsumerRequirement::NotRequired, _) => true,
                (ConsumerRequirement::Required, Asker::Other) => false,
                (ConsumerRequirement::Required, Asker::Own { instance, seq }) => {
                    self.heartbeat.is_latest(instance, *seq)
                        && self.heartbeat.unfit_reason(now, &self.grants).is_none()
                        && self.grants.may_pass_to(instance, now)
                }
            };
        let left = (claim.until - now).min(self.rules.max_valid);
        (allowed && whole_millis(left) > 0).then_some(left)
    }
}

/// Returns the whole milliseconds in `duration`, rounded down.
fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
