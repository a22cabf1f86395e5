//! What a Lease says, as far as it matters to the election.

use std::time::Duration;

use k8s_openapi::api::coordination::v1::{Lease, LeaseSpec};
use k8s_openapi::jiff::Timestamp;

/// The annotation that says which instance wrote the holder: pods of one identity are told apart by it.
pub(crate) const INSTANCE: &str = "klag-exporter/instance";

/// The duration that marks a holder given back on purpose. No elector is configured with so short a one, and client-go
/// leaves the same behind.
pub(crate) const RELEASED: Duration = Duration::from_secs(1);

/// One version of the Lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    /// The resourceVersion. Versions of one API server can be compared.
    pub(crate) version: u64,
    /// What it says.
    pub(crate) content: Content,
}

/// What one version of the Lease says. Two versions that say the same were written by the same successful write, or differ in
/// what nobody here looks at, such as a label.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Content {
    /// Differs when the Lease was deleted and made again.
    pub(crate) uid: Option<String>,
    /// Who holds it; never empty.
    pub(crate) holder: Option<String>,
    /// Which instance of the holder wrote that.
    pub(crate) instance: Option<String>,
    /// How long rivals have to wait after a renewal.
    pub(crate) duration: Option<Duration>,
    /// Holder's wall clock at the acquisition. Only its change is meaningful.
    pub(crate) acquire_time: Option<Timestamp>,
    /// Holder's wall clock at the last renewal. Only its change is meaningful.
    pub(crate) renew_time: Option<Timestamp>,
    /// A statistic.
    pub(crate) transitions: Option<i32>,
}

/// Who takes part: this process, as it signs and as it waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// The name in `spec.holderIdentity`.
    pub(crate) identity: String,
    /// The word in the annotation [`INSTANCE`].
    pub(crate) instance: String,
    /// How long a claim lasts, counted from before the write was sent.
    pub(crate) lease_duration: Duration,
    /// From one renewal to the next.
    pub(crate) grace_period: Duration,
}

// === impl Record ===

impl Record {
    /// Reads `lease`; `None` where its version is no number, so that nothing can be said of it.
    pub(crate) fn read(lease: &Lease) -> Option<Self> {
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
                instance: annotations.and_then(|all| all.get(INSTANCE)).cloned(),
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
    /// Whether `candidate` wrote the holder.
    pub(crate) fn is_of(&self, candidate: &Candidate) -> bool {
        self.holder.as_deref() == Some(&candidate.identity)
            && self.instance.as_deref() == Some(&candidate.instance)
    }

    /// Whether the holder of `before` is still there and has not written since: each of its claims has a renew time of its own.
    /// Then it claims no more than it did, whatever somebody else wrote into the record.
    pub(crate) fn claims_no_more_than(&self, before: &Self) -> bool {
        self.holder.is_some()
            && self.renew_time.is_some()
            && self.renew_time == before.renew_time
            && self.holder == before.holder
            && self.instance == before.instance
            && self.uid == before.uid
    }

    /// Whether there is no holder, and nobody said goodbye.
    pub(crate) fn is_vanished(&self) -> bool {
        self.holder.is_none() && !self.is_released()
    }

    /// Whether the last holder gave it back on purpose.
    pub(crate) fn is_released(&self) -> bool {
        self.holder.is_none() && self.duration == Some(RELEASED)
    }
}
