//! What the machine says of itself.

use shared::leadership::{LeaderReport, Reason, State};
use shared::text::sanitize;
use tokio::time::Instant;

use super::course::Course;
use super::{Asker, Gist, Machine};
use crate::standing::{Claim, Rival, Sight, Standing, Tenure};

// === impl Machine ===

impl Machine {
    /// The facts as of `now`, without a grant.
    pub fn report(&self, now: Instant) -> LeaderReport {
        let (state, reason) = self.state(now);
        let name = if state == State::Leading {
            self.rules.identity.clone()
        } else {
            self.rival(now)
                .map_or_else(String::new, |rival| sanitize(&rival.name))
        };
        LeaderReport {
            is_leader: false,
            identity: self.rules.identity.clone(),
            name,
            term: self.claim(now).map_or(0, |claim| claim.term),
            valid_for_ms: 0,
            state,
            reason,
        }
    }

    /// What of the answer to `asker` would be news.
    pub fn gist(&self, asker: &Asker, now: Instant) -> Gist {
        let report = self.report(now);
        Gist {
            name: report.name,
            term: report.term,
            state: report.state,
            reason: report.reason,
            admitted: self.grant_for(asker, now).is_some(),
        }
    }

    /// What the lease half said last.
    pub const fn standing(&self) -> &Standing {
        &self.standing
    }

    /// The moment at which the last grant ends, if it has not.
    pub fn granted_until(&self, now: Instant) -> Option<Instant> {
        self.grants.end().filter(|end| now < *end)
    }

    /// The claim, if it is not over.
    pub fn claim(&self, now: Instant) -> Option<Claim> {
        match self.standing.tenure {
            Tenure::Held(claim) if now < claim.until => Some(claim),
            Tenure::Held(_) | Tenure::Nothing | Tenure::Releasing => None,
        }
    }

    /// The other holder, if it may still be acting.
    pub(super) fn rival(&self, now: Instant) -> Option<&Rival> {
        self.standing
            .rival
            .as_ref()
            .filter(|rival| now < rival.until)
    }

    /// The other pod that leads, if one is known by name.
    pub(super) fn leader_elsewhere(&self, now: Instant) -> Option<&Rival> {
        self.rival(now).filter(|rival| !rival.name.is_empty())
    }

    fn state(&self, now: Instant) -> (State, Reason) {
        match (self.course, self.standing.tenure) {
            (Course::Over, _) => (State::Draining, Reason::ShuttingDown),
            (Course::Drain(cause), _) | (Course::Rest(cause), Tenure::Releasing) => {
                (State::Draining, cause)
            }
            (Course::Campaign, Tenure::Releasing) => (State::Campaigning, Reason::NotHolder),
            (course, Tenure::Held(claim)) if now < claim.until => match course {
                Course::Rest(cause) => (State::Draining, cause),
                _ => (State::Leading, self.trouble().unwrap_or(Reason::Renewed)),
            },
            (_, Tenure::Held(_)) => (State::Fenced, Reason::Expired),
            (course, Tenure::Nothing) => self.state_without_lease(course, now),
        }
    }

    fn state_without_lease(&self, course: Course, now: Instant) -> (State, Reason) {
        let named = self.leader_elsewhere(now).is_some();
        let trouble = self.trouble();
        if let Some(reason) = trouble
            && reason != Reason::ApiUnreachable
        {
            return (State::Blocked, reason);
        }
        // A restarted elector must not deny what its predecessor granted before it knows better.
        let knows_nothing = self.standing.sight == Sight::Never && !named;
        if !named && (knows_nothing || now < self.settled_at) {
            return match trouble {
                Some(reason) => (State::Blocked, reason),
                None => (State::Starting, Reason::Starting),
            };
        }
        if let Some(complaint) = self.complaint(now) {
            return (State::Parked, complaint);
        }
        match (course, trouble) {
            (_, trouble) if named => (State::Standby, trouble.unwrap_or(Reason::NotHolder)),
            (_, _) if self.lapsed => (State::Fenced, trouble.unwrap_or(Reason::Expired)),
            (_, Some(reason)) => (State::Blocked, reason),
            (Course::Rest(cause), None) => (State::Parked, cause),
            (_, None) => (State::Campaigning, Reason::NotHolder),
        }
    }

    fn trouble(&self) -> Option<Reason> {
        self.standing.trouble.as_ref().map(|trouble| trouble.reason)
    }
}
