//! The control plane itself restarts, and is stopped for a while, for all pods at once.

use std::time::Duration;

use anyhow::Result;
use e2e::lab::kubernetes::Component;
use e2e::lab::process::Signal;
use e2e::lab::{self, ControlPlane, PairPlan, TwoPods};
use e2e::trials::outage::kept;
use e2e::trials::within;
use tokio::time::Instant;

/// The time within which a pod acts again after the API server answers again.
const SOON: Duration = Duration::from_secs(3);

/// Starts three pairs of pods: two with Leases shorter than the 20 s for which the control plane stands still, and one with a
/// longer Lease, 60 s.
fn pairs(plane: &ControlPlane) -> Result<Vec<TwoPods>> {
    let settings = [
        ("plane-6", (6, 2)),
        ("plane-10", (10, 3)),
        ("plane-60", (60, 5)),
    ];
    let start =
        |(name, durations)| TwoPods::start(plane.kube(), &PairPlan::of(name, durations).direct());
    settings.into_iter().map(start).collect()
}

/// Checks that no pair ever had two acting pods, and that each pair acts within [`SOON`] after `healed`.
fn judge(pairs: &[TwoPods], what: &str, healed: Instant) -> Result<()> {
    lab::pause(SOON + Duration::from_secs(2));
    for pair in pairs {
        let history = pair.never_two()?;
        let acts = (0..2)
            .filter_map(|n| history.first_act_after(n, healed))
            .min();
        let soon = acts.map(|at| at - healed);
        pair.promise(
            soon.is_some_and(|soon| soon <= within(Duration::ZERO, SOON)),
            || format!("{what}: acts {soon:?} after the end: {history}"),
        )?;
        let lease = pair.lease().name();
        lab::say(format_args!(
            "{what}, {lease}: 0 ms of two, acts {soon:.0?} after the end"
        ));
    }
    Ok(())
}

#[test]
fn a_control_plane_that_restarts_or_stands_still_never_makes_two_leaders() -> Result<()> {
    let _reservation = lab::reserve()?;
    let mut plane = ControlPlane::start()?;
    let pairs = pairs(&plane)?;
    let begun = Instant::now();
    for part in [Component::ApiServer, Component::Etcd] {
        plane.kill(part)?;
        plane.launch(part)?;
        plane.wait_until_ready()?;
        judge(&pairs, &format!("{part:?} restarted"), Instant::now())?;
    }
    for part in [Component::Etcd, Component::ApiServer] {
        plane.signal(part, Signal::Stop)?;
        lab::pause(Duration::from_secs(20));
        plane.signal(part, Signal::Continue)?;
        plane.wait_until_ready()?;
        judge(
            &pairs,
            &format!("{part:?} stood still for 20 s"),
            Instant::now(),
        )?;
    }
    // The pair whose Lease outlasts the time without a control plane must never have lost leadership.
    pairs.last().map_or(Ok(()), |long| kept(long, begun))
}
