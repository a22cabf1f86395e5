//! The beginning of a claim: the time for which a successful own write lets this pod lead.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::clocks::Clocks;
use crate::lease_status::Claim;

/// The time between the end of a claim and the end of the lease duration. The margin covers clocks that run at different speeds
/// over one lease duration.
pub const MARGIN: Duration = Duration::from_millis(500);

/// The time at which a request was sent, and the renew time in the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SendTime {
    /// The clocks just before the request was sent.
    pub at: Clocks,
    /// The renew time in the body of the request; `None` if there is none. kube-lease-manager took it from the wall clock when
    /// it made the request.
    pub renew_time: Option<Timestamp>,
}

/// Returns the claim that a successful write makes. It runs for `lease_duration`, less [`MARGIN`], from the moment at which
/// kube-lease-manager made the request. `None` if that moment would lie before the start of the monotonic clock.
pub fn of_write(time: SendTime, lease_duration: Duration, term: u64) -> Option<Claim> {
    // A request may wait in a queue between being made and being sent. That wait is subtracted, so that the claim counts from
    // when the request was made. If the wall clock was set meanwhile, the claim becomes shorter and never longer.
    let waited = time.renew_time.map_or(Duration::ZERO, |renew_time| {
        let waited = time.at.wall.duration_since(renew_time);
        Duration::try_from(waited).unwrap_or_default()
    });
    let counted_from = time.at.monotonic.checked_sub(waited)?;
    Some(Claim {
        counted_from,
        until: counted_from + lease_duration.saturating_sub(MARGIN),
        term,
    })
}

#[cfg(test)]
mod tests {
    use k8s_openapi::jiff::ToSpan as _;
    use tokio::time::Instant;

    use super::*;

    const D: Duration = Duration::from_secs(15);

    fn sent(renewed_ms_before: i64) -> SendTime {
        let at = Clocks {
            monotonic: Instant::now() + Duration::from_secs(60),
            wall: Timestamp::UNIX_EPOCH + 100_000.hours(),
        };
        let renew_time = Some(at.wall - renewed_ms_before.milliseconds());
        SendTime { at, renew_time }
    }

    #[test]
    fn a_claim_counts_from_before_the_write_was_sent() {
        let time = sent(0);
        let claim = of_write(time, D, 7).unwrap();
        assert_eq!(claim.until, time.at.monotonic + D - MARGIN);
        assert!(claim.is_running(claim.until - Duration::from_nanos(1)));
        assert!(!claim.is_running(claim.until));
    }

    #[test]
    fn the_time_that_a_request_waited_before_it_was_sent_is_not_claimed() {
        let time = sent(400);
        let claim = of_write(time, D, 7).unwrap();
        let waited = Duration::from_millis(400);
        assert_eq!(claim.until, time.at.monotonic - waited + D - MARGIN);
    }

    #[test]
    fn a_wall_clock_that_is_set_back_meanwhile_does_not_lengthen_the_claim() {
        let time = sent(-3_600_000);
        let claim = of_write(time, D, 7).unwrap();
        assert_eq!(claim.counted_from, time.at.monotonic);
    }

    #[test]
    fn a_wall_clock_that_is_set_forward_meanwhile_ends_the_claim() {
        let time = sent(3_600_000);
        let claim = of_write(time, D, 7);
        assert!(claim.is_none_or(|claim| !claim.is_running(time.at.monotonic)));
    }
}
