//! Says in the log what became of the leadership. Of the Lease the lease half tells.

use shared::leadership::{LeaderReport, Reason, State};
use tracing::{debug, info};

use crate::standing::Standing;

/// The last word.
#[derive(Debug, Default)]
pub(super) struct Journal {
    last: Option<(State, Reason)>,
}

// === impl Journal ===

impl Journal {
    pub(super) fn note(&mut self, report: &LeaderReport, standing: &Standing) {
        let word = (report.state, report.reason);
        if self.last == Some(word) {
            return;
        }
        self.last = Some(word);
        let reason = report.reason.label();
        match report.state {
            State::Parked => info!(reason, "Waiting for the consumer before taking part"),
            State::Draining => info!(reason, "Grants nothing any more, gives back what is held"),
            State::Fenced => info!(reason, "Grants nothing until the Lease is renewed"),
            state => debug!(
                state = state.label(),
                reason,
                leader = report.name,
                tenure = ?standing.tenure,
                "State changed"
            ),
        }
    }
}
