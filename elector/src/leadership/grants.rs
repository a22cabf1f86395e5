//! Who may still act on the machine's word, and until when.

use tokio::time::Instant;

/// The last grant. There is never more than one process that may act on one, except where everybody is granted.
#[derive(Debug)]
pub(super) struct Grants {
    last: Option<Grant>,
}

#[derive(Debug)]
struct Grant {
    holder: Holder,
    end: Instant,
}

/// Who was granted.
#[derive(Debug)]
enum Holder {
    /// Whoever the predecessor of this process had granted.
    Unknown,
    /// A process of the own consumer.
    Consumer { instance: String },
    /// Any number of askers, none of which speaks for the others.
    Anybody,
}

// === impl Grants ===

impl Grants {
    /// As after a full grant of a predecessor.
    pub(super) const fn inherited(end: Instant) -> Self {
        let holder = Holder::Unknown;
        Self {
            last: Some(Grant { holder, end }),
        }
    }

    /// What a predecessor granted, it granted to the consumer that is heard first.
    pub(super) fn attribute(&mut self, instance: &str) {
        if let Some(grant) = &mut self.last
            && matches!(grant.holder, Holder::Unknown)
        {
            grant.holder = Holder::of(instance);
        }
    }

    /// A grant to `instance`, until `end`.
    pub(super) fn note(&mut self, instance: &str, end: Instant) {
        self.extend(Holder::of(instance), end);
    }

    /// A grant to anybody, until `end`.
    pub(super) fn note_for_anybody(&mut self, end: Instant) {
        self.extend(Holder::Anybody, end);
    }

    /// `instance` said that its gate is closed, in a poll that it sent after the last one that was granted and that is not
    /// granted itself. So it has read, or given up waiting for, every answer that might open its gate.
    pub(super) fn acknowledge(&mut self, instance: &str) {
        if self.end_for(instance).is_some() {
            self.last = None;
        }
    }

    /// When the last grant to `instance` ends.
    pub(super) fn end_for(&self, instance: &str) -> Option<Instant> {
        let grant = self.last.as_ref()?;
        grant.holder.is(instance).then_some(grant.end)
    }

    /// When the last grant ends.
    pub(super) fn end(&self) -> Option<Instant> {
        self.last.as_ref().map(|grant| grant.end)
    }

    /// Nobody can be acting any more.
    pub(super) fn are_over(&self, now: Instant) -> bool {
        self.end().is_none_or(|end| end <= now)
    }

    /// Whether `instance` may be granted at `now` without there being two that may act.
    pub(super) fn may_pass_to(&self, instance: &str, now: Instant) -> bool {
        self.are_over(now) || self.end_for(instance).is_some()
    }

    fn extend(&mut self, holder: Holder, end: Instant) {
        let end = self.end().map_or(end, |before| before.max(end));
        self.last = Some(Grant { holder, end });
    }
}

// === impl Holder ===

impl Holder {
    fn of(instance: &str) -> Self {
        Self::Consumer {
            instance: instance.to_owned(),
        }
    }

    fn is(&self, asked: &str) -> bool {
        matches!(self, Self::Consumer { instance } if instance == asked)
    }
}
