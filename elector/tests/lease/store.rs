//! The state of the fake API server: its Lease, the events of its watch, and its current fault.

use axum::body::Body;
use axum::response::Response;
use http::StatusCode;
use serde_json::{Value, json};

use crate::api_server::Fault;
use crate::fake_lease::{FakeLease, Rejection};

/// The Lease, the events, the fault and the requests of the fake API server.
#[derive(Clone, Debug)]
pub struct Store {
    pub lease: FakeLease,
    /// Every event of the watch so far, with its version.
    pub events: Vec<(u64, Value)>,
    pub fault: Fault,
    /// The verbs of the requests since `FakeApiServer::take_asked` was called last.
    pub asked: Vec<&'static str>,
}

/// The kind of a PATCH: a merge patch, a server-side apply, or a forced server-side apply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Merge,
    Apply,
    Forced,
}

// === impl Store ===

impl Store {
    pub const fn new() -> Self {
        Self {
            lease: FakeLease::absent(),
            events: Vec::new(),
            fault: Fault::None,
            asked: Vec::new(),
        }
    }

    pub fn get(&self) -> Response {
        response(self.lease.get())
    }

    pub fn post(&mut self) -> Response {
        response(self.change(FakeLease::post))
    }

    pub fn patch(&mut self, patch: &Value, mode: Mode) -> Response {
        if mode == Mode::Apply && self.conflicts_with(patch) {
            return status(409, "conflicts with another manager");
        }
        response(self.change(|lease| lease.patch(patch)))
    }

    /// Changes the Lease, and adds the event of the change.
    pub fn change<T>(&mut self, change: impl FnOnce(&mut FakeLease) -> T) -> T {
        let before = self.lease.clone();
        let result = change(&mut self.lease);
        let version = self.lease.version;
        if version == before.version {
            return result;
        }
        let (kind, object) = match (before.object, &self.lease.object) {
            (None, None) => return result,
            (None, Some(object)) => ("ADDED", object.clone()),
            (Some(_), Some(object)) => ("MODIFIED", object.clone()),
            (Some(mut last), None) => {
                last["metadata"]["resourceVersion"] = json!(version.to_string());
                ("DELETED", last)
            }
        };
        let event = json!({"type": kind, "object": object});
        self.events.push((version, event));
        result
    }

    /// Returns true if server-side apply would refuse `patch`. This store does not record which field manager wrote which
    /// field, so every field that is set counts as another manager's.
    fn conflicts_with(&self, patch: &Value) -> bool {
        let Some(lease) = &self.lease.object else {
            return false;
        };
        let taken = |(key, value): (&String, &Value)| {
            let present = &lease["spec"][key];
            !present.is_null() && present != value
        };
        patch["spec"].as_object().unwrap().iter().any(taken)
    }
}

fn response(result: Result<Value, Rejection>) -> Response {
    match result {
        Ok(lease) => json_of(200, &lease),
        Err(rejection) => {
            let message = match rejection {
                Rejection::NotFound => "not found",
                Rejection::AlreadyExists => "already exists",
                Rejection::Conflict => "the object has been modified",
            };
            status(rejection.code(), message)
        }
    }
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
