//! The plan of a pod, and the configuration file that follows from it.

use super::config::{Election, PodConfig};
use crate::lab::config::CLUSTER;
use crate::lab::kubernetes::NAMESPACE;
use crate::lab::programs::Program;

/// The plan of a pod.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The name of the Lease.
    pub lease: String,
    /// `lease_namespace`
    pub namespace: String,
    /// `lease_duration_secs`
    pub duration_secs: u64,
    /// `grace_period_secs`
    pub grace_secs: u64,
    /// The program that stands in the elector's place.
    pub elector: Program,
    /// `identity` in the file; without it, each pod has an identity of its own.
    pub identity: Option<String>,
    /// The offset that libfaketime gives to the elector's wall clock, such as `+20s`.
    pub clock: Option<&'static str>,
}

// === impl Plan ===

impl Plan {
    /// The plan of a pod with the elector, an identity of its own, and these durations in seconds.
    pub fn of(lease: &str, (duration_secs, grace_secs): (u64, u64)) -> Self {
        Self {
            lease: lease.to_owned(),
            namespace: NAMESPACE.to_owned(),
            duration_secs,
            grace_secs,
            elector: Program::Elector,
            identity: None,
            clock: None,
        }
    }

    /// The configuration file of both containers.
    pub(super) fn config(&self, (elector, collector): (u16, u16), bootstrap: &str) -> String {
        let election = Election {
            elector,
            lease: &self.lease,
            namespace: &self.namespace,
            durations: (self.duration_secs, self.grace_secs),
            identity: self.identity.as_deref(),
        };
        let config = PodConfig {
            collector,
            poll_interval: "500ms",
            cluster: CLUSTER,
            bootstrap,
            election: Some(election),
        };
        config.text()
    }
}
