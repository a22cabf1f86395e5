//! The record in a Lease, as far as it matters to the election.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::jiff::Timestamp;

/// The annotation that names the instance of the holder. The instance tells pods of the same identity apart.
pub const INSTANCE_ANNOTATION: &str = "klag-exporter/instance";

/// The lease duration that marks a release. No elector is configured with so short a duration, and client-go leaves the same
/// mark behind.
pub const RELEASED_DURATION: Duration = Duration::from_secs(1);

/// One version of the Lease, as an answer or an event showed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The resourceVersion. A greater number is a later version.
    pub version: u64,
    /// The content of this version of the Lease.
    pub content: Content,
}

/// The content of one version of the Lease. Two versions of equal content come from the same successful write, or differ only
/// in parts that the election ignores, such as a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// The UID of the object, which changes when the Lease is deleted and created again.
    pub uid: Option<String>,
    /// The identity of the holder; never empty.
    pub holder: Option<String>,
    /// The instance of the holder, from the annotation [`INSTANCE_ANNOTATION`].
    pub instance: Option<String>,
    /// The time for which rivals have to wait after a renewal.
    pub duration: Option<Duration>,
    /// The holder's wall clock at the acquisition. Only a change of this time means something, since wall clocks differ.
    pub acquire_time: Option<Timestamp>,
    /// The holder's wall clock at the last renewal. Only a change of this time means something, since wall clocks differ.
    pub renew_time: Option<Timestamp>,
    /// The number of changes of the holder, a statistic.
    pub transitions: Option<i32>,
}

/// This process as a candidate in the election: its names, and its settings of the election.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The identity in `spec.holderIdentity`.
    pub identity: String,
    /// The instance in the annotation [`INSTANCE_ANNOTATION`].
    pub instance: String,
    /// The length of a claim, before the margin is subtracted.
    pub lease_duration: Duration,
    /// The time from one renewal of the Lease to the next.
    pub grace_period: Duration,
}

// === impl Record ===

impl Record {
    /// Reads `lease`. Returns `None` if its resourceVersion is not a number, because then versions cannot be compared.
    pub fn read(lease: &Lease) -> Option<Self> {
        let metadata = &lease.metadata;
        let none = LeaseSpec::default();
        let spec = lease.spec.as_ref().unwrap_or(&none);
        let seconds = spec.lease_duration_seconds;
        let annotations = metadata.annotations.as_ref();
        Some(Self {
            version: metadata.resource_version.as_ref()?.parse().ok()?,
            content: Content {
                uid: metadata.uid.clone(),
                holder: spec.holder_identity.clone().filter(|name| !name.is_empty()),
                instance: annotations
                    .and_then(|all| all.get(INSTANCE_ANNOTATION))
                    .cloned(),
                duration: seconds
                    .and_then(|n| u64::try_from(n).ok())
                    .map(Duration::from_secs),
                acquire_time: spec.acquire_time.as_ref().map(|time| time.0),
                renew_time: spec.renew_time.as_ref().map(|time| time.0),
                transitions: spec.lease_transitions,
            },
        })
    }
}

// === impl Content ===

impl Content {
    /// Returns true if the record names `candidate` as the holder, by identity and by instance.
    pub fn is_written_by(&self, candidate: &Candidate) -> bool {
        self.holder.as_deref() == Some(&candidate.identity)
            && self.instance.as_deref() == Some(&candidate.instance)
    }

    /// Returns true if the holder is the one of `before` and has not renewed since. Each renewal has a renew time of its own,
    /// so a record with the old renew time was changed by somebody else, and the holder's claim is no longer than it was.
    pub fn is_not_renewed_since(&self, before: &Self) -> bool {
        self.holder.is_some()
            && self.renew_time.is_some()
            && self.renew_time == before.renew_time
            && self.holder == before.holder
            && self.instance == before.instance
            && self.uid == before.uid
    }

    /// Returns true if the Lease has no holder although nobody released it.
    pub fn is_vanished(&self) -> bool {
        self.holder.is_none() && !self.is_released()
    }

    /// Returns true if the last holder released the Lease.
    pub fn is_released(&self) -> bool {
        self.holder.is_none() && self.duration == Some(RELEASED_DURATION)
    }
}
