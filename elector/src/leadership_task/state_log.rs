//! Logs the changes of the leadership's state. The lease half logs the changes of the Lease itself.

use shared::leadership::{LeaderReport, State, StateReason};
use tracing::{debug, info};

use crate::lease_status::LeaseStatus;

/// The state that was logged last, kept so that each change is logged once.
#[derive(Debug, Default)]
pub(super) struct StateLog {
    last: Option<(State, StateReason)>,
}

// === impl StateLog ===

impl StateLog {
    /// Logs the state in `report` if it differs from the state that was logged last.
    pub(super) fn log_change(&mut self, report: &LeaderReport, lease_status: &LeaseStatus) {
        let current = (report.state, report.reason);
        if self.last == Some(current) {
            return;
        }
        self.last = Some(current);
        let reason = report.reason.label();
        match report.state {
            State::Parked => info!(reason, "Waiting for the consumer before taking part"),
            State::Draining => info!(reason, "Grants nothing any more, gives back what is held"),
            State::LeaseExpired => info!(reason, "Grants nothing until the Lease is renewed"),
            state => debug!(
                state = state.label(),
                reason,
                leader = report.name,
                tenure = ?lease_status.holding,
                "State changed"
            ),
        }
    }
}
