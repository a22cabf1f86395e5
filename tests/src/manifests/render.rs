//! Objects as kustomize and Helm render them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use k8s_openapi::ByteString;
use serde_json::Value;

use super::{KUBE_VERSION, root, tools, yaml};
use crate::lab::host::TempDir;

/// Objects that a tool has rendered.
#[derive(Clone, Debug)]
pub struct Objects {
    /// The text as it was rendered, to be applied.
    pub text: String,
    /// The objects by kind and name.
    pub by_name: BTreeMap<(String, String), Value>,
}

/// Returns the objects that `kubectl apply -k` would apply for a folder of `manifests/`.
pub fn kustomization(folder: &str) -> Result<Objects> {
    let dir = root().join(folder);
    Objects::parse(tools::kubectl(&["kustomize", &dir.display().to_string()])?)
        .with_context(|| folder.to_owned())
}

/// Returns the objects of a folder with components, as in a user's own kustomization.
pub fn composition(folder: &str, components: &[&str]) -> Result<Objects> {
    customized(folder, components, "")
}

/// Returns the objects of a folder with components and more fields of the kustomization, as YAML.
pub fn customized(folder: &str, components: &[&str], fields: &str) -> Result<Objects> {
    let scratch = TempDir::new("kustomization")?;
    let there = relative(&fs::canonicalize(scratch.path())?, &root().canonicalize()?);
    let mut text = format!("resources: [{there}/{folder}]\ncomponents:\n");
    for component in components {
        writeln!(text, "  - {there}/components/{component}")?;
    }
    text.push_str(fields);
    scratch.write("kustomization.yaml", text)?;
    let dir = scratch.path().display().to_string();
    Objects::parse(tools::kubectl(&["kustomize", &dir])?)
}

/// Returns the objects that `helm install klag-exporter --namespace monitoring` with these arguments would apply.
pub fn chart(args: &[&str]) -> Result<Objects> {
    let dir = root().join("helm/klag-exporter").display().to_string();
    let fixed = [
        "template",
        "klag-exporter",
        &dir,
        "--namespace",
        "monitoring",
        "--kube-version",
        KUBE_VERSION,
    ];
    let args: Vec<&str> = fixed.iter().chain(args).copied().collect();
    Objects::parse(tools::run("helm", &args)?)
}

/// Returns the relative path from one folder to another, neither of which has links or dots in its path. Kustomize takes only
/// relative paths.
fn relative(from: &Path, to: &Path) -> String {
    let up = from.components().skip(1).map(|_| "..");
    let down = to.components().skip(1);
    let down = down.map(|part| part.as_os_str().to_str().unwrap_or_default());
    up.chain(down).collect::<Vec<_>>().join("/")
}

// === impl Objects ===

impl Objects {
    fn parse(text: String) -> Result<Self> {
        let mut by_name = BTreeMap::new();
        for object in yaml(&text).with_context(|| text.clone())? {
            let word = |pointer| {
                let found = object.pointer(pointer).and_then(Value::as_str);
                found.map(str::to_owned).with_context(|| text.clone())
            };
            let key = (word("/kind")?, word("/metadata/name")?);
            let namespace = word("/metadata/namespace")?;
            ensure!(namespace == "monitoring", "{key:?} is in {namespace}");
            let before = by_name.insert(key.clone(), object);
            ensure!(before.is_none(), "{key:?} is there twice");
        }
        Ok(Self { text, by_name })
    }

    /// Returns an object; fails if there is no such object.
    pub fn get(&self, kind: &str, name: &str) -> Result<&Value> {
        let found = self.by_name.get(&(kind.to_owned(), name.to_owned()));
        found.with_context(|| format!("no {kind} {name} among {:?}", self.by_name.keys()))
    }

    /// Returns the part of an object at a JSON pointer; fails if the object or the part is absent.
    pub fn at(&self, kind: &str, name: &str, pointer: &str) -> Result<&Value> {
        let part = self.get(kind, name)?.pointer(pointer);
        part.with_context(|| format!("{kind} {name} has no {pointer}"))
    }

    /// Returns the collector's configuration: from the `Secret` if there is one, else from the `ConfigMap` of both containers.
    pub fn collectors_config(&self) -> Result<String> {
        let Ok(secret) = self.at("Secret", "klag-exporter-config", "/data/config.toml") else {
            return Ok(self.config()?.to_owned());
        };
        let ByteString(bytes) = serde_json::from_value(secret.clone())?;
        Ok(String::from_utf8(bytes)?)
    }

    /// Returns the configuration in the `ConfigMap`.
    pub fn config(&self) -> Result<&str> {
        let text = self.at("ConfigMap", "klag-exporter-config", "/data/config.toml")?;
        text.as_str().context("the configuration is no text")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_leads_up_to_the_root_and_down_again() {
        let way = relative(Path::new("/tmp/a"), Path::new("/home/me/manifests"));
        assert_eq!(way, "../../home/me/manifests");
    }
}
