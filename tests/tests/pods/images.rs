//! The images that `tests/manifests/images` builds: their contents, and real pods made of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::lab::node::{self, BUILT, CollectorImage, Installation, Overlay, Setup};
use e2e::lab::{self, Node, process};
use serde_json::{Value, json};

const LIMIT: Duration = Duration::from_secs(60);

/// An image as `docker save` writes it.
struct Archive {
    name: &'static str,
    file: PathBuf,
    /// The image's configuration, which container engines read.
    config: Value,
    /// The names of the layers in the archive.
    layers: Vec<String>,
}

// === impl Archive ===

impl Archive {
    fn open(dir: &Path, name: &'static str) -> Result<Self> {
        let mut archive = Self {
            name,
            file: dir.join(format!("{name}.tar")),
            config: Value::Null,
            layers: Vec::new(),
        };
        let manifest: Value = serde_json::from_str(&archive.tar("-xO", &["manifest.json"])?)?;
        let config = manifest[0]["Config"].as_str().context("no config")?;
        archive.config = serde_json::from_str(&archive.tar("-xO", &[config])?)?;
        let layers = manifest[0]["Layers"].as_array().context("no layers")?;
        let layers = layers.iter().filter_map(Value::as_str);
        archive.layers = layers.map(str::to_owned).collect();
        Ok(archive)
    }

    fn tar(&self, what: &str, args: &[&str]) -> Result<String> {
        let mut tar = Command::new("tar");
        tar.arg(what).arg("-f").arg(&self.file).args(args);
        process::run(tar, LIMIT)
    }

    fn label(&self, name: &str) -> Result<&str> {
        let labels = &self.config["config"]["Labels"];
        let label = labels[format!("org.opencontainers.image.{name}")].as_str();
        label.with_context(|| format!("{} has no {name}: {labels}", self.name))
    }

    /// Returns the paths of all files in all layers, sorted and without directories.
    fn files(&self) -> Result<Vec<String>> {
        let mut files = Vec::new();
        for layer in &self.layers {
            let list = self.tar("-x", &["--to-command=tar -t", layer])?;
            let list = list.lines().filter(|path| !path.ends_with('/'));
            files.extend(list.map(|path| path.trim_start_matches("./").to_owned()));
        }
        files.sort();
        files.dedup();
        Ok(files)
    }
}

/// Returns the directory of the images; `None`, after a line that says so, if none were built.
fn built() -> Result<Option<PathBuf>> {
    let built = node::built_images()?;
    if built.is_none() {
        lab::say("NOT RUN, nothing is proved: KLAG_IMAGES names no directory of images");
    }
    Ok(built)
}

#[test]
fn the_images_say_what_they_are_and_hold_no_more_than_they_need() -> Result<()> {
    let Some(dir) = built()? else {
        return Ok(());
    };
    for name in BUILT {
        let archive = Archive::open(&dir, name)?;
        let config = &archive.config["config"];
        ensure!(config["User"] == "65532:65532", "{name}: {config}");
        ensure!(archive.label("version")? == env!("CARGO_PKG_VERSION"));
        ensure!(archive.label("revision")? != "unknown", "{name}: {config}");
        ensure!(archive.label("licenses")? == env!("CARGO_PKG_LICENSE"));
        let files = archive.files()?;
        match name {
            "elector" => ensure!(files == ["elector", "etc/nsswitch.conf"], "{files:?}"),
            "collector-static" => {
                let certificates = "etc/ssl/certs/ca-certificates.crt";
                let all = ["collector", "etc/nsswitch.conf", certificates];
                ensure!(files == all, "{files:?}");
            }
            _ => {
                for wanted in ["usr/local/bin/collector", "usr/bin/curl"] {
                    ensure!(files.iter().any(|file| file == wanted), "no {wanted}");
                }
                let tools = ["usr/bin/gcc", "usr/local/bin/cargo", "src/Cargo.toml"];
                ensure!(!files.iter().any(|file| tools.contains(&file.as_str())));
            }
        }
        let bytes = fs::metadata(&archive.file)?.len();
        lab::say(format_args!("{name}: {bytes} bytes, {} files", files.len()));
    }
    Ok(())
}

/// Returns a pod that sets no user. With `runAsNonRoot` the kubelet then runs the image only if its user is a number.
fn pod(name: &str) -> Value {
    let image = format!(
        "ghcr.io/softwaremill/klag-exporter-{name}:{}",
        node::TAGS[0]
    );
    json!({
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {
            "restartPolicy": "Never",
            "automountServiceAccountToken": false,
            "securityContext": {"runAsNonRoot": true, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{
                "name": name,
                "image": image,
                "imagePullPolicy": "Never",
                "args": ["--version"],
                "securityContext": {
                    "allowPrivilegeEscalation": false,
                    "readOnlyRootFilesystem": true,
                    "capabilities": {"drop": ["ALL"]}
                }
            }]
        }
    })
}

#[test]
fn every_image_runs_by_itself_without_root_and_with_nothing_to_write() -> Result<()> {
    let _reservation = lab::reserve()?;
    let Some(dir) = built()? else {
        return Ok(());
    };
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    for name in BUILT {
        let file = node.scratch().path().join(format!("{name}.json"));
        fs::write(&file, pod(name).to_string())?;
        node.kubectl(&["apply", "-f", &file.display().to_string()])?;
        let pod = format!("pod/{name}");
        let succeeded = "--for=jsonpath={.status.phase}=Succeeded";
        node.kubectl(&["wait", succeeded, &pod, "--timeout=60s"])
            .with_context(|| node.kubectl(&["describe", &pod]).unwrap_or_default())?;
        let said = node.kubectl(&["logs", &pod])?;
        lab::say(format_args!("{name}: {}", said.trim()));
        let archive = Archive::open(&dir, name)?;
        let (version, revision) = (archive.label("version")?, archive.label("revision")?);
        ensure!(
            said.ends_with(&format!(" {version} ({revision})\n")),
            "{said}"
        );
    }
    Ok(())
}

#[test]
fn pods_of_either_collector_have_one_leader() -> Result<()> {
    let _reservation = lab::reserve()?;
    if built()?.is_none() {
        return Ok(());
    }
    let Some(node) = Node::start()? else {
        return Ok(());
    };
    for collector in [CollectorImage::Slim, CollectorImage::Static] {
        let setup = Setup::of(Overlay::Base);
        let installation = Installation::start_settled(&node, Setup { collector, ..setup })?;
        let (leader, standby) = (installation.leader()?, installation.standby()?);
        for (pod, says) in [
            (&leader.name, r#"{"is_leader":true}"#),
            (&standby.name, r#"{"is_leader":false}"#),
        ] {
            let path = format!("/api/v1/namespaces/monitoring/pods/{pod}:8000/proxy/leader");
            let said = node.kubectl(&["get", "--raw", &path])?;
            ensure!(said.starts_with(says), "{pod}: {said}");
            let asked = format!(
                "exec {pod} -n monitoring -c klag-exporter -- curl -s localhost:8000/leader"
            );
            let (done, said) =
                node.kubectl_status_and_output(&asked.split(' ').collect::<Vec<_>>())?;
            match collector {
                CollectorImage::Slim => ensure!(said.starts_with(says), "{pod}: {said}"),
                CollectorImage::Static => ensure!(!done.success(), "a curl: {said}"),
            }
        }
        lab::say(format_args!("{collector:?}: {}", installation.never_two()?));
    }
    Ok(())
}
