//! Faults that exist from the beginning: pods stay up and report the reason.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::node::{Installation, Overlay, Seen, ServiceAccountRights, Setup};
use e2e::lab::{self, Length, Node};

const LIMIT: Duration = Duration::from_secs(90);

/// Checks that all pods run, and that none of their containers was ever restarted.
fn all_stay_up(installation: &Installation<'_>) -> Result<()> {
    for pod in installation.pods() {
        let phase = &pod.object["status"]["phase"];
        ensure!(phase == "Running", "{} is {phase}", pod.name);
        for name in ["elector", "klag-exporter"] {
            let (_, restarts) = pod.container(name)?;
            ensure!(restarts == 0, "{name} was restarted {restarts} times");
        }
    }
    Ok(())
}

/// Returns the logs of all pods, by the guide's command.
fn logs(node: &Node) -> Result<String> {
    let asked = "logs -l app=klag-exporter -n monitoring --tail=-1";
    node.kubectl(&asked.split(' ').collect::<Vec<_>>())
}

#[test]
fn an_elector_without_rights_says_which_and_leads_when_it_has_them() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let rights = ServiceAccountRights::Forgotten;
    let setup = Setup::of(Overlay::Base).durations((6, 2));
    let mut installation = Installation::start(&node, Setup { rights, ..setup })?;
    let said = lab::wait_for("a word about rights", LIMIT, || {
        let logs = logs(&node)?;
        let said: Vec<_> = logs
            .lines()
            .filter(|line| line.contains("state=\""))
            .collect();
        let forbidden = said.iter().filter(|line| {
            line.contains("WARN") && line.contains("state=\"blocked\" reason=\"forbidden\"")
        });
        ensure!(forbidden.count() >= 2, "{logs}");
        Ok(said.join("\n"))
    })?;
    lab::say(&said);
    let verb = "patch is not allowed on leases.coordination.k8s.io";
    ensure!(said.contains(verb), "no verb: {said}");
    lab::pause(Duration::from_secs(Length::from_env().pick(120, 15)));
    let pods = installation.pods();
    ensure!(
        pods.len() == 2 && pods.iter().all(Seen::stands_by),
        "somebody leads"
    );
    all_stay_up(&installation)?;
    installation.change(|setup| setup.rights = ServiceAccountRights::Bound)?;
    installation.wait_until_settled()?;
    installation.never_two()?;
    Ok(())
}

#[test]
fn a_collector_without_kafka_leads_and_says_so() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let bootstrap = "10.87.0.1:1".to_owned();
    let setup = Setup::of(Overlay::Base).durations((6, 2));
    let installation = Installation::start_settled(&node, Setup { bootstrap, ..setup })?;
    lab::pause(Duration::from_secs(Length::from_env().pick(120, 15)));
    all_stay_up(&installation)?;
    let leader = installation.leader()?;
    let ask = |path: &str| {
        let url = format!("localhost:8000/{path}");
        let name = format!("pod/{}", leader.name);
        node.kubectl(&[
            "exec",
            &name,
            "-n",
            "monitoring",
            "--",
            "curl",
            "-s",
            "-w",
            "%{http_code}",
            &url,
        ])
    };
    ensure!(ask("health")?.ends_with("200"), "unhealthy");
    let metrics = ask("metrics")?;
    for wanted in [
        "kafka_lag_exporter_up{cluster_name=\"production\"} 0",
        "reason=\"transport\"",
    ] {
        ensure!(metrics.contains(wanted), "no {wanted} in\n{metrics}");
    }
    let logs = logs(&node)?;
    let line = logs
        .lines()
        .find(|line| line.contains("WARN") && line.contains("10.87.0.1:1"));
    lab::say(line.with_context(|| logs.clone())?);
    installation.never_two()?;
    Ok(())
}
