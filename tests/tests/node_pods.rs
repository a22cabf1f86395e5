//! Real pods, as a user has them who applied `manifests/base`: one leads, and what the guide tells to type prints what it says.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::node::{Kafka, Overlay, Setup, Stage};
use e2e::lab::{self, Node};

/// A command as the guide has it, without the word kubectl.
fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// Has kubectl say yes or no.
fn may(node: &Node, verb: &str) -> Result<String> {
    let account = "--as=system:serviceaccount:monitoring:klag-exporter";
    let args = [
        "auth",
        "can-i",
        verb,
        "leases.coordination.k8s.io/klag-exporter",
        account,
        "-n",
        "monitoring",
    ];
    let (_, said) = node.kubectl_says(&args)?;
    Ok(said.trim().to_owned())
}

#[test]
fn two_pods_of_the_base_have_one_leader_and_the_guides_commands_answer() -> Result<()> {
    let _alone = lab::alone()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let stage = Stage::play(&node, Setup::of(Overlay::Base))?;
    let leader = stage.leader()?;
    let standby = stage.standby()?;

    let lease = node.kubectl(&words("get lease klag-exporter -n monitoring -o yaml"))?;
    lab::say(&lease);
    for wanted in [
        format!("\n  holderIdentity: {}\n", leader.name),
        "\n  leaseDurationSeconds: 15\n".to_owned(),
        "\n  renewTime: \"".to_owned(),
    ] {
        ensure!(lease.contains(&wanted), "no {wanted} in\n{lease}");
    }

    for (pod, says) in [
        (&leader, r#"{"is_leader":true}"#),
        (&standby, r#"{"is_leader":false}"#),
    ] {
        let name = format!("pod/{}", pod.name);
        let asked = [
            "exec",
            &name,
            "-n",
            "monitoring",
            "--",
            "curl",
            "-s",
            "localhost:8000/leader",
        ];
        let said = node.kubectl(&asked)?;
        ensure!(said == says, "{said}");
    }
    let said = node.kubectl(&words(
        "exec deploy/klag-exporter -n monitoring -- curl -s localhost:8000/leader",
    ))?;
    ensure!(said.starts_with(r#"{"is_leader":"#), "{said}");

    let logs = node.kubectl(&words("logs -l app=klag-exporter -n monitoring --tail=-1"))?;
    for wanted in [
        "Acquired leadership - starting collection",
        "Starting in standby mode - waiting for leadership",
    ] {
        ensure!(logs.contains(wanted), "no {wanted} in\n{logs}");
    }
    let logs = node.kubectl(&["logs", &leader.name, "-c", "elector", "-n", "monitoring"])?;
    let line = logs
        .lines()
        .find(|line| line.contains("Acquired leadership"));
    let line = line.with_context(|| logs.clone())?;
    lab::say(line);
    ensure!(
        line.contains(&format!("identity=\"{}\"", leader.name)),
        "{line}"
    );

    for (verb, answer) in [
        ("get", "yes"),
        ("create", "yes"),
        ("patch", "yes"),
        ("watch", "yes"),
        ("update", "no"),
        ("delete", "no"),
    ] {
        let said = may(&node, verb)?;
        ensure!(said == answer, "{verb}: {said}");
    }
    let account = "--as=system:serviceaccount:monitoring:klag-exporter";
    let list = node.kubectl(&["auth", "can-i", "--list", account, "-n", "monitoring"])?;
    lab::say(&list);
    let chronicle = stage.never_two()?;
    lab::say(chronicle);
    Ok(())
}
