//! Two undisturbed pods: one leader, few requests, little memory and CPU.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::pod::Part;
use e2e::lab::{self, ControlPlane, Length, PairPlan, TwoPods};
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_secs(60);

/// The most requests that a leader may send in a minute, not counting watches.
const LEADER: f64 = 24.0;
const STANDBY: f64 = 5.0;
/// The most watches that a pod may begin in a minute: the API server or the elector ends a watch now and then.
const WATCHES: f64 = 3.0;

/// The most resident memory that an elector may have, in bytes.
const RSS: u64 = 10_000_000;
/// The most CPU time that an elector may use, in milliseconds per second.
const CPU: f64 = 2.0;

/// The factor by which an unoptimised build on a busy machine may exceed the limits.
const SLACK: u32 = 5;

#[test]
fn one_leader_asks_seldom_and_an_elector_is_small() -> Result<()> {
    let _reservation = lab::reserve()?;
    let length = Length::from_env();
    let lasts = length.pick(10 * MINUTE, MINUTE);
    let plane = ControlPlane::start()?;
    let kube = plane.kube();
    let mut pair = TwoPods::start(kube, &PairPlan::of("undisturbed", (15, 5)).direct())?;
    let transitions = pair.lease().read()?.context("no Lease")?.transitions;
    let since = kube.audit()?.len();
    let before = [
        pair.pod(0).usage(Part::Elector)?,
        pair.pod(1).usage(Part::Elector)?,
    ];
    let begun = Instant::now();
    lab::pause(lasts);
    let took = begun.elapsed().as_secs_f64();
    for (n, what, budget) in [(0, "leader", LEADER), (1, "standby", STANDBY)] {
        let asked = kube.requests_by(pair.account(n), since)?;
        let watches = asked.get("watch").copied().unwrap_or_default();
        let others = asked.values().sum::<usize>() - watches;
        let a_minute = |n: usize| f64::from(u32::try_from(n).unwrap_or(u32::MAX)) / took * 60.0;
        let after = pair.pod(n).usage(Part::Elector)?;
        let cpu = after.cpu.saturating_sub(before[n].cpu).as_secs_f64() * 1000.0 / took;
        lab::say(format_args!(
            "{what}: {:.1} requests and {:.1} watches a minute {asked:?}; elector {:.1} MB, at most {:.1}, {cpu:.2} ms of CPU a second",
            a_minute(others),
            a_minute(watches),
            megabytes(after.rss),
            megabytes(after.rss_peak),
        ));
        ensure!(
            a_minute(others) <= budget,
            "{what}: {asked:?} in {took:.0} s"
        );
        ensure!(
            a_minute(watches) <= WATCHES,
            "{what}: {asked:?} in {took:.0} s"
        );
        let rss = length.pick(RSS, u64::from(SLACK) * RSS);
        ensure!(after.rss <= rss, "{what}: {} bytes", after.rss);
        ensure!(
            cpu <= length.pick(CPU, f64::from(SLACK) * CPU),
            "{what}: {cpu} ms/s"
        );
    }
    let history = pair.never_two()?;
    ensure!(history.moves() == 0, "{history}");
    let record = pair.lease().read()?.context("no Lease")?;
    ensure!(record.transitions == transitions, "{record:?}");
    lab::say(format_args!("{history}; {record:?}"));
    Ok(())
}

fn megabytes(bytes: u64) -> f64 {
    f64::from(u32::try_from(bytes / 1000).unwrap_or(u32::MAX)) / 1000.0
}
