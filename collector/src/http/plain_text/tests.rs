use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::{N_SLOTS, QUEUE_TIMEOUT, SLOT_TIME, TextSlots};

const SECOND: Duration = Duration::from_secs(1);

/// Takes a slot and holds it for a client that reads nothing, until the slot has to be given up.
async fn stalled(text_slots: TextSlots) {
    let slot = text_slots.take().await.expect("a free slot");
    // The receiver is kept, so that the client counts as connected.
    let (sender, _receiver) = mpsc::channel(1);
    while slot.send(&sender, Ok(Bytes::new())).await.is_ok() {}
}

/// Slots whose times end one after the other are given up one after the other, each for another waiting client.
#[tokio::test(start_paused = true)]
async fn each_waiting_client_gets_a_slot_of_a_stalled_one() {
    let text_slots = TextSlots::new();
    let mut stalled_clients = JoinSet::new();
    stalled_clients.spawn(stalled(text_slots.clone()));
    sleep(SECOND).await;
    for _ in 1..N_SLOTS {
        stalled_clients.spawn(stalled(text_slots.clone()));
    }
    sleep(SLOT_TIME.saturating_sub(2 * SECOND)).await;
    let mut waiting = JoinSet::new();
    for _ in 0..2 {
        let text_slots = text_slots.clone();
        waiting.spawn(async move {
            let asked = Instant::now();
            let slot = text_slots.take().await;
            let waited = asked.elapsed();
            // The slot stays taken, so that the second client cannot be served by it.
            sleep(QUEUE_TIMEOUT).await;
            slot.map(|_| waited)
        });
    }
    let mut waited = waiting.join_all().await;
    waited.sort_unstable();
    assert_eq!(waited, [Some(SECOND), Some(2 * SECOND)]);
    assert_eq!(
        stalled_clients.len(),
        N_SLOTS,
        "tasks that ended are still counted"
    );
    let ended = std::iter::from_fn(|| stalled_clients.try_join_next()).count();
    assert_eq!(
        ended, 2,
        "only as many slots are given up as clients waited"
    );
}

/// A client that went away while it waited costs nobody a slot.
#[tokio::test(start_paused = true)]
async fn no_slot_is_given_up_for_a_client_that_has_gone() {
    let text_slots = TextSlots::new();
    let mut stalled_clients = JoinSet::new();
    for _ in 0..N_SLOTS {
        stalled_clients.spawn(stalled(text_slots.clone()));
    }
    sleep(SECOND).await;
    let gone = tokio::time::timeout(SECOND, text_slots.take()).await;
    assert!(gone.is_err());
    sleep(2 * SLOT_TIME).await;
    assert!(stalled_clients.try_join_next().is_none());
}
