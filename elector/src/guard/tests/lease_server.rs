//! An API server with one Lease, which answers in the types of the guard.

use k8s_openapi::api::coordination::v1::Lease;
use serde_json::Value;

use super::fake_lease::{FakeLease, Rejection};
use crate::guard::observation::SeenLease;
use crate::guard::outcome::{Outcome, StatusSummary};
use crate::guard::record::Record;
use crate::guard::request::RequestKind;

/// An API server with one Lease, which answers without a network.
pub(super) struct LeaseServer {
    pub(super) lease: FakeLease,
}

// === impl LeaseServer ===

impl LeaseServer {
    /// Returns an API server with a Lease that nobody holds.
    pub(super) fn new() -> Self {
        let mut lease = FakeLease::absent();
        lease.apply_manifest();
        Self { lease }
    }

    /// Carries out a request of this `kind`, and returns its outcome.
    pub(super) fn serve(&mut self, kind: RequestKind, body: &Value) -> Outcome {
        outcome(match kind {
            RequestKind::Read => self.lease.get(),
            RequestKind::Create => self.lease.post(),
            RequestKind::Patch(_) => self.lease.patch(body),
            RequestKind::Other => Err(Rejection::NotFound),
        })
    }

    /// Edits fields of the spec, as a person would.
    pub(super) fn edit(&mut self, spec: &Value) {
        self.lease.edit(spec);
    }

    /// Deletes the Lease, as a person would.
    pub(super) fn delete(&mut self) {
        self.lease.delete();
    }

    /// Deletes the Lease and applies its manifest again, as a person would.
    pub(super) fn recreate(&mut self) {
        self.lease.delete();
        self.lease.apply_manifest();
    }

    /// Returns the Lease as an event of the watch would show it now.
    pub(super) fn seen(&self) -> SeenLease {
        match outcome(self.lease.get()) {
            Outcome::Lease(lease) => SeenLease::Present(Record::read(&lease).unwrap()),
            _ => SeenLease::Absent(Some(self.lease.version)),
        }
    }
}

fn outcome(result: Result<Value, Rejection>) -> Outcome {
    match result {
        Ok(lease) => {
            let lease: Lease = serde_json::from_value(lease).unwrap();
            Outcome::Lease(Box::new(lease))
        }
        Err(rejection) => Outcome::Status {
            code: rejection.code(),
            summary: StatusSummary::default(),
        },
    }
}
