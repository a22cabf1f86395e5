//! The state of the stand-in for the Kubernetes API: one Lease with its versions and events. The module does no I/O and reads no
//! clock.

use std::collections::VecDeque;

use serde_json::{Value, json};

/// The number of events that are kept for watchers that come back.
const KEPT: usize = 100;

/// One Lease, which may exist or not, with its last changes.
#[derive(Debug)]
pub(super) struct Store {
    name: String,
    namespace: String,
    version: u64,
    lease: Option<Value>,
    /// The last changes, each with the version it made; no version is left out.
    events: VecDeque<(u64, Value)>,
}

/// A kind of patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patch {
    /// Values are set and nulls remove, as a strategic merge, a merge and a forced apply do to a Lease.
    Merge,
    /// Values are set and nulls remove, but the patch is refused if a field of the spec has another value already.
    Apply,
}

/// The reason for which a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    NotFound,
    AlreadyExists,
    Conflict,
    OtherName,
}

/// The message that a watch sends next to a watcher which has seen everything up to some version.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Next {
    /// The event, with the version that it made.
    Event(u64, Value),
    /// The version is too old for the store; this event tells the watcher so.
    Expired(Value),
}

// === impl Store ===

impl Store {
    /// Returns a store without a Lease.
    pub(super) fn empty(namespace: &str, name: &str) -> Self {
        Self {
            name: name.to_owned(),
            namespace: namespace.to_owned(),
            version: 100,
            lease: None,
            events: VecDeque::new(),
        }
    }

    /// Returns the version that the last change made, 100 before the first change.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn read(&self, name: &str) -> Result<Value, Refusal> {
        let lease = self.lease.as_ref().filter(|_| name == self.name);
        lease.cloned().ok_or(Refusal::NotFound)
    }

    pub(super) fn list(&self) -> Value {
        json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "LeaseList",
            "metadata": {"resourceVersion": self.version.to_string()},
            "items": self.lease.iter().collect::<Vec<_>>(),
        })
    }

    /// Returns the first event after the version `seen`, or says that this event is no longer kept. At least one event must have
    /// followed `seen`.
    pub(super) fn after(&self, seen: u64) -> Next {
        let next = self.events.iter().find(|(version, _)| *version > seen);
        match next {
            Some((version, event)) if *version == seen + 1 => Next::Event(*version, event.clone()),
            _ => Next::Expired(json!({"type": "ERROR", "object": {
                "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
                "message": format!("too old resource version: {seen} ({})", self.version),
                "reason": "Expired", "code": 410,
            }})),
        }
    }

    pub(super) fn create(&mut self, object: &Value) -> Result<Value, Refusal> {
        if object["metadata"]["name"] != json!(self.name) {
            return Err(Refusal::OtherName);
        }
        if self.lease.is_some() {
            return Err(Refusal::AlreadyExists);
        }
        let mut lease = json!({
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": self.name, "namespace": self.namespace, "uid": "1"}, "spec": {},
        });
        merge(&mut lease["spec"], &object["spec"]);
        Ok(self.put("ADDED", lease))
    }

    pub(super) fn patch(
        &mut self,
        name: &str,
        object: &Value,
        how: Patch,
    ) -> Result<Value, Refusal> {
        let before = self.read(name)?;
        let condition = &object["metadata"]["resourceVersion"];
        if !condition.is_null() && *condition != before["metadata"]["resourceVersion"] {
            return Err(Refusal::Conflict);
        }
        let differs = |(key, value): (&String, &Value)| {
            let present = &before["spec"][key];
            !present.is_null() && present != value
        };
        let spec = object["spec"].as_object();
        if how == Patch::Apply && spec.into_iter().flatten().any(differs) {
            return Err(Refusal::Conflict);
        }
        let mut after = before.clone();
        merge(&mut after["spec"], &object["spec"]);
        let annotations = &object["metadata"]["annotations"];
        if !annotations.is_null() {
            merge(&mut after["metadata"]["annotations"], annotations);
        }
        // A patch that changes nothing makes no new version, as on the API server.
        if after == before {
            return Ok(before);
        }
        Ok(self.put("MODIFIED", after))
    }

    fn put(&mut self, kind: &str, mut lease: Value) -> Value {
        self.version += 1;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        let event = json!({"type": kind, "object": lease});
        self.events.push_back((self.version, event));
        if self.events.len() > KEPT {
            self.events.pop_front();
        }
        self.lease = Some(lease.clone());
        lease
    }
}

