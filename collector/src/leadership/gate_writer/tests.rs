use std::time::Duration;

use super::*;
use crate::gate::client_slot::ClientSlot;

/// A keeper, and what is seen of its work.
struct World {
    gate_writer: GateWriter,
    gate: watch::Receiver<Gate>,
    counter: IntCounterVec,
    start: Instant,
}

fn world(slots: Vec<watch::Receiver<Clients>>) -> World {
    let counter = crate::leadership::tests::transitions();
    let start = Instant::now();
    let (gate_writer, gate) = GateWriter::new(slots, counter.clone(), start);
    World {
        gate_writer,
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
    fn grant(&mut self, (second, secs): (u64, u64), term: u64) -> OpenResult {
        let until = Until::At(self.at(second + secs));
        self.gate_writer.open(until, term, self.at(second))
    }

    fn close(&mut self, second: u64, reason: ClosedReason) {
        self.gate_writer.close(reason, self.at(second));
    }

    fn opening(&self, second: u64) -> Option<u64> {
        let permit = self.gate_writer.gate().permit(self.at(second)).ok();
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
    assert_eq!(
        world.gate_writer.gate().permit(world.at(12)).unwrap().term,
        2
    );
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
    world.close(6, ClosedReason::Standby);
    world.close(7, ClosedReason::Standby);
    assert_eq!(
        world.transitions(),
        ["leader granted 1", "standby expired 1"]
    );
    assert_eq!(
        world.gate_writer.gate().permit(world.at(7)),
        Err(ClosedReason::Standby)
    );
}

#[test]
fn a_grant_that_is_over_when_it_arrives_opens_nothing() {
    let mut world = world(Vec::new());
    assert_eq!(world.grant((3, 0), 1), OpenResult::TooLate);
    assert_eq!(world.transitions(), Vec::<String>::new());
}

#[test]
fn the_gate_does_not_open_anew_before_the_clients_of_the_last_time_are_gone() {
    let (slot, clients) = ClientSlot::new();
    let mut world = world(vec![clients]);
    assert_eq!(world.grant((0, 5), 1), OpenResult::Opened);
    let guard = slot.take(&world.gate);
    assert_eq!(world.grant((1, 5), 1), OpenResult::Opened, "an extension");
    world.close(2, ClosedReason::Standby);
    assert_eq!(world.grant((2, 5), 1), OpenResult::ClientsLeft);
    assert_eq!(
        (world.opening(2), world.gate_writer.reported()),
        (None, ReportedGate::Open)
    );
    assert_eq!(
        world.gate_writer.clients_left_since(world.at(3)),
        Some(world.at(2))
    );
    drop(guard);
    assert_eq!(world.gate_writer.clients_left_since(world.at(3)), None);
    assert_eq!(world.grant((3, 5), 1), OpenResult::Opened);
    assert_eq!(world.opening(3), Some(2));
}

#[test]
fn a_gate_that_was_opened_too_often_waits_before_it_opens_and_never_before_it_closes() {
    let mut world = world(Vec::new());
    for second in 0..6 {
        assert_eq!(world.grant((second, 5), 1), OpenResult::Opened);
        world.close(second, ClosedReason::Standby);
    }
    assert_eq!(world.grant((5, 5), 1), OpenResult::HeldOff);
    let seen = |world: &World, second| world.gate_writer.gate().permit(world.at(second)).err();
    assert_eq!(seen(&world, 5), Some(ClosedReason::HeldOff));
    world.close(5, ClosedReason::Standby);
    assert_eq!(seen(&world, 5), Some(ClosedReason::Standby));
    assert_eq!(world.grant((6, 5), 1), OpenResult::Opened);
    assert_eq!(world.grant((7, 5), 1), OpenResult::Opened, "an extension");
    world.close(8, ClosedReason::Standby);
    assert_eq!(seen(&world, 8), Some(ClosedReason::Standby));
    assert_eq!(world.grant((9, 5), 1), OpenResult::HeldOff);
    assert_eq!(world.grant((10, 5), 1), OpenResult::Opened);
    // Its end is that of the permission, whatever had to be waited for.
    assert_eq!(world.opening(14), Some(8));
    assert_eq!(seen(&world, 15), Some(ClosedReason::Expired));
}

#[tokio::test(start_paused = true)]
async fn a_deadline_is_published_while_the_keeper_waits_for_something_else() {
    let mut world = world(Vec::new());
    world.grant((0, 5), 1);
    let hour = Duration::from_secs(3600);
    world
        .gate_writer
        .wait_and_expire(tokio::time::sleep(hour))
        .await;
    let expired = Gate::Closed {
        reason: ClosedReason::Expired,
    };
    assert_eq!(world.gate_writer.gate(), expired);
    assert_eq!(
        world.transitions(),
        ["leader granted 1", "standby expired 1"]
    );
}
