//! The documents about Kubernetes, followed as they are written: their files are written and their commands run in order, on a real API
//! server.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use collector::exposition::FAMILIES;
use e2e::documents::{self, Block, Document};
use e2e::lab::host::TempDir;
use e2e::lab::{self, ControlPlane, kubernetes, process};
use e2e::manifests::{self, tools};
use regex::Regex;

const LIMIT: Duration = Duration::from_secs(60);

/// Returns the blocks of code about Kubernetes: those of `manifests/README.md`, then those of the README's chapter on Helm.
fn blocks() -> Result<Vec<Block>> {
    let mut blocks = documents::blocks(&Document::Manifests.read()?)?;
    let with_helm = Document::Readme.chapter("Five minutes with Helm")?;
    blocks.extend(documents::blocks(&with_helm)?);
    Ok(blocks)
}

/// A directory with a copy of `manifests/`, and shells in it that have kubectl and helm.
struct Reader {
    scratch: TempDir,
    #[expect(dead_code, reason = "it runs as long as it is held")]
    plane: ControlPlane,
}

// === impl Reader ===

impl Reader {
    /// Starts a control plane with prometheus-operator's definitions, and makes the directory.
    fn start() -> Result<Self> {
        let plane = ControlPlane::start()?;
        let crds = tools::path("crds")?.display().to_string();
        let kube = plane.kube();
        kube.kubectl(&["apply", "--server-side", "-f", &crds])?;
        kube.kubectl(&["wait", "--for=condition=Established", "crd", "--all"])?;
        let scratch = TempDir::new("readme")?;
        scratch.write("kubeconfig", kube.kubectl(&["config", "view", "--raw"])?)?;
        let kubectl = format!("{} kubectl", kubernetes::program()?.display());
        let helm = tools::path("helm")?.display().to_string();
        fs::create_dir(scratch.path().join("bin"))?;
        for (name, program) in [("kubectl", kubectl), ("helm", helm)] {
            let script = format!("#!/bin/sh\nexec {program} \"$@\"\n");
            let script = scratch.write(&format!("bin/{name}"), script)?;
            fs::set_permissions(script, fs::Permissions::from_mode(0o755))?;
        }
        let mut copy = Command::new("cp");
        copy.arg("-r").arg(manifests::root());
        copy.arg(scratch.path().join("manifests"));
        process::run(copy, LIMIT)?;
        fs::create_dir(scratch.path().join("deploy"))?;
        Ok(Self { scratch, plane })
    }

    /// Returns the output of a command, which may fail.
    fn ask(&self, line: &str) -> Result<String> {
        self.shell(&format!("{line} || true"))
    }

    fn shell(&self, line: &str) -> Result<String> {
        let dir = self.scratch.path();
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("PATH=$PWD/bin:$PATH\n{line}"));
        shell.current_dir(dir);
        shell.env("KUBECONFIG", dir.join("kubeconfig"));
        for place in ["HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME"] {
            shell.env(place, dir.join("helm"));
        }
        process::run(shell, LIMIT).with_context(|| line.to_owned())
    }

    /// Does what a block of code says: writes its file, or runs its commands. Returns the number of commands.
    fn follow(&self, Block { language, text }: &Block) -> Result<usize> {
        let first = text.lines().next().unwrap_or_default();
        match (&**language, first.strip_prefix("# ")) {
            ("toml" | "yaml", Some(file)) => {
                self.scratch.write(file, text)?;
                Ok(0)
            }
            ("sh", _) => {
                for line in text.lines() {
                    // `helm install` creates the same objects as the kustomization before it, which therefore has to be deleted.
                    if line.starts_with("helm install") {
                        self.shell("kubectl delete -k deploy")?;
                    }
                    let said = self.shell(line)?;
                    let said = said.to_lowercase();
                    ensure!(!said.contains("warning"), "{line}: {said}");
                }
                Ok(text.lines().count())
            }
            ("console", _) => {
                let questions: Vec<_> = text.split("$ ").skip(1).collect();
                for question in &questions {
                    let (line, answer) = question.split_once('\n').context("no answer")?;
                    let said = self.ask(line)?;
                    ensure!(said == answer, "{line}: {said}, not {answer}");
                }
                Ok(questions.len())
            }
            _ => Ok(0),
        }
    }
}

