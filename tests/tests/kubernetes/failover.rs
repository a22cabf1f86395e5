//! The leading pod ends: another one takes over, at once if the old leader was asked to end, else when the old leader's lease has run out.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::{self, ControlPlane, Length};
use e2e::trials::failover::{self, End, failovers, figures};
use e2e::trials::{self, Trial, TrialSetup, within};

/// The lease duration and the grace period, in seconds.
const BALANCED: (u64, u64) = (15, 5);
const SHORT: (u64, u64) = (6, 2);

fn line(took: &[Duration]) -> String {
    let (mean, p99, max) = figures(took);
    format!(
        "{} times: mean {mean} ms, p99 {p99} ms, max {max} ms",
        took.len()
    )
}

#[test]
fn a_leader_that_is_asked_to_end_hands_over() -> Result<()> {
    let _reservation = lab::reserve()?;
    let length = Length::from_env();
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let times = length.pick(30, 5);
    let took = failovers(&setup, "asked", (BALANCED, End::Sigterm, times))?;
    lab::say(format_args!(
        "SIGTERM to the other's first request, {}",
        line(&took)
    ));
    let (mean, p99, _) = figures(&took);
    let bound = |ms| within(Duration::ZERO, Duration::from_millis(ms)).as_millis();
    ensure!(
        mean <= bound(200) && p99 <= bound(500),
        "{}: {took:?}",
        line(&took)
    );
    Ok(())
}

#[test]
fn a_leader_that_is_killed_is_followed_when_its_lease_has_run_out() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let (durations, pairs) = Length::from_env().pick((BALANCED, 5), (SHORT, 1));
    let killed = |name: &str| Ok(line(&failovers(&setup, name, (durations, End::Killed, 2))?));
    let trials: Vec<_> = (0..pairs)
        .map(|n| Trial::new(format!("killed-{n}"), killed))
        .collect();
    trials::run_all(&trials, 3)
}

#[test]
fn a_release_that_comes_too_late_changes_nothing() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let late = |name: &str| failover::late_release(&setup, name, SHORT);
    trials::run_all(&[Trial::new("late-release", late)], 1)
}

#[test]
fn the_guides_presets_keep_their_times() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let setup = TrialSetup::of(plane.kube());
    let mut all = Vec::new();
    for durations in [(10, 3), (15, 5), (30, 10)] {
        for (end, times) in [(End::Sigterm, 3), (End::Killed, 1)] {
            let name = format!("preset-{}-{}-{end:?}", durations.0, durations.1);
            let run =
                move |name: &str| Ok(line(&failovers(&setup, name, (durations, end, times))?));
            all.push(Trial::new(name.to_lowercase(), run));
        }
    }
    trials::run_all(&all, 3)
}
