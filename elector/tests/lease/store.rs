//! The one Lease, its versions, and the events that tell of them.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api::{Fault, NAME};

/// What it knows, and how it behaves.
#[derive(Clone, Debug, Default)]
pub struct Store {
    pub version: u64,
    pub lease: Option<Value>,
    pub events: Vec<(u64, Value)>,
    pub fault: Fault,
    /// What was asked, by verb.
    pub asked: Vec<&'static str>,
}

/// What kind of PATCH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Merge,
    Apply,
    Forced,
}

// === impl Store ===

impl Store {
    pub fn put(&mut self, lease: Option<&Value>) {
        self.version += 1;
        let version = json!(self.version.to_string());
        let (kind, object) = match (self.lease.take(), lease) {
            (None, None) => return,
            (None, Some(lease)) => ("ADDED", lease.clone()),
            (Some(_), Some(lease)) => ("MODIFIED", lease.clone()),
            (Some(last), None) => ("DELETED", last),
        };
        let mut object = object;
        object["metadata"]["resourceVersion"] = version;
        if object["metadata"]["uid"].is_null() {
            object["metadata"]["uid"] = json!(format!("uid-{}", self.version));
        }
        let event = json!({"type": kind, "object": object});
        self.events.push((self.version, event));
        self.lease = lease.is_some().then_some(object);
    }

    pub fn present(&self) -> Response {
        match &self.lease {
            Some(lease) => json_of(200, lease),
            None => status(404, "not found"),
        }
    }

    pub fn create(&mut self) -> Response {
        if self.lease.is_some() {
            return status(409, "already exists");
        }
        self.put(Some(&empty()));
        self.present()
    }

    pub fn patch(&mut self, patch: &Value, mode: Mode) -> Response {
        let Some(lease) = &self.lease else {
            return status(404, "not found");
        };
        let condition = &patch["metadata"]["resourceVersion"];
        if !condition.is_null() && *condition != lease["metadata"]["resourceVersion"] {
            return status(409, "the object has been modified");
        }
        // Who wrote what is not kept: everything that is there is somebody else's.
        let taken = |(key, value): (&String, &Value)| {
            let present = &lease["spec"][key];
            !present.is_null() && present != value
        };
        if mode == Mode::Apply && patch["spec"].as_object().unwrap().iter().any(taken) {
            return status(409, "conflicts with another manager");
        }
        self.merge(patch);
        self.present()
    }

    /// Merges `patch` in; one that changes nothing makes no new version.
    pub fn merge(&mut self, patch: &Value) {
        let Some(lease) = &self.lease else {
            return;
        };
        let mut after = lease.clone();
        merge(&mut after["spec"], &patch["spec"]);
        merge(
            &mut after["metadata"]["annotations"],
            &patch["metadata"]["annotations"],
        );
        if after != *lease {
            self.put(Some(&after));
        }
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

pub fn empty() -> Value {
    json!({
        "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
        "metadata": {"name": NAME, "namespace": "default"}, "spec": {},
    })
}

pub fn status(code: u16, message: &str) -> Response {
    let reason = match (code, message) {
        (409, "already exists") => "AlreadyExists",
        (409, _) => "Conflict",
        (403, _) => "Forbidden",
        (404, _) => "NotFound",
        _ => "InternalError",
    };
    let status = json!({
        "apiVersion": "v1", "kind": "Status", "metadata": {}, "status": "Failure",
        "message": message, "reason": reason, "code": code,
    });
    json_of(code, &status)
}

pub fn json_of(code: u16, value: &Value) -> Response {
    let mut response = Response::new(Body::from(value.to_string()));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert("content-type", json);
    response
}
