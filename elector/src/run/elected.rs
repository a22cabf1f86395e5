//! With an election: the lease half, and the desk between it and whoever asks.

use std::time::Duration;

use shared::config::Election;
use shared::tasks::Tasks;
use tokio::sync::watch;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Error, longest_wait};
use crate::desk::{Desk, Ends, Wires};
use crate::http::Source;
use crate::leadership::{Machine, Rules};
use crate::lease::Lease;
use crate::lease::telemetry::LeaseTelemetry;
use crate::standing::{Standing, Wish};
use crate::telemetry::Telemetry;

/// Starts both halves; returns where to ask, and what ends serving.
pub(super) fn start(
    tasks: &Tasks,
    election: Election,
    (instance, max_valid): (String, Duration),
    telemetry: &Telemetry,
) -> Result<(Source, CancellationToken), Error> {
    let lease_telemetry = LeaseTelemetry::new()?;
    lease_telemetry.register(telemetry.registry())?;
    let (standing, seen) = watch::channel(Standing::default());
    let (wish, wished) = watch::channel(Wish::default());
    let rules = Rules {
        identity: election.identity.clone(),
        max_valid,
        consumer: election.consumer,
    };
    let ends = Ends::default();
    let wires = Wires {
        standing: seen,
        wish,
        longest_wait: longest_wait(max_valid),
        answers: telemetry.answers(),
        ends: ends.clone(),
    };
    let (desk, inquiries) = Desk::new(Machine::new(rules, Instant::now()), wires);
    let lease = Lease {
        election,
        instance,
        wish: wished,
        standing,
        telemetry: lease_telemetry,
    };
    tasks.spawn("lease", lease.run(ends.lease));
    tasks.spawn("desk", desk.run(tasks.shutdown()));
    Ok((Source::Elected(inquiries), ends.http))
}
