//! The configuration file that both containers of a pod read, and the command that starts a container.

use std::path::Path;
use std::process::Command;

/// The values in a pod's configuration file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodConfig<'a> {
    /// The port on loopback on which the collector serves HTTP.
    pub(crate) collector: u16,
    /// The key `poll_interval`: the time between two collections, such as `500ms`.
    pub(crate) poll_interval: &'a str,
    /// The key `name` of the only cluster.
    pub(crate) cluster: &'a str,
    /// The key `bootstrap_servers` of the only cluster.
    pub(crate) bootstrap: &'a str,
    /// The table `consumer_properties` of the only cluster: names and values.
    pub(crate) properties: &'a [(String, String)],
    /// The settings of the election; `None` for a collector that runs alone.
    pub(crate) election: Option<ElectionKeys<'a>>,
}

/// The values in `[exporter.leadership]`, the election that the pod takes part in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ElectionKeys<'a> {
    /// The port on loopback on which the elector serves HTTP and the collector asks it.
    pub(crate) elector: u16,
    /// The key `lease_name`: the name of the Lease.
    pub(crate) lease: &'a str,
    /// The key `lease_namespace`: the namespace of the Lease.
    pub(crate) namespace: &'a str,
    /// The keys `lease_duration_secs` and `grace_period_secs`, in seconds.
    pub(crate) durations: (u64, u64),
    /// The key `identity`; `None` leaves it out, so the identity is the pod's name.
    pub(crate) identity: Option<&'a str>,
}

/// Returns the command that starts `program` as a container of the pod `name`. The directory `dir` has the pod's `config.toml` and
/// `kubeconfig`.
pub(crate) fn command(program: &Path, dir: &Path, name: &str) -> Command {
    let mut command = Command::new(program);
    command
        .arg("--config")
        .arg(dir.join("config.toml"))
        .env("NO_COLOR", "1")
        .env("KUBECONFIG", dir.join("kubeconfig"))
        .env("POD_NAME", name)
        .env("POD_UID", format!("uid-of-{name}"));
    command
}

// === impl PodConfig ===

impl PodConfig<'_> {
    /// Returns the text of the configuration file.
    pub(crate) fn text(&self) -> String {
        let Self {
            collector,
            poll_interval,
            cluster,
            bootstrap,
            properties,
            election,
        } = self;
        let lines = properties.iter();
        let lines = lines.map(|(name, value)| format!("\"{name}\" = \"{value}\""));
        let properties = lines.collect::<Vec<_>>().join("\n");
        let election = election.map_or_else(String::new, ElectionKeys::text);
        format!(
            r#"[exporter]
http_host = "127.0.0.1"
http_port = {collector}
poll_interval = "{poll_interval}"
granularity = "partition"
{election}
[[clusters]]
name = "{cluster}"
bootstrap_servers = "{bootstrap}"

[clusters.consumer_properties]
{properties}
"#
        )
    }
}

// === impl ElectionKeys ===

impl ElectionKeys<'_> {
    fn text(self) -> String {
        let Self {
            elector,
            lease,
            namespace,
            durations: (duration, grace),
            identity,
        } = self;
        let identity = identity.map_or_else(String::new, |identity| {
            format!("identity = \"{identity}\"\n")
        });
        format!(
            r#"
[exporter.leadership]
enabled = true
lease_name = "{lease}"
lease_namespace = "{namespace}"
lease_duration_secs = {duration}
grace_period_secs = {grace}
listen = "127.0.0.1:{elector}"
url = "http://127.0.0.1:{elector}/leader"
{identity}"#
        )
    }
}
