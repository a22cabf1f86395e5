//! Tests of the order of the shutdown, and of the instruction to the lease half.

use std::time::Duration;

use elector::lease_status::{Desired, Holding, LeaseStatus};
use shared::leadership::{State, StateReason};
use tokio::time::Instant;

use crate::fixture::{CLOSED, OPEN, TaskFixture, ms};

#[tokio::test(start_paused = true)]
async fn shutdown_denies_at_once_then_waits_for_the_closed_gate_then_releases_then_ends() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(CLOSED, 0).await;
    let began = Instant::now();
    let path = fixture.path(OPEN, 200);
    let shutdown = fixture.shutdown.clone();
    let (answer, ()) = tokio::join!(fixture.get(&path), async { shutdown.cancel() });
    let report = answer.report();
    assert_eq!((report.is_leader, report.state), (false, State::Draining));
    assert_eq!(
        (report.reason, report.name.as_str()),
        (StateReason::ShuttingDown, "")
    );
    assert_eq!(*fixture.desired.borrow(), Desired::Campaign);

    fixture.poll(CLOSED, 0).await;
    assert_eq!(*fixture.desired.borrow(), Desired::Observe);
    assert!(!fixture.tokens.lease.is_cancelled());

    fixture.lease_status.send_replace(LeaseStatus {
        holding: Holding::Releasing,
        ..LeaseStatus::default()
    });
    assert!(!fixture.poll(CLOSED, 0).await.is_leader);
    assert!(!fixture.tokens.lease.is_cancelled());

    fixture.holds_nothing();
    assert!(!fixture.poll(CLOSED, 200).await.is_leader);
    assert!(fixture.tokens.lease.is_cancelled());
    assert!(fixture.tokens.http.is_cancelled());
    assert_eq!(began.elapsed(), Duration::ZERO);
    fixture.task.join_next().await.unwrap().unwrap();
    assert_eq!(began.elapsed(), ms(250));
}

#[tokio::test(start_paused = true)]
async fn a_silent_consumer_is_waited_for_until_its_grant_is_over() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(CLOSED, 0).await;
    let began = Instant::now();
    fixture.shutdown.cancel();
    fixture
        .desired
        .wait_for(|desired| *desired == Desired::Observe)
        .await
        .unwrap();
    assert_eq!(began.elapsed(), ms(5_000));
}

#[tokio::test(start_paused = true)]
async fn a_release_that_does_not_happen_is_waited_for_1500_ms() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(CLOSED, 0).await;
    fixture.shutdown.cancel();
    fixture.poll(CLOSED, 0).await;
    let began = Instant::now();
    fixture.tokens.lease.cancelled().await;
    assert_eq!(began.elapsed(), ms(1_500));
    fixture.task.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_standby_ends_at_once() {
    let mut fixture = TaskFixture::leading().await;
    fixture.lost_to("pod-b");
    fixture.poll(CLOSED, 0).await;
    let began = Instant::now();
    fixture.shutdown.cancel();
    fixture.tokens.http.cancelled().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_lease_half_that_has_ended_does_not_stop_the_task() {
    let TaskFixture {
        lease_status,
        shutdown,
        mut task,
        ..
    } = TaskFixture::leading().await;
    drop(lease_status);
    tokio::time::sleep(ms(1_000)).await;
    shutdown.cancel();
    task.join_next().await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_task_stops_everything_else() {
    let mut fixture = TaskFixture::leading().await;
    fixture.task.abort_all();
    assert!(fixture.task.join_next().await.unwrap().is_err());
    assert!(fixture.tokens.lease.is_cancelled());
    assert!(fixture.tokens.http.is_cancelled());
    let answer = fixture.get("/leader").await;
    assert_eq!(answer.status, 503, "{}", answer.text);
}

#[tokio::test(start_paused = true)]
async fn the_task_campaigns_when_a_healthy_consumer_polls() {
    let mut fixture = TaskFixture::new();
    tokio::time::sleep(ms(1_000)).await;
    assert_eq!(*fixture.desired.borrow(), Desired::Observe);
    fixture.poll("healthy=false&gate=closed", 0).await;
    assert_eq!(*fixture.desired.borrow(), Desired::Observe);
    fixture.poll(CLOSED, 0).await;
    assert_eq!(*fixture.desired.borrow(), Desired::Campaign);
}

#[tokio::test(start_paused = true)]
async fn a_silent_consumer_makes_the_task_observe_without_any_event() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(CLOSED, 0).await;
    let began = Instant::now();
    fixture
        .desired
        .wait_for(|desired| *desired == Desired::Observe)
        .await
        .unwrap();
    assert_eq!(began.elapsed(), ms(5_000));
}
