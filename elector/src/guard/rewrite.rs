//! The rewriting of answers before kube-lease-manager sees them.
//!
//! kube-lease-manager compares the renew time in a Lease with its own wall clock, takes any Lease without a holder at once, and
//! takes a Lease with its own name for its own. So every answer is rewritten to the state that the guard has decided on, with
//! times of this machine's wall clock. Then those rules of kube-lease-manager lead to the guard's decision.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;

use super::record::Candidate;

/// The state of the Lease that kube-lease-manager is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ShownLease {
    /// This process is the holder.
    Ours {
        /// The time since the last own renewal; `None` if this process has no claim, so that a renewal is due.
        age: Option<Duration>,
    },
    /// Another process may be acting.
    Theirs {
        /// The identity of the holder; empty if it is not known.
        name: String,
    },
    /// No process can be acting.
    Free,
}

/// Rewrites `lease` so that it shows the state `shown`, as of `wall`.
pub(crate) fn rewrite(
    lease: &mut Lease,
    shown: &ShownLease,
    candidate: &Candidate,
    wall: Timestamp,
) {
    let spec = lease.spec.get_or_insert_default();
    // kube-lease-manager adds one to the number of transitions without checking for an overflow.
    spec.lease_transitions = spec.lease_transitions.map(|n| n.min(i32::MAX - 1));
    let seconds = candidate.lease_duration.as_secs();
    let (holder, renewed) = match shown {
        ShownLease::Ours { age } => {
            // The age is cut to the grace period, at which a renewal is due. kube-lease-manager would read an expired Lease
            // again before it renews, which costs a request.
            let age = age.map_or(candidate.grace_period, |age| {
                age.min(candidate.grace_period)
            });
            (candidate.identity.clone(), before(wall, age))
        }
        // The Lease is shown as renewed just now, so that kube-lease-manager waits. When the Lease may be taken, the guard has
        // kube-lease-manager built anew, so kube-lease-manager need not look again earlier.
        ShownLease::Theirs { name } if name.is_empty() => ("(vanished)".to_owned(), wall),
        ShownLease::Theirs { name } if *name == candidate.identity => {
            (format!("{name} (another instance)"), wall)
        }
        ShownLease::Theirs { name } => (name.clone(), wall),
        ShownLease::Free => {
            spec.holder_identity = None;
            spec.acquire_time = None;
            spec.renew_time = None;
            spec.lease_duration_seconds = None;
            return;
        }
    };
    spec.holder_identity = Some(holder);
    spec.renew_time = Some(MicroTime(renewed));
    spec.lease_duration_seconds = Some(i32::try_from(seconds).unwrap_or(i32::MAX));
}

fn before(wall: Timestamp, by: Duration) -> Timestamp {
    wall.checked_sub(by).unwrap_or(wall)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::jiff::ToSpan as _;

    use super::*;
    use crate::guard::tests::candidate;

    fn wall() -> Timestamp {
        Timestamp::UNIX_EPOCH + 100_000.hours()
    }

    /// Returns the spec that kube-lease-manager is shown of a record whose clock is an hour off and whose duration was edited.
    fn spec_shown(shown: &ShownLease) -> LeaseSpec {
        let mut lease = Lease {
            spec: Some(LeaseSpec {
                holder_identity: Some("pod-x".to_owned()),
                acquire_time: Some(MicroTime(wall() - 1.hours())),
                renew_time: Some(MicroTime(wall() - 1.hours())),
                lease_duration_seconds: Some(3),
                lease_transitions: Some(4),
                ..LeaseSpec::default()
            }),
            ..Lease::default()
        };
        rewrite(&mut lease, shown, &candidate(), wall());
        lease.spec.unwrap()
    }

    #[test]
    fn a_rival_is_shown_as_renewed_just_now_whatever_its_clock_says() {
        let name = "pod-b".to_owned();
        let spec = spec_shown(&ShownLease::Theirs { name });
        assert_eq!(spec.holder_identity.as_deref(), Some("pod-b"));
        assert_eq!(spec.renew_time, Some(MicroTime(wall())));
        assert_eq!(spec.lease_duration_seconds, Some(15));
        assert_eq!(spec.lease_transitions, Some(4));
    }

    #[test]
    fn another_instance_of_the_same_identity_is_shown_under_another_name() {
        let name = "pod-a".to_owned();
        let spec = spec_shown(&ShownLease::Theirs { name });
        assert_ne!(spec.holder_identity.as_deref(), Some("pod-a"));
    }

    #[test]
    fn a_vanished_holder_is_shown_with_some_name() {
        let name = String::new();
        let spec = spec_shown(&ShownLease::Theirs { name });
        assert!(spec.holder_identity.is_some_and(|name| !name.is_empty()));
    }

    #[test]
    fn a_free_lease_is_shown_empty_so_that_it_is_taken_and_not_released() {
        let spec = spec_shown(&ShownLease::Free);
        assert_eq!(spec.holder_identity, None);
        assert_eq!((spec.acquire_time, spec.renew_time), (None, None));
        assert_eq!(spec.lease_duration_seconds, None);
    }

    #[test]
    fn the_number_of_transitions_never_overflows() {
        for shown in [ShownLease::Free, ShownLease::Ours { age: None }] {
            let mut lease = Lease {
                spec: Some(LeaseSpec {
                    lease_transitions: Some(i32::MAX),
                    ..LeaseSpec::default()
                }),
                ..Lease::default()
            };
            rewrite(&mut lease, &shown, &candidate(), wall());
            let spec_shown = lease.spec.and_then(|spec| spec.lease_transitions);
            assert!(spec_shown.is_some_and(|n| n < i32::MAX), "{shown:?}");
        }
    }

    #[test]
    fn an_own_lease_is_shown_as_old_as_the_last_own_write() {
        let age = Some(Duration::from_secs(2));
        let spec = spec_shown(&ShownLease::Ours { age });
        assert_eq!(spec.holder_identity.as_deref(), Some("pod-a"));
        assert_eq!(spec.renew_time, Some(MicroTime(wall() - 2.seconds())));
        assert_eq!(spec.lease_duration_seconds, Some(15));
    }

    #[test]
    fn an_own_lease_without_a_claim_is_shown_as_due_and_not_as_expired() {
        for age in [None, Some(Duration::from_hours(1))] {
            let spec = spec_shown(&ShownLease::Ours { age });
            assert_eq!(spec.renew_time, Some(MicroTime(wall() - 5.seconds())));
        }
    }
}
