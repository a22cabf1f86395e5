//! The requests of kube-lease-manager: told apart by method and body, and completed by what the guard adds to a PATCH.

use http::Method;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::record::{Candidate, INSTANCE_ANNOTATION, RELEASED_DURATION};

/// The kind of a request about the Lease, told by method and body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RequestKind {
    /// GET of the Lease.
    Read,
    /// POST of an empty Lease.
    Create,
    /// PATCH of the Lease.
    Patch(Patch),
    /// A request that kube-lease-manager is not known to send.
    Other,
}

/// The kind of a PATCH of the Lease, told by the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Patch {
    /// Writes the holder and both times, by server-side apply.
    Acquire,
    /// Sets a new renew time.
    Renew,
    /// Removes the holder from the Lease.
    Release,
    /// Writes the number of changes of the holder; follows an acquisition.
    Transitions,
}

// === impl RequestKind ===

impl RequestKind {
    /// Returns the kind of a request to the path of the Lease, with this `method` and `body`.
    pub fn of(method: &Method, body: &Value) -> Self {
        match *method {
            Method::GET => Self::Read,
            Method::POST => Self::Create,
            Method::PATCH => Patch::of(body).map_or(Self::Other, Self::Patch),
            _ => Self::Other,
        }
    }

    /// Returns the RBAC verb that a Role has to allow for this request, or `other` for a request of unknown kind. The verb is
    /// also a label of the metrics about requests.
    pub const fn verb(self) -> &'static str {
        match self {
            Self::Read => "get",
            Self::Create => "create",
            Self::Patch(_) => "patch",
            Self::Other => "other",
        }
    }

    /// Returns the HTTP status by which kube-lease-manager is told of a conflict. kube-lease-manager panics at a 409 in the
    /// answer to a release, so a release is answered 412.
    pub const fn conflict_code(self) -> u16 {
        match self {
            Self::Patch(Patch::Release) => 412,
            _ => 409,
        }
    }
}

// === impl Patch ===

impl Patch {
    fn of(body: &Value) -> Option<Self> {
        let spec = body.get("spec")?.as_object()?;
        match spec.get("holderIdentity") {
            Some(Value::String(_)) => Some(Self::Acquire),
            Some(Value::Null) => Some(Self::Release),
            None if spec.contains_key("renewTime") => Some(Self::Renew),
            None if spec.contains_key("leaseTransitions") => Some(Self::Transitions),
            _ => None,
        }
    }

    /// Returns true if a success of this write begins or extends a claim.
    pub const fn makes_claim(self) -> bool {
        matches!(self, Self::Acquire | Self::Renew)
    }

    /// Makes `body` conditional on `version`, signs it with the instance of `candidate`, and marks a release.
    pub fn prepare(self, body: &mut Value, version: u64, candidate: &Candidate) {
        let instance = match self {
            Self::Acquire | Self::Renew => Some(json!(candidate.instance)),
            Self::Release => Some(Value::Null),
            Self::Transitions => None,
        };
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if let Some(instance) = instance {
            metadata["annotations"] = json!({ INSTANCE_ANNOTATION: instance });
        }
        // kube-lease-manager sends no metadata of its own, so nothing is overwritten.
        body["metadata"] = metadata;
        if self == Self::Release {
            body["spec"]["leaseDurationSeconds"] = json!(RELEASED_DURATION.as_secs());
        }
    }
}

/// Returns the renew time in `body`: the wall clock at the moment when kube-lease-manager made the request.
pub fn renew_time(body: &Value) -> Option<Timestamp> {
    body.get("spec")?.get("renewTime")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::tests::candidate;

    #[test]
    fn the_patches_of_kube_lease_manager_are_told_apart() {
        let of = |spec: Value| RequestKind::of(&Method::PATCH, &json!({ "spec": spec }));
        let renew = json!({"renewTime": "2026-01-01T00:00:00.000000Z", "leaseDurationSeconds": 15});
        let mut acquire = renew.clone();
        acquire["holderIdentity"] = json!("pod-a");
        let mut release = renew.clone();
        release["holderIdentity"] = Value::Null;
        assert_eq!(of(renew), RequestKind::Patch(Patch::Renew));
        assert_eq!(of(acquire), RequestKind::Patch(Patch::Acquire));
        assert_eq!(of(release), RequestKind::Patch(Patch::Release));
        let transitions = json!({"leaseTransitions": 3});
        assert_eq!(of(transitions), RequestKind::Patch(Patch::Transitions));
    }

    #[test]
    fn a_request_that_kube_lease_manager_never_sends_is_of_kind_other() {
        for body in [
            json!({"spec": {"holderIdentity": 1}}),
            json!({"spec": {"strategy": "x"}}),
            json!({"spec": null}),
            json!([]),
        ] {
            assert_eq!(
                RequestKind::of(&Method::PATCH, &body),
                RequestKind::Other,
                "{body}"
            );
        }
        assert_eq!(
            RequestKind::of(&Method::DELETE, &Value::Null),
            RequestKind::Other
        );
    }

    #[test]
    fn an_acquisition_is_conditional_and_signed() {
        let mut body = json!({"spec": {"holderIdentity": "pod-a"}});
        Patch::Acquire.prepare(&mut body, 7, &candidate());
        let metadata =
            json!({"resourceVersion": "7", "annotations": {INSTANCE_ANNOTATION: "uid-a"}});
        assert_eq!(body["metadata"], metadata);
    }

    #[test]
    fn a_release_is_marked_and_removes_the_instance() {
        let mut body = json!({"spec": {"holderIdentity": null, "leaseDurationSeconds": null}});
        Patch::Release.prepare(&mut body, 7, &candidate());
        let spec = json!({"holderIdentity": null, "leaseDurationSeconds": 1});
        assert_eq!(body["spec"], spec);
        let metadata = json!({"resourceVersion": "7", "annotations": {INSTANCE_ANNOTATION: null}});
        assert_eq!(body["metadata"], metadata);
    }

    #[test]
    fn counting_a_transition_changes_no_annotation() {
        let mut body = json!({"spec": {"leaseTransitions": 3}});
        Patch::Transitions.prepare(&mut body, 7, &candidate());
        assert_eq!(body["metadata"], json!({"resourceVersion": "7"}));
    }
}
