//! Tests of failures of the API server.

use std::time::Duration;

use elector::lease_status::{Desired, Holding};
use tokio::time::{Instant, sleep};

use crate::api_server::{FakeApiServer, Fault};
use crate::pods::{A, B, ElectorPod, SHORT, Terms, duel};

/// A longer lease: several renewals fit into a claim, so that there is time for an outage.
const LONGER: Terms = Terms { lease: 6, renew: 1 };

async fn outlives(fault: Fault, outage: Duration) {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, LONGER);
    a.leads().await;
    let b = ElectorPod::start(&api, B, LONGER);
    b.comes_to(|status| status.rival.is_some()).await;
    duel(&a, &b, async {
        api.behave(fault);
        a.leads_on_for(outage).await;
        api.behave(Fault::None);
        a.leads_on_for(Duration::from_secs(LONGER.lease)).await;
    })
    .await;
}

#[tokio::test]
async fn an_outage_shorter_than_the_lease_does_not_end_the_leadership() {
    // The outage may last as long as the lease duration, less one renewal period, one failed request, and the margin.
    outlives(Fault::Status(500), Duration::from_millis(2500)).await;
}

#[tokio::test]
async fn a_short_silence_does_not_end_the_leadership() {
    outlives(Fault::Silent, Duration::from_secs(2)).await;
}

#[tokio::test]
async fn too_many_requests_for_a_while_do_not_end_the_leadership() {
    outlives(Fault::Status(429), Duration::from_millis(2500)).await;
}

async fn never_two_after(fault: Fault) {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let b = ElectorPod::start(&api, B, SHORT);
    b.comes_to(|status| status.rival.is_some()).await;
    duel(&a, &b, async {
        api.behave(fault);
        let from = Instant::now();
        let lost = a.follows().await - from;
        assert!(lost < Duration::from_secs(SHORT.lease), "{lost:?}");
        a.comes_to(|status| {
            let problem = status.problem.as_ref();
            problem.is_some_and(|problem| problem.reason.label() == "api_unreachable")
        })
        .await;
        sleep(Duration::from_secs(SHORT.lease)).await;
        assert!(!a.is_leading() && !b.is_leading());
        api.behave(Fault::None);
        let healed = Instant::now();
        let led = tokio::select! {
            at = a.leads() => at,
            at = b.leads() => at,
        };
        assert!(led - healed < Duration::from_secs(3), "{:?}", led - healed);
        sleep(Duration::from_secs(SHORT.lease)).await;
        assert!(a.is_leading() || b.is_leading());
    })
    .await;
}

#[tokio::test]
async fn after_a_long_outage_exactly_one_leads() {
    never_two_after(Fault::Status(503)).await;
}

#[tokio::test]
async fn after_a_long_silence_exactly_one_leads() {
    never_two_after(Fault::Silent).await;
}

#[tokio::test]
async fn writes_whose_answers_are_lost_never_make_two_leaders() {
    never_two_after(Fault::LosesAnswers).await;
}

#[tokio::test]
async fn occasional_errors_do_not_end_the_leadership() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    api.behave(Fault::Every(4, 504));
    a.leads_on_for(Duration::from_secs(12)).await;
}

#[tokio::test]
async fn a_slow_api_server_does_not_end_the_leadership() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, LONGER);
    a.leads().await;
    api.behave(Fault::Slow(Duration::from_millis(1700)));
    a.leads_on_for(Duration::from_secs(15)).await;
}

#[tokio::test]
async fn a_release_without_an_answer_ends_in_time_and_makes_no_claim() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let b = ElectorPod::start(&api, B, SHORT);
    b.comes_to(|status| status.rival.is_some()).await;
    duel(&a, &b, async {
        api.behave(Fault::Silent);
        let asked = Instant::now();
        a.desired.send_replace(Desired::Observe);
        a.comes_to(|status| status.holding == Holding::Releasing)
            .await;
        let ended = a
            .comes_to(|status| status.holding == Holding::Nothing)
            .await
            - asked;
        assert!(ended < Duration::from_millis(1700), "{ended:?}");
        api.behave(Fault::None);
        b.leads().await;
    })
    .await;
}

#[tokio::test]
async fn a_release_that_fails_once_is_tried_again() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let b = ElectorPod::start(&api, B, SHORT);
    b.comes_to(|status| status.rival.is_some()).await;
    duel(&a, &b, async {
        api.behave(Fault::Status(500));
        a.desired.send_replace(Desired::Observe);
        a.comes_to(|status| status.holding == Holding::Releasing)
            .await;
        sleep(Duration::from_millis(200)).await;
        api.behave(Fault::None);
        let healed = Instant::now();
        let took = b.leads().await - healed;
        assert!(took < Duration::from_millis(600), "{took:?}");
    })
    .await;
}
