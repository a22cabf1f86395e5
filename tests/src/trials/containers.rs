//! Trials in which single containers die, or are stopped for a while.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::outage::kept;
use super::{TrialSetup, within};
use crate::lab::pod::{BOTH, Part};
use crate::lab::process::Signal;
use crate::lab::{self, TwoPods};

/// The longest grant: no collector acts on an elector's answer for longer.
const GRANT: Duration = Duration::from_secs(5);

/// The time after SIGCONT in which requests to Kafka are counted apart: a request that the collector had begun when it was
/// stopped may be sent when it goes on.
const LEFTOVER: Duration = Duration::from_millis(50);

/// The fault that happens to the leader's collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// The collector gets SIGKILL, and does not come back.
    Killed,
    /// The collector gets SIGSTOP, and SIGCONT when the other pod leads.
    Stopped,
}

/// Kills the leader's elector and starts it again after a while, as a kubelet does: leadership must not change.
pub fn elector_restarts(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, away, times): ((u64, u64), Duration, usize),
) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let transitions = pair.lease().read()?.context("no Lease")?.transitions;
    let begun = Instant::now();
    for _ in 0..times {
        pair.pod(0).kill(&[Part::Elector])?;
        lab::pause(away);
        pair.pod(0).start(Part::Elector)?;
        lab::pause(Duration::from_secs(durations.1 + 1));
    }
    kept(&pair, begun)?;
    let record = pair.lease().read()?.context("no Lease")?;
    pair.promise(record.transitions == transitions, || format!("{record:?}"))?;
    Ok(format!(
        "{times} restarts after {away:?}: no transition, no gap"
    ))
}

/// Kills or stops the leader's collector: the other pod must take over within the longest grant and half a second.
pub fn collector_lost(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, loss): ((u64, u64), Loss),
) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let lost = Instant::now();
    let part = [Part::Collector];
    match loss {
        Loss::Killed => pair.pod(0).kill(&part)?,
        Loss::Stopped => pair.pod(0).signal(&part, Signal::Stop)?,
    }
    let promised = within(GRANT, Duration::from_millis(500));
    let taken = pair.first_request(1, lost, promised + GRANT)?;
    pair.promise(taken <= promised, || format!("taken over after {taken:?}"))?;
    let mut late = 0;
    if loss == Loss::Stopped {
        lab::pause(Duration::from_secs(2));
        let goes_on = Instant::now();
        pair.pod(0).signal(&part, Signal::Continue)?;
        lab::pause(Duration::from_secs(3));
        late = pair.exclude_acts(0, goes_on, LEFTOVER);
    }
    let history = pair.never_two()?;
    pair.promise(history.moves() == 1, || format!("{history}"))?;
    Ok(format!(
        "taken over after {taken:.1?}; 0 ms of two; {late} requests right after the stop"
    ))
}

/// Stops containers of the leader for a while: two pods must never act, and one must act again when they go on.
pub fn stands_still(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, parts, lasts): ((u64, u64), &[Part], Duration),
) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    pair.pod(0).signal(parts, Signal::Stop)?;
    lab::pause(lasts);
    let goes_on = Instant::now();
    pair.pod(0).signal(parts, Signal::Continue)?;
    lab::pause(Duration::from_secs(3));
    // Only a collector that was itself stopped may send leftover requests.
    let late = if parts.contains(&Part::Collector) {
        pair.exclude_acts(0, goes_on, LEFTOVER)
    } else {
        0
    };
    let history = pair.never_two()?;
    let again = (0..2).filter_map(|n| history.first_act_after(n, goes_on));
    let again = again.min().map(|at| at - goes_on);
    pair.promise(again.is_some(), || format!("nobody leads: {history}"))?;
    Ok(format!(
        "{} moves, 0 ms of two; {late} requests right after the stop",
        history.moves()
    ))
}

/// Lets all four containers run for 5 ms of each 100 ms, as under a CPU quota. Leadership may be lost, but two pods must never
/// act, and one must act when the time is over.
pub fn throttled(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, lasts): ((u64, u64), Duration),
) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let end = Instant::now() + lasts;
    while Instant::now() < end {
        for (signal, ms) in [(Signal::Stop, 95), (Signal::Continue, 5)] {
            for n in 0..2 {
                pair.pod(n).signal(&BOTH, signal)?;
            }
            lab::pause(Duration::from_millis(ms));
        }
    }
    lab::pause(Duration::from_secs(durations.0 + 3));
    let history = pair.never_two()?;
    pair.promise(pair.acting().is_some(), || {
        format!("nobody leads: {history}")
    })?;
    Ok(format!("0 ms of two, {} moves", history.moves()))
}
