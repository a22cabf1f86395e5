//! What happens in which order when the process is to end.

use std::time::Duration;

use elector::lease_status::{Desired, Holding, LeaseStatus};
use shared::leadership::{Reason, State};
use tokio::time::Instant;

use crate::world::{CLOSED, OPEN, World, ms};

#[tokio::test(start_paused = true)]
async fn false_at_once_then_the_acknowledgement_then_the_release_then_the_rest() {
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
async fn a_consumer_that_says_nothing_is_waited_for_until_its_grant_is_over() {
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
async fn a_release_that_does_not_come_about_is_waited_for_1500_ms() {
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
async fn a_lease_half_that_is_gone_stops_nobody() {
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
async fn nothing_goes_on_without_a_desk() {
    let mut world = World::leading().await;
    world.task.abort_all();
    assert!(world.task.join_next().await.unwrap().is_err());
    assert!(world.tokens.lease.is_cancelled());
    assert!(world.tokens.http.is_cancelled());
    let answer = world.get("/leader").await;
    assert_eq!(answer.status, 503, "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn the_lease_is_wished_for_when_a_healthy_consumer_is_heard() {
    let mut world = World::new();
    tokio::time::sleep(ms(1_000)).await;
    assert_eq!(*world.desired.borrow(), Desired::Observe);
    world.poll("healthy=false&gate=closed", 0).await;
    assert_eq!(*world.desired.borrow(), Desired::Observe);
    world.poll(CLOSED, 0).await;
    assert_eq!(*world.desired.borrow(), Desired::Campaign);
}

#[tokio::test(start_paused = true)]
async fn a_consumer_that_falls_silent_costs_the_lease_though_nothing_happens() {
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
