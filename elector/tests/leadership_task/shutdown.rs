//! The order of the shutdown, and the instruction to the lease half.

use std::time::Duration;

use elector::lease_status::{Desired, Holding, LeaseStatus};
use shared::leadership::{Reason, State};
use tokio::time::Instant;

use crate::world::{CLOSED, OPEN, World, ms};

#[tokio::test(start_paused = true)]
async fn shutdown_denies_at_once_then_waits_for_the_closed_gate_then_releases_then_ends() {
    let mut world = World::leading().await;
    world.poll(CLOSED, 0).await;
    let began = Instant::now();
    let path = world.path(OPEN, 200);
    let shutdown = world.shutdown.clone();
    let (answer, ()) = tokio::join!(world.get(&path), async { shutdown.cancel() });
    let report = answer.report();
    assert_eq!((report.is_leader, report.state), (false, State::Draining));
    assert_eq!(
        (report.reason, report.name.as_str()),
        (Reason::ShuttingDown, "")
    );
    assert_eq!(*world.desired.borrow(), Desired::Campaign);

    world.poll(CLOSED, 0).await;
    assert_eq!(*world.desired.borrow(), Desired::Observe);
    assert!(!world.tokens.lease.is_cancelled());

    world.lease_status.send_replace(LeaseStatus {
        holding: Holding::Releasing,
        ..LeaseStatus::default()
    });
    assert!(!world.poll(CLOSED, 0).await.is_leader);
    assert!(!world.tokens.lease.is_cancelled());

    world.holds_nothing();
    assert!(!world.poll(CLOSED, 200).await.is_leader);
    assert!(world.tokens.lease.is_cancelled());
    assert!(world.tokens.http.is_cancelled());
    assert_eq!(began.elapsed(), Duration::ZERO);
    world.task.join_next().await.unwrap().unwrap();
    assert_eq!(began.elapsed(), ms(250));
}

#[tokio::test(start_paused = true)]
async fn a_silent_consumer_is_waited_for_until_its_grant_is_over() {
    let mut world = World::leading().await;
    world.poll(CLOSED, 0).await;
    let began = Instant::now();
    world.shutdown.cancel();
    world
        .desired
        .wait_for(|desired| *desired == Desired::Observe)
        .await
        .unwrap();
    assert_eq!(began.elapsed(), ms(5_000));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_does_not_happen_is_waited_for_1500_ms() {
    let mut world = World::leading().await;
    world.poll(CLOSED, 0).await;
    world.shutdown.cancel();
    world.poll(CLOSED, 0).await;
    let began = Instant::now();
    world.tokens.lease.cancelled().await;
    assert_eq!(began.elapsed(), ms(1_500));
    world.task.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_standby_ends_at_once() {
    let mut world = World::leading().await;
    world.lost_to("pod-b");
    world.poll(CLOSED, 0).await;
    let began = Instant::now();
    world.shutdown.cancel();
    world.tokens.http.cancelled().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_lease_half_that_has_ended_does_not_stop_the_task() {
    let World {
        lease_status,
        shutdown,
        mut task,
        ..
    } = World::leading().await;
    drop(lease_status);
    tokio::time::sleep(ms(1_000)).await;
    shutdown.cancel();
    task.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_task_stops_everything_else() {
    let mut world = World::leading().await;
    world.task.abort_all();
    assert!(world.task.join_next().await.unwrap().is_err());
    assert!(world.tokens.lease.is_cancelled());
    assert!(world.tokens.http.is_cancelled());
    let answer = world.get("/leader").await;
    assert_eq!(answer.status, 503, "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn the_task_campaigns_when_a_healthy_consumer_polls() {
    let mut world = World::new();
    tokio::time::sleep(ms(1_000)).await;
    assert_eq!(*world.desired.borrow(), Desired::Observe);
    world.poll("healthy=false&gate=closed", 0).await;
    assert_eq!(*world.desired.borrow(), Desired::Observe);
    world.poll(CLOSED, 0).await;
    assert_eq!(*world.desired.borrow(), Desired::Campaign);
}

#[tokio::test(start_paused = true)]
async fn a_silent_consumer_makes_the_task_observe_without_any_event() {
    let mut world = World::leading().await;
    world.poll(CLOSED, 0).await;
    let began = Instant::now();
    world
        .desired
        .wait_for(|desired| *desired == Desired::Observe)
        .await
        .unwrap();
    assert_eq!(began.elapsed(), ms(5_000));
}
