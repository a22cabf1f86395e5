//! What the guard makes of events and of time, and what it tells the rest.

use tokio::time::Instant;

use super::Guard;
use super::ask::Ask;
use super::observation::{Change, Link, Seen, Stand, Twin};
use super::translate::Belief;
use super::troubles::{Failure, Rivalry};
use crate::standing::{Claim, Rival, Sight, Standing, Tenure, Trouble};
use shared::leadership::Reason;
use shared::text::sanitize;

/// What whoever drives kube-lease-manager has to know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Outlook {
    /// A manager that was built in an earlier turn has to be built anew.
    pub(crate) turn: u64,
    /// What there is to give back.
    pub(crate) hold: Hold,
}

/// What this process has of the Lease by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hold {
    /// Nothing, or what an earlier process of this instance wrote.
    Nothing,
    /// A record that this process wrote.
    Ours,
    /// The same, and it is being given back.
    Releasing,
}

// === impl Guard ===

impl Guard {
    /// Takes what the watch brought.
    pub(crate) fn saw(&mut self, seen: Seen, link: Link, now: Instant) {
        self.look(now);
        let before = self.observation.stand();
        self.troubles.watch_works();
        if let Seen::Present(_) = seen {
            self.troubles.lease_is_there();
        }
        // A list that found nothing may be older than an own write. Whoever holds a claim asks again instead.
        if seen == Seen::Absent(None) && self.tenancy.is_some() {
            self.turn += 1;
            return;
        }
        if self.observation.event(seen, link, now) == Change::Stale {
            // It may be the rest of a chain.
            self.look(now);
            return;
        }
        let writing = matches!(self.in_flight, Some(Ask::Write(_)));
        let known = self.version.is_none() || self.version == self.observation.version();
        if self.observation.stand() == Stand::Ours && !writing && !known {
            // Written by somebody else's hand, or by an own write that was given up: the next one would be a conflict.
            self.turn += 1;
        }
        self.step_down(&before);
        self.look(now);
    }

    /// Time has passed.
    pub(crate) fn look(&mut self, now: Instant) {
        self.end_tenancy(now);
        let shut = self.is_shut(now);
        if self.shut && !shut && self.observation.stand() != Stand::Ours {
            self.turn += 1;
        }
        self.shut = shut;
    }

    /// The watch failed, not for want of rights.
    pub(crate) fn watch_failed(&mut self, failure: Failure) {
        self.troubles.watch_failed(failure);
    }

    /// The API server says that the Lease may be written.
    pub(crate) fn may_patch(&mut self) {
        self.troubles.not_foretold();
    }

    /// It says that the Lease may not be written: `detail` for people. A claim is not touched, as a write that is denied ends it.
    pub(crate) fn may_not_patch(&mut self, detail: String) {
        self.troubles.foretold(detail);
    }

    /// The Lease is about to be given back: from now on nothing is claimed, whatever is still answered.
    pub(crate) fn begin_release(&mut self) {
        self.withdraw();
        if self.hold == Hold::Ours {
            self.hold = Hold::Releasing;
        }
    }

    /// The release has come to an end, well or not; a record that stayed runs out by itself.
    pub(crate) fn end_release(&mut self) {
        self.hold = Hold::Nothing;
    }

    /// Whoever asked does not wait for the answer any more, and it would only have been read.
    pub(crate) fn abandoned(&mut self) {
        self.in_flight = None;
    }

