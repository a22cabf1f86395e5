//! Wall clocks that differ, and pods of the same name: neither makes two leaders, nor costs the only leader its leadership.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::pod::BOTH;
use e2e::lab::{self, ControlPlane, Length, PairPlan, TwoPods};
use e2e::trials::outage::kept;
use e2e::trials::{self, Trial, within};
use k8s_openapi::jiff::Timestamp;
use tokio::time::Instant;

/// The lease duration and the grace period, in seconds.
const SHORT: (u64, u64) = (6, 2);
const BALANCED: (u64, u64) = (15, 5);

/// Returns the seconds by which the wall clock of the pod that renewed the Lease last is ahead, less the age of that renewal.
fn ahead(pair: &TwoPods) -> Result<f64> {
    let renewed: Timestamp = pair.lease().read()?.context("no Lease")?.renewed.parse()?;
    Ok(renewed.as_duration().as_secs_f64() - lab::wall_seconds())
}

/// Kills the leader; returns the time from then to the other pod's first request.
fn killed(pair: &mut TwoPods, duration: Duration) -> Result<Duration> {
    let ended = Instant::now();
    pair.pod(0).kill(&BOTH)?;
    let limit = within(duration, Duration::from_millis(600));
    let taken = pair.first_request(1, ended, limit + duration)?;
    pair.promise(taken <= limit, || format!("taken over after {taken:?}"))?;
    let history = pair.never_two()?;
    pair.promise(history.moves() == 1, || history.to_string())?;
    Ok(taken)
}

#[test]
fn wall_clocks_may_disagree() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let (durations, lasts) = Length::from_env().pick((BALANCED, 60), (SHORT, 15));
    let skewed = |clocks: [Option<&'static str>; 2]| {
        let kube = plane.kube();
        move |name: &str| {
            let mut pair_plan = PairPlan::of(name, durations);
            for (plan, clock) in pair_plan.plans.iter_mut().zip(clocks) {
                plan.clock = clock;
            }
            let mut pair = TwoPods::start(kube, &pair_plan)?;
            let transitions = pair.lease().read()?.context("no Lease")?.transitions;
            let offset = match clocks[0] {
                Some("+20s") => 20.0,
                Some("-20s") => -20.0,
                _ => 0.0,
            };
            let off = ahead(&pair)? - offset;
            ensure!(
                (-10.0..1.0).contains(&off),
                "the clock is off by {off} s more"
            );
            let begun = Instant::now();
            lab::pause(Duration::from_secs(lasts));
            kept(&pair, begun)?;
            let record = pair.lease().read()?.context("no Lease")?;
            pair.promise(record.transitions == transitions, || format!("{record:?}"))?;
            let taken = killed(&mut pair, Duration::from_secs(durations.0))?;
            Ok(format!(
                "kept for {lasts} s; killed, taken over after {taken:.1?}"
            ))
        }
    };
    let all = [
        Trial::new("clock-standby-ahead", skewed([None, Some("+20s")])),
        Trial::new("clock-standby-behind", skewed([None, Some("-20s")])),
        Trial::new("clock-leader-ahead", skewed([Some("+20s"), None])),
        Trial::new("clock-leader-behind", skewed([Some("-20s"), None])),
        Trial::new("clock-hour-ahead", skewed([None, Some("+1h")])),
        Trial::new("clock-hour-behind", skewed([None, Some("-1h")])),
    ];
    trials::run_all(&all, 3)
}

#[test]
fn wall_clocks_may_be_set() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let steps = ["+1s", "+1h", "-1h", "+0s", "-20s", "+20s"];
    let stepping = |n: usize| {
        let kube = plane.kube();
        move |name: &str| {
            let mut pair_plan = PairPlan::of(name, SHORT);
            pair_plan.plans[n].clock = Some("+0s");
            let mut pair = TwoPods::start(kube, &pair_plan)?;
            let begun = Instant::now();
            for step in steps {
                pair.pod(n).set_clock(step)?;
                // The pause is long enough for two renewals.
                lab::pause(Duration::from_secs(2 * SHORT.1 + 1));
            }
            kept(&pair, begun)?;
            let taken = killed(&mut pair, Duration::from_secs(SHORT.0))?;
            Ok(format!(
                "kept through {steps:?}; killed, taken over after {taken:.1?}"
            ))
        }
    };
    let all = [
        Trial::new("clock-set-leader", stepping(0)),
        Trial::new("clock-set-standby", stepping(1)),
    ];
    trials::run_all(&all, 2)
}

#[test]
fn two_pods_of_one_name_are_two() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let twins = |name: &str| {
        let pair_plan =
            PairPlan::of(name, SHORT).planned(|plan| plan.identity = Some("twin".to_owned()));
        let mut pair = TwoPods::start(plane.kube(), &pair_plan)?;
        let facts = pair.pod(1).facts()?;
        ensure!(facts["reason"] == "duplicate_identity", "{facts}");
        let begun = Instant::now();
        lab::pause(Duration::from_secs(3 * SHORT.0));
        kept(&pair, begun)?;
        let taken = killed(&mut pair, Duration::from_secs(SHORT.0))?;
        Ok(format!(
            "one of them led; killed, taken over after {taken:.1?}"
        ))
    };
    trials::run_all(&[Trial::new("twins", twins)], 1)
}
