//! The leadership contract as a function of values: what is held, who asks and what time it is in; answers and a wish out.
//!
//! ```text
//!   Standing ──┐             ┌──► Wish
//!   poll ──────┼─► Machine ──┼──► LeaderReport
//!   end ───────┘     ▲       └──► the next moment at which time alone changes something
//!                   now
//! ```
//! No clock, no channel, no HTTP: whoever owns the machine brings the time and carries out what it wants. After every input it
//! has to be given its [`Machine::turn`].

use std::time::Duration;

use shared::config::ConsumerRequirement;
use shared::leadership::{LeaderReport, Query, Reason, ReportedGate, State};
use tokio::time::Instant;

use crate::standing::{Standing, Tenure, Wish};

mod course;
mod grants;
mod heart;
mod view;

use course::{Course, HoldOff};
use grants::Grants;
use heart::Heart;

/// How long a Lease that nobody holds is left alone by those who gave it up.
const LEFT_ALONE: Duration = Duration::from_secs(2);

/// What does not change while the process lives.
#[derive(Clone, Debug)]
pub struct Rules {
    /// Who this pod is; only the consumer of the same identity is its own.
    pub identity: String,
    /// Longest grant.
    pub max_valid: Duration,
    /// Whether a consumer is needed to hold the Lease.
    pub consumer: ConsumerRequirement,
}

/// Decides who may act, and for how long.
#[derive(Debug)]
pub struct Machine {
    rules: Rules,
    standing: Standing,
    heart: Heart,
    grants: Grants,
    course: Course,
    hold_off: HoldOff,
    /// From then on what is not known is not: before, a predecessor of this process may have known better.
    settled_at: Instant,
    /// The Lease is held from then on without a gap.
    led_since: Option<Instant>,
    /// Nobody is known to hold the Lease from then on.
    free_since: Option<Instant>,
    /// The own claim ended by its deadline, and nobody has been seen to hold the Lease since.
    lapsed: bool,
}

/// Who waits for an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asker {
    /// The own consumer, in the poll of this number.
    Own {
        /// Which process of it.
        instance: String,
        /// Which poll of that process.
        seq: u64,
    },
    /// Anybody else: another pod's consumer, a person, a poll out of order; everybody, where no consumer is needed.
    Other,
}

/// What of an answer is news to whoever waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gist {
    name: String,
    term: u64,
    state: State,
    reason: Reason,
    admitted: bool,
}

// === impl Machine ===

impl Machine {
    /// Begins at `now`, as if a predecessor had granted all it may at that moment.
    pub fn new(rules: Rules, now: Instant) -> Self {
        Self {
            settled_at: now + rules.max_valid,
            grants: Grants::inherited(now + rules.max_valid),
            heart: Heart::new(rules.max_valid),
            rules,
            standing: Standing::default(),
            course: Course::Rest(Reason::ConsumerSilent),
            hold_off: HoldOff::default(),
            led_since: None,
            free_since: None,
            lapsed: false,
        }
    }

    /// Takes note of what the lease half says.
    pub fn observe(&mut self, standing: Standing, now: Instant) {
        match (self.standing.tenure, standing.tenure) {
            (_, Tenure::Held(_)) => {
                self.led_since = self.led_since.or(Some(now));
                self.lapsed = false;
            }
            (Tenure::Held(claim), Tenure::Nothing) => self.lapsed = claim.until <= now,
            _ => {}
        }
        if !matches!(standing.tenure, Tenure::Held(_)) {
            self.led_since = None;
            self.heart.excuse();
        }
        self.standing = standing;
        self.lapsed &= self.rival(now).is_none();
        if self.claim(now).is_some() || self.leader_elsewhere(now).is_some() {
            self.settled_at = self.settled_at.min(now);
        }
        self.turn(now);
    }

