//! Rollouts of real pods: they always end with the new version, hardly ever leave a moment without a leader, and never have two leaders.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::node::{Installation, Overlay, Setup, TAGS};
use e2e::lab::{self, Length, Node};
use tokio::time::Instant;

/// The longest time for which a rollout may leave the pods without a leader.
const GOAL: Duration = Duration::from_secs(1);

/// Does this number of rollouts of this number of pods, one after the other.
fn rollouts(node: &Node, overlay: Overlay, (replicas, times): (usize, usize)) -> Result<()> {
    let length = Length::from_env();
    // A full run uses the default handover delay, a short run the time that a new pod takes to start on a busy machine.
    let setup = length.pick(
        Setup::of(overlay),
        Setup::of(overlay).durations((6, 2)).handing_over_after(12),
    );
    let mut installation = Installation::start_settled(node, Setup { replicas, ..setup })?;
    let mut longest = Duration::ZERO;
    for time in 1..=times {
        let begin = Instant::now();
        installation.change(|setup| setup.tag = TAGS[time % 2])?;
        if overlay == Overlay::ReadyStandbys {
            let status = "rollout status deployment/klag-exporter -n monitoring --timeout=150s";
            node.kubectl(&status.split(' ').collect::<Vec<_>>())?;
        }
        installation.wait_until_settled()?;
        let took = begin.elapsed();
        lab::pause(Duration::from_secs(1));
        let gaps = installation.gaps_since(begin);
        lab::say(format_args!(
            "{overlay:?}, {replicas} pods, rollout {time}: {took:.1?}, {gaps}"
        ));
        installation.never_two()?;
        longest = longest.max(gaps.acting);
    }
    let history = installation.never_two()?;
    lab::say(format_args!(
        "{overlay:?}, {replicas} pods: at most {longest:.0?} without a leader; {history}"
    ));
    ensure!(
        longest <= length.slack(GOAL),
        "{longest:?} without a leader\n{}",
        installation.logs()
    );
    Ok(())
}

fn all(overlay: Overlay) -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let length = Length::from_env();
    for replicas in length.pick(&[1, 2, 3][..], &[2][..]) {
        rollouts(&node, overlay, (*replicas, length.pick(5, 1)))?;
    }
    Ok(())
}

#[test]
fn a_rollout_of_the_base_moves() -> Result<()> {
    all(Overlay::Base)
}

#[test]
fn a_rollout_with_ready_standbys_moves() -> Result<()> {
    all(Overlay::ReadyStandbys)
}

#[test]
fn a_version_that_cannot_start_changes_nothing() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let setup = Setup::of(Overlay::ReadyStandbys).durations((6, 2));
    let mut installation = Installation::start_settled(&node, setup)?;
    let leader = installation.leader()?;
    let begin = Instant::now();
    installation.change(|setup| setup.tag = "absent")?;
    let status = "rollout status deployment/klag-exporter -n monitoring --timeout=15s";
    let (status, said) = node.kubectl_status_and_output(&status.split(' ').collect::<Vec<_>>())?;
    ensure!(!status.success(), "the rollout is said to be done: {said}");
    ensure!(installation.leader()?.name == leader.name, "another leader");
    installation.change(|setup| setup.tag = TAGS[0])?;
    installation.wait_until_settled()?;
    let gaps = installation.gaps_since(begin);
    lab::say(format_args!("a version without an image: {gaps}"));
    ensure!(
        gaps.moves == 0 && gaps.acting <= Length::from_env().slack(GOAL),
        "{gaps}"
    );
    installation.never_two()?;
    Ok(())
}
