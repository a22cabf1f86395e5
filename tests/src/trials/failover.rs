//! The leading pod ends: in order, or all at once.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::{Ground, within};
use crate::lab::faults::Way;
use crate::lab::pod::BOTH;
use crate::lab::{self, Duel};

/// How a pod ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// SIGTERM to both containers.
    Asked,
    /// SIGKILL to both containers.
    Killed,
}

/// Beside what has to be waited for, the other pod must have sent its first request to Kafka within this.
const PROMISED: Duration = Duration::from_millis(600);

/// Ends whichever pod leads, so many times, and starts it again each time; from each end to the other pod's first request to
/// Kafka.
pub fn failovers(
    ground: &Ground<'_>,
    name: &str,
    (durations, end, times): ((u64, u64), End, usize),
) -> Result<Vec<Duration>> {
    let mut duel = Duel::start(ground.kube, &ground.setting(name, durations))?;
    let waited = match end {
        End::Asked => Duration::ZERO,
        End::Killed => Duration::from_secs(durations.0),
    };
    let mut took = Vec::new();
    for n in 0..times {
        let (leader, other) = (n % 2, (n + 1) % 2);
        let ended = Instant::now();
        match end {
            End::Asked => drop(duel.pod(leader).terminate()?),
            End::Killed => duel.pod(leader).kill(&BOTH)?,
        }
        let limit = within(waited, PROMISED) + 10 * PROMISED;
        let taken = duel.first_request(other, ended, limit)?;
        duel.promise(taken <= within(waited, PROMISED), || {
            format!("{end:?} the {n}th time: taken over after {taken:?}")
        })?;
        took.push(taken);
        duel.wait_until_acting(other, limit)?;
        duel.pod(leader).start_both()?;
        duel.wait_until_standing_by(leader)?;
        // Not always at the same moment between two renewals.
        lab::pause(Duration::from_millis(137 * (n as u64 % 7)));
    }
    let chronicle = duel.never_two()?;
    duel.promise(chronicle.moves() == times, || {
        format!("{} moves: {chronicle}", chronicle.moves())
    })?;
    Ok(took)
}

/// A leader that is asked to end while its requests are lost gives its lease back too late, when the other pod leads: that
/// changes nothing.
pub fn late_release(ground: &Ground<'_>, name: &str, durations: (u64, u64)) -> Result<String> {
    let mut duel = Duel::start(ground.kube, &ground.setting(name, durations))?;
    let duration = Duration::from_secs(durations.0);
    duel.pod(0).road().set(Way::DropRequests);
    let ended = Instant::now();
    duel.pod(0).terminate()?;
    let limit = within(duration, PROMISED);
    let taken = duel.first_request(1, ended, limit + duration)?;
    duel.promise(taken <= limit, || format!("taken over after {taken:?}"))?;
    let holder = duel.lease().read()?.context("no Lease")?.holder;
    duel.pod(0).road().set(Way::Pass);
    lab::pause(duration);
    let chronicle = duel.never_two()?;
    let now = duel.lease().read()?.context("no Lease")?.holder;
    duel.promise(now == holder && chronicle.moves() == 1, || {
        format!("{holder:?} held it, now {now:?}: {chronicle}")
    })?;
    Ok(format!("taken over after {taken:.1?}, and kept"))
}

/// Mean, 99th percentile and maximum of some durations, in milliseconds.
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