    /// Takes note of a poll; `None` is a question without one. What is heard here is never answered here: see
    /// [`Machine::answer`].
    pub fn hear(&mut self, poll: Option<&Query>, now: Instant) -> Asker {
        let own = |poll: &&Query| {
            self.rules.consumer == ConsumerRequirement::Required
                && poll.consumer == self.rules.identity
        };
        let Some(poll) = poll.filter(own) else {
            return Asker::Other;
        };
        if !self.heart.beat(poll, now) {
            return Asker::Other;
        }
        self.grants.attribute(&poll.instance);
        // The very poll that makes the machine give up may be the last word of its consumer.
        self.turn(now);
        if self.is_draining() && poll.gate == ReportedGate::Closed {
            self.grants.acknowledge(&poll.instance);
            self.turn(now);
        }
        Asker::Own {
            instance: poll.instance.clone(),
            seq: poll.seq,
        }
    }

    /// The process is to end: nothing is granted from here on, and what is held is given back last.
    pub fn end(&mut self, now: Instant) {
        self.course = match self.course {
            Course::Rest(_) | Course::Over => Course::Over,
            Course::Campaign | Course::Drain(_) => Course::Drain(Reason::ShuttingDown),
        };
        self.turn(now);
    }

    /// Lets time pass.
    pub fn turn(&mut self, now: Instant) {
        self.watch_for_nobody(now);
        if let Course::Rest(_) = self.course
            && self.would_campaign(now)
        {
            self.course = Course::Campaign;
        }
        if matches!(self.course, Course::Campaign)
            && let Some(cause) = self.complaint(now)
        {
            self.heart.excuse();
            self.course = Course::Drain(cause);
        }
        if let Course::Drain(cause) = self.course
            && self.grants.are_over(now)
        {
            self.rest(cause, now);
        }
    }

    /// What the lease half is to do. [`Wish::Abstain`] after [`Wish::Campaign`] says that nobody can be acting any more.
    pub const fn wish(&self) -> Wish {
        match self.course {
            Course::Rest(_) | Course::Over => Wish::Abstain,
            Course::Campaign | Course::Drain(_) => Wish::Campaign,
        }
    }

    /// The process may end as soon as the lease half holds nothing.
    pub const fn is_over(&self) -> bool {
        matches!(self.course, Course::Over)
    }

    /// Whether the lease half holds nothing at `now`.
    pub fn holds_nothing(&self, now: Instant) -> bool {
        match self.standing.tenure {
            Tenure::Nothing => true,
            Tenure::Held(claim) => claim.until <= now,
            Tenure::Releasing => false,
        }
    }

    /// Answers, from the clock. A grant is noted before this returns: from then on it stands, whoever reads the answer.
    pub fn answer(&mut self, asker: &Asker, now: Instant) -> LeaderReport {
        let mut report = self.report(now);
        let grant = self.grant_for(asker, now).unwrap_or_default();
        report.valid_for_ms = whole_millis(grant);
        report.is_leader = report.valid_for_ms > 0;
        if report.is_leader {
            let end = now + grant;
            match asker {
                Asker::Own { instance, .. } => {
                    self.grants.note(instance, end);
                    self.heart.admit(now);
                }
                Asker::Other => self.grants.note_for_anybody(end),
            }
        }
        report
    }

    /// A later poll of the same consumer has been heard, so nobody waits for this answer.
    pub fn is_superseded(&self, asker: &Asker) -> bool {
        match asker {
            Asker::Own { instance, seq } => !self.heart.is_latest(instance, *seq),
            Asker::Other => false,
        }
    }

    /// The longest grant that `asker` may be given.
    fn grant_for(&self, asker: &Asker, now: Instant) -> Option<Duration> {
        let claim = self.claim(now)?;
        let admitted = matches!(self.course, Course::Campaign)
            && match (self.rules.consumer, asker) {
                (ConsumerRequirement::NotRequired, _) => true,
                (ConsumerRequirement::Required, Asker::Other) => false,
                (ConsumerRequirement::Required, Asker::Own { instance, seq }) => {
                    self.heart.is_latest(instance, *seq)
                        && self.heart.complaint(now, &self.grants).is_none()
                        && self.grants.may_pass_to(instance, now)
                }
            };
        let left = (claim.until - now).min(self.rules.max_valid);
        (admitted && whole_millis(left) > 0).then_some(left)
    }
}

/// Whole milliseconds, never rounded up.
fn whole_millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
