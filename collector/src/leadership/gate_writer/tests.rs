use std::time::Duration;

use super::*;
use crate::gate::client_slot::ClientSlot;

/// A gate writer with its gate, its counter of transitions, and the instant that all seconds count from.
struct Harness {
    gate_writer: GateWriter,
    gate: watch::Receiver<Gate>,
    counter: IntCounterVec,
    start: Instant,
}

fn harness(slots: Vec<watch::Receiver<ClientState>>) -> Harness {
    let counter = crate::leadership::tests::transitions();
    let start = Instant::now();
    let (gate_writer, gate) = GateWriter::new(slots, counter.clone(), start);
    Harness {
        gate_writer,
        gate,
        counter,
        start,
    }
}

// === impl Harness ===

impl Harness {
    fn at(&self, second: u64) -> Instant {
        self.start + Duration::from_secs(second)
    }

    /// Opens the gate at `second`, for `secs` seconds.
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

    /// Returns the transitions so far as `to reason count`.
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
fn neither_an_extension_nor_a_higher_term_without_a_gap_is_a_transition() {
    let mut harness = harness(Vec::new());
    harness.grant((0, 5), 1);
    harness.grant((4, 5), 1);
    harness.grant((8, 5), 2);
    assert_eq!(harness.opening(12), Some(1));
    assert_eq!(
        harness
            .gate_writer
            .gate()
            .permit(harness.at(12))
            .unwrap()
            .term,
        2
    );
    assert_eq!(harness.transitions(), ["leader granted 1"]);
}

#[test]
fn a_gap_between_two_permissions_is_two_transitions_and_a_new_opening() {
    let mut harness = harness(Vec::new());
    harness.grant((0, 5), 1);
    harness.grant((5, 5), 1);
    assert_eq!(harness.opening(5), Some(2));
    assert_eq!(
        harness.transitions(),
        ["leader granted 2", "standby expired 1"]
    );
}

#[test]
fn a_deadline_that_passed_is_counted_once_as_expired() {
    let mut harness = harness(Vec::new());
    harness.grant((0, 5), 1);
    harness.close(6, ClosedReason::Standby);
    harness.close(7, ClosedReason::Standby);
    assert_eq!(
        harness.transitions(),
        ["leader granted 1", "standby expired 1"]
    );
    assert_eq!(
        harness.gate_writer.gate().permit(harness.at(7)),
        Err(ClosedReason::Standby)
    );
}

#[test]
fn a_permission_that_has_ended_when_it_comes_opens_nothing() {
    let mut harness = harness(Vec::new());
    assert_eq!(harness.grant((3, 0), 1), OpenResult::TooLate);
    assert_eq!(harness.transitions(), Vec::<String>::new());
}

#[test]
fn the_gate_does_not_open_again_before_the_clients_of_the_last_opening_are_gone() {
    let (slot, clients) = ClientSlot::new();
    let mut harness = harness(vec![clients]);
    assert_eq!(harness.grant((0, 5), 1), OpenResult::Opened);
    let guard = slot.take(&harness.gate);
    assert_eq!(harness.grant((1, 5), 1), OpenResult::Opened, "an extension");
    harness.close(2, ClosedReason::Standby);
    assert_eq!(harness.grant((2, 5), 1), OpenResult::ClientsLeft);
    assert_eq!(
        (harness.opening(2), harness.gate_writer.reported()),
        (None, ReportedGate::Open)
    );
    assert_eq!(
        harness.gate_writer.clients_left_since(harness.at(3)),
        Some(harness.at(2))
    );
    drop(guard);
    assert_eq!(harness.gate_writer.clients_left_since(harness.at(3)), None);
    assert_eq!(harness.grant((3, 5), 1), OpenResult::Opened);
    assert_eq!(harness.opening(3), Some(2));
}

#[test]
fn a_gate_that_opens_too_often_is_delayed_in_opening_and_never_in_closing() {
    let mut harness = harness(Vec::new());
    for second in 0..6 {
        assert_eq!(harness.grant((second, 5), 1), OpenResult::Opened);
        harness.close(second, ClosedReason::Standby);
    }
    assert_eq!(harness.grant((5, 5), 1), OpenResult::HeldOff);
    let seen =
        |harness: &Harness, second| harness.gate_writer.gate().permit(harness.at(second)).err();
    assert_eq!(seen(&harness, 5), Some(ClosedReason::HeldOff));
    harness.close(5, ClosedReason::Standby);
    assert_eq!(seen(&harness, 5), Some(ClosedReason::Standby));
    assert_eq!(harness.grant((6, 5), 1), OpenResult::Opened);
    assert_eq!(harness.grant((7, 5), 1), OpenResult::Opened, "an extension");
    harness.close(8, ClosedReason::Standby);
    assert_eq!(seen(&harness, 8), Some(ClosedReason::Standby));
    assert_eq!(harness.grant((9, 5), 1), OpenResult::HeldOff);
    assert_eq!(harness.grant((10, 5), 1), OpenResult::Opened);
    // A delay does not move the deadline of the permission.
    assert_eq!(harness.opening(14), Some(8));
    assert_eq!(seen(&harness, 15), Some(ClosedReason::Expired));
}

#[tokio::test(start_paused = true)]
async fn the_gate_is_closed_at_its_deadline_while_the_writer_waits() {
    let mut harness = harness(Vec::new());
    harness.grant((0, 5), 1);
    let hour = Duration::from_secs(3600);
    harness
        .gate_writer
        .wait_and_expire(tokio::time::sleep(hour))
        .await;
    let expired = Gate::Closed {
        reason: ClosedReason::Expired,
    };
    assert_eq!(harness.gate_writer.gate(), expired);
    assert_eq!(
        harness.transitions(),
        ["leader granted 1", "standby expired 1"]
    );
}
