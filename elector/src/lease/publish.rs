//! Publishes the status of the Lease to the leadership half, and logs its changes.

use shared::leadership::StateReason;
use tokio::sync::watch;
use tracing::{debug, info, warn};

use super::telemetry::LeaseTelemetry;
use crate::lease_status::{Holding, LeaseStatus, Problem};

/// The log target that the documented log filters name.
const TARGET: &str = "klag_exporter::leadership::kubernetes";

/// The publisher of the Lease's status, which logs each change of role and each problem once.
#[derive(Debug)]
pub(super) struct StatusPublisher {
    identity: String,
    /// The namespace and name of the Lease, for the log.
    lease: String,
    lease_status: watch::Sender<LeaseStatus>,
    telemetry: LeaseTelemetry,
    /// The role that was logged last.
    role: Option<LoggedRole>,
    /// The key of the problem that was logged last; `None` while there is none.
    problem: Option<(StateReason, String)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LoggedRole {
    Leader,
    Standby,
}

// === impl StatusPublisher ===

impl StatusPublisher {
    /// Returns a publisher to `lease_status`; `identity` and `lease` are for the log.
    pub(super) fn new(
        (identity, lease): (String, String),
        lease_status: watch::Sender<LeaseStatus>,
        telemetry: LeaseTelemetry,
    ) -> Self {
        Self {
            identity,
            lease,
            lease_status,
            telemetry,
            role: None,
            problem: None,
        }
    }

    /// Publishes `lease_status`. `loss_reason` says why this process does not hold the Lease, and is used only if it does not.
    pub(super) fn publish(&mut self, lease_status: LeaseStatus, loss_reason: &'static str) {
        self.log_role(&lease_status, loss_reason);
        self.log_problem(&lease_status);
        self.lease_status.send_if_modified(|current| {
            let changed = *current != lease_status;
            *current = lease_status;
            changed
        });
    }

    fn log_role(&mut self, lease_status: &LeaseStatus, loss_reason: &'static str) {
        let identity = &*self.identity;
        let role = match (lease_status.holding, &lease_status.rival) {
            (Holding::Held(_), _) => LoggedRole::Leader,
            (_, None) if self.role.is_none() => return,
            _ => LoggedRole::Standby,
        };
        if self.role == Some(role) {
            return;
        }
        if let Holding::Held(claim) = lease_status.holding {
            self.telemetry.became_leader();
            info!(target: TARGET, identity, "Acquired leadership");
            debug!(target: TARGET, term = claim.term, "The term of this leadership");
        } else {
            if self.role == Some(LoggedRole::Leader) {
                self.telemetry.became_standby(loss_reason);
            }
            info!(target: TARGET, identity, "On standby, waiting for leadership");
            debug!(target: TARGET, reason = loss_reason, "Why it is another's turn");
        }
        self.role = Some(role);
    }

    fn log_problem(&mut self, lease_status: &LeaseStatus) {
        let problem = lease_status.problem.as_ref().map(log_key);
        if self.problem == problem {
            return;
        }
        if let Some(problem) = &lease_status.problem {
            let reason = problem.reason.label();
            let (detail, lease) = (&*problem.detail, &*self.lease);
            warn!(target: TARGET, reason, detail, lease, "Trouble in the election");
        } else {
            info!(target: TARGET, "The trouble in the election is over");
        }
        self.problem = problem;
    }
}

/// Returns the key that makes two problems different in the log. Each missing right is a problem of its own. An outage is one
/// problem, however each attempt fails.
fn log_key(problem: &Problem) -> (StateReason, String) {
    let detail = match problem.reason {
        StateReason::Forbidden => problem.detail.clone(),
        _ => String::new(),
    };
    (problem.reason, detail)
}
