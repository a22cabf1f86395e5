//! Tests of the handover of leadership from one pod to the other.

use std::time::Duration;

use elector::lease_status::{Desired, Holding};
use tokio::time::Instant;

use crate::api_server::{FakeApiServer, Fault};
use crate::pods::{A, B, ElectorPod, SHORT, Terms, Who, duel};

/// The longest time that a take-over may take beyond the lease duration.
const SLACK: Duration = Duration::from_millis(500);

#[tokio::test]
async fn a_lease_given_back_is_taken_at_once() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let b = ElectorPod::start(&api, B, SHORT);
    b.comes_to(|status| status.rival.is_some()).await;
    duel(&a, &b, async {
        for (from, to) in [(&a, &b), (&b, &a), (&a, &b)] {
            let asked = Instant::now();
            from.desired.send_replace(Desired::Observe);
            from.comes_to(|status| status.holding == Holding::Releasing)
                .await;
            let took = to.leads().await - asked;
            assert!(took < Duration::from_secs(1), "{took:?}");
            from.desired.send_replace(Desired::Campaign);
            from.comes_to(|status| status.rival.is_some()).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_released_lease_can_be_taken_again_by_the_same_pod() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let term = a.term();
    a.desired.send_replace(Desired::Observe);
    a.comes_to(|status| status.holding == Holding::Nothing)
        .await;
    a.desired.send_replace(Desired::Campaign);
    a.leads().await;
    assert!(a.term() > term);
}

#[tokio::test]
async fn a_pod_that_observes_only_watches() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.desired.send_replace(Desired::Observe);
    let b = ElectorPod::start(&api, B, SHORT);
    b.leads().await;
    a.comes_to(|status| {
        let rival = status.rival.as_ref();
        rival.is_some_and(|rival| rival.name == "pod-b")
    })
    .await;
    assert!(!a.is_leading());
}

#[tokio::test]
async fn a_killed_leader_is_replaced_when_its_lease_has_run_out() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let b = ElectorPod::start(&api, B, SHORT);
    b.comes_to(|status| status.rival.is_some()).await;
    let killed = Instant::now();
    drop(a);
    let took = b.leads().await - killed;
    let lease = Duration::from_secs(SHORT.lease);
    let renewed = Duration::from_secs(SHORT.renew);
    assert!(took < lease + SLACK, "{took:?}");
    assert!(took + renewed + SLACK > lease, "{took:?}");
}

#[tokio::test]
async fn a_restarted_elector_continues_with_a_lease_that_its_pod_holds() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let term = a.term();
    drop(a);
    let restarted = Instant::now();
    let a = ElectorPod::start(&api, A, SHORT);
    let took = a.leads().await - restarted;
    assert!(took < SLACK, "{took:?}");
    assert!(a.term() > term);
}

#[tokio::test]
async fn another_instance_of_the_same_identity_waits_and_reports_the_problem() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    a.leads().await;
    let twin = Who {
        instance: "uid-c",
        ..A
    };
    let b = ElectorPod::start(&api, twin, SHORT);
    duel(&a, &b, async {
        b.comes_to(|status| {
            let problem = status.problem.as_ref();
            problem.is_some_and(|problem| problem.reason.label() == "duplicate_identity")
        })
        .await;
        a.leads_on_for(Duration::from_secs(5)).await;
    })
    .await;
    assert!(!b.is_leading());
}

#[tokio::test]
async fn a_leader_sends_one_request_per_renewal_and_a_standby_hardly_any() {
    let terms = Terms { lease: 5, renew: 1 };
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, terms);
    a.leads().await;
    let b = ElectorPod::start(&api, B, terms);
    b.comes_to(|status| status.rival.is_some()).await;
    api.take_asked();
    a.leads_on_for(Duration::from_secs(10)).await;
    let asked = api.take_asked();
    let n = |verb| asked.iter().filter(|asked| **asked == verb).count();
    assert!((9..=10).contains(&n("patch")), "{asked:?}");
    // The standby reads the Lease once per lease duration.
    assert!(n("get") <= 3, "{asked:?}");
    assert_eq!(n("list"), 0, "{asked:?}");
}

#[tokio::test]
async fn an_acquisition_whose_answer_was_lost_is_no_claim_until_it_is_renewed() {
    let api = FakeApiServer::start().await;
    let a = ElectorPod::start(&api, A, SHORT);
    let b = ElectorPod::start(&api, B, SHORT);
    duel(&a, &b, async {
        a.comes_to(|status| status.rival.is_some()).await;
        api.behave(Fault::LosesAnswers);
        let holder = || {
            let lease = api.store().lease.object.clone().unwrap_or_default();
            lease["spec"]["holderIdentity"].clone()
        };
        while holder().is_null() {
            a.comes_to(|_| true).await;
            tokio::task::yield_now().await;
        }
        assert!(!a.is_leading() && !b.is_leading());
        api.behave(Fault::None);
        let leader = if holder() == "pod-a" { &a } else { &b };
        leader.leads().await;
    })
    .await;
}
