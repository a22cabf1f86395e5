//! Random schedules of requests, losses, delays, edits, restarts and clock changes. No two pods may act at once in any of them.

use std::mem;
use std::time::Duration;

use http::Method;
use k8s_openapi::jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{PendingRequest, World, name, release_body};
use crate::guard::observation::{Continuity, SeenLease};
use crate::guard::outcome::Outcome;

#[derive(Clone, Debug)]
enum Step {
    /// So many milliseconds pass.
    Pass(u64),
    /// A pod sends a request, even one that kube-lease-manager would not send now.
    Send(usize, Send),
    /// A request of a pod takes effect at the API server.
    Effect(usize),
    /// The answer to the request of a pod arrives.
    Answer(usize),
    /// A pod gives its request up. The request may still take effect later.
    GiveUp(usize),
    /// The watch of a pod shows the oldest event that the pod has not seen.
    Show(usize),
    /// The watch of a pod loses the oldest event that the pod has not seen.
    Skip(usize),
    /// The elector of a pod is restarted.
    Restart(usize),
    /// The wall clock of a pod is set to be ahead by so many seconds.
    Clock(usize, i64),
    /// A person edits the Lease.
    Edit(Edit),
}

/// The kind of request that a pod sends.
#[derive(Clone, Copy, Debug)]
enum Send {
    Read,
    Create,
    Acquire,
    Renew,
    Release,
}

/// The kind of edit that a person makes.
#[derive(Clone, Copy, Debug)]
enum Edit {
    Null,
    Delete,
    Recreate,
    Name(usize),
    Stranger,
    Shorten,
    Lengthen,
}

/// A world, and the requests and events in it that have not arrived yet.
struct Play {
    world: World,
    /// The request that each pod waits for, with its answer once it has taken effect.
    waiting: Vec<Option<(PendingRequest, Option<Outcome>)>>,
    /// Requests that were given up and may still take effect.
    orphans: Vec<PendingRequest>,
    /// The events that the watch has not shown each pod yet.
    events: Vec<Vec<SeenLease>>,
    /// The continuity of the next event for each pod.
    continuity: Vec<Continuity>,
}

impl Play {
    fn new(pods: usize, drifts: &[i32]) -> Self {
        let mut world = World::led(pods);
        for (pod, drift) in world.pods.iter_mut().zip(drifts) {
            pod.drift = *drift;
        }
        Self {
            world,
            waiting: (0..pods).map(|_| None).collect(),
            orphans: Vec::new(),
            events: vec![Vec::new(); pods],
            continuity: vec![Continuity::Unknown; pods],
        }
    }

    fn step(&mut self, step: &Step) {
        match *step {
            Step::Pass(ms) => self.world.advance(Duration::from_millis(ms)),
            Step::Send(pod, what) => self.send(pod, what),
            Step::Effect(pod) => self.effect(pod),
            Step::Answer(pod) => self.answer(pod),
            Step::GiveUp(pod) => self.give_up(pod),
            Step::Show(pod) if !self.events[pod].is_empty() => {
                let event = self.events[pod].remove(0);
                let continuity = mem::replace(&mut self.continuity[pod], Continuity::Unbroken);
                self.world.event(pod, event, continuity);
            }
            Step::Skip(pod) if !self.events[pod].is_empty() => {
                self.events[pod].remove(0);
                self.continuity[pod] = Continuity::Unknown;
            }
            Step::Show(_) | Step::Skip(_) => {}
            Step::Restart(pod) => {
                self.give_up(pod);
                self.world.restart(pod);
                self.continuity[pod] = Continuity::Unknown;
            }
            Step::Clock(pod, seconds) => {
                self.world.pods[pod].ahead = SignedDuration::from_secs(seconds);
            }
            Step::Edit(edit) => self.changing(|world| edit_by_hand(world, edit)),
        }
    }

    fn send(&mut self, pod: usize, what: Send) {
        if self.waiting[pod].is_some() {
            return;
        }
        let world = &mut self.world;
        let (method, body) = match what {
            Send::Read => (Method::GET, Value::Null),
            Send::Create => (Method::POST, json!({})),
            Send::Acquire => (Method::PATCH, world.acquire_body(pod)),
            Send::Renew => (Method::PATCH, world.renew_body(pod)),
            Send::Release => (Method::PATCH, release_body()),
        };
        if let Send::Release = what {
            world.pods[pod].guard.begin_release();
        }
        self.waiting[pod] = world.send(pod, &method, body).ok().map(|sent| (sent, None));
    }

