use std::time::Duration;

use super::*;
use crate::gate::hold::Hold;
use crate::telemetry::Telemetry;

/// A keeper, and what is seen of its work.
struct World {
    keeper: Gatekeeper,
    gate: watch::Receiver<Gate>,
    counter: IntCounterVec,
    start: Instant,
}

fn world(holds: Vec<watch::Receiver<Clients>>) -> World {
    let counter = Telemetry::new().unwrap().transitions();
    let start = Instant::now();
    let (keeper, gate) = Gatekeeper::new(holds, counter.clone(), start);
    World {
        keeper,
        gate,
        counter,
        start,
    }
}

// === impl World ===

impl World {
    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    /// Grants at this second for so many more.
    fn grant(&mut self, (second, secs): (u64, u64), term: u64) -> Opened {
        let until = Until::At(self.at(second + secs));
        self.keeper.open(until, term, self.at(second))
    }

    fn close(&mut self, second: u64, reason: Reason) {
        self.keeper.close(reason, self.at(second));
    }

    fn opening(&self, second: u64) -> Option<u64> {
        let permit = self.keeper.gate().permit(self.at(second)).ok();
        permit.map(|permit| permit.opening)
    }

    /// The transitions so far as `to reason count`.
    fn transitions(&self) -> Vec<String> {
        let mut seen = Vec::new();
        for (to, reason) in transition_labels() {
            let n = self.counter.with_label_values(&[to, reason]).get();
            if n > 0 {
                seen.push(format!("{to} {reason} {n}"));
            }
        }
        seen
    }
}

#[test]
fn an_extension_is_no_transition_and_a_higher_term_without_a_gap_is_none_either() {
    let mut world = world(Vec::new());
    world.grant((0, 5), 1);
    world.grant((4, 5), 1);
    world.grant((8, 5), 2);
    assert_eq!(world.opening(12), Some(1));
    assert_eq!(world.keeper.gate().permit(world.at(12)).unwrap().term, 2);
    assert_eq!(world.transitions(), ["leader granted 1"]);
}

#[test]
fn a_gap_between_two_grants_is_two_transitions_and_another_opening() {
    let mut world = world(Vec::new());
    world.grant((0, 5), 1);
    world.grant((5, 5), 1);
    assert_eq!(world.opening(5), Some(2));
    assert_eq!(
        world.transitions(),
        ["leader granted 2", "standby expired 1"]
    );
}

#[test]
fn a_deadline_that_passed_is_counted_once_and_as_such() {
    let mut world = world(Vec::new());
    world.grant((0, 5), 1);
    world.close(6, Reason::Standby);
    world.close(7, Reason::Standby);
    assert_eq!(
        world.transitions(),
        ["leader granted 1", "standby expired 1"]
    );
    assert_eq!(
        world.keeper.gate().permit(world.at(7)),
        Err(Reason::Standby)
    );
}

#[test]
fn a_grant_that_is_over_when_it_arrives_opens_nothing() {
    let mut world = world(Vec::new());
    assert_eq!(world.grant((3, 0), 1), Opened::Late);
    assert_eq!(world.transitions(), Vec::<String>::new());
}

#[test]
fn the_gate_does_not_open_anew_before_the_clients_of_the_last_time_are_gone() {
    let (hold, clients) = Hold::new();
    let mut world = world(vec![clients]);
    assert_eq!(world.grant((0, 5), 1), Opened::Yes);
    let held = hold.take(&world.gate);
    assert_eq!(world.grant((1, 5), 1), Opened::Yes, "an extension");
    world.close(2, Reason::Standby);
    assert_eq!(world.grant((2, 5), 1), Opened::Held);
    assert_eq!(
        (world.opening(2), world.keeper.word()),
        (None, ReportedGate::Open)
    );
    assert_eq!(world.keeper.closing_since(world.at(3)), Some(world.at(2)));
    drop(held);
    assert_eq!(world.keeper.closing_since(world.at(3)), None);
    assert_eq!(world.grant((3, 5), 1), Opened::Yes);
    assert_eq!(world.opening(3), Some(2));
}

#[test]
fn a_gate_that_was_opened_too_often_waits_before_it_opens_and_never_before_it_closes() {
    let mut world = world(Vec::new());
    for second in 0..6 {
        assert_eq!(world.grant((second, 5), 1), Opened::Yes);
        world.close(second, Reason::Standby);
    }
    assert_eq!(world.grant((5, 5), 1), Opened::HeldOff);
    let seen = |world: &World, second| world.keeper.gate().permit(world.at(second)).err();
    assert_eq!(seen(&world, 5), Some(Reason::HeldOff));
    world.close(5, Reason::Standby);
    assert_eq!(seen(&world, 5), Some(Reason::Standby));
    assert_eq!(world.grant((6, 5), 1), Opened::Yes);
    assert_eq!(world.grant((7, 5), 1), Opened::Yes, "an extension");
    world.close(8, Reason::Standby);
    assert_eq!(seen(&world, 8), Some(Reason::Standby));
    assert_eq!(world.grant((9, 5), 1), Opened::HeldOff);
    assert_eq!(world.grant((10, 5), 1), Opened::Yes);
    // Its end is that of the permission, whatever had to be waited for.
    assert_eq!(world.opening(14), Some(8));
    assert_eq!(seen(&world, 15), Some(Reason::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_published_while_the_keeper_waits_for_something_else() {
    let mut world = world(Vec::new());
    world.grant((0, 5), 1);
    let hour = Duration::from_secs(3600);
    world.keeper.beside(tokio::time::sleep(hour)).await;
    let expired = Gate::Closed {
        reason: Reason::Expired,
    };
    assert_eq!(world.keeper.gate(), expired);
    assert_eq!(
        world.transitions(),
        ["leader granted 1", "standby expired 1"]
    );
}
