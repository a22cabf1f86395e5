//! Trials in which the leading pod ends, in order or at once.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::{TrialSetup, within};
use crate::lab::faults::TcpFault;
use crate::lab::pod::BOTH;
use crate::lab::{self, TwoPods};

/// The way in which a pod ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Both containers get SIGTERM, as in a rollout.
    Sigterm,
    /// Both containers get SIGKILL.
    Killed,
}

/// The time within which the other pod must have sent its first request to Kafka, beside the time for which it has to wait.
const PROMISED: Duration = Duration::from_millis(600);

/// Ends the pod that leads, `times` times, and starts it again each time; measures the time from each end to the other pod's first request
/// to Kafka.
pub fn failovers(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, end, times): ((u64, u64), End, usize),
) -> Result<Vec<Duration>> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let waited = match end {
        End::Sigterm => Duration::ZERO,
        End::Killed => Duration::from_secs(durations.0),
    };
    let mut took = Vec::new();
    for n in 0..times {
        let (leader, other) = (n % 2, (n + 1) % 2);
        let ended = Instant::now();
        match end {
            End::Sigterm => drop(pair.pod(leader).terminate()?),
            End::Killed => pair.pod(leader).kill(&BOTH)?,
        }
        let limit = within(waited, PROMISED) + 10 * PROMISED;
        let taken = pair.first_request(other, ended, limit)?;
        pair.promise(taken <= within(waited, PROMISED), || {
            format!("{end:?} the {n}th time: taken over after {taken:?}")
        })?;
        took.push(taken);
        pair.wait_until_acting(other, limit)?;
        pair.pod(leader).start_both()?;
        pair.wait_until_standing_by(leader)?;
        // The pause varies, so that the end does not always come at the same moment between two renewals.
        lab::pause(Duration::from_millis(137 * (n as u64 % 7)));
    }
    let history = pair.never_two()?;
    pair.promise(history.moves() == times, || {
        format!("{} moves: {history}", history.moves())
    })?;
    Ok(took)
}

/// Asks the leader to end while its requests are lost, so that it releases the Lease too late, when the other pod leads: the late
/// release must change nothing.
pub fn late_release(setup: &TrialSetup<'_>, name: &str, durations: (u64, u64)) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let duration = Duration::from_secs(durations.0);
    pair.pod(0).route().set(TcpFault::DropRequests);
    let ended = Instant::now();
    pair.pod(0).terminate()?;
    let limit = within(duration, PROMISED);
    let taken = pair.first_request(1, ended, limit + duration)?;
    pair.promise(taken <= limit, || format!("taken over after {taken:?}"))?;
    let holder = pair.lease().read()?.context("no Lease")?.holder;
    pair.pod(0).route().set(TcpFault::Pass);
    lab::pause(duration);
    let history = pair.never_two()?;
    let now = pair.lease().read()?.context("no Lease")?.holder;
    pair.promise(now == holder && history.moves() == 1, || {
        format!("{holder:?} held it, now {now:?}: {history}")
    })?;
    Ok(format!("taken over after {taken:.1?}, and kept"))
}

/// Returns the mean, the 99th percentile and the maximum of some durations, in milliseconds.
pub fn figures(took: &[Duration]) -> (u128, u128, u128) {
    let mut sorted: Vec<_> = took.iter().map(Duration::as_millis).collect();
    sorted.sort_unstable();
    let (n, sum) = (sorted.len().max(1), sorted.iter().sum::<u128>());
    let at = |part: usize| sorted.get((n * part).div_ceil(100).max(1) - 1);
    let (p99, max) = (at(99), at(100));
    (
        sum / n as u128,
        p99.copied().unwrap_or_default(),
        max.copied().unwrap_or_default(),
    )
}
