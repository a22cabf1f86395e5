//! A Lease, read and edited by its administrator.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::kube::{Kube, NAMESPACE, Write};

/// A Lease by its name, whether it exists or not.
#[derive(Clone, Debug)]
pub struct Lease {
    kube: Kube,
    name: String,
}

/// The contents of the Lease in the API server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// `spec.holderIdentity`, empty if there is none.
    pub holder: String,
    /// `spec.leaseDurationSeconds`
    pub duration_secs: i64,
    /// `spec.renewTime` as a text, empty if there is none.
    pub renewed: String,
    /// `spec.leaseTransitions`
    pub transitions: i64,
    /// `metadata.resourceVersion`
    pub resource_version: u64,
    /// `metadata.annotations`
    pub annotations: Value,
    /// The number of entries in `metadata.managedFields`.
    pub managers: usize,
}

// === impl Lease ===

impl Lease {
    /// The Lease of this name.
    pub fn of(kube: &Kube, name: &str) -> Self {
        let kube = kube.clone();
        let name = name.to_owned();
        Self { kube, name }
    }

    /// The name of the Lease.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The contents of the Lease; `None` if it does not exist.
    pub fn read(&self) -> Result<Option<Record>> {
        let object = self.kube.read(&self.path())?;
        object.as_ref().map(record).transpose()
    }

    /// Creates the Lease as a released one, so that a pod need not wait for anybody.
    pub fn ship(&self) -> Result<()> {
        self.make(&json!({"leaseDurationSeconds": 1}))
    }

    /// Creates the Lease with an empty `spec`, as a manifest may.
    pub fn ship_empty(&self) -> Result<()> {
        self.make(&json!({}))
    }

    /// Changes the `spec`; null removes a field.
    pub fn edit(&self, spec: &Value) -> Result<()> {
        let body = json!({"spec": spec});
        self.kube.write(Write::Merge, &self.path(), &body)?;
        Ok(())
    }

    /// Deletes the Lease.
    pub fn delete(&self) -> Result<()> {
        self.kube.delete(&self.path())
    }

    fn make(&self, spec: &Value) -> Result<()> {
        let body = json!({"metadata": {"name": self.name}, "spec": spec});
        self.kube.write(Write::Create, &leases(), &body)?;
        Ok(())
    }

    fn path(&self) -> String {
        format!("{}/{}", leases(), self.name)
    }
}

fn leases() -> String {
    format!("/apis/coordination.k8s.io/v1/namespaces/{NAMESPACE}/leases")
}

fn record(object: &Value) -> Result<Record> {
    let (metadata, spec) = (&object["metadata"], &object["spec"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&metadata["resourceVersion"]);
    Ok(Record {
        holder: text(&spec["holderIdentity"]),
        duration_secs: spec["leaseDurationSeconds"].as_i64().unwrap_or_default(),
        renewed: text(&spec["renewTime"]),
        transitions: spec["leaseTransitions"].as_i64().unwrap_or_default(),
        resource_version: version.parse().context("no resourceVersion")?,
        annotations: metadata["annotations"].clone(),
        managers: metadata["managedFields"].as_array().map_or(0, Vec::len),
    })
}
