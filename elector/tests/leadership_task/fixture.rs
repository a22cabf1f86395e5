//! A leadership task with its routers, and short functions that give it input.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request, StatusCode, header};
use elector::http::{AppState, LeadershipSource, router, telemetry_router};
use elector::leadership::{Rules, StateMachine};
use elector::leadership_task::{LeadershipTask, Parts, ShutdownTokens};
use elector::lease_status::{Claim, Desired, Holding, LeaseStatus, Presence, Rival};
use elector::telemetry::Telemetry;
use shared::config::ConsumerRequirement;
use shared::leadership::LeaderReport;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

pub(crate) const POD: &str = "pod-a";

pub(crate) struct TaskFixture {
    pub(crate) router: Router,
    pub(crate) outside: Router,
    pub(crate) lease_status: watch::Sender<LeaseStatus>,
    pub(crate) desired: watch::Receiver<Desired>,
    pub(crate) shutdown: CancellationToken,
    pub(crate) tokens: ShutdownTokens,
    pub(crate) task: JoinSet<()>,
    seq: u64,
}

pub(crate) struct HttpAnswer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

/// The part of a poll's query in which a healthy consumer says that its gate is open.
pub(crate) const OPEN: &str = "healthy=true&gate=open";
pub(crate) const CLOSED: &str = "healthy=true&gate=closed";

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

// === impl TaskFixture ===

impl TaskFixture {
    pub(crate) fn new() -> Self {
        let telemetry = Arc::new(Telemetry::new().unwrap());
        let (lease_status, lease_status_receiver) = watch::channel(LeaseStatus::default());
        let (desired_sender, desired) = watch::channel(Desired::default());
        let tokens = ShutdownTokens::default();
        let rules = Rules {
            identity: POD.to_owned(),
            max_valid: Duration::from_secs(5),
            consumer: ConsumerRequirement::Required,
        };
        let parts = Parts {
            lease_status: lease_status_receiver,
            desired: desired_sender,
            max_wait: Duration::from_secs(2),
            answers: telemetry.answers(),
            tokens: tokens.clone(),
        };
        let (task, handle) = LeadershipTask::new(StateMachine::new(rules, Instant::now()), parts);
        let shutdown = CancellationToken::new();
        let mut running = JoinSet::new();
        running.spawn(task.run(shutdown.clone()));
        let state = AppState {
            source: LeadershipSource::Elected(handle),
            telemetry,
        };
        Self {
            router: router(state.clone()),
            outside: telemetry_router(state),
            lease_status,
            desired,
            shutdown,
            tokens,
            task: running,
            seq: 0,
        }
    }

    /// Returns a leader, 10 s after its start, that has granted its consumer nothing yet.
    pub(crate) async fn leading() -> Self {
        let mut fixture = Self::new();
        tokio::time::sleep(ms(10_000)).await;
        fixture.poll(CLOSED, 0).await;
        fixture.holds(Duration::from_secs(60));
        fixture
    }

    pub(crate) fn holds(&self, time: Duration) {
        let counted_from = Instant::now();
        let until = counted_from + time;
        self.lease_status.send_replace(LeaseStatus {
            holding: Holding::Held(Claim {
                counted_from,
                until,
                term: 4711,
            }),
            presence: Presence::Present,
            ..LeaseStatus::default()
        });
    }

    pub(crate) fn lost_to(&self, name: &str) {
        self.lease_status.send_replace(LeaseStatus {
            presence: Presence::Present,
            rival: Some(Rival {
                name: name.to_owned(),
                until: Instant::now() + Duration::from_secs(15),
            }),
            ..LeaseStatus::default()
        });
    }

    pub(crate) fn holds_nothing(&self) {
        self.lease_status.send_replace(LeaseStatus {
            presence: Presence::Present,
            ..LeaseStatus::default()
        });
    }

    /// Returns the path of the next poll of the own consumer.
    pub(crate) fn path(&mut self, says: &str, wait_ms: u64) -> String {
        self.seq += 1;
        let seq = self.seq;
        format!("/leader?consumer={POD}&instance=first&seq={seq}&{says}&wait_ms={wait_ms}")
    }

    pub(crate) async fn poll(&mut self, says: &str, wait_ms: u64) -> LeaderReport {
        let path = self.path(says, wait_ms);
        self.get(&path).await.report()
    }

    pub(crate) async fn get(&self, path: &str) -> HttpAnswer {
        ask(self.router.clone(), "GET", path).await
    }
}

pub(crate) async fn ask(router: Router, method: &str, path: &str) -> HttpAnswer {
    let request = Request::builder()
        .method(method)
        .uri(path)
        .body(Body::empty())
        .unwrap();
    let response = router.oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, usize::MAX).await.unwrap();
    HttpAnswer {
        status: parts.status,
        headers: parts.headers,
        text: String::from_utf8(body.to_vec()).unwrap(),
    }
}

// === impl HttpAnswer ===

impl HttpAnswer {
    pub(crate) fn report(&self) -> LeaderReport {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn header(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}
