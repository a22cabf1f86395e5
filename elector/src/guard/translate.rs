//! What kube-lease-manager is shown.
//!
//! It compares renew times with its own wall clock, takes any record without a holder for free, and takes its own name for
//! itself. So every answer is rewritten to what this process believes, in this process's wall clock.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::Lease;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;

use super::record::Candidate;

/// What is believed of the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Belief {
    /// This process is the holder, and last renewed so long ago.
    Ours {
        /// `None` where this process has never renewed, or its claim is over: a renewal is due.
        age: Option<Duration>,
    },
    /// Somebody may be acting.
    Theirs {
        /// Who; empty where nobody knows.
        name: String,
    },
    /// Nobody can be acting.
    Free,
}

/// Rewrites `lease` to what is believed of it, as of `wall`.
pub(crate) fn show(lease: &mut Lease, belief: &Belief, candidate: &Candidate, wall: Timestamp) {
    let spec = lease.spec.get_or_insert_default();
    // kube-lease-manager adds one to it without looking.
    spec.lease_transitions = spec.lease_transitions.map(|n| n.min(i32::MAX - 1));
    let seconds = candidate.lease_duration.as_secs();
    let (holder, renewed) = match belief {
        Belief::Ours { age } => {
            // Never older than what makes a renewal due at once: an expired Lease would be read again before that.
            let age = age.map_or(candidate.grace_period, |age| {
                age.min(candidate.grace_period)
            });
            (candidate.identity.clone(), back(wall, age))
        }
        // As if renewed just now: the guard itself calls when that has become too old, so nothing needs to be asked before.
        Belief::Theirs { name } if name.is_empty() => ("(vanished)".to_owned(), wall),
        Belief::Theirs { name } if *name == candidate.identity => {
            (format!("{name} (another instance)"), wall)
        }
        Belief::Theirs { name } => (name.clone(), wall),
        Belief::Free => {
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

fn back(wall: Timestamp, by: Duration) -> Timestamp {
    wall.checked_sub(by).unwrap_or(wall)
}

#[cfg(test)]
mod tests {
    use k8s_openapi::api::coordination::v1::LeaseSpec;
    use k8s_openapi::jiff::ToSpan as _;

    use super::*;

    fn candidate() -> Candidate {
        Candidate {
            identity: "pod-a".to_owned(),
            instance: "uid-a".to_owned(),
            lease_duration: Duration::from_secs(15),
            grace_period: Duration::from_secs(5),
        }
    }

    fn wall() -> Timestamp {
        Timestamp::UNIX_EPOCH + 100_000.hours()
    }

    /// The spec that the manager sees of a record whose clock is an hour off and whose duration was edited.
    fn shown(belief: &Belief) -> LeaseSpec {
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
        show(&mut lease, belief, &candidate(), wall());
        lease.spec.unwrap()
    }

    #[test]
    fn a_holder_that_has_to_be_believed_renewed_just_now_whatever_its_clock_says() {
        let name = "pod-b".to_owned();
        let spec = shown(&Belief::Theirs { name });
        assert_eq!(spec.holder_identity.as_deref(), Some("pod-b"));
        assert_eq!(spec.renew_time, Some(MicroTime(wall())));
        assert_eq!(spec.lease_duration_seconds, Some(15));
        assert_eq!(spec.lease_transitions, Some(4));
    }

    #[test]
    fn another_instance_of_the_same_identity_has_another_name() {
        let name = "pod-a".to_owned();
        let spec = shown(&Belief::Theirs { name });
        assert_ne!(spec.holder_identity.as_deref(), Some("pod-a"));
    }

    #[test]
    fn a_vanished_holder_is_somebody() {
        let name = String::new();
        let spec = shown(&Belief::Theirs { name });
        assert!(spec.holder_identity.is_some_and(|name| !name.is_empty()));
    }

    #[test]
    fn a_free_lease_has_nulls_only_so_that_it_is_taken_and_not_released() {
        let spec = shown(&Belief::Free);
        assert_eq!(spec.holder_identity, None);
        assert_eq!((spec.acquire_time, spec.renew_time), (None, None));
        assert_eq!(spec.lease_duration_seconds, None);
    }

    #[test]
    fn one_more_transition_can_always_be_counted() {
        for belief in [Belief::Free, Belief::Ours { age: None }] {
            let mut lease = Lease {
                spec: Some(LeaseSpec {
                    lease_transitions: Some(i32::MAX),
                    ..LeaseSpec::default()
                }),
                ..Lease::default()
            };
            show(&mut lease, &belief, &candidate(), wall());
            let shown = lease.spec.and_then(|spec| spec.lease_transitions);
            assert!(shown.is_some_and(|n| n < i32::MAX), "{belief:?}");
        }
    }

    #[test]
    fn an_own_lease_is_as_old_as_the_last_own_write() {
        let age = Some(Duration::from_secs(2));
        let spec = shown(&Belief::Ours { age });
        assert_eq!(spec.holder_identity.as_deref(), Some("pod-a"));
        assert_eq!(spec.renew_time, Some(MicroTime(wall() - 2.seconds())));
        assert_eq!(spec.lease_duration_seconds, Some(15));
    }

    #[test]
    fn an_own_lease_that_nothing_is_known_of_is_due_and_not_expired() {
        for age in [None, Some(Duration::from_hours(1))] {
            let spec = shown(&Belief::Ours { age });
            assert_eq!(spec.renew_time, Some(MicroTime(wall() - 5.seconds())));
        }
    }
}
