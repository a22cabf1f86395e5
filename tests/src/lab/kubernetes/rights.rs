//! Rights of a service account on Leases.

use serde_json::{Value, json};

/// Rules of a Role.
#[derive(Clone, Debug)]
pub struct Rights(Vec<Value>);

// === impl Rights ===

impl Rights {
    /// The rights of the manifests: everything the elector needs on the Lease of this name, and `create`, which cannot be
    /// limited to a name.
    pub fn on(lease: &str) -> Self {
        let mut rights = Self::on_shipped(lease);
        rights.0.push(rule(&["create"], &[]));
        rights
    }

    /// The same rights without `create`, for a Lease that somebody else creates.
    pub fn on_shipped(lease: &str) -> Self {
        Self::named(lease, &["get", "patch", "list", "watch"])
    }

    /// The right to these verbs on the Lease of this name.
    pub fn named(lease: &str, verbs: &[&str]) -> Self {
        Self(vec![rule(verbs, &[lease])])
    }

    /// The right to these verbs on all Leases.
    pub fn any(verbs: &[&str]) -> Self {
        Self(vec![rule(verbs, &[])])
    }

    /// No rights.
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
