//! klag-exporter as a user has it: a kustomization of their own upon one of `manifests/`.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{LIMIT, Node, TAGS};
use crate::lab::process;
use crate::manifests;

/// Which of the kustomizations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// Standbys are never ready.
    Base,
    /// Standbys are ready.
    ReadyStandbys,
}

/// What a user has written.
#[derive(Clone, Debug)]
pub struct Setup {
    /// What it is made from.
    pub overlay: Overlay,
    /// How many pods.
    pub replicas: usize,
    /// Which version of the images.
    pub tag: &'static str,
    /// Where Kafka is.
    pub bootstrap: String,
    /// `poll_interval`
    pub poll_interval: Duration,
    /// Further lines of `[exporter.leadership]`.
    pub leadership: String,
}

// === impl Overlay ===

impl Overlay {
    /// Its folder in `manifests/`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::ReadyStandbys => "overlays/ready-standbys",
        }
    }
}

// === impl Setup ===

impl Setup {
    /// Two pods that collect every second.
    pub fn of(overlay: Overlay) -> Self {
        Self {
            overlay,
            replicas: 2,
            tag: TAGS[0],
            bootstrap: String::new(),
            poll_interval: Duration::from_secs(1),
            leadership: String::new(),
        }
    }

    /// Takes this many seconds for the Lease and to renew it.
    #[must_use]
    pub fn durations(mut self, (duration, grace): (u64, u64)) -> Self {
        self.leadership +=
            &format!("lease_duration_secs = {duration}\ngrace_period_secs = {grace}\n");
        self
    }

    /// `kubectl apply -k`, in the namespace `monitoring`; what it printed.
    pub fn apply(&self, node: &Node) -> Result<String> {
        let dir = node.scratch().path().join("kustomization");
        if !dir.exists() {
            fs::create_dir_all(&dir)?;
            let mut copy = Command::new("cp");
            // Kustomize takes nothing but what is beside it.
            copy.arg("-rL").arg(manifests::root());
            process::run(
                {
                    copy.arg(dir.join("manifests"));
                    copy
                },
                LIMIT,
            )?;
        }
        fs::write(dir.join("config.toml"), self.config()?)?;
        let (folder, replicas, tag) = (self.overlay.folder(), self.replicas, self.tag);
        let text = format!(
            "namespace: monitoring\n\
             resources: [manifests/{folder}]\n\
             configMapGenerator: [{{name: klag-exporter-config, behavior: replace, files: [config.toml]}}]\n\
             generatorOptions: {{disableNameSuffixHash: true}}\n\
             replicas: [{{name: klag-exporter, count: {replicas}}}]\n\
             images:\n\
             - {{name: ghcr.io/softwaremill/klag-exporter-elector, newTag: {tag}}}\n\
             - {{name: ghcr.io/softwaremill/klag-exporter-collector, newTag: {tag}}}\n"
        );
        fs::write(dir.join("kustomization.yaml"), text)?;
        node.kubectl(&["apply", "-k", &dir.display().to_string()])
    }

    /// That of the base, with what a user has to change.
    fn config(&self) -> Result<String> {
        let mut text = manifests::read("base/config.toml")?;
        let mut replace = |old: &str, new: String| {
            ensure!(
                text.matches(old).count() == 1,
                "not once in the base: {old}"
            );
            text = text.replace(old, &new);
            Ok(())
        };
        let Self {
            bootstrap,
            leadership,
            ..
        } = self;
        replace("kafka.kafka.svc.cluster.local:9092", bootstrap.clone())?;
        replace(
            r#""30s""#,
            format!("\"{}ms\"", self.poll_interval.as_millis()),
        )?;
        let table = "[exporter.leadership]\n";
        replace(table, format!("{table}{leadership}"))?;
        Ok(text)
    }
}
