//! The consumer's sign of life.

use std::collections::VecDeque;
use std::time::Duration;

use shared::leadership::{Query, Reason, ReportedGate};
use tokio::time::Instant;

use super::grants::Grants;

/// How long a consumer may say that its gate is closed while it is granted leadership.
const PATIENCE: Duration = Duration::from_secs(2);

/// How many former processes of the consumer are told from new ones.
const REMEMBERED: usize = 8;

/// What the own consumer has said of itself.
#[derive(Debug)]
pub(super) struct Heart {
    silence: Duration,
    latest: Option<Beat>,
    former: VecDeque<(String, u64)>,
}

/// The latest poll.
#[derive(Debug)]
struct Beat {
    instance: String,
    seq: u64,
    healthy: bool,
    gate: ReportedGate,
    heard_at: Instant,
    /// Granted leadership at that moment, it has not said since that its gate is open.
    closed_since: Option<Instant>,
}

// === impl Heart ===

impl Heart {
    /// One that has heard nothing; `silence` is how long a poll counts.
    pub(super) const fn new(silence: Duration) -> Self {
        Self {
            silence,
            latest: None,
            former: VecDeque::new(),
        }
    }

    /// Whether `poll` is one to be heard; then it is the latest.
    pub(super) fn beat(&mut self, poll: &Query, now: Instant) -> bool {
        let closed_since = match &self.latest {
            Some(beat) if beat.instance == poll.instance => {
                if poll.seq <= beat.seq {
                    return false;
                }
                beat.closed_since
            }
            Some(_) | None => {
                if !self.succeeds(poll, now) {
                    return false;
                }
                None
            }
        };
        self.latest = Some(Beat {
            instance: poll.instance.clone(),
            seq: poll.seq,
            healthy: poll.healthy,
            gate: poll.gate,
            heard_at: now,
            closed_since: closed_since.filter(|_| poll.gate == ReportedGate::Closed),
        });
        true
    }

    /// What speaks against this consumer, if anything.
    pub(super) fn complaint(&self, now: Instant, grants: &Grants) -> Option<Reason> {
        let Some(beat) = &self.latest else {
            return Some(Reason::ConsumerSilent);
        };
        if !beat.healthy {
            return Some(Reason::ConsumerUnhealthy);
        }
        if self.silent_at(grants).is_some_and(|at| at <= now) {
            return Some(Reason::ConsumerSilent);
        }
        let refuses = beat
            .closed_since
            .is_some_and(|since| since + PATIENCE <= beat.heard_at);
        refuses.then_some(Reason::ConsumerRefuses)
    }

    /// When the latest poll counts no longer: the last grant is over then, and so is the time for a new poll.
    pub(super) fn silent_at(&self, grants: &Grants) -> Option<Instant> {
        let beat = self.latest.as_ref()?;
        let counts_until = beat.heard_at + self.silence;
        let granted_until = grants.end_for(&beat.instance);
        Some(granted_until.map_or(counts_until, |end| end.max(counts_until)))
    }

    pub(super) fn is_latest(&self, instance: &str, seq: u64) -> bool {
        let latest = self.latest.as_ref();
        latest.is_some_and(|beat| beat.instance == instance && beat.seq == seq)
    }

    /// The latest poll is granted leadership.
    pub(super) fn admit(&mut self, now: Instant) {
        if let Some(beat) = &mut self.latest
            && beat.gate == ReportedGate::Closed
        {
            beat.closed_since = beat.closed_since.or(Some(now));
        }
    }

    /// A closed gate is no refusal: there is nothing to refuse any more.
    pub(super) const fn excuse(&mut self) {
        if let Some(beat) = &mut self.latest {
            beat.closed_since = None;
        }
    }

    /// Whether `poll`, of another process than the latest, is of its successor. A poll that a former process had left in a
    /// socket is not, unless the latest has gone silent.
    fn succeeds(&mut self, poll: &Query, now: Instant) -> bool {
        let living = self
            .latest
            .as_ref()
            .is_some_and(|beat| now < beat.heard_at + self.silence);
        let former = self
            .former
            .iter()
            .position(|(instance, _)| *instance == poll.instance);
        if let Some(index) = former {
            if living || poll.seq <= self.former[index].1 {
                return false;
            }
            self.former.remove(index);
        }
        if let Some(beat) = self.latest.take() {
            self.former.push_back((beat.instance, beat.seq));
        }
        if self.former.len() > REMEMBERED {
            self.former.pop_front();
        }
        true
    }
}
