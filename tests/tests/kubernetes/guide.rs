//! The examples of the elector's document on high availability, used as they are written.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::documents::{self, Document};
use e2e::lab::host::TempDir;
use e2e::lab::http::{self, Coding};
use e2e::lab::pod::Part;
use e2e::lab::programs::Program;
use e2e::lab::{self, ControlPlane, PairPlan, TwoPods, process};

const LIMIT: Duration = Duration::from_secs(10);

/// Returns the only code block of the document in this language.
fn block(language: &str) -> Result<String> {
    let blocks = documents::blocks(&Document::Elector.read()?)?;
    let mut blocks = blocks
        .into_iter()
        .filter(|block| block.language == language);
    let block = blocks.next().context("no block")?;
    ensure!(blocks.next().is_none(), "another block");
    Ok(block.text)
}

#[test]
fn both_programs_take_the_example_configuration() -> Result<()> {
    let scratch = TempDir::new("guide")?;
    let file = scratch.write("config.toml", block("toml")?)?;
    for program in [Program::Elector, Program::Collector] {
        let mut command = Command::new(program.path()?);
        command.arg("--check").arg("--config").arg(&file);
        command
            .env("POD_NAME", "klag-exporter-7d4f8b9c6-abc12")
            .env("POD_NAMESPACE", "monitoring");
        let shown = process::run(command, LIMIT)?;
        for line in [
            "enabled = true",
            "identity = \"klag-exporter-7d4f8b9c6-abc12\"",
            "lease_duration_secs = 15",
        ] {
            ensure!(shown.contains(line), "{program:?} lacks {line}:\n{shown}");
        }
        let namespace = shown.contains("lease_namespace = \"monitoring\"");
        ensure!(
            namespace == (program == Program::Elector),
            "{program:?}:\n{shown}"
        );
    }
    Ok(())
}

/// Building takes minutes, so this test asks cargo for the packages of the feature without building them.
#[test]
fn cargo_takes_the_feature_and_only_the_elector_has_kubernetes() -> Result<()> {
    let build = Document::Elector.chapter("Build")?;
    let words = "cargo build --release --features kubernetes\ncargo build --release\n";
    ensure!(build.contains(words), "other commands");
    let tree = |options: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        cargo.args(["tree", "--prefix", "none", "--edges", "normal"]);
        cargo.args(options);
        process::run(cargo, LIMIT * 6)
    };
    let kube = "kube-lease-manager v";
    ensure!(tree(&["--workspace", "--features", "kubernetes"])?.contains(kube));
    ensure!(tree(&["--package", "elector"])?.contains(kube));
    ensure!(!tree(&["--package", "elector", "--no-default-features"])?.contains(kube));
    ensure!(!tree(&["--package", "collector"])?.contains(kube));
    Ok(())
}

#[test]
fn endpoints_lease_and_logs_are_as_the_guide_shows_them() -> Result<()> {
    let _reservation = lab::reserve()?;
    let plane = ControlPlane::start()?;
    let mut pair = TwoPods::start(plane.kube(), &PairPlan::of("guide", (15, 5)))?;
    endpoints([pair.pod(0).port(), pair.pod(1).port()])?;
    let yaml = plane
        .kube()
        .kubectl(&["get", "lease", "guide", "-o", "yaml"])?;
    for line in [
        &*format!("holderIdentity: {}", pair.pod(0).name()),
        "leaseDurationSeconds: 15",
        "renewTime: \"20",
    ] {
        ensure!(yaml.contains(line), "no {line} in\n{yaml}");
    }
    logs(&mut pair)
}

/// Checks the endpoints of the leader and of the standby.
fn endpoints(ports: [u16; 2]) -> Result<()> {
    let get = |n: usize, path: &str| http::get(ports[n], path, Coding::Plain, LIMIT);
    lab::wait_for("the first exposition", LIMIT, || {
        let ready = get(0, "/ready")?;
        ensure!(ready.status == 200, "{}", ready.status);
        Ok(())
    })?;
    for (n, (leader, ready)) in [("true", 200), ("false", 503)].into_iter().enumerate() {
        ensure!(get(n, "/leader")?.text()? == format!("{{\"is_leader\":{leader}}}"));
        ensure!(get(n, "/ready")?.status == ready);
        for path in ["/health", "/available", "/telemetry"] {
            ensure!(get(n, path)?.status == 200, "{path} of pod {n}");
        }
        let metrics = get(n, "/metrics")?;
        ensure!(metrics.status == 200 && metrics.body.is_empty() == (n == 1));
        let kind = metrics.headers.get("content-type").context("no type")?;
        ensure!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    }
    Ok(())
}

fn logs(pair: &mut TwoPods) -> Result<()> {
    let elector = |n: usize, words: &str, pair: &mut TwoPods| {
        let name = pair.pod(n).name().to_owned();
        let line = format!("klag_exporter::leadership::kubernetes: {words} identity=\"{name}\"");
        pair.pod(n).wait_for_log(Part::Elector, &line, LIMIT)
    };
    elector(0, "Acquired leadership", pair)?;
    elector(1, "On standby, waiting for leadership", pair)?;
    for (n, words) in [
        (0, "Acquired leadership - starting collection"),
        (1, "Starting in standby mode - waiting for leadership"),
    ] {
        let line = format!("klag_exporter::cluster::manager: {words}");
        pair.pod(n).wait_for_log(Part::Collector, &line, LIMIT)?;
    }
    Ok(())
}
