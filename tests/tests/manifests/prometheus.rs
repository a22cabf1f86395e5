//! A real Prometheus with the rules of `manifests/alerts` watches two pods through failovers: it never sees both, the recorded series have
//! no gap, and an alert that was waiting fires as if nothing had happened.
//!
//! The rules are as they are shipped, including windows and `for`, except that the fast Prometheus evaluates every second what the rules
//! evaluate every 30 seconds (`interval`), so that times are exact to the second. In a full run a second Prometheus uses the unchanged
//! rules and scrapes every 30 seconds, as in the manifests. The alert of a user's own waits 20 seconds instead of two minutes in a short
//! run.

use anyhow::Result;
use e2e::lab::{self, ControlPlane, Length};
use e2e::trials::failover::End;

mod lag;
mod scene;
mod watch;

use scene::Scene;

/// The lease duration and the grace period, in seconds.
const BALANCED: (u64, u64) = (15, 5);
const SHORT: (u64, u64) = (6, 2);

#[test]
fn a_waiting_alert_outlives_failovers_and_what_is_recorded_has_no_gap() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let durations = Length::from_env().pick(BALANCED, SHORT);
    let mut scene = Scene::start(&plane, durations)?;
    scene.fail_over(End::Sigterm, (0, 1))?;
    scene.fail_over(End::Killed, (1, 0))?;
    scene.shipped_alert_has_fired()?;
    scene.was_unbroken()?;
    scene.never_two()
}