    /// Why this process does not hold the Lease, as a label.
    pub(crate) fn loss(&self) -> &'static str {
        match self.observation.stand() {
            _ if self.hold == Hold::Releasing => "released",
            Stand::Ours | Stand::Unknown => "expired",
            Stand::Foreign { .. } => "not_holder",
            Stand::Vanished { .. } => "vanished",
            Stand::Released => "released",
        }
    }

    /// How long the next request is given.
    pub(crate) fn patience(&self) -> std::time::Duration {
        self.patience.present()
    }

    /// The next moment at which something ends.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let claim = self.tenancy.map(|tenancy| tenancy.until);
        [claim, self.occupied(), self.incumbent]
            .into_iter()
            .flatten()
            .filter(|due| *due > now)
            .min()
    }

    /// What is told to whoever drives kube-lease-manager.
    pub(crate) fn outlook(&self) -> Outlook {
        Outlook {
            turn: self.turn,
            hold: self.hold,
        }
    }

    /// What is told to the leadership half.
    pub(crate) fn standing(&self, now: Instant) -> Standing {
        let running = self.tenancy.filter(|tenancy| tenancy.runs(now));
        let tenure = match (self.hold, running) {
            (Hold::Releasing, _) => Tenure::Releasing,
            (_, Some(tenancy)) => Tenure::Held(Claim {
                until: tenancy.until,
                term: tenancy.term,
            }),
            (_, None) => Tenure::Nothing,
        };
        let stand = self.observation.stand();
        let occupied = self.is_shut(now).then(|| self.occupied()).flatten();
        let rival = occupied.map(|until| Rival {
            name: match &stand {
                Stand::Foreign { name, .. } => name.clone(),
                _ => String::new(),
            },
            until,
        });
        let rivalry = match rival {
            None => Rivalry::None,
            Some(_) => Rivalry::Some,
        };
        let sight = self.observation.sight();
        let trouble = match sight {
            Sight::Never => self.troubles.blind(),
            Sight::Absent | Sight::Present => self.troubles.present(rivalry, twin(&stand, rivalry)),
        };
        Standing {
            tenure,
            rival,
            sight,
            trouble,
        }
    }

    /// Until when somebody else may be acting, by what was seen.
    fn occupied(&self) -> Option<Instant> {
        match self.observation.stand() {
            Stand::Foreign { until, .. } | Stand::Vanished { until } => Some(until),
            Stand::Unknown | Stand::Ours | Stand::Released => None,
        }
    }

    /// Whether the Lease must not be taken.
    pub(super) fn is_shut(&self, now: Instant) -> bool {
        match self.observation.stand() {
            Stand::Unknown => true,
            Stand::Ours | Stand::Released => false,
            Stand::Foreign { until, .. } => now < until,
            // Who vanished may have been this process itself, as long as nobody else can have taken the Lease since.
            Stand::Vanished { until } => {
                now < until && self.incumbent.is_none_or(|incumbent| now >= incumbent)
            }
        }
    }

    /// What kube-lease-manager is to believe.
    pub(super) fn belief(&self, now: Instant) -> Belief {
        match self.observation.stand() {
            Stand::Ours => Belief::Ours {
                age: self
                    .tenancy
                    .map(|tenancy| now.saturating_duration_since(tenancy.base)),
            },
            _ if !self.is_shut(now) => Belief::Free,
            Stand::Foreign { name, .. } => Belief::Theirs { name },
            Stand::Unknown | Stand::Vanished { .. } | Stand::Released => Belief::Theirs {
                name: String::new(),
            },
        }
    }

    pub(super) fn end_tenancy(&mut self, now: Instant) {
        self.tenancy = self.tenancy.filter(|tenancy| tenancy.runs(now));
        self.incumbent = self.incumbent.filter(|incumbent| now < *incumbent);
    }

    /// Gives up what was claimed where the Lease, which stood as `before`, is not ours any more.
    pub(super) fn step_down(&mut self, before: &Stand) {
        let after = self.observation.stand();
        if after == Stand::Ours || (*before != Stand::Ours && self.tenancy.is_none()) {
            return;
        }
        let until = self.tenancy.map(|tenancy| tenancy.until);
        self.tenancy = None;
        self.incumbent = match after {
            Stand::Vanished { .. } => until,
            _ => None,
        };
        self.hold = Hold::Nothing;
        self.start_over();
    }
}

fn twin(stand: &Stand, rivalry: Rivalry) -> Option<Trouble> {
    match (stand, rivalry) {
        (
            Stand::Foreign {
                twin: Twin::SameIdentity,
                name,
                ..
            },
            Rivalry::Some,
        ) => Some(Trouble {
            reason: Reason::DuplicateIdentity,
            cause: "identity",
            detail: format!(
                "another pod holds the Lease as {} too, or its annotation was changed by hand; give every pod an identity of \
                 its own",
                sanitize(name)
            ),
        }),
        _ => None,
    }
}
