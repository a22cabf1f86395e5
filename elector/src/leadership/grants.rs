//! Grants: who may still be acting, and until when.
//!
//! A grant says to one asker: you may act for so many milliseconds, counted from the moment at which you sent your request.
//! The elector counts the same number from the moment at which it sends the answer, which is later. So when a grant is over
//! for the elector, it is over for the asker.
//!
//! The rules, each of which the state machine or this module enforces:
//! - A grant never ends after the claim on the Lease, and is never longer than `max_valid_secs`.
//! - At most one process of the consumer may act at a time. A second process (the first one was restarted, say) is granted
//!   nothing until the grant of the first one is over.
//! - A later grant never shortens an earlier one here, although it replaces the deadline of the consumer that reads it, because the
//!   answer with the earlier one may be read last.
//! - The Lease is given back only when no grant can be acted on any more: the last grant is over, or the consumer confirmed
//!   that its gate is closed. The confirmation counts only in a poll that was sent after the last poll that was granted: by then
//!   the consumer has read that grant, or has stopped waiting for it.
//! - A restarted elector does not know what its earlier process granted. It assumes a full grant at its own start, to whichever
//!   process of the consumer polls first. If that process confirms a closed gate, the assumed grant is over.
//!
//! Together with the rule that a claim ends before another pod may take the Lease, this means that no two pods act at once, and
//! no two processes of one pod.
//!
//! Where no consumer is required, every request that reaches this elector is granted leadership. Then nobody can confirm anything for the others,
//! and the Lease is given back only when the last grant has run out.

use tokio::time::Instant;

/// The last grant. One is enough: all grants are to one process of the consumer, except where no consumer is required and every
/// asker is granted leadership.
#[derive(Debug)]
pub(super) struct Grants {
    /// The last grant, extended by every later one. A confirmed closed gate removes it.
    last: Option<Grant>,
}

#[derive(Debug)]
struct Grant {
    grantee: Grantee,
    end: Instant,
}

/// The receiver of a grant.
#[derive(Debug)]
enum Grantee {
    /// The unknown process to which an earlier process of this elector may have granted leadership.
    Unknown,
    /// A process of this pod's own consumer.
    Consumer { instance: String },
    /// Any number of askers, none of which can speak for the others.
    Anybody,
}

// === impl Grants ===

impl Grants {
    /// Returns the state after a full grant of an earlier process, which ends at `end`.
    pub(super) const fn inherited(end: Instant) -> Self {
        let grantee = Grantee::Unknown;
        Self {
            last: Some(Grant { grantee, end }),
        }
    }

    /// Attributes the grant of an earlier process to the consumer process that polls first.
    pub(super) fn attribute_inherited(&mut self, instance: &str) {
        if let Some(grant) = &mut self.last
            && matches!(grant.grantee, Grantee::Unknown)
        {
            grant.grantee = Grantee::of(instance);
        }
    }

    /// Notes a grant to `instance` until `end`.
    pub(super) fn grant_to(&mut self, instance: &str, end: Instant) {
        self.extend(Grantee::of(instance), end);
    }

    /// Notes a grant to an unnamed asker until `end`.
    pub(super) fn grant_to_anybody(&mut self, end: Instant) {
        self.extend(Grantee::Anybody, end);
    }

    /// Ends the grant of `instance`, which said that its gate is closed. The poll that said so was sent after the last poll that
    /// was granted, and is not granted itself. So `instance` has read every answer that might open its gate, or has stopped
    /// waiting for it.
    pub(super) fn confirm_closed(&mut self, instance: &str) {
        if self.end_for(instance).is_some() {
            self.last = None;
        }
    }

    /// Returns the end of the last grant, if it was to `instance`.
    pub(super) fn end_for(&self, instance: &str) -> Option<Instant> {
        let grant = self.last.as_ref()?;
        grant.grantee.is(instance).then_some(grant.end)
    }

    /// Returns the end of the last grant.
    pub(super) fn end(&self) -> Option<Instant> {
        self.last.as_ref().map(|grant| grant.end)
    }

    /// Returns true if nobody can be acting on a grant at `now`.
    pub(super) fn are_over(&self, now: Instant) -> bool {
        self.end().is_none_or(|end| end <= now)
    }

    /// Returns true if `instance` may be granted leadership at `now`, so that no second process may be acting at the same time.
    pub(super) fn may_pass_to(&self, instance: &str, now: Instant) -> bool {
        self.are_over(now) || self.end_for(instance).is_some()
    }

    fn extend(&mut self, grantee: Grantee, end: Instant) {
        let end = self.end().map_or(end, |before| before.max(end));
        self.last = Some(Grant { grantee, end });
    }
}

// === impl Grantee ===

impl Grantee {
    fn of(instance: &str) -> Self {
        Self::Consumer {
            instance: instance.to_owned(),
        }
    }

    fn is(&self, asked: &str) -> bool {
        matches!(self, Self::Consumer { instance } if instance == asked)
    }
}
