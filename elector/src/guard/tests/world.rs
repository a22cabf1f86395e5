//! One Lease and several pods with a guard each. The tests decide when each request is sent, takes effect and is answered.

use std::time::Duration;

use http::Method;
use k8s_openapi::jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::lease_server::LeaseServer;
use crate::guard::clocks::Clocks;
use crate::guard::observation::{Continuity, SeenLease};
use crate::guard::outcome::Outcome;
use crate::guard::record::Candidate;
use crate::guard::request::RequestKind;
use crate::guard::{Guard, Refusal, SentRequest};
use crate::lease_status::{Holding, LeaseStatus};

/// The lease duration of every pod.
pub(super) const D: Duration = Duration::from_secs(15);

/// The length of a claim: the lease duration less the margin.
pub(super) const CLAIM: Duration = Duration::from_millis(14_500);

/// The API server, the pods, and the time that has passed.
pub(super) struct World {
    began: Instant,
    elapsed: Duration,
    pub(super) server: LeaseServer,
    pub(super) pods: Vec<Pod>,
}

/// A pod: its guard, its clocks, and the end of its latest claim.
pub(super) struct Pod {
    pub(super) guard: Guard,
    candidate: Candidate,
    /// The error of the monotonic clock's speed, in thousandths; positive for a fast clock.
    pub(super) drift: i32,
    /// The error of the wall clock; positive for a clock that is ahead.
    pub(super) ahead: SignedDuration,
    /// The end of the latest claim that the guard has published so far. The collector may be acting until then.
    may_act_until: Instant,
}

/// A request that the guard has admitted and that is not answered yet.
#[derive(Clone)]
pub(super) struct PendingRequest {
    pub(super) pod: usize,
    pub(super) sent: SentRequest,
    body: Value,
}

// === impl World ===

impl World {
    /// Returns a world with this number of pods, and a Lease that nobody holds.
    pub(super) fn new(pods: usize) -> Self {
        let began = Instant::now() + Duration::from_secs(3600);
        let pods = (0..pods).map(|n| Pod::new(&name(n), &format!("uid-{n}"), began));
        Self {
            began,
            elapsed: Duration::ZERO,
            server: LeaseServer::new(),
            pods: pods.collect(),
        }
    }

    /// Returns a world in which pod 0 has just acquired the Lease, and every pod has seen that.
    pub(super) fn led(pods: usize) -> Self {
        let mut world = Self::new(pods);
        world.read(0).unwrap();
        world.advance(D);
        world.acquire(0).unwrap();
        for pod in 0..pods {
            world.read(pod).unwrap();
        }
        world
    }

    pub(super) fn advance(&mut self, time: Duration) {
        self.elapsed += time;
        for pod in 0..self.pods.len() {
            let now = self.clocks(pod).monotonic;
            self.pods[pod].guard.advance(now);
            self.check(pod);
        }
    }

    /// Returns the current time on the clocks of `pod`.
    pub(super) fn clocks(&self, pod: usize) -> Clocks {
        let pod = &self.pods[pod];
        let part = self.elapsed / 1000 * pod.drift.unsigned_abs();
        let elapsed = if pod.drift < 0 {
            self.elapsed.saturating_sub(part)
        } else {
            self.elapsed + part
        };
        let noon = Timestamp::UNIX_EPOCH + 100_000.hours();
        Clocks {
            monotonic: self.began + elapsed,
            wall: noon + SignedDuration::try_from(elapsed).unwrap() + pod.ahead,
        }
    }

    // --- the three steps of a request: it is sent, takes effect, and is answered

    pub(super) fn send(
        &mut self,
        pod: usize,
        method: &Method,
        body: Value,
    ) -> Result<PendingRequest, Refusal> {
        let mut body = body;
        let kind = RequestKind::of(method, &body);
        let at = self.clocks(pod);
        let released =
            body["spec"]["holderIdentity"].is_null() && body["spec"]["acquireTime"].is_null();
        let sent = self.pods[pod].guard.admit(kind, &mut body, at)?;
        if kind.verb() == "patch" && released && body["spec"].get("holderIdentity").is_some() {
            // The leadership half asks for a release only when nobody can be acting on an earlier claim.
            self.pods[pod].may_act_until = at.monotonic;
        }
        Ok(PendingRequest { pod, sent, body })
    }

    pub(super) fn effect(&mut self, request: &PendingRequest) -> Outcome {
        self.server.serve(request.sent.kind, &request.body)
    }

    pub(super) fn answer(&mut self, request: &PendingRequest, outcome: Outcome) -> Outcome {
        let at = self.clocks(request.pod);
        let pod = &mut self.pods[request.pod];
        let shown = pod.guard.answered(&request.sent, outcome, at);
        self.check(request.pod);
        shown
    }

    // --- whole requests

    pub(super) fn kind(
        &mut self,
        pod: usize,
        method: &Method,
        body: Value,
    ) -> Result<Outcome, Refusal> {
        let request = self.send(pod, method, body)?;
        let outcome = self.effect(&request);
        Ok(self.answer(&request, outcome))
    }

