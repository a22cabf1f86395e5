//! A pod that cannot reach or convince the API server reports the reason within 2 s, and leads once the trouble is over, without a restart.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::faults::TcpFault;
use e2e::lab::kubernetes::{Kube, Lease, NAMESPACE};
use e2e::lab::{self, ControlPlane, Length, PairPlan, Pod};
use e2e::trials::single_pod::{start, wait_until_blocked, wait_until_leading};
use e2e::trials::{self, Trial};
use serde_json::{Value, json};

/// The lease duration and the grace period, in seconds.
const DURATIONS: (u64, u64) = (6, 2);

/// The time within which the pod must report its trouble.
const REPORT_LIMIT: Duration = Duration::from_secs(2);

/// The time within which a pod must lead once its trouble is over, beside the time that it has to wait for the Lease.
const MENDED: Duration = Duration::from_secs(3);

/// The interval at which the elector reads its files again while no request succeeds.
const FILES: Duration = Duration::from_secs(10);

/// Returns a pod that is not started yet, with a TLS connection of its own to the API server, and creates a Lease that no pod
/// holds.
fn pod(kube: &Kube, name: &str, clock: Option<&'static str>) -> Result<Pod> {
    Lease::of(kube, name).create_released()?;
    let mut pair_plan = PairPlan::of(name, DURATIONS).direct();
    pair_plan.plans[0].clock = clock;
    pair_plan.pod(kube, 0)
}

/// Checks that the pod reports its trouble, and that it leads once the trouble is over.
fn trial(
    pod: &mut Pod,
    (reason, words): (&str, &str),
    (wait, mend): (Duration, impl FnOnce(&Pod) -> Result<()>),
) -> Result<String> {
    start(pod)?;
    let said = wait_until_blocked(pod, reason, words)?;
    let limit = Length::from_env().slack(REPORT_LIMIT);
    ensure!(said <= limit, "said after {said:?}\n{}", pod.logs());
    mend(pod)?;
    let after = wait_until_leading(pod, wait + Length::from_env().slack(MENDED))?;
    Ok(format!(
        "said after {said:.1?}, and leads {after:.1?} after it is mended"
    ))
}

fn kubeconfig(pod: &Pod) -> Result<Value> {
    Ok(serde_json::from_str(pod.route().kubeconfig())?)
}

fn server_away(kube: &Kube, name: &str) -> Result<String> {
    let mut pod = pod(kube, name, None)?;
    pod.route().set(TcpFault::Refuse);
    let mend = |pod: &Pod| {
        pod.route().set(TcpFault::Pass);
        Ok(())
    };
    trial(&mut pod, ("api_unreachable", ""), (Duration::ZERO, mend))
}

fn wrong_server(kube: &Kube, name: &str) -> Result<String> {
    let mut pod = pod(kube, name, None)?;
    let right = pod.route().kubeconfig().to_owned();
    let mut wrong = kubeconfig(&pod)?;
    // The kubeconfig names no authority any more, and none of the machine's authorities has signed the server's certificate.
    let cluster = &mut wrong["clusters"][0]["cluster"];
    *cluster = json!({"server": cluster["server"]});
    pod.set_kubeconfig(&wrong.to_string())?;
    let mend = |pod: &Pod| pod.set_kubeconfig(&right);
    trial(&mut pod, ("api_unreachable", "certificate"), (FILES, mend))
}

fn certificate_of_tomorrow(kube: &Kube, name: &str) -> Result<String> {
    let mut pod = pod(kube, name, Some("-2d"))?;
    let mend = |pod: &Pod| pod.set_clock("+0s");
    trial(
        &mut pod,
        ("api_unreachable", "not valid yet"),
        (FILES, mend),
    )
}

fn expired_token(kube: &Kube, name: &str) -> Result<String> {
    let mut pod = pod(kube, name, None)?;
    let right = pod.route().kubeconfig().to_owned();
    let mut wrong = kubeconfig(&pod)?;
    wrong["users"][0]["user"] = json!({"token": "expired"});
    pod.set_kubeconfig(&wrong.to_string())?;
    let mend = |pod: &Pod| pod.set_kubeconfig(&right);
    trial(
        &mut pod,
        ("forbidden", "does not know this pod"),
        (FILES, mend),
    )
}

fn rotated_token(kube: &Kube, name: &str) -> Result<String> {
    let mut pod = pod(kube, name, None)?;
    let mut config = kubeconfig(&pod)?;
    let user = &mut config["users"][0]["user"];
    let token = user["token"].as_str().unwrap_or_default().to_owned();
    let path = pod.put("token", "expired")?;
    *user = json!({"tokenFile": path});
    pod.set_kubeconfig(&config.to_string())?;
    let mend = |pod: &Pod| pod.put("token", &token).map(drop);
    trial(
        &mut pod,
        ("forbidden", "does not know this pod"),
        (FILES, mend),
    )
}

fn missing_namespace(kube: &Kube, name: &str) -> Result<String> {
    let pair_plan = PairPlan::of(name, DURATIONS)
        .direct()
        .planned(|plan| name.clone_into(&mut plan.namespace));
    let mut pod = pair_plan.pod(kube, 0)?;
    let account = format!("--serviceaccount={NAMESPACE}:{}", pod.name());
    kube.kubectl(&[
        "create",
        "clusterrolebinding",
        name,
        "--clusterrole=cluster-admin",
        &account,
    ])?;
    let mend = |_: &Pod| kube.kubectl(&["create", "namespace", name]).map(drop);
    // A Lease that was absent may have been held by somebody until now, so the pod waits for a lease duration.
    let lease = Duration::from_secs(DURATIONS.0);
    trial(&mut pod, ("lease_missing", "namespaces"), (lease, mend))
}

#[test]
fn whoever_cannot_take_part_says_why_and_leads_when_that_is_mended() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let kube = plane.kube();
    let all = [
        Trial::new("server-away", |name| server_away(kube, name)),
        Trial::new("wrong-server", |name| wrong_server(kube, name)),
        Trial::new("certificate-of-tomorrow", |name| {
            certificate_of_tomorrow(kube, name)
        }),
        Trial::new("expired-token", |name| expired_token(kube, name)),
        Trial::new("rotated-token", |name| rotated_token(kube, name)),
        Trial::new("missing-namespace", |name| missing_namespace(kube, name)),
    ];
    trials::run_all(&all, 3)
}
