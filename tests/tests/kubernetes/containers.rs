//! Single containers die or are stopped: leadership moves to a pod that can act on it, and never to two.

use std::time::Duration;

use anyhow::Result;
use e2e::lab::pod::{BOTH, Part};
use e2e::lab::{self, ControlPlane, Length};
use e2e::trials::containers::{self, Loss};
use e2e::trials::{self, Trial, TrialSetup};

/// The lease duration and the grace period, in seconds.
const SHORT: (u64, u64) = (6, 2);
const BALANCED: (u64, u64) = (15, 5);

#[test]
fn an_elector_that_comes_back_within_two_seconds_is_not_missed() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let times = Length::from_env().pick(5, 2);
    let run = |millis| {
        let away = Duration::from_millis(millis);
        move |name: &str| containers::elector_restarts(&setup, name, (BALANCED, away, times))
    };
    let all = [
        Trial::new("elector-away-0", run(0)),
        Trial::new("elector-away-1000", run(1000)),
        Trial::new("elector-away-1800", run(1800)),
    ];
    trials::run_all(&all, 3)
}

#[test]
fn a_collector_that_is_lost_costs_the_leadership_long_before_the_lease_runs_out() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let run = |loss| move |name: &str| containers::collector_lost(&setup, name, (BALANCED, loss));
    let all = [
        Trial::new("collector-killed", run(Loss::Killed)),
        Trial::new("collector-stopped", run(Loss::Stopped)),
    ];
    trials::run_all(&all, 2)
}

#[test]
fn whatever_stands_still_does_not_act_when_it_goes_on() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let mut all = Vec::new();
    let parts: [(&str, &'static [Part]); 3] = [
        ("elector", &[Part::Elector]),
        ("collector", &[Part::Collector]),
        ("both", &BOTH),
    ];
    for (what, parts) in parts {
        for seconds in [SHORT.0 - 1, SHORT.0 + 1, 3 * SHORT.0] {
            let lasts = Duration::from_secs(seconds);
            let run =
                move |name: &str| containers::stands_still(&setup, name, (SHORT, parts, lasts));
            all.push(Trial::new(format!("still-{what}-{seconds}"), run));
        }
    }
    trials::run_all(&all, 5)
}

#[test]
fn a_cpu_quota_that_starves_both_pods_never_makes_two_leaders() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let lasts = Duration::from_secs(Length::from_env().pick(60, 20));
    let throttled = |name: &str| containers::throttled(&setup, name, (SHORT, lasts));
    trials::run_all(&[Trial::new("throttled", throttled)], 1)
}
