//! The plan of a pod, and the configuration file that follows from it.

use super::config::{ElectionKeys, PodConfig};
use crate::lab::config::CLUSTER;
use crate::lab::kubernetes::NAMESPACE;
use crate::lab::programs::Program;

/// The settings with which a pod is made: the election that it takes part in, and the program that is its elector.
#[derive(Clone, Debug)]
pub struct PodPlan {
    /// The key `lease_name`: the name of the Lease.
    pub lease: String,
    /// The key `lease_namespace`: the namespace of the Lease.
    pub namespace: String,
    /// The key `lease_duration_secs`: the duration of the Lease, in seconds.
    pub duration_secs: u64,
    /// The key `grace_period_secs`: the time from one renewal of the Lease to the next, in seconds.
    pub grace_secs: u64,
    /// The program that runs as the pod's elector, in trials also one that is made of kube-lease-manager alone.
    pub elector: Program,
    /// The key `identity`; `None` leaves it out, so the identity is the pod's name.
    pub identity: Option<String>,
    /// The offset that libfaketime gives to the elector's wall clock at first, such as `+20s`; `None` runs the elector without
    /// libfaketime.
    pub clock: Option<&'static str>,
    /// The key `bootstrap_servers`: the Kafka that the collector reads. `None` means the pod's own stand-in.
    pub bootstrap: Option<String>,
    /// The key `poll_interval`: the time between two collections, such as `500ms`.
    pub poll_interval: &'static str,
    /// The table `consumer_properties`: names and values, with which the collector logs in to Kafka. Empty without a login.
    pub properties: Vec<(String, String)>,
}

// === impl PodPlan ===

impl PodPlan {
    /// Returns the plan of a pod with klag-exporter's elector, its name as identity, and these durations in seconds: the Lease's,
    /// and the grace period.
    pub fn of(lease: &str, (duration_secs, grace_secs): (u64, u64)) -> Self {
        Self {
            lease: lease.to_owned(),
            namespace: NAMESPACE.to_owned(),
            duration_secs,
            grace_secs,
            elector: Program::Elector,
            identity: None,
            clock: None,
            bootstrap: None,
            poll_interval: "500ms",
            properties: Vec::new(),
        }
    }

    /// Returns the text of the configuration file that both containers read.
    /// `standin` is the address of the pod's own stand-in for Kafka.
    pub(super) fn config(&self, (elector, collector): (u16, u16), standin: &str) -> String {
        let election = ElectionKeys {
            elector,
            lease: &self.lease,
            namespace: &self.namespace,
            durations: (self.duration_secs, self.grace_secs),
            identity: self.identity.as_deref(),
        };
        let config = PodConfig {
            collector,
            poll_interval: self.poll_interval,
            cluster: CLUSTER,
            bootstrap: self.bootstrap.as_deref().unwrap_or(standin),
            properties: &self.properties,
            election: Some(election),
        };
        config.text()
    }
}
