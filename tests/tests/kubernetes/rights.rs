//! The elector's rights on the Lease, and the elector's reports when they are not enough.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::kubernetes::{Kube, Lease, Rights};
use e2e::lab::{self, ControlPlane, Length, PairPlan, Pod};
use e2e::trials::single_pod::{start, wait_until_blocked, wait_until_leading};
use e2e::trials::{self, Trial};
use tokio::time::Instant;

/// The lease duration and the grace period, in seconds.
const DURATIONS: (u64, u64) = (6, 2);

/// The time within which a missing right must be reported.
const REPORT_LIMIT: Duration = Duration::from_secs(2);

/// The state of the Lease before the pod starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Nothing,
    ReleasedLease,
    EmptyLease,
}

fn pod(kube: &Kube, name: &str, rights: Rights, before: Before) -> Result<(Pod, Lease)> {
    let lease = Lease::of(kube, name);
    match before {
        Before::Nothing => {}
        Before::ReleasedLease => lease.create_released()?,
        Before::EmptyLease => lease.create_empty()?,
    }
    let pair_plan = PairPlan {
        rights,
        ..PairPlan::of(name, DURATIONS)
    };
    let mut pod = pair_plan.pod(kube, 0)?;
    start(&mut pod)?;
    Ok((pod, lease))
}

fn enough(kube: &Kube, name: &str, (rights, before): (Rights, Before)) -> Result<String> {
    let (pod, lease) = pod(kube, name, rights, before)?;
    // An empty or absent Lease may have been held by somebody until now, so the pod waits for a lease duration.
    let limit = Duration::from_secs(DURATIONS.0 + 4);
    let after = wait_until_leading(&pod, limit)?;
    let record = lease.read()?.context("no Lease")?;
    ensure!(record.holder == pod.name(), "{record:?}");
    Ok(format!("leads after {after:.1?}"))
}

fn too_few(
    kube: &Kube,
    name: &str,
    (rights, before, reason, verb): (Rights, Before, &str, &str),
) -> Result<String> {
    let (pod, _lease) = pod(kube, name, rights, before)?;
    let said = wait_until_blocked(&pod, reason, verb)?;
    let limit = Length::from_env().slack(REPORT_LIMIT);
    ensure!(said <= limit, "said after {said:?}\n{}", pod.logs());
    Ok(format!("blocked, and {verb} named, after {said:.1?}"))
}

#[test]
fn named_rights_suffice_and_a_missing_one_is_named() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let kube = plane.kube();
    let guide = || Rights::any(&["get", "create", "update"]);
    let enough = |rights: fn(&str) -> Rights, before| {
        move |name: &str| enough(kube, name, (rights(name), before))
    };
    let all = [
        Trial::new("rights-all", enough(Rights::on, Before::Nothing)),
        Trial::new(
            "rights-shipped-released",
            enough(Rights::on_shipped, Before::ReleasedLease),
        ),
        Trial::new(
            "rights-shipped-empty",
            enough(Rights::on_shipped, Before::EmptyLease),
        ),
        Trial::new(
            "rights-no-watch",
            enough(
                |name| Rights::named(name, &["get", "patch"]),
                Before::ReleasedLease,
            ),
        ),
        Trial::new("rights-guide", |name| {
            too_few(kube, name, (guide(), Before::Nothing, "forbidden", "patch"))
        }),
        Trial::new("rights-guide-shipped", |name| {
            too_few(
                kube,
                name,
                (guide(), Before::ReleasedLease, "forbidden", "patch"),
            )
        }),
        Trial::new("rights-none", |name| {
            too_few(
                kube,
                name,
                (Rights::none(), Before::Nothing, "forbidden", "get"),
            )
        }),
        Trial::new("rights-not-shipped", |name| {
            too_few(
                kube,
                name,
                (
                    Rights::on_shipped(name),
                    Before::Nothing,
                    "lease_missing",
                    "create",
                ),
            )
        }),
    ];
    trials::run_all(&all, 4)
}

#[test]
fn who_is_blocked_leads_when_that_is_mended_and_loses_with_its_rights() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let kube = plane.kube();
    let all = [
        Trial::new("mended-rights", |name| {
            let (pod, _lease) = pod(kube, name, Rights::none(), Before::ReleasedLease)?;
            wait_until_blocked(&pod, "forbidden", "get")?;
            kube.set_rights(pod.route().account(), &Rights::on(name))?;
            // The limit is long because the API server may remember a denial for a while.
            let mended = wait_until_leading(&pod, Duration::from_secs(20))?;
            let reading = Rights::named(name, &["get", "list", "watch"]);
            kube.set_rights(pod.route().account(), &reading)?;
            let lost = Instant::now();
            lab::wait_for(
                "the gate to close",
                Duration::from_secs(DURATIONS.0 + 2),
                || {
                    ensure!(!pod.acts()?, "it is open");
                    Ok(())
                },
            )?;
            let lost = lost.elapsed();
            wait_until_blocked(&pod, "forbidden", "patch is not allowed")?;
            Ok(format!(
                "leads {mended:.1?} after it may, and stops {lost:.1?} after it may not"
            ))
        }),
        Trial::new("mended-lease", |name| {
            let (pod, lease) = pod(kube, name, Rights::on_shipped(name), Before::Nothing)?;
            wait_until_blocked(&pod, "lease_missing", "create")?;
            lease.create_released()?;
            let limit = Length::from_env().slack(Duration::from_secs(1));
            let mended = wait_until_leading(&pod, limit)?;
            Ok(format!("leads {mended:.1?} after the Lease was made"))
        }),
    ];
    trials::run_all(&all, 2)
}
