//! Random schedules: whatever is sent, lost, late, edited or restarted, no two pods may act at once.

use std::mem;
use std::time::Duration;

use http::Method;
use k8s_openapi::jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::world::{InFlight, World, name, release_body};
use crate::guard::observation::{Continuity, SeenLease};
use crate::guard::outcome::Outcome;

#[derive(Clone, Debug)]
enum Step {
    Pass(u64),
    /// A pod sends something, whatever it has been shown.
    Send(usize, What),
    /// A request on its way takes effect.
    Effect(usize),
    /// The answer that waits longest at a pod arrives.
    Answer(usize),
    /// A pod gives up on its request, which may still take effect.
    GiveUp(usize),
    /// The watch shows a pod the oldest thing that it has not seen, or it skips that.
    Show(usize),
    Skip(usize),
    Restart(usize),
    Clock(usize, i64),
    Edit(Edit),
}

#[derive(Clone, Copy, Debug)]
enum What {
    Read,
    Create,
    Acquire,
    Renew,
    Release,
}

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

/// A world with everything that is under way in it.
struct Play {
    world: World,
    /// What each pod waits for, with the answer once there is one.
    waiting: Vec<Option<(InFlight, Option<Outcome>)>>,
    /// Writes that nobody waits for any more.
    orphans: Vec<InFlight>,
    /// What the watch has not shown each pod yet.
    events: Vec<Vec<SeenLease>>,
    /// What the next thing is to the last one that it has shown.
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

    fn send(&mut self, pod: usize, what: What) {
        if self.waiting[pod].is_some() {
            return;
        }
        let world = &mut self.world;
        let (method, body) = match what {
            What::Read => (Method::GET, Value::Null),
            What::Create => (Method::POST, json!({})),
            What::Acquire => (Method::PATCH, world.acquire_body(pod)),
            What::Renew => (Method::PATCH, world.renew_body(pod)),
            What::Release => (Method::PATCH, release_body()),
        };
        if let What::Release = what {
            world.pods[pod].guard.begin_release();
        }
        self.waiting[pod] = world.send(pod, &method, body).ok().map(|sent| (sent, None));
    }

    fn effect(&mut self, pod: usize) {
        // Orphans land before what is waited for, or never.
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

    /// Does something to the Lease, and has the watch of every pod know.
    fn changing<T>(&mut self, change: impl FnOnce(&mut World) -> T) -> T {
        let before = self.world.api_server.lease.object.clone();
        let result = change(&mut self.world);
        if self.world.api_server.lease.object != before {
            let seen = self.world.api_server.seen();
            self.events
                .iter_mut()
                .for_each(|events| events.push(seen.clone()));
        }
        result
    }
}

fn edit_by_hand(world: &mut World, edit: Edit) {
    match edit {
        Edit::Null => world.api_server.edit(&json!({"holderIdentity": null})),
        Edit::Delete => world.api_server.delete(),
        Edit::Recreate => world.api_server.recreate(),
        Edit::Name(pod) => world.api_server.edit(&json!({"holderIdentity": name(pod)})),
        Edit::Stranger => world
            .api_server
            .edit(&json!({"holderIdentity": "stranger"})),
        // One is the mark of a release only where there is no holder.
        Edit::Shorten => world.api_server.edit(&json!({"leaseDurationSeconds": 3})),
        Edit::Lengthen => world.api_server.edit(&json!({"leaseDurationSeconds": 60})),
    }
}

const PODS: usize = 3;

fn step() -> impl Strategy<Value = Step> {
    let pod = 0..PODS;
    let what = prop_oneof![
        6 => Just(What::Read),
        1 => Just(What::Create),
        4 => Just(What::Acquire),
        4 => Just(What::Renew),
        1 => Just(What::Release),
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
    // PROPTEST_CASES sets four times as many.
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
    fn one_identity_in_two_pods_is_never_two_leaders(
        steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut play = Play::new(PODS, &[0; PODS]);
        play.world.rename(1, 0);
        for step in &steps {
            play.step(step);
        }
    }
}
