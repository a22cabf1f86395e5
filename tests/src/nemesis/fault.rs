//! The faults of a schedule, as values: each is a thing that can happen, with a time.

use anyhow::{Result, ensure};
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub use super::target::{Interruption, Parts, PathFault, Pods, Server};

use super::schedule::MARGIN_MS;
use crate::lab::pod::Part;
use crate::trials::edits::Edit;

/// The longest latency that a path can have, in milliseconds.
const LONGEST_LATENCY_MS: u64 = 30_000;

/// The largest shift of a clock, in seconds.
const LARGEST_SHIFT_SECS: i64 = 86_400;

/// The families that faults belong to, as `--faults` names them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// The route to the API server, of one pod or of both: refused, dropped, slow, errors, answers or requests lost
    Paths,
    /// Elector, collector or both of a pod: SIGSTOP, SIGKILL, SIGTERM
    Processes,
    /// The wall clock of an elector: seconds to an hour ahead or behind
    Clocks,
    /// The Lease: nulled, deleted, created again, given to a stranger or to the other pod, shortened
    Objects,
    /// The API server, etcd or one of three Kafka brokers: SIGSTOP, SIGKILL
    Servers,
}

/// A fault at a time of a schedule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// The beginning of the fault, in milliseconds after the beginning of the schedule.
    pub at_ms: u64,
    /// The time from the beginning of the fault to the moment at which its end is begun, in milliseconds. A process that was killed
    /// is started again then, and may take longer to be ready. An edit of the Lease lasts 0 ms.
    pub lasts_ms: u64,
    /// The thing that happens, with its target.
    pub kind: FaultKind,
}

/// A thing that can happen, with its target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FaultKind {
    /// The route from pods to the API server is disturbed.
    Path {
        /// The pods whose routes are disturbed.
        pods: Pods,
        /// The disturbance.
        path_fault: PathFault,
    },
    /// Processes of a pod are stopped, or end and are started again.
    Process {
        /// The pods whose processes are interrupted.
        pods: Pods,
        /// The processes that are interrupted.
        parts: Parts,
        /// The way in which they are interrupted.
        interruption: Interruption,
    },
    /// The wall clock of electors is shifted; the monotonic clock is not.
    Clock {
        /// The pods whose electors see another time.
        pods: Pods,
        /// The shift in seconds, positive for a clock that is ahead.
        shift_secs: i64,
    },
    /// The Lease is edited by an administrator.
    Lease {
        /// The edit.
        edit: Edit,
    },
    /// A server is stopped, or ends and is started again.
    Server {
        /// The server.
        server: Server,
        /// The way in which it is interrupted.
        interruption: Interruption,
    },
}

/// A thing that can have one fault at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Path(usize),
    Process(usize, Part),
    Clock(usize),
    ControlPlane,
    Kafka,
}

// === impl Fault ===

impl Fault {
    /// Returns the end of the fault as it is planned, in milliseconds after the beginning of the schedule.
    pub fn end_ms(&self) -> u64 {
        self.at_ms + self.lasts_ms
    }

    /// Returns true if both faults have a target in common and are not at least [`MARGIN_MS`] apart.
    pub(super) fn collides_with(&self, other: &Self) -> bool {
        let apart =
            self.end_ms() + MARGIN_MS <= other.at_ms || other.end_ms() + MARGIN_MS <= self.at_ms;
        let others = other.kind.targets();
        !apart
            && self
                .kind
                .targets()
                .iter()
                .any(|target| others.contains(target))
    }
}

// === impl FaultKind ===

impl FaultKind {
    /// Returns the words by which the table of faults names it.
    pub fn label(&self) -> String {
        match self {
            Self::Path { path_fault, .. } => format!("API {}", path_fault.label()),
            Self::Process {
                parts,
                interruption,
                ..
            } => {
                format!("{} {}", parts.label(), interruption.label())
            }
            Self::Clock { .. } => "clock shifted".to_owned(),
            Self::Lease { edit } => format!("Lease {}", edit.label()),
            Self::Server {
                server,
                interruption,
            } => {
                format!("{} {}", server.label(), interruption.label())
            }
        }
    }

    /// Returns the family of the fault.
    pub fn family(&self) -> Family {
        match self {
            Self::Path { .. } => Family::Paths,
            Self::Process { .. } => Family::Processes,
            Self::Clock { .. } => Family::Clocks,
            Self::Lease { .. } => Family::Objects,
            Self::Server { .. } => Family::Servers,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        match self {
            Self::Path {
                path_fault: PathFault::LatencyMs(ms),
                ..
            } => ensure!(
                *ms <= LONGEST_LATENCY_MS,
                "latency_ms must be at most {LONGEST_LATENCY_MS}"
            ),
            Self::Path {
                path_fault: PathFault::Status(status),
                ..
            } => ensure!(
                (400..600).contains(status),
                "status must be from 400 to 599"
            ),
            Self::Clock { shift_secs, .. } => ensure!(
                (-LARGEST_SHIFT_SECS..=LARGEST_SHIFT_SECS).contains(shift_secs),
                "shift_secs must be at most {LARGEST_SHIFT_SECS} ahead or behind"
            ),
            Self::Server {
                server,
                interruption,
            } => {
                ensure!(
                    *interruption != Interruption::Terminated,
                    "servers are stopped or killed"
                );
                ensure!(
                    !matches!(server, Server::Broker(id) if !(1..=3).contains(id)),
                    "brokers have the node ids 1 to 3"
                );
            }
            Self::Path { .. } | Self::Process { .. } | Self::Lease { .. } => {}
        }
        Ok(())
    }

    /// Returns the targets of the fault. An edit of the Lease needs the control plane, so it has that as its target.
    pub(super) fn targets(&self) -> Vec<Target> {
        let of = |pods: &Pods, target: fn(usize) -> Target| {
            pods.indices().iter().copied().map(target).collect()
        };
        match self {
            Self::Path { pods, .. } => of(pods, Target::Path),
            Self::Clock { pods, .. } => of(pods, Target::Clock),
            Self::Process { pods, parts, .. } => {
                let pods = pods.indices().iter();
                let targets =
                    pods.flat_map(|n| parts.list().iter().map(|part| Target::Process(*n, *part)));
                targets.collect()
            }
            Self::Lease { .. } => vec![Target::ControlPlane],
            Self::Server { server, .. } => match server {
                Server::ApiServer | Server::Etcd => vec![Target::ControlPlane],
                Server::Broker(_) => vec![Target::Kafka],
            },
        }
    }
}