fn merge(into: &mut Value, patch: &Value) {
    if into.is_null() {
        *into = json!({});
    }
    let (Some(into), Some(patch)) = (into.as_object_mut(), patch.as_object()) else {
        return;
    };
    for (key, value) in patch {
        if value.is_null() {
            into.remove(key);
        } else {
            into.insert(key.clone(), value.clone());
        }
    }
}

// === impl Refusal ===

impl Refusal {
    /// Returns the status code of the answer.
    pub(super) fn code(self) -> u16 {
        match self {
            Self::NotFound => 404,
            Self::AlreadyExists | Self::Conflict => 409,
            Self::OtherName => 422,
        }
    }

    /// Returns the body of the answer, a Kubernetes `Status`.
    pub(super) fn status(self) -> Value {
        let (reason, message) = match self {
            Self::NotFound => ("NotFound", "there is no such Lease"),
            Self::AlreadyExists => ("AlreadyExists", "there is such a Lease"),
            Self::Conflict => ("Conflict", "the Lease has been modified"),
            Self::OtherName => ("Invalid", "the stand-in knows a Lease of one name"),
        };
        json!({
            "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": self.code(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_lease() -> Store {
        let mut store = Store::empty("lab", "x");
        store.create(&json!({"metadata": {"name": "x"}})).unwrap();
        store
    }

    fn holder(name: &str) -> Value {
        json!({"spec": {"holderIdentity": name}})
    }

    #[test]
    fn a_write_that_builds_on_another_version_conflicts() {
        let mut store = with_lease();
        let mut patch = holder("pod-a");
        patch["metadata"] = json!({"resourceVersion": "101"});
        assert!(store.patch("x", &patch, Patch::Merge).is_ok());
        let again = store.patch("x", &patch, Patch::Merge);
        assert_eq!(again, Err(Refusal::Conflict));
    }

    #[test]
    fn an_apply_conflicts_with_what_is_there_unless_it_is_forced() {
        let mut store = with_lease();
        assert!(store.patch("x", &holder("pod-a"), Patch::Apply).is_ok());
        let other = holder("pod-b");
        let refused = store.patch("x", &other, Patch::Apply);
        assert_eq!(refused, Err(Refusal::Conflict));
        assert!(store.patch("x", &other, Patch::Merge).is_ok());
    }

    #[test]
    fn null_removes_and_no_change_is_no_version() {
        let mut store = with_lease();
        let nobody = json!({"spec": {"holderIdentity": null}});
        store.patch("x", &holder("pod-a"), Patch::Merge).unwrap();
        let freed = store.patch("x", &nobody, Patch::Merge).unwrap();
        assert_eq!(freed["spec"], json!({}));
        assert_eq!(freed["metadata"]["resourceVersion"], "103");
        assert_eq!(store.patch("x", &nobody, Patch::Merge), Ok(freed));
    }

    #[test]
    fn a_watch_gets_every_version_or_hears_that_it_is_too_late() {
        let mut store = with_lease();
        for n in 0..KEPT {
            store
                .patch("x", &holder(&format!("pod-{n}")), Patch::Merge)
                .unwrap();
        }
        assert!(matches!(store.after(100), Next::Expired(_)));
        let Next::Event(102, event) = store.after(101) else {
            panic!("not the next version");
        };
        assert_eq!(event["object"]["spec"], holder("pod-0")["spec"]);
    }

    #[test]
    fn a_lease_is_made_once_and_under_its_name() {
        let mut store = with_lease();
        let made = |name: &str| json!({"metadata": {"name": name}});
        assert_eq!(store.create(&made("x")), Err(Refusal::AlreadyExists));
        assert_eq!(store.create(&made("y")), Err(Refusal::OtherName));
        assert_eq!(store.read("y"), Err(Refusal::NotFound));
    }
}
