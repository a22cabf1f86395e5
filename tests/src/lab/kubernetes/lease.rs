//! A Lease, read and edited by the administrator, as a user does with kubectl.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::kube::{Kube, NAMESPACE, Write};

/// A handle on a Lease in [`NAMESPACE`], by its name. The Lease need not exist.
#[derive(Clone, Debug)]
pub struct Lease {
    kube: Kube,
    name: String,
}

/// The contents of a Lease as the API server has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRecord {
    /// The field `spec.holderIdentity`; empty if it is absent.
    pub holder: String,
    /// The field `spec.leaseDurationSeconds`; 0 if it is absent.
    pub duration_secs: i64,
    /// The text of the field `spec.renewTime`; empty if it is absent.
    pub renewed: String,
    /// The field `spec.leaseTransitions`; 0 if it is absent.
    pub transitions: i64,
    /// The field `metadata.resourceVersion`, which every write changes.
    pub resource_version: u64,
    /// The field `metadata.annotations`; null if it is absent.
    pub annotations: Value,
    /// The number of entries in `metadata.managedFields`, one for each field manager, operation and API version.
    pub managers: usize,
}

// === impl Lease ===

impl Lease {
    /// Returns a handle on the Lease of this name, without any request.
    pub fn of(kube: &Kube, name: &str) -> Self {
        let kube = kube.clone();
        let name = name.to_owned();
        Self { kube, name }
    }

    /// Returns the name of the Lease.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the Lease; returns `None` if it does not exist.
    pub fn read(&self) -> Result<Option<LeaseRecord>> {
        let object = self.kube.read(&self.path())?;
        object.as_ref().map(record).transpose()
    }

    /// Creates the Lease without a holder and with a duration of one second, so a pod that wants it need not wait.
    pub fn create_released(&self) -> Result<()> {
        self.make(&json!({"leaseDurationSeconds": 1}))
    }

    /// Creates the Lease with an empty `spec`, as a user's manifest may.
    pub fn create_empty(&self) -> Result<()> {
        self.make(&json!({}))
    }

    /// Merges `spec` into the Lease's `spec`; null removes a field.
    pub fn edit(&self, spec: &Value) -> Result<()> {
        let body = json!({"spec": spec});
        self.kube.write(Write::Merge, &self.path(), &body)?;
        Ok(())
    }

    /// Deletes the Lease; an error if it does not exist.
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

fn record(object: &Value) -> Result<LeaseRecord> {
    let (metadata, spec) = (&object["metadata"], &object["spec"]);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let version = text(&metadata["resourceVersion"]);
    Ok(LeaseRecord {
        holder: text(&spec["holderIdentity"]),
        duration_secs: spec["leaseDurationSeconds"].as_i64().unwrap_or_default(),
        renewed: text(&spec["renewTime"]),
        transitions: spec["leaseTransitions"].as_i64().unwrap_or_default(),
        resource_version: version.parse().context("no resourceVersion")?,
        annotations: metadata["annotations"].clone(),
        managers: metadata["managedFields"].as_array().map_or(0, Vec::len),
    })
}
