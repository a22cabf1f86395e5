//! Tests of the guard: several pods, one Lease, and everything that can happen to them.

#[path = "../../tests/lease/fake_lease.rs"]
mod fake_lease;
mod faults;
mod late;
mod lease_server;
mod life;
mod schedules;
mod world;

use std::time::Duration;

use super::record::Candidate;

/// Returns the pod of the tests that need one pod only.
pub(super) fn candidate() -> Candidate {
    Candidate {
        identity: "pod-a".to_owned(),
        instance: "uid-a".to_owned(),
        lease_duration: Duration::from_secs(15),
        grace_period: Duration::from_secs(5),
    }
}
