//! The claim: until when this process may say that it holds the Lease.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

use super::Moment;

/// What lies between the end of what is said and the deadline: it covers clocks that run apart over one lease duration.
pub(crate) const MARGIN: Duration = Duration::from_millis(500);

/// What the last own write was good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tenancy {
    /// The instant that the claim counts from.
    pub(crate) base: Instant,
    /// The first moment at which it must not be used: the deadline less the margin.
    pub(crate) until: Instant,
    /// The fencing number.
    pub(crate) term: u64,
}

/// A write as it was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    /// The moment before it was sent.
    pub(crate) sent: Moment,
    /// The renew time in it.
    pub(crate) renew_time: Option<Timestamp>,
}

// === impl Tenancy ===

impl Tenancy {
    /// The claim that a successful write makes, for `lease_duration` from before it was sent.
    pub(crate) fn of_write(stamp: Stamp, lease_duration: Duration, term: u64) -> Option<Self> {
        // The request was stamped before it was sent, and what passed in between is not ours. A wall clock that was set in
        // between can only shorten the claim.
        let waited = stamp.renew_time.map_or(Duration::ZERO, |renew_time| {
            let waited = stamp.sent.wall.duration_since(renew_time);
            Duration::try_from(waited).unwrap_or_default()
        });
        let base = stamp.sent.now.checked_sub(waited)?;
        Some(Self {
            base,
            until: base + lease_duration.saturating_sub(MARGIN),
            term,
        })
    }

    /// Whether it may be used.
    pub(crate) fn runs(&self, now: Instant) -> bool {
        now < self.until
    }
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::ToSpan as _;

    use super::*;

    const D: Duration = Duration::from_secs(15);

    fn stamp(renewed_ms_before: i64) -> Stamp {
        let sent = Moment {
            now: Instant::now() + Duration::from_secs(60),
            wall: Timestamp::UNIX_EPOCH + 100_000.hours(),
        };
        let renew_time = Some(sent.wall - renewed_ms_before.milliseconds());
        Stamp { sent, renew_time }
    }

    #[test]
    fn a_claim_counts_from_before_the_write_was_sent() {
        let stamp = stamp(0);
        let claim = Tenancy::of_write(stamp, D, 7).unwrap();
        assert_eq!(claim.until, stamp.sent.now + D - MARGIN);
        assert!(claim.runs(claim.until - Duration::from_nanos(1)));
        assert!(!claim.runs(claim.until));
    }

    #[test]
    fn what_a_request_waited_before_it_was_sent_is_not_claimed() {
        let stamp = stamp(400);
        let claim = Tenancy::of_write(stamp, D, 7).unwrap();
        let waited = Duration::from_millis(400);
        assert_eq!(claim.until, stamp.sent.now - waited + D - MARGIN);
    }

    #[test]
    fn a_wall_clock_set_back_meanwhile_lengthens_nothing() {
        let stamp = stamp(-3_600_000);
        let claim = Tenancy::of_write(stamp, D, 7).unwrap();
        assert_eq!(claim.base, stamp.sent.now);
    }

    #[test]
    fn a_wall_clock_set_forward_meanwhile_ends_the_claim() {
        let stamp = stamp(3_600_000);
        let claim = Tenancy::of_write(stamp, D, 7);
        assert!(claim.is_none_or(|claim| !claim.runs(stamp.sent.now)));
    }
}