#[test]
fn the_commands_of_the_documents_are_done_by_a_real_api_server() -> Result<()> {
    let _reservation = lab::reserve()?;
    let reader = Reader::start()?;
    let mut n = 0;
    for block in blocks()? {
        n += reader.follow(&block)?;
        let there = "kubectl get deployment,prometheusrule,servicemonitor,configmap --namespace monitoring --output name";
        if block.text.contains("apply -k") || block.text.contains("helm install") {
            let there = reader.shell(there)?;
            for wanted in [
                "deployment.apps/klag-exporter\n",
                "prometheusrule.monitoring.coreos.com/klag-exporter\n",
                "servicemonitor.monitoring.coreos.com/klag-exporter\n",
                "configmap/klag-exporter-dashboard\n",
            ] {
                ensure!(there.contains(wanted), "no {wanted} in {there}");
            }
        }
    }
    lab::say(format_args!("{n} commands of the documents"));
    ensure!(n == 15, "{n} commands");
    Ok(())
}

/// Checks that the kustomization has the user's configuration and images, and the user's label.
#[test]
fn the_kustomization_of_the_document_comes_to_what_it_says() -> Result<()> {
    let scratch = TempDir::new("readme")?;
    let mut copy = Command::new("cp");
    copy.arg("-r").arg(manifests::root());
    copy.arg(scratch.path().join("manifests"));
    process::run(copy, LIMIT)?;
    fs::create_dir(scratch.path().join("deploy"))?;
    for Block { text, .. } in blocks()? {
        let first = text.lines().next().unwrap_or_default();
        if let Some(file) = first.strip_prefix("# deploy/") {
            scratch.write(&format!("deploy/{file}"), &text)?;
        }
    }
    let dir = scratch.path().join("deploy").display().to_string();
    let text = tools::kubectl(&["kustomize", &dir])?;
    for wanted in [
        "image: registry.example/klag-exporter-elector:0.1.0",
        "image: registry.example/klag-exporter-collector:0.1.0",
        "release: prometheus",
        "path: /available",
        "# deploy/config.toml",
        "kind: PodDisruptionBudget",
        "grafana_dashboard: \"1\"",
    ] {
        ensure!(text.contains(wanted), "no {wanted} in\n{text}");
    }
    Ok(())
}

#[test]
fn the_alert_of_the_document_is_one_and_the_names_without_a_rule_are_told() -> Result<()> {
    let text = Document::Manifests.read()?;
    let blocks = documents::blocks(&text)?;
    let mut alerts = blocks
        .iter()
        .filter(|block| block.text.starts_with("- alert: "));
    let alert = &alerts.next().context("no alert")?.text;
    let scratch = TempDir::new("readme")?;
    let file = scratch.write(
        "rules.yaml",
        format!(
            "groups:\n- name: own\n  rules:\n  {}\n",
            alert.trim_end().replace('\n', "\n  ")
        ),
    )?;
    tools::run("promtool", &["check", "rules", &file.display().to_string()])?;

    let rules = manifests::read("alerts/klag-exporter.rules.yaml")?
        + &manifests::read("alerts/klag-exporter-partitions.rules.yaml")?;
    let of_lag = |name: &str| {
        !name.starts_with("kafka_lag_exporter_") && name != "kafka_consumergroup_poll_time_ms"
    };
    let names = FAMILIES.iter().map(|family| family.name);
    let without =
        names.filter(|name| of_lag(name) && !rules.contains(&format!("record: klag:{name}\n")));
    let (_, told) = text.split_once("There is none of").context("no list")?;
    let (told, _) = told.split_once("and of what").context("no end")?;
    let name = Regex::new("`(kafka_[a-z_]+)`")?;
    let told: BTreeSet<_> = name
        .captures_iter(told)
        .map(|found| found[1].to_owned())
        .collect();
    assert_eq!(told, without.map(str::to_owned).collect());
    Ok(())
}

/// Checks the configuration of Prometheus in the README, and the rules at the beginning of `manifests/README.md`.
#[test]
fn prometheus_takes_the_examples_that_are_for_it() -> Result<()> {
    let scratch = TempDir::new("readme")?;
    for (document, begin, check) in [
        (Document::Readme, "scrape_configs:\n", "config"),
        (Document::Manifests, "groups:\n", "rules"),
    ] {
        let blocks = documents::blocks(&document.read()?)?;
        let example = blocks.iter().find(|block| block.text.starts_with(begin));
        let example = example.with_context(|| format!("no {begin:?}"))?;
        let file = scratch.write("example.yaml", &example.text)?;
        tools::run("promtool", &["check", check, &file.display().to_string()])?;
    }
    Ok(())
}
