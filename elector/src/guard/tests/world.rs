//! One Lease, several guards, and everything between them as late as one likes.

use std::time::Duration;

use http::Method;
use k8s_openapi::jiff::{SignedDuration, Timestamp, ToSpan as _};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::register::Register;
use crate::guard::ask::Ask;
use crate::guard::observation::{Link, Seen};
use crate::guard::record::Candidate;
use crate::guard::{Guard, Moment, Refusal, Reply, Sent};
use crate::standing::{Standing, Tenure};

pub(super) const D: Duration = Duration::from_secs(15);

/// What a claim is good for: a duration less the margin.
pub(super) const CLAIM: Duration = Duration::from_millis(14_500);

/// The API server, the pods, and how much time has passed.
pub(super) struct World {
    began: Instant,
    elapsed: Duration,
    pub(super) register: Register,
    pub(super) pods: Vec<Pod>,
}

/// One pod: its guard, its clocks, and until when its collector may act on what the guard has said so far.
pub(super) struct Pod {
    pub(super) guard: Guard,
    candidate: Candidate,
    /// How much faster its monotonic clock runs, in a thousandth.
    pub(super) drift: i32,
    /// How far its wall clock is ahead.
    pub(super) ahead: SignedDuration,
    may_act_until: Instant,
}

/// A request on its way to the API server.
#[derive(Clone)]
pub(super) struct Packet {
    pub(super) pod: usize,
    pub(super) sent: Sent,
    body: Value,
}

// === impl World ===

impl World {
    /// As many pods, and a Lease that nobody holds.
    pub(super) fn new(pods: usize) -> Self {
        let began = Instant::now() + Duration::from_secs(3600);
        let pods = (0..pods).map(|n| Pod::new(&name(n), &format!("uid-{n}"), began));
        Self {
            began,
            elapsed: Duration::ZERO,
            register: Register::new(),
            pods: pods.collect(),
        }
    }

    /// The same, with the Lease held by pod 0 since now, and seen by all.
    pub(super) fn led(pods: usize) -> Self {
        let mut world = Self::new(pods);
        world.read(0).unwrap();
        world.pass(D);
        world.acquire(0).unwrap();
        for pod in 0..pods {
            world.read(pod).unwrap();
        }
        world
    }

    pub(super) fn pass(&mut self, time: Duration) {
        self.elapsed += time;
        for pod in 0..self.pods.len() {
            let now = self.at(pod).now;
            self.pods[pod].guard.look(now);
            self.check(pod);
        }
    }

    /// Now, on the clocks of `pod`.
    pub(super) fn at(&self, pod: usize) -> Moment {
        let pod = &self.pods[pod];
        let part = self.elapsed / 1000 * pod.drift.unsigned_abs();
        let elapsed = if pod.drift < 0 {
            self.elapsed.saturating_sub(part)
        } else {
            self.elapsed + part
        };
        let noon = Timestamp::UNIX_EPOCH + 100_000.hours();
        Moment {
            now: self.began + elapsed,
            wall: noon + SignedDuration::try_from(elapsed).unwrap() + pod.ahead,
        }
    }

    // --- one request in three steps: sent, taking effect, answered

    pub(super) fn send(
        &mut self,
        pod: usize,
        method: &Method,
        body: Value,
    ) -> Result<Packet, Refusal> {
        let mut body = body;
        let ask = Ask::of(method, &body);
        let at = self.at(pod);
        let released =
            body["spec"]["holderIdentity"].is_null() && body["spec"]["acquireTime"].is_null();
        let sent = self.pods[pod].guard.admit(ask, &mut body, at)?;
        if ask.verb() == "patch" && released && body["spec"].get("holderIdentity").is_some() {
            // A release is asked for only when nobody acts on an earlier claim.
            self.pods[pod].may_act_until = at.now;
        }
        Ok(Packet { pod, sent, body })
    }

    pub(super) fn effect(&mut self, packet: &Packet) -> Reply {
        self.register.serve(packet.sent.ask, &packet.body)
    }

    pub(super) fn answer(&mut self, packet: &Packet, reply: Reply) -> Reply {
        let at = self.at(packet.pod);
        let pod = &mut self.pods[packet.pod];
        let shown = pod.guard.answered(&packet.sent, reply, at);
        self.check(packet.pod);
        shown
    }

    // --- the same at once

