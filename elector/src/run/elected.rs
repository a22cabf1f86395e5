//! Starts the two halves of the elector where there is an election.

use std::time::Duration;

use shared::config::Election;
use shared::tasks::Tasks;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::http::LeadershipSource;
use crate::leadership::{Rules, StateMachine};
use crate::leadership_task::{LeadershipTask, Parts, ShutdownTokens};
use crate::lease::Lease;
use crate::lease::telemetry::LeaseTelemetry;
use crate::lease_status::{Desired, LeaseStatus};
use crate::telemetry::Telemetry;

/// The limits of answers about the leader.
#[derive(Clone, Copy, Debug)]
pub(super) struct AnswerLimits {
    /// The longest time that one grant may last.
    pub(super) max_valid: Duration,
    /// The longest time that an answer is held back.
    pub(super) max_wait: Duration,
}

/// Starts the lease half and the leadership task. Returns the source that answers requests, and the token that stops the HTTP
/// servers.
///
/// # Errors
/// Returns an error if a metric family of the lease half cannot be registered, which is a bug.
pub(super) fn start(
    tasks: &Tasks,
    election: Election,
    instance: String,
    limits: AnswerLimits,
    telemetry: &Telemetry,
) -> prometheus::Result<(LeadershipSource, CancellationToken)> {
    let lease_telemetry = LeaseTelemetry::new()?;
    lease_telemetry.register(telemetry.registry())?;
    let (lease_status, lease_status_receiver) = watch::channel(LeaseStatus::default());
    let (desired, desired_receiver) = watch::channel(Desired::default());
    let rules = Rules {
        identity: election.identity.clone(),
        max_valid: limits.max_valid,
        consumer: election.consumer,
    };
    let tokens = ShutdownTokens::default();
    let parts = Parts {
        lease_status: lease_status_receiver,
        desired,
        max_wait: limits.max_wait,
        answers: telemetry.answers(),
        tokens: tokens.clone(),
    };
    let (task, handle) = LeadershipTask::new(StateMachine::new(rules, Instant::now()), parts);
    let lease = Lease {
        election,
        instance,
        desired: desired_receiver,
        lease_status,
        telemetry: lease_telemetry,
    };
    tasks.spawn("lease", lease.run(tokens.lease));
    tasks.spawn("leadership", task.run(tasks.shutdown()));
    Ok((LeadershipSource::Elected(handle), tokens.http))
}
