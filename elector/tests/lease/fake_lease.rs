//! One Lease as an API server keeps it: versions, preconditions and merge patches. The tests of the guard and those of the lease
//! half share it.

use serde_json::{Value, json};

/// The name of the Lease in all tests.
pub(crate) const NAME: &str = "klag-exporter";

/// One Lease, or its absence, with the version of the last change.
#[derive(Clone, Debug)]
pub(crate) struct FakeLease {
    /// The resourceVersion of the last change.
    pub(crate) version: u64,
    /// The object, as the API server would return it.
    pub(crate) object: Option<Value>,
}

/// The reason why the API server rejects a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Rejection {
    NotFound,
    AlreadyExists,
    Conflict,
}

// === impl FakeLease ===

impl FakeLease {
    /// Returns the state without a Lease, at version 100.
    pub(crate) const fn absent() -> Self {
        Self {
            version: 100,
            object: None,
        }
    }

    /// Answers a GET of the Lease.
    pub(crate) fn get(&self) -> Result<Value, Rejection> {
        self.object.clone().ok_or(Rejection::NotFound)
    }

    /// Answers a POST of an empty Lease.
    pub(crate) fn post(&mut self) -> Result<Value, Rejection> {
        if self.object.is_some() {
            return Err(Rejection::AlreadyExists);
        }
        self.apply_manifest();
        self.get()
    }

    /// Answers a PATCH. A resourceVersion in the patch is a precondition.
    pub(crate) fn patch(&mut self, patch: &Value) -> Result<Value, Rejection> {
        let lease = self.get()?;
        let condition = &patch["metadata"]["resourceVersion"];
        if !condition.is_null() && *condition != lease["metadata"]["resourceVersion"] {
            return Err(Rejection::Conflict);
        }
        self.merge(patch);
        self.get()
    }

    /// Edits fields of the spec, as a person would.
    pub(crate) fn edit(&mut self, spec: &Value) {
        self.merge(&json!({ "spec": spec }));
    }

    /// Deletes the Lease, as a person would.
    pub(crate) fn delete(&mut self) {
        self.version += 1;
        self.object = None;
    }

    /// Applies the manifest of a Lease that nobody holds, as a person would.
    pub(crate) fn apply_manifest(&mut self) {
        self.put(json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": NAME, "namespace": "default"}, "spec": {},
        }));
    }

    /// Merges `patch`. A patch that changes nothing makes no new version.
    fn merge(&mut self, patch: &Value) {
        let Some(lease) = &self.object else {
            return;
        };
        let mut after = lease.clone();
        merge(&mut after["spec"], &patch["spec"]);
        merge(
            &mut after["metadata"]["annotations"],
            &patch["metadata"]["annotations"],
        );
        if after != *lease {
            self.put(after);
        }
    }

    fn put(&mut self, object: Value) {
        self.version += 1;
        let mut object = object;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        }
        self.object = Some(object);
    }
}

fn merge(into: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        return;
    };
    if into.is_null() {
        *into = json!({});
    }
    let into = into.as_object_mut().unwrap();
    for (key, value) in patch {
        if value.is_null() {
            into.remove(key);
        } else {
            into.insert(key.clone(), value.clone());
        }
    }
}

// === impl Rejection ===

impl Rejection {
    /// Returns the HTTP status of the rejection.
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Conflict => 409,
        }
    }
}
