//! Tests of long polls: an answer is held until it says something new, or until the time is up.

use std::time::Duration;

use elector::lease_status::Desired;
use shared::leadership::State;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::fixture::{CLOSED, OPEN, POD, TaskFixture, ask, ms};

#[tokio::test(start_paused = true)]
async fn an_unchanged_answer_is_held_as_long_as_the_asker_allows() {
    let mut fixture = TaskFixture::leading().await;
    assert!(fixture.poll(CLOSED, 200).await.is_leader);
    for wait in [200, 150, 1_999] {
        let began = Instant::now();
        assert!(fixture.poll(OPEN, wait).await.is_leader);
        assert_eq!(began.elapsed(), ms(wait));
    }
}

#[tokio::test(start_paused = true)]
async fn no_answer_is_held_for_more_than_2_s() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(OPEN, 0).await;
    for wait in [2_001, 10_000, u64::MAX] {
        let began = Instant::now();
        assert!(fixture.poll(OPEN, wait).await.is_leader);
        assert_eq!(began.elapsed(), ms(2_000));
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_poll_of_a_process_is_answered_at_once() {
    let mut fixture = TaskFixture::leading().await;
    let began = Instant::now();
    assert!(fixture.poll(CLOSED, 200).await.is_leader);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_change_is_answered_at_once() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(OPEN, 0).await;
    let began = Instant::now();
    let path = fixture.path(OPEN, 200);
    let (answer, ()) = tokio::join!(fixture.get(&path), async {
        tokio::time::sleep(ms(70)).await;
        fixture.lost_to("pod-b");
    });
    let report = answer.report();
    assert_eq!((report.is_leader, report.name.as_str()), (false, "pod-b"));
    assert_eq!(began.elapsed(), ms(70));
}

#[tokio::test(start_paused = true)]
async fn a_change_between_two_polls_is_answered_at_once() {
    let mut fixture = TaskFixture::leading().await;
    fixture.lost_to("pod-b");
    assert_eq!(fixture.poll(CLOSED, 200).await.state, State::Standby);
    fixture.holds(Duration::from_secs(15));
    let began = Instant::now();
    assert!(fixture.poll(CLOSED, 200).await.is_leader);
    assert_eq!(began.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_claim_is_answered_at_once() {
    let mut fixture = TaskFixture::leading().await;
    fixture.holds(ms(1_000));
    assert_eq!(fixture.poll(OPEN, 0).await.valid_for_ms, 1_000);
    let began = Instant::now();
    let report = fixture.poll(OPEN, 2_000).await;
    assert_eq!(
        (report.is_leader, report.state),
        (false, State::LeaseExpired)
    );
    assert_eq!(began.elapsed(), ms(1_000));
}

#[tokio::test(start_paused = true)]
async fn a_grant_counts_from_when_the_answer_is_sent() {
    let mut fixture = TaskFixture::leading().await;
    fixture.holds(ms(5_100));
    assert_eq!(fixture.poll(OPEN, 0).await.valid_for_ms, 5_000);
    assert_eq!(fixture.poll(OPEN, 200).await.valid_for_ms, 4_900);
}

#[tokio::test(start_paused = true)]
async fn a_poll_that_a_later_one_supersedes_is_answered_at_once() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(OPEN, 0).await;
    let began = Instant::now();
    let (early, late) = (fixture.path(OPEN, 500), fixture.path(OPEN, 100));
    let late = async {
        tokio::time::sleep(ms(50)).await;
        (fixture.get(&late).await, began.elapsed())
    };
    let early = async { (fixture.get(&early).await, began.elapsed()) };
    let ((early, let_go), (late, answered)) = tokio::join!(early, late);
    assert_eq!((early.report().is_leader, let_go), (false, ms(50)));
    assert_eq!((late.report().is_leader, answered), (true, ms(150)));
}

#[tokio::test(start_paused = true)]
async fn an_asker_that_disconnects_while_it_waits_is_granted_nothing() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(OPEN, 0).await;
    tokio::time::sleep(ms(4_000)).await;
    let path = fixture.path(OPEN, 500);
    let left = tokio::time::timeout(ms(100), fixture.get(&path)).await;
    assert!(left.is_err());
    tokio::time::sleep(ms(600)).await;
    // The last grant, of 5 s, was given 4.7 s ago.
    fixture.shutdown.cancel();
    tokio::time::sleep(ms(299)).await;
    assert_eq!(*fixture.desired.borrow(), Desired::Campaign);
    tokio::time::sleep(ms(2)).await;
    assert_eq!(*fixture.desired.borrow(), Desired::Observe);
}

#[tokio::test(start_paused = true)]
async fn other_askers_wait_too_and_any_number_of_them_leaves_the_consumer_answered() {
    let mut fixture = TaskFixture::leading().await;
    fixture.poll(OPEN, 0).await;
    let mut crowd = JoinSet::new();
    for number in 0..300 {
        let path = format!(
            "/leader?consumer=pod-b&instance={number}&seq=1&healthy=true&gate=open&wait_ms=2000"
        );
        let router = fixture.router.clone();
        crowd.spawn(async move { ask(router, "GET", &path).await.report() });
    }
    let report = fixture.poll(OPEN, 100).await;
    assert!(report.is_leader);
    let began = Instant::now();
    fixture.lost_to("pod-c");
    for report in crowd.join_all().await {
        assert!(!report.is_leader);
        assert!([POD, "pod-c"].contains(&report.name.as_str()), "{report:?}");
    }
    assert_eq!(began.elapsed(), Duration::ZERO);
}
