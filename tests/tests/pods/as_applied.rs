//! Real pods of `manifests/base`: one leads, and the guide's commands print what the guide says.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::lab::node::{Installation, NodeKafka, Overlay, Seen, Setup};
use e2e::lab::{self, Node};

const LIMIT: Duration = Duration::from_secs(60);

/// Splits a command of the guide, without kubectl, into words.
fn words(command: &str) -> Vec<&str> {
    command.split(' ').collect()
}

/// Returns kubectl's answer, yes or no, to `auth can-i`.
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
    let (_, said) = node.kubectl_status_and_output(&args)?;
    Ok(said.trim().to_owned())
}

/// Checks that `auth can-i --list` shows only the Role, beside what every account may ask about itself and the API.
fn only_the_lease(list: &str) -> Result<()> {
    let of_objects = list.lines().skip(1).filter(|line| !line.starts_with(' '));
    let beyond = of_objects.filter(|line| !line.starts_with("selfsubject"));
    let rows: Vec<_> = beyond
        .map(|line| line.split_ascii_whitespace().collect::<Vec<_>>().join(" "))
        .collect();
    let role = [
        "leases.coordination.k8s.io [] [] [create]",
        "leases.coordination.k8s.io [] [klag-exporter] [get patch list watch]",
    ];
    ensure!(rows == role, "{list}");
    Ok(())
}

/// Checks that the Lease is as the guide shows it.
fn the_lease_tells(node: &Node, leader: &Seen) -> Result<()> {
    let lease = node.kubectl(&words("get lease klag-exporter -n monitoring -o yaml"))?;
    lab::say(&lease);
    for wanted in [
        format!("\n  holderIdentity: {}\n", leader.name),
        "\n  leaseDurationSeconds: 15\n".to_owned(),
        "\n  renewTime: \"".to_owned(),
    ] {
        ensure!(lease.contains(&wanted), "no {wanted} in\n{lease}");
    }
    Ok(())
}

/// Checks that the logs have the lines in the guide.
fn the_logs_tell(node: &Node, leader: &Seen) -> Result<()> {
    let logs = node.kubectl(&words("logs -l app=klag-exporter -n monitoring --tail=-1"))?;
    for wanted in [
        "Acquired leadership - starting collection",
        "Starting in standby mode - waiting for leadership",
    ] {
        ensure!(logs.contains(wanted), "no {wanted} in\n{logs}");
    }
    let logs = node.kubectl(&["logs", &leader.name, "-c", "elector", "-n", "monitoring"])?;
    let wanted = format!(
        "klag_exporter::leadership::kubernetes: Acquired leadership identity=\"{}\"",
        leader.name
    );
    ensure!(logs.contains(&wanted), "no {wanted} in\n{logs}");
    Ok(())
}

/// Checks that the pods' service account may do what it needs, and no more.
fn the_rights_suffice(node: &Node) -> Result<()> {
    for (verbs, answer) in [
        ("get create patch list watch", "yes"),
        ("update delete", "no"),
    ] {
        for verb in words(verbs) {
            let said = may(node, verb)?;
            ensure!(said == answer, "{verb}: {said}");
        }
    }
    let account = "--as=system:serviceaccount:monitoring:klag-exporter";
    let list = node.kubectl(&["auth", "can-i", "--list", account, "-n", "monitoring"])?;
    only_the_lease(&list)
}

#[test]
fn two_pods_of_the_base_have_one_leader_and_the_guides_commands_answer() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let installation = Installation::start_settled(&node, Setup::of(Overlay::Base))?;
    let leader = installation.leader()?;
    let standby = installation.standby()?;
    for (pod, says) in [
        (format!("pod/{}", leader.name), r#"{"is_leader":true}"#),
        (format!("pod/{}", standby.name), r#"{"is_leader":false}"#),
        ("deploy/klag-exporter".to_owned(), r#"{"is_leader":"#),
    ] {
        let asked = format!("exec {pod} -n monitoring -- curl -s localhost:8000/leader");
        let said = node.kubectl(&words(&asked))?;
        ensure!(said.starts_with(says), "{pod}: {said}");
    }
    the_lease_tells(&node, &leader)?;
    the_logs_tell(&node, &leader)?;
    the_rights_suffice(&node)?;
    lab::say(installation.never_two()?);
    Ok(())
}

#[test]
fn the_leader_shows_the_lag_of_a_real_kafka_outside_of_the_cluster() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    let kafka = NodeKafka::start(&node)?;
    kafka.fixture("build", &[])?;
    let bootstrap = kafka.bootstrap();
    let setup = Setup::of(Overlay::Base);
    let installation = Installation::start_settled(&node, Setup { bootstrap, ..setup })?;
    let name = format!("pod/{}", installation.leader()?.name);
    let ask = [
        "exec",
        &name,
        "-n",
        "monitoring",
        "--",
        "curl",
        "-s",
        "localhost:8000/metrics",
    ];
    let metrics = lab::wait_for("lag", LIMIT, || {
        let metrics = node.kubectl(&ask)?;
        let up = "kafka_lag_exporter_up{cluster_name=\"production\"} 1";
        ensure!(metrics.contains(up), "{metrics}");
        Ok(metrics)
    })?;
    let lag = "kafka_consumergroup_group_sum_lag{";
    let n = metrics.lines().filter(|line| line.starts_with(lag)).count();
    lab::say(format_args!("real Kafka: lag of {n} groups"));
    ensure!(n > 3, "{metrics}");
    installation.never_two()?;
    Ok(())
}
