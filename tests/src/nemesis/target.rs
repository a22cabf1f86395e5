//! The targets of faults, and the ways in which they are struck: pods, containers, servers, signals, and disturbed routes.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::lab::faults::TcpFault;
use crate::lab::pod::{BOTH, Part};

/// The pods that a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the pods' own names")]
pub enum Pods {
    A,
    B,
    Both,
}

/// The containers of a pod that a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the programs' own names")]
pub enum Parts {
    Elector,
    Collector,
    Both,
}

/// A disturbance of a route to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PathFault {
    /// Connections are reset and refused.
    Refused,
    /// Bytes are kept in both directions, and delivered when the fault is over.
    Dropped,
    /// Answers are kept, and delivered when the fault is over.
    AnswersLost,
    /// Requests are kept, and delivered when the fault is over.
    RequestsLost,
    /// Every request is held back for so many milliseconds.
    LatencyMs(u64),
    /// Every request is answered with this status.
    Status(u16),
}

/// The way in which a process is interrupted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interruption {
    /// SIGSTOP, and SIGCONT at the end of the fault.
    Stopped,
    /// SIGKILL, and a new start at the end of the fault.
    Killed,
    /// SIGTERM, and a new start at the end of the fault. A process that still runs then gets SIGKILL first.
    Terminated,
}

/// A server that all pods share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Server {
    /// The API server of Kubernetes.
    ApiServer,
    /// The etcd in which the API server keeps its objects.
    Etcd,
    /// The Kafka broker with this node id, from 1 to 3.
    Broker(u16),
}

// === impl Pods ===

impl Pods {
    /// Returns the indices of the pods.
    pub fn indices(self) -> &'static [usize] {
        match self {
            Self::A => &[0],
            Self::B => &[1],
            Self::Both => &[0, 1],
        }
    }
}

// === impl Parts ===

impl Parts {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Elector => "elector",
            Self::Collector => "collector",
            Self::Both => "pod",
        }
    }

    /// Returns the containers.
    pub fn list(self) -> &'static [Part] {
        match self {
            Self::Elector => &BOTH[..1],
            Self::Collector => &BOTH[1..],
            Self::Both => &BOTH,
        }
    }
}

// === impl PathFault ===

impl PathFault {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::AnswersLost => "answers lost",
            Self::RequestsLost => "requests lost",
            Self::LatencyMs(_) => "slow",
            Self::Status(_) => "errors",
        }
    }

    /// Returns the fault of the TCP proxy, if the disturbance is one.
    pub(super) fn of_tcp(self) -> Option<TcpFault> {
        match self {
            Self::Refused => Some(TcpFault::Refuse),
            Self::Dropped => Some(TcpFault::Drop),
            Self::AnswersLost => Some(TcpFault::DropAnswers),
            Self::RequestsLost => Some(TcpFault::DropRequests),
            Self::LatencyMs(_) | Self::Status(_) => None,
        }
    }

    /// Returns the time for which every request is held back.
    pub fn latency(self) -> Duration {
        match self {
            Self::LatencyMs(ms) => Duration::from_millis(ms),
            _ => Duration::ZERO,
        }
    }
}

// === impl Interruption ===

impl Interruption {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::Stopped => "SIGSTOP",
            Self::Killed => "SIGKILL",
            Self::Terminated => "SIGTERM",
        }
    }
}

// === impl Server ===

impl Server {
    pub(super) fn label(self) -> &'static str {
        match self {
            Self::ApiServer => "API server",
            Self::Etcd => "etcd",
            Self::Broker(_) => "Kafka broker",
        }
    }
}
