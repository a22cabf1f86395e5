//! The configuration file that both containers of a pod read, and the command that starts one of them.

use std::path::Path;
use std::process::Command;

/// The contents of the file.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PodConfig<'a> {
    /// The port of the collector.
    pub(crate) collector: u16,
    /// `poll_interval`
    pub(crate) poll_interval: &'a str,
    /// The `name` of the only cluster.
    pub(crate) cluster: &'a str,
    /// `bootstrap_servers`
    pub(crate) bootstrap: &'a str,
    /// The settings of the election; `None` for a collector that competes with nobody.
    pub(crate) election: Option<Election<'a>>,
}

/// The election that the pod takes part in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Election<'a> {
    /// The port of the elector.
    pub(crate) elector: u16,
    /// `lease_name`
    pub(crate) lease: &'a str,
    /// `lease_namespace`
    pub(crate) namespace: &'a str,
    /// `lease_duration_secs` and `grace_period_secs`
    pub(crate) durations: (u64, u64),
    /// `identity`; `None` means the pod's name.
    pub(crate) identity: Option<&'a str>,
}

/// The command that starts a container of the pod `name`, whose files are in `dir`.
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
    /// The text of the file.
    pub(crate) fn text(&self) -> String {
        let Self {
            collector,
            poll_interval,
            cluster,
            bootstrap,
            election,
        } = self;
        let election = election.map_or_else(String::new, Election::text);
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
"#
        )
    }
}

// === impl Election ===

impl Election<'_> {
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
