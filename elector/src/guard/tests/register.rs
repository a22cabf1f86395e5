//! The Lease as the API server keeps it: versions, preconditions, and what people do to it.

use k8s_openapi::api::coordination::v1::Lease;
use serde_json::{Value, json};

use crate::guard::Reply;
use crate::guard::ask::Ask;
use crate::guard::observation::Seen;
use crate::guard::record::{INSTANCE, Record};
use crate::guard::troubles::Said;

/// One Lease.
pub(super) struct Register {
    version: u64,
    pub(super) lease: Option<Value>,
}

// === impl Register ===

impl Register {
    /// A Lease that nobody holds.
    pub(super) fn new() -> Self {
        let mut register = Self {
            version: 100,
            lease: None,
        };
        register.put(json!({"metadata": {}, "spec": {}}));
        register
    }

    pub(super) fn serve(&mut self, ask: Ask, body: &Value) -> Reply {
        let code = |code| Reply::Status {
            code,
            said: Said::default(),
        };
        match (ask, self.lease.clone()) {
            (Ask::Read, Some(_)) => self.present(),
            (Ask::Create, None) => {
                self.put(json!({"metadata": {}, "spec": {}}));
                self.present()
            }
            (Ask::Create, Some(_)) => code(409),
            (Ask::Write(_), Some(lease)) => {
                let condition = &body["metadata"]["resourceVersion"];
                if !condition.is_null() && *condition != lease["metadata"]["resourceVersion"] {
                    return code(409);
                }
                self.merge(body);
                self.present()
            }
            (_, _) => code(404),
        }
    }

    /// A person edits the spec.
    pub(super) fn edit(&mut self, spec: &Value) {
        if self.lease.is_some() {
            self.merge(&json!({ "spec": spec }));
        }
    }

    /// A person deletes the Lease.
    pub(super) fn delete(&mut self) {
        self.version += 1;
        self.lease = None;
    }

    /// A person applies a manifest.
    pub(super) fn recreate(&mut self) {
        self.delete();
        self.put(json!({"metadata": {}, "spec": {}}));
    }

    /// What an event of now would show.
    pub(super) fn seen(&self) -> Seen {
        match self.present() {
            Reply::Lease(lease) => Seen::Present(Record::read(&lease).unwrap()),
            _ => Seen::Absent(Some(self.version)),
        }
    }

    fn present(&self) -> Reply {
        match &self.lease {
            Some(lease) => {
                let lease: Lease = serde_json::from_value(lease.clone()).unwrap();
                Reply::Lease(Box::new(lease))
            }
            None => Reply::Status {
                code: 404,
                said: Said::default(),
            },
        }
    }

    fn put(&mut self, lease: Value) {
        self.version += 1;
        let mut lease = lease;
        lease["metadata"]["resourceVersion"] = json!(self.version.to_string());
        if lease["metadata"]["uid"].is_null() {
            lease["metadata"]["uid"] = json!(format!("lease-{}", self.version));
        }
        lease["apiVersion"] = json!("coordination.k8s.io/v1");
        lease["kind"] = json!("Lease");
        self.lease = Some(lease);
    }

    /// Applies a patch; one that changes nothing makes no new version.
    fn merge(&mut self, patch: &Value) {
        let Some(lease) = self.lease.clone() else {
            return;
        };
        let mut after = lease.clone();
        for (key, value) in patch["spec"].as_object().unwrap() {
            after["spec"][key] = value.clone();
        }
        if let Some(signature) = patch["metadata"]["annotations"].get(INSTANCE) {
            after["metadata"]["annotations"] = if signature.is_null() {
                Value::Null
            } else {
                json!({ INSTANCE: signature })
            };
        }
        if after != lease {
            self.put(after);
        }
    }
}