    pub(super) fn read(&mut self, pod: usize) -> Result<Outcome, Refusal> {
        self.kind(pod, &Method::GET, Value::Null)
    }

    /// Returns the answer to a GET, if it can be given without sending the request.
    pub(super) fn cached_answer(&self, pod: usize) -> Option<Outcome> {
        self.pods[pod]
            .guard
            .cached_answer(RequestKind::Read, self.clocks(pod))
    }

    pub(super) fn acquire(&mut self, pod: usize) -> Result<Outcome, Refusal> {
        let body = self.acquire_body(pod);
        self.kind(pod, &Method::PATCH, body)
    }

    pub(super) fn renew(&mut self, pod: usize) -> Result<Outcome, Refusal> {
        let body = self.renew_body(pod);
        self.kind(pod, &Method::PATCH, body)
    }

    pub(super) fn release(&mut self, pod: usize) -> Result<Outcome, Refusal> {
        self.kind(pod, &Method::PATCH, release_body())
    }

    // --- the bodies that kube-lease-manager writes

    pub(super) fn acquire_body(&self, pod: usize) -> Value {
        let mut body = self.renew_body(pod);
        body["spec"]["acquireTime"] = body["spec"]["renewTime"].clone();
        body["spec"]["holderIdentity"] = json!(self.pods[pod].candidate.identity);
        body
    }

    pub(super) fn renew_body(&self, pod: usize) -> Value {
        let time = self.clocks(pod).wall.to_string();
        json!({"spec": {"renewTime": time, "leaseDurationSeconds": D.as_secs()}})
    }

    // --- events, restarts and names

    /// Shows `pod` the Lease as it is now, by a watch that began anew.
    pub(super) fn show(&mut self, pod: usize) {
        let seen = self.server.seen();
        self.event(pod, seen, Continuity::Unknown);
    }

    /// Shows `pod` the Lease as it is now, by an unbroken watch: nothing else has happened since the last event.
    pub(super) fn show_next(&mut self, pod: usize) {
        let seen = self.server.seen();
        self.event(pod, seen, Continuity::Unbroken);
    }

    pub(super) fn event(&mut self, pod: usize, seen: SeenLease, continuity: Continuity) {
        let now = self.clocks(pod).monotonic;
        self.pods[pod].guard.observe(seen, continuity, now);
        self.check(pod);
    }

    /// Restarts the elector of `pod`. The new process knows nothing of the old one, whose grants still count.
    pub(super) fn restart(&mut self, pod: usize) {
        let candidate = self.pods[pod].candidate.clone();
        self.pods[pod].guard = Guard::new(candidate);
    }

    /// Gives `pod` the identity of `other`.
    pub(super) fn rename(&mut self, pod: usize, other: usize) {
        self.pods[pod].candidate.identity = name(other);
        self.restart(pod);
    }

    // --- the state

    pub(super) fn lease_status(&self, pod: usize) -> LeaseStatus {
        self.pods[pod]
            .guard
            .lease_status(self.clocks(pod).monotonic)
    }

    pub(super) fn leads(&self, pod: usize) -> bool {
        matches!(self.lease_status(pod).holding, Holding::Held(_))
    }

    pub(super) fn term(&self, pod: usize) -> u64 {
        match self.lease_status(pod).holding {
            Holding::Held(claim) => claim.term,
            holding => panic!("pod {pod} does not lead but has {holding:?}"),
        }
    }

    /// Returns the pods whose collector may be acting now.
    pub(super) fn acting(&self) -> Vec<usize> {
        let acts = |pod: &usize| self.clocks(*pod).monotonic < self.pods[*pod].may_act_until;
        (0..self.pods.len()).filter(acts).collect()
    }

    /// Notes the claim that the guard of `pod` publishes now, and checks that at most one pod may be acting.
    fn check(&mut self, pod: usize) {
        if let Holding::Held(claim) = self.lease_status(pod).holding {
            let pod = &mut self.pods[pod];
            pod.may_act_until = pod.may_act_until.max(claim.until);
        }
        let acting = self.acting();
        assert!(acting.len() < 2, "pods {acting:?} may act at once");
    }
}

// === impl Pod ===

impl Pod {
    fn new(identity: &str, instance: &str, now: Instant) -> Self {
        let candidate = Candidate {
            identity: identity.to_owned(),
            instance: instance.to_owned(),
            lease_duration: D,
            grace_period: Duration::from_secs(5),
        };
        Self {
            guard: Guard::new(candidate.clone()),
            candidate,
            drift: 0,
            ahead: SignedDuration::ZERO,
            may_act_until: now,
        }
    }
}

pub(super) fn name(pod: usize) -> String {
    format!("pod-{pod}")
}

/// Returns the body by which kube-lease-manager gives the Lease back.
pub(super) fn release_body() -> Value {
    json!({"spec": {
        "acquireTime": null, "renewTime": null, "holderIdentity": null, "leaseDurationSeconds": null,
    }})
}

/// Returns one millisecond less than `time`.
pub(super) fn just_before(time: Duration) -> Duration {
    time.checked_sub(Duration::from_millis(1)).unwrap()
}
