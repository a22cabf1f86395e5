//! Pods, containers and the kubelet are lost, each in several ways: leadership moves as the election promises.

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::node::{Gaps, Installation, Overlay, Seen, Setup};
use e2e::lab::{self, Length, Node};
use tokio::time::Instant;

const SECOND: Duration = Duration::from_secs(1);

/// The longest grant, which is the default of `max_valid_secs`.
const MAX_VALID: Duration = Duration::from_secs(5);

/// Returns the lease duration and the grace period, in seconds.
fn durations() -> (u64, u64) {
    Length::from_env().pick((15, 5), (6, 2))
}

/// Returns the set-up of two pods as a user has them, except that a leader that is asked to end goes on for a few seconds only.
fn two_pods(overlay: Overlay) -> Setup {
    Setup::of(overlay)
        .durations(durations())
        .handing_over_after(4)
}

/// Returns the time within which another pod leads after a loss: the lease duration, and the time that the election takes in
/// addition.
fn when_the_lease_has_run_out() -> Duration {
    let (duration, _) = durations();
    Duration::from_secs(duration) + Length::from_env().slack(SECOND / 2)
}

/// Does `act` to the leader, waits until the pods have settled again, and checks that the time without a leader is within a
/// bound.
fn lose(
    installation: &Installation<'_>,
    (what, bound): (&str, Duration),
    act: impl FnOnce(&Seen) -> Result<()>,
) -> Result<Gaps> {
    let leader = installation.leader()?;
    let begin = Instant::now();
    act(&leader)?;
    // Waits until the act shows, because a pod may still look settled although its container is about to restart.
    lab::pause(2 * SECOND);
    installation.wait_until_settled()?;
    lab::pause(2 * SECOND);
    let gaps = installation.gaps_since(begin);
    let now = installation.leader()?;
    let same = if now.name == leader.name {
        "the same"
    } else {
        "another"
    };
    lab::say(format_args!("{what}: {gaps}; {same} pod leads"));
    installation.never_two()?;
    ensure!(
        gaps.acting <= bound,
        "{what}: {gaps}, bound {bound:?}\n{}",
        installation.logs()
    );
    Ok(gaps)
}

fn evict(node: &Node, pod: &str) -> Result<(bool, String)> {
    let file = node.scratch().path().join("eviction.json");
    let text = format!(
        r#"{{"apiVersion":"policy/v1","kind":"Eviction","metadata":{{"name":"{pod}","namespace":"monitoring"}}}}"#
    );
    fs::write(&file, text)?;
    let path = format!("/api/v1/namespaces/monitoring/pods/{pod}/eviction");
    let file = file.to_str().context("a path that is not UTF-8")?;
    let (status, said) = node.kubectl_status_and_output(&["create", "--raw", &path, "-f", file])?;
    Ok((status.success(), said))
}

#[test]
fn a_leader_whose_pod_is_deleted_or_evicted_hands_over() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let installation = Installation::start_settled(&node, two_pods(Overlay::ReadyStandbys))?;
    let soon = Length::from_env().slack(SECOND);
    for time in 1..=Length::from_env().pick(5, 1) {
        let what = format!("delete pod {time}");
        let gaps = lose(&installation, (&what, soon), |leader| {
            node.kubectl(&["delete", "pod", &leader.name, "-n", "monitoring"])?;
            Ok(())
        })?;
        ensure!(gaps.moves == 1, "{gaps}");
        // The PodDisruptionBudget counts ready pods, so both have to be ready before the eviction.
        let wait =
            "wait deployment/klag-exporter -n monitoring --for=condition=Available --timeout=60s";
        node.kubectl(&wait.split(' ').collect::<Vec<_>>())?;
        lab::pause(5 * SECOND);
        let standby = installation.standby()?;
        let gaps = lose(
            &installation,
            (&format!("eviction {time}"), soon),
            |leader| {
                let (done, said) = evict(&node, &leader.name)?;
                ensure!(done, "{said}");
                let (done, said) = evict(&node, &standby.name)?;
                ensure!(
                    !done && said.contains("disruption budget"),
                    "two at once: {said}"
                );
                Ok(())
            },
        )?;
        ensure!(gaps.moves == 1, "{gaps}");
    }
    Ok(())
}

#[test]
fn a_leader_whose_pod_is_deleted_by_force_is_followed() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let installation = Installation::start_settled(&node, two_pods(Overlay::Base))?;
    for time in 1..=Length::from_env().pick(5, 2) {
        let what = format!("delete pod by force {time}");
        let bound = when_the_lease_has_run_out();
        lose(&installation, (&what, bound), |leader| {
            let now = ["--force", "--grace-period=0", "-n", "monitoring"];
            node.kubectl(&[&["delete", "pod", &leader.name], &now[..]].concat())?;
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn a_container_that_is_killed_comes_back() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let installation = Installation::start_settled(&node, two_pods(Overlay::Base))?;
    let bounds = [
        ("elector", when_the_lease_has_run_out()),
        (
            "klag-exporter",
            MAX_VALID + Length::from_env().slack(SECOND / 2),
        ),
    ];
    for (name, bound) in bounds {
        lose(
            &installation,
            (&format!("{name} killed"), bound),
            |leader| {
                let (id, before) = leader.container(name)?;
                node.kill_container(&id)?;
                let begin = Instant::now();
                lab::wait_for("a restart", 60 * SECOND, || {
                    let pods = installation.pods();
                    let pod = pods.iter().find(|pod| pod.name == leader.name);
                    let (_, after) = pod.context("it is gone")?.container(name)?;
                    ensure!(after == before + 1, "{after} restarts");
                    Ok(())
                })?;
                lab::say(format_args!(
                    "{name} is said to run again after {:.1?}",
                    begin.elapsed()
                ));
                Ok(())
            },
        )?;
    }
    Ok(())
}

#[test]
fn leadership_goes_on_without_a_kubelet_and_moves_when_nobody_restarts_what_died() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let installation = Installation::start_settled(&node, two_pods(Overlay::Base))?;
    let stands = Duration::from_secs(Length::from_env().pick(90, 20));
    let gaps = lose(
        &installation,
        ("kubelet stopped", Length::from_env().slack(SECOND)),
        |_| {
            node.signal_kubelet("STOP")?;
            lab::pause(stands);
            Ok(())
        },
    )?;
    ensure!(gaps.moves == 0, "{gaps}");
    let bound = when_the_lease_has_run_out();
    let gaps = lose(
        &installation,
        ("both containers killed without a kubelet", bound),
        |leader| {
            for name in ["elector", "klag-exporter"] {
                node.kill_container(&leader.container(name)?.0)?;
            }
            installation.wait_until_followed(leader, 2 * bound)?;
            node.signal_kubelet("CONT")
        },
    )?;
    ensure!(gaps.moves == 1, "{gaps}");
    Ok(())
}
