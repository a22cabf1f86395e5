//! The API server is out of reach, refuses, or is slow.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::{Ground, within};
use crate::lab::faults::{Road, Spoil, Way, Weather};
use crate::lab::observer::Sight;
use crate::lab::{self, Duel};

/// What is wrong with the API server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// Connections go this way.
    Way(Way),
    /// Every request is answered with this status.
    Status(u16),
}

/// For whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The pod that leads.
    Leader,
    /// Both pods.
    All,
}

/// An outage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outage {
    /// What is wrong.
    pub trouble: Trouble,
    /// For whom.
    pub scope: Scope,
    /// How long.
    pub lasts: Duration,
}

// === impl Trouble ===

impl Trouble {
    /// Begins it for a pod.
    pub fn begin(self, road: &Road) -> Result<()> {
        match self {
            Self::Way(way) => road.set(way),
            Self::Status(status) => {
                let spoil = Some(Spoil { status, every: 1 });
                road.weather(Weather {
                    spoil,
                    ..Weather::default()
                })?;
            }
        }
        Ok(())
    }

    /// Ends whatever has begun for a pod.
    pub fn end(road: &Road) -> Result<()> {
        road.set(Way::Pass);
        road.weather(Weather::default())
    }

    /// How soon somebody must lead when it is over.
    fn healed_within(self) -> Duration {
        match self {
            // What was lost is sent anew only after a while.
            Self::Way(Way::Drop | Way::DropAnswers | Way::DropRequests) => Duration::from_secs(3),
            Self::Way(_) | Self::Status(_) => Duration::from_secs(1),
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

/// An outage that outlasts the lease: never two, soon one again.
pub fn long(
    ground: &Ground<'_>,
    name: &str,
    (durations, outage): ((u64, u64), Outage),
) -> Result<String> {
    let mut duel = Duel::start(ground.kube, &ground.setting(name, durations))?;
    let begun = Instant::now();
    for n in outage.scope.pods() {
        outage.trouble.begin(duel.pod(n).road())?;
    }
    lab::pause(outage.lasts);
    let before = duel.chronicle()?;
    let last = before.last_act(0).context("the leader never acted")?;
    let healed = Instant::now();
    for n in outage.scope.pods() {
        Trouble::end(duel.pod(n).road())?;
    }
    // One that begins to act only now must do so soon; and long enough for a second one to show.
    lab::pause(outage.trouble.healed_within() + Duration::from_secs(2));
    let chronicle = duel.never_two()?;
    let deadline = Duration::from_secs(durations.0);
    let acted_on = last.saturating_duration_since(begun);
    duel.promise(acted_on < deadline, || {
        format!("the leader acted for {acted_on:?} more")
    })?;
    let mut again: Vec<_> = (0..2)
        .filter_map(|n| chronicle.first_act_after(n, healed))
        .collect();
    again.sort();
    let limit = within(Duration::ZERO, outage.trouble.healed_within());
    let soon = again.first().map(|at| *at - healed);
    duel.promise(soon.is_some_and(|soon| soon <= limit), || {
        format!("somebody led {soon:?} after the end: {chronicle}")
    })?;
    let leads = duel.acting();
    duel.promise(leads.is_some(), || format!("nobody leads: {chronicle}"))?;
    if outage.scope == Scope::Leader {
        duel.promise(leads == Some(1), || format!("pod {leads:?} leads"))?;
    }
    Ok(format!(
        "0 ms of two; the leader acted for {acted_on:.1?} more, somebody did {:.0?} after the end",
        soon.unwrap_or_default()
    ))
}

/// An outage that is over in time: the same leader all the time, and never an empty `/metrics`.
pub fn short(
    ground: &Ground<'_>,
    name: &str,
    (durations, outage, times): ((u64, u64), Outage, usize),
) -> Result<String> {
    let mut duel = Duel::start(ground.kube, &ground.setting(name, durations))?;
    let begun = Instant::now();
    for n in 0..times {
        for pod in outage.scope.pods() {
            outage.trouble.begin(duel.pod(pod).road())?;
        }
        lab::pause(outage.lasts);
        for pod in outage.scope.pods() {
            Trouble::end(duel.pod(pod).road())?;
        }
        // Two renewals, and not always at the same moment between two.
        let rest =
            Duration::from_secs(2 * durations.1) + Duration::from_millis(310 * (n as u64 % 5));
        lab::pause(rest);
    }
    kept(&duel, begun)?;
    Ok(format!(
        "kept through {times} outages of {:.1?}",
        outage.lasts
    ))
}

/// Weather that a leader has to bear for so long: the same leader, never an empty `/metrics`.
pub fn borne(
    ground: &Ground<'_>,
    name: &str,
    (durations, weather, lasts): ((u64, u64), Weather, Duration),
) -> Result<String> {
    let mut duel = Duel::start(ground.kube, &ground.setting(name, durations))?;
    let begun = Instant::now();
    for n in 0..2 {
        duel.pod(n).road().weather(weather)?;
    }
    lab::pause(lasts);
    kept(&duel, begun)?;
    let asked = duel.pod(0).road().asked()?;
    let asked = asked.iter().filter(|asked| asked.at >= begun).count();
    Ok(format!(
        "kept for {lasts:.0?} and {asked} requests of the leader"
    ))
}

/// Every request of both pods takes so long for a while, whatever that costs: never two, and one when it is over.
pub fn slow(
    ground: &Ground<'_>,
    name: &str,
    (durations, latency, lasts): ((u64, u64), Duration, Duration),
) -> Result<String> {
    let mut duel = Duel::start(ground.kube, &ground.setting(name, durations))?;
    let weather = Weather {
        latency,
        spoil: None,
    };
    for n in 0..2 {
        duel.pod(n).road().weather(weather)?;
    }
    lab::pause(lasts);
    for n in 0..2 {
        duel.pod(n).road().weather(Weather::default())?;
    }
    // What was under way when it ended is as late as all before it.
    lab::pause(latency + Duration::from_secs(3));
    let chronicle = duel.never_two()?;
    duel.promise(duel.acting().is_some(), || {
        format!("nobody leads: {chronicle}")
    })?;
    Ok(format!("0 ms of two, {} moves", chronicle.moves()))
}

/// Pod 0 has led since this moment, alone and without a gap.
pub fn kept(duel: &Duel, since: Instant) -> Result<()> {
    let chronicle = duel.never_two()?;
    duel.promise(chronicle.moves() == 0, || format!("{chronicle}"))?;
    let looks = duel.sightings(0)?.looks;
    let since = looks.iter().filter(|look| look.sent >= since);
    let gaps = since
        .filter(|look| matches!(look.sight, Sight::Empty | Sight::Closed | Sight::Gone))
        .count();
    duel.promise(gaps == 0, || format!("{gaps} looks found nothing"))?;
    duel.promise(duel.acting() == Some(0), || format!("{chronicle}"))?;
    Ok(())
}
