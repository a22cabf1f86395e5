//! The record of clients, and the end of their permission.

use std::time::Duration;

use super::*;
use crate::gate::{ClosedReason, Until};

const CLOSED: Gate = Gate::Closed {
    reason: ClosedReason::Standby,
};

fn open_for(time: Duration) -> Gate {
    Gate::Open {
        until: Until::At(Instant::now() + time),
        term: 7,
        opening: 1,
    }
}

#[tokio::test(start_paused = true)]
async fn closed_is_not_reported_while_one_of_two_workers_has_clients() {
    let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
    let (first, seen_of_first) = ClientSlot::new();
    let (second, seen_of_second) = ClientSlot::new();
    let quiescence = Quiescence::new(gate.clone(), vec![seen_of_first, seen_of_second]);
    let (one, two) = (first.take(&gate), second.take(&gate));
    source.send_replace(CLOSED);
    assert_eq!(quiescence.reported(), ReportedGate::Open);
    drop(one);
    assert_eq!(quiescence.reported(), ReportedGate::Open);
    drop(two);
    assert_eq!(quiescence.reported(), ReportedGate::Closed);
}

#[tokio::test(start_paused = true)]
async fn quiescence_is_reached_when_the_deadline_has_passed_and_the_clients_are_gone() {
    let (_source, gate) = watch::channel(open_for(Duration::from_secs(5)));
    let (slot, clients) = ClientSlot::new();
    let guard = slot.take(&gate);
    let mut quiescence = Quiescence::new(gate, vec![clients]);
    let began = Instant::now();
    let close = async {
        tokio::time::sleep(Duration::from_secs(8)).await;
        drop(guard);
    };
    tokio::join!(quiescence.reached(), close);
    let took = began.elapsed();
    assert!(took >= Duration::from_secs(8), "{took:?}");
    assert_eq!(quiescence.reported(), ReportedGate::Closed);
}

#[tokio::test(start_paused = true)]
async fn a_guard_that_is_dropped_late_does_not_free_the_slot_for_the_next_one() {
    let (_source, gate) = watch::channel(open_for(Duration::from_secs(5)));
    let (slot, clients) = ClientSlot::new();
    let late = slot.take(&gate);
    let next = slot.take(&gate);
    drop(late);
    assert_ne!(*clients.borrow(), ClientState::Gone);
    drop(next);
    assert_eq!(*clients.borrow(), ClientState::Gone);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_permission_is_seen_by_its_deadline_and_by_another_opening() {
    let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
    let permit_check = ClientSlot::new().0.take(&gate).unwrap().permit_check();
    let began = Instant::now();
    permit_check.over().await;
    assert!(began.elapsed() >= Duration::from_secs(5));
    source.send_replace(open_for(Duration::from_secs(5)));
    let reopen = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        source.send_replace(Gate::Open {
            until: Until::Forever,
            term: 7,
            opening: 2,
        });
    };
    tokio::join!(permit_check.over(), reopen);
}

#[tokio::test(start_paused = true)]
async fn a_slot_is_not_taken_if_the_gate_has_closed_meanwhile() {
    let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
    let (slot, clients) = ClientSlot::new();
    source.send_replace(CLOSED);
    assert!(slot.take(&gate).is_none());
    assert_eq!(*clients.borrow(), ClientState::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_permit_check_is_over_at_the_deadline_and_stays_over_in_a_new_opening() {
    let (source, gate) = watch::channel(open_for(Duration::from_secs(5)));
    let guard = ClientSlot::new().0.take(&gate).unwrap();
    let permit_check = guard.permit_check();
    assert!(!permit_check.is_over());
    tokio::time::advance(Duration::from_secs(5)).await;
    assert!(permit_check.is_over());
    source.send_replace(Gate::Open {
        until: Until::Forever,
        term: 7,
        opening: 2,
    });
    assert!(permit_check.is_over());
}

#[tokio::test]
async fn an_open_gate_is_never_reported_closed() {
    let (_source, gate) = watch::channel(open_for(Duration::from_secs(3600)));
    assert_eq!(
        Quiescence::new(gate, Vec::new()).reported(),
        ReportedGate::Open
    );
}
