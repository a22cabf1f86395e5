//! The contents of `manifests/` as other programs see them: objects as kustomize and Helm render them, the dashboard, and the
//! series in queries.

pub mod alike;
pub mod dashboard;
pub mod month;
pub mod promql;
pub mod render;
pub mod runbooks;
pub mod tools;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use serde_json::Value;

pub use render::Objects;

/// The version of Kubernetes that the chart is rendered for, as `--kube-version`. A Helm that was built without a version would
/// assume 1.20.
pub const KUBE_VERSION: &str = crate::lab::kubernetes::VERSION;

/// Returns the path of the folder `manifests/`.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../manifests")
}

/// Returns the text of a file in `manifests/`.
pub fn read(path: &str) -> Result<String> {
    let path = root().join(path);
    fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))
}

/// Returns the documents of a YAML text; empty ones are left out.
pub fn yaml(text: &str) -> Result<Vec<Value>> {
    let documents: Vec<Value> = serde_saphyr::from_multiple(text)?;
    Ok(documents.into_iter().filter(|it| !it.is_null()).collect())
}

/// Returns the only document of a YAML file in `manifests/`.
pub fn read_yaml(path: &str) -> Result<Value> {
    let documents = yaml(&read(path)?).with_context(|| path.to_owned())?;
    let [document] = <[Value; 1]>::try_from(documents)
        .map_err(|all| anyhow::anyhow!("{path} has {} documents", all.len()))?;
    Ok(document)
}
