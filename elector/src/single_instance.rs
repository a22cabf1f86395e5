//! Leadership without an election: this pod always leads, and grants everybody who asks until the process ends.

use std::time::Duration;

use prometheus::IntCounterVec;
use shared::leadership::{LeaderReport, Query, ReportedGate, State, StateReason};
use tokio_util::sync::CancellationToken;

use crate::answer::{LeaderAnswer, MetricValues};

/// The source of leadership of a pod that leads alone, without an election.
#[derive(Clone, Debug)]
pub struct SingleInstance {
    /// The identity of this pod in every answer.
    pub identity: String,
    /// The time that every grant lasts.
    pub max_valid: Duration,
    /// The reason why there is no election: [`StateReason::Disabled`] or [`StateReason::FeatureMissing`].
    pub reason: StateReason,
    /// The longest time that an answer is held back.
    pub max_wait: Duration,
    /// The counter of answers, by their result.
    pub answers: IntCounterVec,
    /// The token that is cancelled when the process is to end.
    pub shutdown: CancellationToken,
}

// === impl SingleInstance ===

impl SingleInstance {
    /// Answers at once, unless the consumer's gate is open already: then the answer waits as long as `query` allows, at
    /// most `max_wait`, or until the process is to end.
    pub async fn leader(&self, query: Option<&Query>) -> LeaderAnswer {
        let acting = query.filter(|query| query.gate == ReportedGate::Open);
        let wait = acting.map_or(0, |query| query.wait_ms);
        let wait = Duration::from_millis(wait).min(self.max_wait);
        tokio::select! { biased;
            () = self.shutdown.cancelled() => {}
            () = tokio::time::sleep(wait) => {}
        }
        let report = self.report();
        let result = if report.is_leader {
            "granted"
        } else {
            "not_granted"
        };
        self.answers.with_label_values(&[result]).inc();
        LeaderAnswer {
            report,
            detail: None,
        }
    }

    /// Returns the report at this moment: a grant, or none once the process is to end.
    pub fn report(&self) -> LeaderReport {
        let ending = self.shutdown.is_cancelled();
        let (state, reason) = if ending {
            (State::Draining, StateReason::ShuttingDown)
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

    /// Returns the values for `/metrics`. Claim and grant are zero, since there is no election.
    pub fn metric_values(&self) -> MetricValues {
        MetricValues {
            report: self.report(),
            claim_left: Duration::ZERO,
            grant_left: Duration::ZERO,
            problem: None,
        }
    }
}
