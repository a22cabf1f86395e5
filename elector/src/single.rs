//! Without an election: this pod always leads, and says so to everybody who asks, until it ends.

use std::time::Duration;

use prometheus::IntCounterVec;
use shared::leadership::{LeaderReport, Query, Reason, ReportedGate, State};
use tokio_util::sync::CancellationToken;

use crate::desk::{Answer, Facts};

/// A source of leadership that has nobody to share it with.
#[derive(Clone, Debug)]
pub struct Single {
    /// Who answers.
    pub identity: String,
    /// Every grant.
    pub max_valid: Duration,
    /// Why there is no election: [`Reason::Disabled`] or [`Reason::FeatureMissing`].
    pub reason: Reason,
    /// Longest time that an answer is held.
    pub longest_wait: Duration,
    /// Counts answers, by result.
    pub answers: IntCounterVec,
    /// Cancelled when the process is to end.
    pub shutdown: CancellationToken,
}

// === impl Single ===

impl Single {
    /// The answer. Whoever acts already is answered when `query` wants it or the process ends.
    pub async fn leader(&self, query: Option<&Query>) -> Answer {
        let acting = query.filter(|query| query.gate == ReportedGate::Open);
        let wait = acting.map_or(0, |query| query.wait_ms);
        let wait = Duration::from_millis(wait).min(self.longest_wait);
        tokio::select! { biased;
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
        let report = self.report();
        let result = if report.is_leader { "granted" } else { "told" };
        self.answers.with_label_values(&[result]).inc();
        Answer {
            report,
            detail: None,
        }
    }

    /// The answer at this moment.
    pub fn report(&self) -> LeaderReport {
        let ending = self.shutdown.is_cancelled();
        let (state, reason) = if ending {
            (State::Draining, Reason::ShuttingDown)
        } else {
            (State::SingleInstance, self.reason)
        };
        let valid = if ending {
            Duration::ZERO
        } else {
            self.max_valid
        };
        let valid_for_ms = u64::try_from(valid.as_millis()).unwrap_or(u64::MAX);
        let name = if ending { "" } else { &self.identity };
        LeaderReport {
            is_leader: valid_for_ms > 0,
            identity: self.identity.clone(),
            name: name.to_owned(),
            term: 0,
            valid_for_ms,
            state,
            reason,
        }
    }

    /// The facts, for metrics.
    pub fn facts(&self) -> Facts {
        Facts {
            report: self.report(),
            claim_left: Duration::ZERO,
            grant_left: Duration::ZERO,
            trouble: None,
        }
    }
}