    pub(super) fn ask(
        &mut self,
        pod: usize,
        method: &Method,
        body: Value,
    ) -> Result<Reply, Refusal> {
        let packet = self.send(pod, method, body)?;
        let reply = self.effect(&packet);
        Ok(self.answer(&packet, reply))
    }

    pub(super) fn read(&mut self, pod: usize) -> Result<Reply, Refusal> {
        self.ask(pod, &Method::GET, Value::Null)
    }

    /// The answer to a GET that need not be sent.
    pub(super) fn recall(&self, pod: usize) -> Option<Reply> {
        self.pods[pod].guard.recall(Ask::Read, self.at(pod))
    }

    pub(super) fn acquire(&mut self, pod: usize) -> Result<Reply, Refusal> {
        let body = self.acquisition(pod);
        self.ask(pod, &Method::PATCH, body)
    }

    pub(super) fn renew(&mut self, pod: usize) -> Result<Reply, Refusal> {
        let body = self.renewal(pod);
        self.ask(pod, &Method::PATCH, body)
    }

    pub(super) fn release(&mut self, pod: usize) -> Result<Reply, Refusal> {
        self.ask(pod, &Method::PATCH, relinquishment())
    }

    // --- what kube-lease-manager writes

    pub(super) fn acquisition(&self, pod: usize) -> Value {
        let mut body = self.renewal(pod);
        body["spec"]["acquireTime"] = body["spec"]["renewTime"].clone();
        body["spec"]["holderIdentity"] = json!(self.pods[pod].candidate.identity);
        body
    }

    pub(super) fn renewal(&self, pod: usize) -> Value {
        let stamp = self.at(pod).wall.to_string();
        json!({"spec": {"renewTime": stamp, "leaseDurationSeconds": D.as_secs()}})
    }

    // --- what others do

    /// The watch shows `pod` how things are now.
    pub(super) fn show(&mut self, pod: usize) {
        let seen = self.register.seen();
        self.event(pod, seen, Link::Anew);
    }

    /// The watch shows `pod` how things are now, and nothing else happened since it last did.
    pub(super) fn show_next(&mut self, pod: usize) {
        let seen = self.register.seen();
        self.event(pod, seen, Link::Next);
    }

    pub(super) fn event(&mut self, pod: usize, seen: Seen, link: Link) {
        let now = self.at(pod).now;
        self.pods[pod].guard.saw(seen, link, now);
        self.check(pod);
    }

    /// The elector of `pod` is started again: what it knew is gone, what it granted is not.
    pub(super) fn restart(&mut self, pod: usize) {
        let candidate = self.pods[pod].candidate.clone();
        self.pods[pod].guard = Guard::new(candidate);
    }

    /// `pod` takes the identity of `other`.
    pub(super) fn rename(&mut self, pod: usize, other: usize) {
        self.pods[pod].candidate.identity = name(other);
        self.restart(pod);
    }

    // --- what is true

    pub(super) fn standing(&self, pod: usize) -> Standing {
        self.pods[pod].guard.standing(self.at(pod).now)
    }

    pub(super) fn leads(&self, pod: usize) -> bool {
        matches!(self.standing(pod).tenure, Tenure::Held(_))
    }

    pub(super) fn term(&self, pod: usize) -> u64 {
        match self.standing(pod).tenure {
            Tenure::Held(claim) => claim.term,
            tenure => panic!("pod {pod} does not lead but has {tenure:?}"),
        }
    }

    /// How many pods may be acting now, on what they were told earlier or now.
    pub(super) fn acting(&self) -> Vec<usize> {
        let acts = |pod: &usize| self.at(*pod).now < self.pods[*pod].may_act_until;
        (0..self.pods.len()).filter(acts).collect()
    }

    /// What the guard of `pod` says now is noted as said.
    fn check(&mut self, pod: usize) {
        if let Tenure::Held(claim) = self.standing(pod).tenure {
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

/// What kube-lease-manager writes to give the Lease back.
pub(super) fn relinquishment() -> Value {
    json!({"spec": {
        "acquireTime": null, "renewTime": null, "holderIdentity": null, "leaseDurationSeconds": null,
    }})
}

/// One millisecond less than `time`.
pub(super) fn just_before(time: Duration) -> Duration {
    time.checked_sub(Duration::from_millis(1)).unwrap()
}
