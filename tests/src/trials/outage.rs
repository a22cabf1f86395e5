//! Trials in which the API server is out of reach, refuses requests, or is slow.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::{TrialSetup, within};
use crate::lab::faults::{ApiRoute, ErrorInjection, HttpFault, TcpFault};
use crate::lab::observer::ProbeResult;
use crate::lab::{self, TwoPods};

/// A fault on the way to the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Connections have this fault.
    TcpFault(TcpFault),
    /// Every request is answered with this status.
    Status(u16),
}

/// The pods that an outage affects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The pod that leads.
    Leader,
    /// Both pods.
    All,
}

/// An outage of the API server, as some pods see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// The fault that the pods have.
    pub trouble: Trouble,
    /// The pods that the outage affects.
    pub scope: Scope,
    /// The duration of the fault.
    pub lasts: Duration,
}

// === impl Trouble ===

impl Trouble {
    /// Begins the fault on a pod's route to the API server.
    pub fn begin(self, route: &ApiRoute) -> Result<()> {
        match self {
            Self::TcpFault(way) => route.set(way),
            Self::Status(status) => {
                let error = Some(ErrorInjection { status, every: 1 });
                route.http_fault(HttpFault {
                    error,
                    ..HttpFault::default()
                })?;
            }
        }
        Ok(())
    }

    /// Ends any fault on a pod's route to the API server.
    pub fn end(route: &ApiRoute) -> Result<()> {
        route.set(TcpFault::Pass);
        route.http_fault(HttpFault::default())
    }

    /// Returns the time within which a pod must lead when the fault is over.
    fn healed_within(self) -> Duration {
        match self {
            // TCP retransmits lost bytes only after a while.
            Self::TcpFault(TcpFault::Drop | TcpFault::DropAnswers | TcpFault::DropRequests) => {
                Duration::from_secs(3)
            }
            Self::TcpFault(_) | Self::Status(_) => Duration::from_secs(1),
        }
    }
}

// === impl Scope ===

impl Scope {
    fn pods(self) -> std::ops::Range<usize> {
        match self {
            Self::Leader => 0..1,
            Self::All => 0..2,
        }
    }
}

/// Lets an outage outlast the Lease: two pods must never act, and one must act again soon after the outage.
pub fn long(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, outage): ((u64, u64), Outage),
) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let begun = Instant::now();
    for n in outage.scope.pods() {
        outage.trouble.begin(pair.pod(n).route())?;
    }
    lab::pause(outage.lasts);
    let before = pair.history()?;
    let last = before.last_act(0).context("the leader never acted")?;
    let healed = Instant::now();
    for n in outage.scope.pods() {
        Trouble::end(pair.pod(n).route())?;
    }
    // Waits until some pod must be acting again, and two seconds more, in which a second acting pod would be seen.
    lab::pause(outage.trouble.healed_within() + Duration::from_secs(2));
    let history = pair.never_two()?;
    let deadline = Duration::from_secs(durations.0);
    let acted_on = last.saturating_duration_since(begun);
    pair.promise(acted_on < deadline, || {
        format!("the leader acted for {acted_on:?} more")
    })?;
    let mut again: Vec<_> = (0..2)
        .filter_map(|n| history.first_act_after(n, healed))
        .collect();
    again.sort();
    let limit = within(Duration::ZERO, outage.trouble.healed_within());
    let soon = again.first().map(|at| *at - healed);
    pair.promise(soon.is_some_and(|soon| soon <= limit), || {
        format!("somebody led {soon:?} after the end: {history}")
    })?;
    let leads = pair.acting();
    pair.promise(leads.is_some(), || format!("nobody leads: {history}"))?;
    if outage.scope == Scope::Leader {
        pair.promise(leads == Some(1), || format!("pod {leads:?} leads"))?;
    }
    Ok(format!(
        "0 ms of two; the leader acted for {acted_on:.1?} more, somebody did {:.0?} after the end",
        soon.unwrap_or_default()
    ))
}

/// Lets an outage end before the Lease runs out, `times` times: the same pod must lead all the time, and its `/metrics` must
/// never be empty.
pub fn short(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, outage, times): ((u64, u64), Outage, usize),
) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let begun = Instant::now();
    for n in 0..times {
        for pod in outage.scope.pods() {
            outage.trouble.begin(pair.pod(pod).route())?;
        }
        lab::pause(outage.lasts);
        for pod in outage.scope.pods() {
            Trouble::end(pair.pod(pod).route())?;
        }
        // The pause takes two renewals, and varies so that the next outage begins at another moment between two renewals.
        let rest =
            Duration::from_secs(2 * durations.1) + Duration::from_millis(310 * (n as u64 % 5));
        lab::pause(rest);
    }
    kept(&pair, begun)?;
    Ok(format!(
        "kept through {times} outages of {:.1?}",
        outage.lasts
    ))
}

/// Injects a fault of the API server that a leader has to bear for this time: the same pod must lead, and its `/metrics` must
/// never be empty.
pub fn borne(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, http_fault, lasts): ((u64, u64), HttpFault, Duration),
) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let begun = Instant::now();
    for n in 0..2 {
        pair.pod(n).route().http_fault(http_fault)?;
    }
    lab::pause(lasts);
    kept(&pair, begun)?;
    let asked = pair.pod(0).route().requests()?;
    let asked = asked.iter().filter(|asked| asked.at >= begun).count();
    Ok(format!(
        "kept for {lasts:.0?} and {asked} requests of the leader"
    ))
}

/// Delays every request of both pods for a while. Leadership may be lost, but two pods must never act, and one must act when the
/// time is over.
pub fn slow(
    setup: &TrialSetup<'_>,
    name: &str,
    (durations, latency, lasts): ((u64, u64), Duration, Duration),
) -> Result<String> {
    let mut pair = TwoPods::start(setup.kube, &setup.pair_plan(name, durations))?;
    let http_fault = HttpFault {
        latency,
        error: None,
    };
    for n in 0..2 {
        pair.pod(n).route().http_fault(http_fault)?;
    }
    lab::pause(lasts);
    for n in 0..2 {
        pair.pod(n).route().http_fault(HttpFault::default())?;
    }
    // A request that was under way when the fault ended is answered as late as the requests before it.
    lab::pause(latency + Duration::from_secs(3));
    let history = pair.never_two()?;
    pair.promise(pair.acting().is_some(), || {
        format!("nobody leads: {history}")
    })?;
    Ok(format!("0 ms of two, {} moves", history.moves()))
}

/// Checks that pod 0 has led since this moment, alone and without a gap.
pub fn kept(pair: &TwoPods, since: Instant) -> Result<()> {
    let history = pair.never_two()?;
    pair.promise(history.moves() == 0, || format!("{history}"))?;
    let probes = pair.observations(0)?.probes;
    let since = probes.iter().filter(|probe| probe.sent >= since);
    let gaps = since
        .filter(|probe| {
            matches!(
                probe.result,
                ProbeResult::Empty | ProbeResult::Closed | ProbeResult::Gone
            )
        })
        .count();
    pair.promise(gaps == 0, || format!("{gaps} looks found nothing"))?;
    pair.promise(pair.acting() == Some(0), || format!("{history}"))?;
    Ok(())
}
