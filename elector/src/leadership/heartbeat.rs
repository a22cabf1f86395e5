//! The consumer's heartbeat: its latest poll, and the reasons why the consumer must not lead.

use std::collections::VecDeque;
use std::time::Duration;

use shared::leadership::{Query, ReportedGate, StateReason};
use tokio::time::Instant;

use super::grants::Grants;

/// The longest time for which a consumer may keep its gate closed while it is granted leadership.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// The number of earlier consumer processes that are remembered, so that their late polls are not taken for those of a new one.
const REMEMBERED: usize = 8;

/// The polls of the own consumer, as far as the state machine needs them.
#[derive(Debug)]
pub(super) struct Heartbeat {
    /// The time after a poll at which the consumer counts as silent.
    poll_lifetime: Duration,
    latest: Option<LatestPoll>,
    /// Earlier processes of the consumer, each with the number of its last poll.
    former: VecDeque<(String, u64)>,
}

/// The latest poll of the consumer, which replaces the poll before it.
#[derive(Debug)]
struct LatestPoll {
    instance: String,
    seq: u64,
    healthy: bool,
    gate: ReportedGate,
    received_at: Instant,
    /// The moment at which the consumer was granted leadership with its gate closed. A poll with an open gate clears this
    /// field, and so does the end of the leadership or the beginning of a drain.
    closed_since: Option<Instant>,
}

// === impl Heartbeat ===

impl Heartbeat {
    /// Returns a heartbeat without any poll; a poll counts for `poll_lifetime`.
    pub(super) const fn new(poll_lifetime: Duration) -> Self {
        Self {
            poll_lifetime,
            latest: None,
            former: VecDeque::new(),
        }
    }

    /// Records `poll` as the latest one. Returns false, and records nothing, if the poll is out of order.
    pub(super) fn record(&mut self, poll: &Query, now: Instant) -> bool {
        let closed_since = match &self.latest {
            Some(latest) if latest.instance == poll.instance => {
                if poll.seq <= latest.seq {
                    return false;
                }
                latest.closed_since
            }
            Some(_) | None => {
                if !self.accept_instance(poll, now) {
                    return false;
                }
                None
            }
        };
        self.latest = Some(LatestPoll {
            instance: poll.instance.clone(),
            seq: poll.seq,
            healthy: poll.healthy,
            gate: poll.gate,
            received_at: now,
            closed_since: closed_since.filter(|_| poll.gate == ReportedGate::Closed),
        });
        true
    }

    /// Returns the reason why the consumer must not lead, if there is one.
    pub(super) fn unfit_reason(&self, now: Instant, grants: &Grants) -> Option<StateReason> {
        let Some(latest) = &self.latest else {
            return Some(StateReason::ConsumerSilent);
        };
        if !latest.healthy {
            return Some(StateReason::ConsumerUnhealthy);
        }
        if self.silent_at(grants).is_some_and(|at| at <= now) {
            return Some(StateReason::ConsumerSilent);
        }
        let refuses = latest
            .closed_since
            .is_some_and(|since| since + REFUSAL_TIME <= latest.received_at);
        refuses.then_some(StateReason::ConsumerRefuses)
    }

    /// Returns the moment from which the consumer counts as silent: its last grant is over by then, and its next poll overdue.
    pub(super) fn silent_at(&self, grants: &Grants) -> Option<Instant> {
        let latest = self.latest.as_ref()?;
        let counts_until = latest.received_at + self.poll_lifetime;
        let granted_until = grants.end_for(&latest.instance);
        Some(granted_until.map_or(counts_until, |end| end.max(counts_until)))
    }

    /// Returns true if poll `seq` of `instance` is the latest one.
    pub(super) fn is_latest(&self, instance: &str, seq: u64) -> bool {
        let latest = self.latest.as_ref();
        latest.is_some_and(|latest| latest.instance == instance && latest.seq == seq)
    }

    /// Notes that the latest poll was granted leadership.
    pub(super) fn note_grant(&mut self, now: Instant) {
        if let Some(latest) = &mut self.latest
            && latest.gate == ReportedGate::Closed
        {
            latest.closed_since = latest.closed_since.or(Some(now));
        }
    }

    /// Forgets that the gate stayed closed. Without a leadership, a closed gate refuses nothing.
    pub(super) const fn forget_refusal(&mut self) {
        if let Some(latest) = &mut self.latest {
            latest.closed_since = None;
        }
    }

    /// Decides whether `poll`, which comes from another process than the latest one, makes that process the current one. A
    /// late poll of an earlier process does not, unless the current process has gone silent.
    fn accept_instance(&mut self, poll: &Query, now: Instant) -> bool {
        let current_lives = self
            .latest
            .as_ref()
            .is_some_and(|latest| now < latest.received_at + self.poll_lifetime);
        let former = self
            .former
            .iter()
            .position(|(instance, _)| *instance == poll.instance);
        if let Some(index) = former {
            if current_lives || poll.seq <= self.former[index].1 {
                return false;
            }
            self.former.remove(index);
        }
        if let Some(latest) = self.latest.take() {
            self.former.push_back((latest.instance, latest.seq));
        }
        if self.former.len() > REMEMBERED {
            self.former.pop_front();
        }
        true
    }
}