    fn effect(&mut self, pod: usize) {
        // A request that was given up takes effect before the current one, or never.
        if let Some(orphan) = self.orphans.iter().position(|request| request.pod == pod) {
            let orphan = self.orphans.remove(orphan);
            self.changing(|world| world.effect(&orphan));
        } else if let Some((request, None)) = self.waiting[pod].clone() {
            let outcome = self.changing(|world| world.effect(&request));
            self.waiting[pod] = Some((request, Some(outcome)));
        }
    }

    fn answer(&mut self, pod: usize) {
        if let Some((request, Some(outcome))) =
            self.waiting[pod].take_if(|(_, outcome)| outcome.is_some())
        {
            self.world.answer(&request, outcome);
            self.world.pods[pod].guard.end_release();
        }
    }

    fn give_up(&mut self, pod: usize) {
        if let Some((request, outcome)) = self.waiting[pod].take() {
            self.world.answer(&request, Outcome::TimedOut);
            self.world.pods[pod].guard.end_release();
            if outcome.is_none() {
                self.orphans.push(request);
            }
        }
    }

    /// Carries out `change`, and adds an event for the watch of every pod if it changed the Lease.
    fn changing<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        let before = self.world.server.lease.object.clone();
        let result = change(&mut self.world);
        if self.world.server.lease.object != before {
            let seen = self.world.server.seen();
            self.events
                .iter_mut()
                .for_each(|events| events.push(seen.clone()));
        }
        result
    }
}

fn edit_by_hand(world: &mut World, edit: Edit) {
    match edit {
        Edit::Null => world.server.edit(&json!({"holderIdentity": null})),
        Edit::Delete => world.server.delete(),
        Edit::Recreate => world.server.recreate(),
        Edit::Name(pod) => world.server.edit(&json!({"holderIdentity": name(pod)})),
        Edit::Stranger => world.server.edit(&json!({"holderIdentity": "stranger"})),
        // The duration is not 1 s, which would mark a release.
        Edit::Shorten => world.server.edit(&json!({"leaseDurationSeconds": 3})),
        Edit::Lengthen => world.server.edit(&json!({"leaseDurationSeconds": 60})),
    }
}

const PODS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    let pod = 0..PODS;
    let what = prop_oneof![
        6 => Just(Send::Read),
        1 => Just(Send::Create),
        4 => Just(Send::Acquire),
        4 => Just(Send::Renew),
        1 => Just(Send::Release),
    ];
    let edit = prop_oneof![
        Just(Edit::Null),
        Just(Edit::Delete),
        Just(Edit::Recreate),
        (0..PODS).prop_map(Edit::Name),
        Just(Edit::Stranger),
        Just(Edit::Shorten),
        Just(Edit::Lengthen),
    ];
    prop_oneof![
        6 => prop_oneof![0_u64..300, 0_u64..6000, 14_000_u64..16_000].prop_map(Step::Pass),
        12 => (pod.clone(), what).prop_map(|(pod, what)| Step::Send(pod, what)),
        12 => pod.clone().prop_map(Step::Effect),
        12 => pod.clone().prop_map(Step::Answer),
        2 => pod.clone().prop_map(Step::GiveUp),
        8 => pod.clone().prop_map(Step::Show),
        2 => pod.clone().prop_map(Step::Skip),
        1 => pod.clone().prop_map(Step::Restart),
        1 => (pod, -3600_i64..3600).prop_map(|(pod, seconds)| Step::Clock(pod, seconds)),
        2 => edit.prop_map(Step::Edit),
    ]
}

proptest! {
    // Each case is long, so a quarter of the usual number is run. PROPTEST_CASES sets the usual number.
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 4))]

    #[test]
    fn no_two_pods_may_act_at_once(
        drifts in proptest::array::uniform3(-10..=10_i32),
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut play = Play::new(PODS, &drifts);
        for step in &steps {
            play.step(step);
        }
    }

    #[test]
    fn two_pods_of_one_identity_never_act_at_once(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut play = Play::new(PODS, &[0; PODS]);
        play.world.rename(1, 0);
        for step in &steps {
            play.step(step);
        }
    }
}
