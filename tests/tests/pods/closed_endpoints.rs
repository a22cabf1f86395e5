//! Real pods whose endpoints a web configuration closes: probes, rollouts and failovers are as with open ones.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::lab::node::{Installation, Overlay, Setup, TAGS};
use e2e::lab::{self, Closing, Length, Node, Way};
use tokio::time::Instant;

/// The longest time without a leader after a rollout or the deletion of a pod.
const GOAL: Duration = Duration::from_secs(1);

/// Returns the longest time without a leader after a pod was deleted by force: the lease duration, and the time that the election takes
/// in addition.
fn when_the_lease_has_run_out(length: Length) -> Duration {
    Duration::from_secs(6) + length.slack(GOAL / 2)
}

fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// Checks that clients without credentials reach the open endpoints of both ports of every pod, and no others.
fn strangers_see_no_more_than_probes_do(installation: &Installation<'_>, way: Way) -> Result<()> {
    let refusal = if way.has_tls() { "400" } else { "401" };
    let node = installation.node();
    for pod in installation.pods() {
        for (port, path, status) in [
            (8000, "health", "200"),
            (8000, "leader", "200"),
            (8000, "metrics", refusal),
            (8000, "telemetry", refusal),
            (8002, "health", "200"),
            (8002, "metrics", refusal),
        ] {
            let url = format!("http://{}:{port}/{path}", pod.address);
            let ask = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", &url];
            let said = node.run_inside(&ask)?;
            ensure!(said.trim() == status, "{url}: {said}");
        }
    }
    Ok(())
}

/// Checks that `curl localhost:8000/leader` in the collector's container says which pod leads.
fn curl_in_the_container_tells_the_leader(installation: &Installation<'_>) -> Result<()> {
    for (pod, says) in [
        (installation.leader()?, r#"{"is_leader":true}"#),
        (installation.standby()?, r#"{"is_leader":false}"#),
    ] {
        let asked = format!(
            "exec {} -n monitoring -- curl -s localhost:8000/leader",
            pod.name
        );
        let said = installation.node().kubectl(&words(&asked))?;
        ensure!(said.starts_with(says), "{}: {said}", pod.name);
    }
    Ok(())
}

/// Checks that the Deployment is available, and that the kubelet has restarted no container.
fn probes_are_green(installation: &Installation<'_>) -> Result<()> {
    let wait =
        "wait deployment/klag-exporter -n monitoring --for=condition=Available --timeout=60s";
    installation.node().kubectl(&words(wait))?;
    for pod in installation.pods() {
        for container in ["elector", "klag-exporter"] {
            let (_, n_restarts) = pod.container(container)?;
            ensure!(n_restarts == 0, "{}: {n_restarts} restarts", pod.name);
        }
    }
    Ok(())
}

/// Disturbs the pods, and checks that another pod leads then, that nobody led for at most `bound`, and that no two pods ever acted at
/// once.
fn moves(
    installation: &mut Installation<'_>,
    (what, bound): (&str, Duration),
    disturb: impl FnOnce(&mut Installation<'_>) -> Result<()>,
) -> Result<()> {
    let leader = installation.leader()?;
    let begin = Instant::now();
    disturb(installation)?;
    installation.wait_until_followed(&leader, Duration::from_secs(90))?;
    installation.wait_until_settled()?;
    lab::pause(Duration::from_secs(2));
    let gaps = installation.gaps_since(begin);
    lab::say(format_args!("{what}: {gaps}"));
    installation.never_two()?;
    let logs = || installation.logs();
    ensure!(gaps.acting <= bound, "{what}: {gaps}\n{}", logs());
    ensure!(
        gaps.series < bound + Duration::from_secs(3),
        "{what}: {gaps}\n{}",
        logs()
    );
    Ok(())
}

fn roll_out(installation: &mut Installation<'_>) -> Result<()> {
    installation.change(|setup| setup.tag = TAGS[1])?;
    let status = "rollout status deployment/klag-exporter -n monitoring --timeout=150s";
    installation.node().kubectl(&words(status))?;
    Ok(())
}

fn as_with_open_endpoints(node: &Node, way: Way) -> Result<()> {
    let length = Length::from_env();
    let setup = Setup::of(Overlay::ReadyStandbys)
        .durations((6, 2))
        .handing_over_after(12);
    let closing = Closing::by(way)?;
    let setup = Setup {
        closing: Some(closing),
        ..setup
    };
    let mut installation =
        Installation::start_settled(node, setup).with_context(|| format!("{way:?}"))?;
    strangers_see_no_more_than_probes_do(&installation, way)?;
    curl_in_the_container_tells_the_leader(&installation)?;
    probes_are_green(&installation)?;
    let soon = length.slack(GOAL);
    moves(
        &mut installation,
        (&format!("{way:?}, rollout"), soon),
        roll_out,
    )?;
    probes_are_green(&installation)?;
    let delete = |installation: &mut Installation<'_>, more: &[&str]| {
        let leader = installation.leader()?.name;
        let args = [&["delete", "pod", &leader, "-n", "monitoring"], more].concat();
        node.kubectl(&args)?;
        Ok(())
    };
    moves(
        &mut installation,
        (&format!("{way:?}, a deleted pod"), soon),
        |installation| delete(installation, &[]),
    )?;
    moves(
        &mut installation,
        (
            &format!("{way:?}, a pod deleted by force"),
            when_the_lease_has_run_out(length),
        ),
        |installation| delete(installation, &["--force", "--grace-period=0"]),
    )
}

#[test]
fn probes_rollouts_and_failovers_are_as_with_open_endpoints() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let ways = Length::from_env().pick(
        &[
            Way::Password,
            Way::Tls,
            Way::TlsAndPassword,
            Way::Certificate,
            Way::Everything,
        ][..],
        &[Way::Everything][..],
    );
    for way in ways {
        as_with_open_endpoints(&node, *way)?;
    }
    Ok(())
}
