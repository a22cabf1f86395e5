//! The plan of a pod, and the configuration file that follows from it.

use crate::lab::kubernetes::NAMESPACE;
use crate::lab::programs::Program;

/// The plan of a pod.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the Lease.
    pub lease: String,
    /// `lease_namespace`
    pub namespace: String,
    /// `lease_duration_secs`
    pub duration_secs: u64,
    /// `grace_period_secs`
    pub grace_secs: u64,
    /// The program that stands in the elector's place.
    pub elector: Program,
    /// `identity` in the file; without it, each pod has its own.
    pub identity: Option<String>,
    /// The offset that libfaketime gives to the elector's wall clock, such as `+20s`.
    pub clock: Option<&'static str>,
}

// === impl Plan ===

impl Plan {
    /// The elector, each pod under its own name, with these durations in seconds.
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
        let Plan {
            lease,
            namespace,
            duration_secs,
            grace_secs,
            identity,
            ..
        } = self;
        let identity = identity.as_ref().map_or_else(String::new, |identity| {
            format!("identity = \"{identity}\"\n")
        });
        format!(
            r#"[exporter]
http_host = "127.0.0.1"
http_port = {collector}
poll_interval = "500ms"
granularity = "partition"

[exporter.leadership]
enabled = true
lease_name = "{lease}"
lease_namespace = "{namespace}"
lease_duration_secs = {duration_secs}
grace_period_secs = {grace_secs}
listen = "127.0.0.1:{elector}"
url = "http://127.0.0.1:{elector}/leader"
{identity}
[[clusters]]
name = "lab"
bootstrap_servers = "{bootstrap}"
"#
        )
    }
}
