//! Rights of a service account on Leases, as rules of a Role.

use serde_json::{Value, json};

/// The rules of a Role about Leases.
#[derive(Clone, Debug)]
pub struct Rights(Vec<Value>);

// === impl Rights ===

impl Rights {
    /// Returns the rights of the manifests: everything that the elector needs on the Lease of this name, and `create`, which cannot
    /// be limited to a name.
    pub fn on(lease: &str) -> Self {
        let mut rights = Self::on_shipped(lease);
        rights.0.push(rule(&["create"], &[]));
        rights
    }

    /// Returns the rights of the manifests without `create`, which suffice if somebody else creates the Lease.
    pub fn on_shipped(lease: &str) -> Self {
        Self::named(lease, &["get", "patch", "list", "watch"])
    }

    /// Returns the right to these verbs on the Lease of this name.
    pub fn named(lease: &str, verbs: &[&str]) -> Self {
        Self(vec![rule(verbs, &[lease])])
    }

    /// Returns the right to these verbs on all Leases of the namespace.
    pub fn any(verbs: &[&str]) -> Self {
        Self(vec![rule(verbs, &[])])
    }

    /// Returns an empty set of rights.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    pub(super) fn rules(&self) -> Value {
        Value::Array(self.0.clone())
    }
}

fn rule(verbs: &[&str], names: &[&str]) -> Value {
    json!({
        "apiGroups": ["coordination.k8s.io"], "resources": ["leases"], "verbs": verbs, "resourceNames": names,
    })
}
