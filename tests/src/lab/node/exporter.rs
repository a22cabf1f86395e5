//! klag-exporter as a user installs it: by a kustomization of the user's own, based on one in `manifests/`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::{LIMIT, Node, TAGS};
use crate::lab::closing::{self, Closing};
use crate::lab::process;
use crate::manifests;

/// The patch of a kustomization that deletes the `RoleBinding`, as if the user had forgotten it.
const UNBOUND: &str = "patches:
- target: {kind: RoleBinding}
  patch: |-
    $patch: delete
    apiVersion: rbac.authorization.k8s.io/v1
    kind: RoleBinding
    metadata: {name: klag-exporter-leader-election}
";

/// The kustomization in `manifests/` on which the user's own is based.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Overlay {
    /// The kustomization `base`, whose standbys are never ready.
    Base,
    /// The kustomization `overlays/ready-standbys`, whose standbys are ready.
    ReadyStandbys,
}

/// An image of the collector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CollectorImage {
    /// The image that has a shell and curl besides the program.
    Slim,
    /// The image with nothing but the program; available only if images were built ([`super::built_images`]).
    Static,
}

/// The choices of a user, from which the user's overlay is written.
#[derive(Clone, Debug)]
pub struct Setup {
    /// The kustomization on which the overlay is based.
    pub overlay: Overlay,
    /// The number of pods, `replicas` of the Deployment.
    pub replicas: usize,
    /// The image of the collector.
    pub collector: CollectorImage,
    /// The tag of the elector's and the collector's image, one of [`TAGS`].
    pub tag: &'static str,
    /// The address of Kafka, as `bootstrap_servers`; an installation replaces an empty one with the stand-in's.
    pub bootstrap: String,
    /// The key `poll_interval`: the time between two collections.
    pub poll_interval: Duration,
    /// The keys of `[exporter.leadership]` that are added to those of the base's configuration, with their values.
    pub leadership: BTreeMap<&'static str, u64>,
    /// The rights of the pods' service account.
    pub rights: ServiceAccountRights,
    /// The closing of the endpoints; `None` where everybody is answered. Pods are watched by the closing of the first apply, so it
    /// must not change later.
    pub closing: Option<Closing>,
}

/// The rights that a user has given to the pods' service account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceAccountRights {
    /// The rights that the manifests give.
    Bound,
    /// No rights, since the `RoleBinding` is left out.
    Forgotten,
}

// === impl Overlay ===

impl Overlay {
    /// Returns the path of the kustomization's folder in `manifests/`.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::ReadyStandbys => "overlays/ready-standbys",
        }
    }
}

// === impl CollectorImage ===

impl CollectorImage {
    /// Returns the last part of the image's name.
    fn image(self) -> &'static str {
        match self {
            Self::Slim => "klag-exporter-collector",
            Self::Static => "klag-exporter-collector-static",
        }
    }
}

// === impl Setup ===

impl Setup {
    /// Returns the setup of two pods that collect every second, with an overlay on `overlay` and the default rights and images.
    pub fn of(overlay: Overlay) -> Self {
        Self {
            overlay,
            replicas: 2,
            collector: CollectorImage::Slim,
            tag: TAGS[0],
            bootstrap: String::new(),
            poll_interval: Duration::from_secs(1),
            leadership: BTreeMap::new(),
            rights: ServiceAccountRights::Bound,
            closing: None,
        }
    }

    /// Sets the lease duration and the grace period, in seconds.
    #[must_use]
    pub fn durations(mut self, (duration, grace): (u64, u64)) -> Self {
        self.leadership.insert("lease_duration_secs", duration);
        self.leadership.insert("grace_period_secs", grace);
        self
    }

    /// Makes a leader that was asked to end go on leading for this number of seconds (`handover_delay_secs`).
    #[must_use]
    pub fn handing_over_after(mut self, seconds: u64) -> Self {
        self.leadership.insert("handover_delay_secs", seconds);
        self
    }

    /// Writes the overlay and runs `kubectl apply -k` with it in the namespace `monitoring`; returns kubectl's output.
    pub fn apply(&self, node: &Node) -> Result<String> {
        let dir = node.scratch().path().join("kustomization");
        if !dir.exists() {
            fs::create_dir_all(&dir)?;
            let mut copy = Command::new("cp");
            // Kustomize reads only files below the kustomization's own folder, so `manifests/` is copied into it.
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
        let collector = self.collector.image();
        let patches = match self.rights {
            ServiceAccountRights::Bound => "",
            ServiceAccountRights::Forgotten => UNBOUND,
        };
        let text = format!(
            "namespace: monitoring\n\
             resources: [manifests/{folder}]\n\
             configMapGenerator: [{{name: klag-exporter-config, behavior: replace, files: [config.toml]}}]\n\
             generatorOptions: {{disableNameSuffixHash: true}}\n\
             replicas: [{{name: klag-exporter, count: {replicas}}}]\n\
             images:\n\
             - {{name: ghcr.io/softwaremill/klag-exporter-elector, newTag: {tag}}}\n\
             - name: ghcr.io/softwaremill/klag-exporter-collector\n  \
               newName: ghcr.io/softwaremill/{collector}\n  \
               newTag: {tag}\n\
             {patches}{}",
            self.write_web_config(&dir)?
        );
        fs::write(dir.join("kustomization.yaml"), text)?;
        node.kubectl(&["apply", "-k", &dir.display().to_string()])
    }

    /// Writes the files that close the endpoints into `dir`. Returns the lines of the kustomization that make a Secret of these files
    /// and mount it.
    fn write_web_config(&self, dir: &Path) -> Result<String> {
        let Some(closing) = &self.closing else {
            return Ok(String::new());
        };
        let mut names = Vec::new();
        for (name, text) in closing.files() {
            fs::write(dir.join(name), text)?;
            names.push(name);
        }
        Ok(format!(
            "components: [manifests/components/web-config]\n\
             secretGenerator: [{{name: klag-exporter-web, files: [{}]}}]\n",
            names.join(", ")
        ))
    }

    /// Returns the configuration file of the base with this setup's Kafka, interval and keys of `[exporter.leadership]`.
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
        let web = match self.closing {
            Some(_) => format!(
                "[exporter.web]\nconfig_file = \"/etc/klag-exporter-web/{}\"\n",
                closing::WEB_CONFIG
            ),
            None => String::new(),
        };
        let keys = leadership
            .iter()
            .map(|(key, value)| format!("{key} = {value}\n"));
        replace(table, format!("{web}{table}{}", keys.collect::<String>()))?;
        Ok(text)
    }
}
