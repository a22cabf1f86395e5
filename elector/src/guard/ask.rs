//! What kube-lease-manager asks of the API server, told apart by method and body, and what is added to it on the way.

use http::Method;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::record::{Candidate, INSTANCE, RELEASED};

/// A request about the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Ask {
    /// GET.
    Read,
    /// POST of an empty Lease.
    Create,
    /// PATCH.
    Write(Write),
    /// Nothing that kube-lease-manager is known to send.
    Other,
}

/// A PATCH of the Lease.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    /// Puts a holder in, by server-side apply.
    Acquire,
    /// Moves the renew time.
    Renew,
    /// Takes the holder out.
    Release,
    /// Counts the transition; follows an acquisition.
    Transitions,
}

// === impl Ask ===

impl Ask {
    /// What a request of this `method` and `body` is. Other paths than the Lease's are not asked about here.
    pub(crate) fn of(method: &Method, body: &Value) -> Self {
        match *method {
            Method::GET => Self::Read,
            Method::POST => Self::Create,
            Method::PATCH => Write::of(body).map_or(Self::Other, Self::Write),
            _ => Self::Other,
        }
    }

    /// The verb that a Role has to allow for it.
    pub(crate) const fn verb(self) -> &'static str {
        match self {
            Self::Read => "get",
            Self::Create => "create",
            Self::Write(_) => "patch",
            Self::Other => "other",
        }
    }
}

// === impl Write ===

impl Write {
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

    /// Whether its success is a claim.
    pub(crate) const fn claims(self) -> bool {
        matches!(self, Self::Acquire | Self::Renew)
    }

    /// Makes `body` conditional on `version`, signs it, and marks a release as one.
    pub(crate) fn seal(self, body: &mut Value, version: u64, candidate: &Candidate) {
        let signature = match self {
            Self::Acquire | Self::Renew => Some(json!(candidate.instance)),
            Self::Release => Some(Value::Null),
            Self::Transitions => None,
        };
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if let Some(signature) = signature {
            metadata["annotations"] = json!({ INSTANCE: signature });
        }
        // kube-lease-manager sends no metadata that could be lost here.
        body["metadata"] = metadata;
        if self == Self::Release {
            body["spec"]["leaseDurationSeconds"] = json!(RELEASED.as_secs());
        }
    }
}

/// The holder's wall clock in `body`, as kube-lease-manager stamped it.
pub(crate) fn renew_time(body: &Value) -> Option<Timestamp> {
    body.get("spec")?.get("renewTime")?.as_str()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn candidate() -> Candidate {
        Candidate {
            identity: "pod-a".to_owned(),
            instance: "uid-a".to_owned(),
            lease_duration: Duration::from_secs(15),
            grace_period: Duration::from_secs(5),
        }
    }

    #[test]
    fn the_patches_of_the_manager_are_told_apart() {
        let of = |spec: Value| Ask::of(&Method::PATCH, &json!({ "spec": spec }));
        let renew = json!({"renewTime": "2026-01-01T00:00:00.000000Z", "leaseDurationSeconds": 15});
        let mut acquire = renew.clone();
        acquire["holderIdentity"] = json!("pod-a");
        let mut release = renew.clone();
        release["holderIdentity"] = Value::Null;
        assert_eq!(of(renew), Ask::Write(Write::Renew));
        assert_eq!(of(acquire), Ask::Write(Write::Acquire));
        assert_eq!(of(release), Ask::Write(Write::Release));
        let transitions = json!({"leaseTransitions": 3});
        assert_eq!(of(transitions), Ask::Write(Write::Transitions));
    }

    #[test]
    fn what_the_manager_never_sends_is_none_of_them() {
        for body in [
            json!({"spec": {"holderIdentity": 1}}),
            json!({"spec": {"strategy": "x"}}),
            json!({"spec": null}),
            json!([]),
        ] {
            assert_eq!(Ask::of(&Method::PATCH, &body), Ask::Other, "{body}");
        }
        assert_eq!(Ask::of(&Method::DELETE, &Value::Null), Ask::Other);
    }

    #[test]
    fn an_acquisition_is_conditional_and_signed() {
        let mut body = json!({"spec": {"holderIdentity": "pod-a"}});
        Write::Acquire.seal(&mut body, 7, &candidate());
        let metadata = json!({"resourceVersion": "7", "annotations": {INSTANCE: "uid-a"}});
        assert_eq!(body["metadata"], metadata);
    }

    #[test]
    fn a_release_is_marked_and_takes_the_signature_out() {
        let mut body = json!({"spec": {"holderIdentity": null, "leaseDurationSeconds": null}});
        Write::Release.seal(&mut body, 7, &candidate());
        let spec = json!({"holderIdentity": null, "leaseDurationSeconds": 1});
        assert_eq!(body["spec"], spec);
        let metadata = json!({"resourceVersion": "7", "annotations": {INSTANCE: null}});
        assert_eq!(body["metadata"], metadata);
    }

    #[test]
    fn counting_a_transition_touches_no_annotation() {
        let mut body = json!({"spec": {"leaseTransitions": 3}});
        Write::Transitions.seal(&mut body, 7, &candidate());
        assert_eq!(body["metadata"], json!({"resourceVersion": "7"}));
    }
}
