//! A real Prometheus with the rules of `manifests/alerts` watches two pods through failovers: it never sees both, what the
//! rules record has no gap, and an alert that was waiting fires as if nothing had happened.
//!
//! The rules are as they are shipped, windows and `for` and all, but that the fast Prometheus evaluates every second what
//! they evaluate every 30 seconds (`interval`), so that times can be told to the second. In a full run there is another
//! beside it for which nothing is changed and which scrapes every 30 seconds, as the manifests say. The alert of a user's
//! own waits 20 seconds instead of two minutes in a short run.

use anyhow::Result;
use e2e::lab::{self, ControlPlane, Length};
use e2e::trials::failover::End;

mod lag;
mod scene;
mod watch;

use scene::Scene;

/// Seconds.
const BALANCED: (u64, u64) = (15, 5);
const SHORT: (u64, u64) = (6, 2);

#[test]
fn a_waiting_alert_outlives_failovers_and_what_is_recorded_has_no_gap() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let durations = Length::from_env().pick(BALANCED, SHORT);
    let mut scene = Scene::start(&plane, durations)?;
    scene.fail_over(End::ApiRequest, (0, 1))?;
    scene.fail_over(End::Killed, (1, 0))?;
    scene.shipped_alert_has_fired()?;
    scene.was_unbroken()?;
    scene.never_two()
}
