//! The task that owns the guard. The task sends one request at a time, publishes the state of the guard after every event, and
//! lets the guard's deadlines pass in time.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future;
use std::pin::Pin;

use bytes::Bytes;
use http::Request;
use k8s_openapi::jiff::Timestamp;
use kube::Client;
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};
use tracing::debug;

use super::message::{Message, ProxyRequest};
use super::proxy_client::encode;
use super::publish::StatusPublisher;
use super::send::{send, with_force};
use super::telemetry::LeaseTelemetry;
use crate::guard::clocks::Clocks;
use crate::guard::control::ManagerControl;
use crate::guard::outcome::{Outcome, RequestFailure, StatusSummary};
use crate::guard::request::{Patch, RequestKind};
use crate::guard::{Guard, Refusal, SentRequest};

/// The task that owns the guard.
pub(super) struct GuardTask {
    pub(super) guard: Guard,
    pub(super) client: Client,
    pub(super) messages: mpsc::UnboundedReceiver<Message>,
    /// The channel that steers the loop that drives kube-lease-manager.
    pub(super) control: watch::Sender<ManagerControl>,
    pub(super) publisher: StatusPublisher,
    pub(super) telemetry: LeaseTelemetry,
    /// Requests of kube-lease-manager that have not been sent yet.
    pub(super) waiting: VecDeque<ProxyRequest>,
    /// The request that has been sent and not been answered.
    pub(super) in_flight: Option<InFlight>,
}

/// A request that has been sent and not been answered.
pub(super) struct InFlight {
    sent: SentRequest,
    request: ProxyRequest,
    outcome: Pin<Box<dyn Future<Output = Outcome> + Send>>,
}

enum GuardEvent {
    Message(Message),
    Answered(Outcome),
    Abandoned,
    Due,
}

// === impl GuardTask ===

impl GuardTask {
    /// Handles one event after the other until the task is dropped.
    pub(super) async fn run(mut self) -> Infallible {
        loop {
            let event = self.next_event().await;
            self.handle(event);
            self.send_next();
            self.publish();
        }
    }

    async fn next_event(&mut self) -> GuardEvent {
        let due = self.guard.next_deadline(Instant::now());
        tokio::select! { biased;
            event = answered(&mut self.in_flight) => event,
            () = sleep_until_due(due) => GuardEvent::Due,
            Some(message) = self.messages.recv() => GuardEvent::Message(message),
        }
    }

    fn handle(&mut self, event: GuardEvent) {
        let at = read_clocks();
        match event {
            GuardEvent::Message(message) => self.receive(message, at),
            GuardEvent::Answered(outcome) => self.answered(outcome, at),
            GuardEvent::Abandoned => {
                self.in_flight = None;
                self.guard.read_abandoned();
            }
            GuardEvent::Due => self.guard.advance(at.monotonic),
        }
    }

    fn receive(&mut self, message: Message, at: Clocks) {
        match message {
            Message::Request(request) => self.waiting.push_back(*request),
            Message::Seen(seen, continuity) => self.guard.observe(seen, continuity, at.monotonic),
            Message::WatchFailed(failure) => self.guard.watch_failed(failure),
            Message::MayPatch => self.guard.review_allows_patch(),
            Message::MayNotPatch(detail) => self.guard.review_denies_patch(detail),
            Message::ReleaseBegins => self.guard.begin_release(),
            Message::ReleaseEnded => self.guard.end_release(),
        }
    }

    fn answered(&mut self, outcome: Outcome, at: Clocks) {
        let Some(InFlight { sent, request, .. }) = self.in_flight.take() else {
            return;
        };
        let took = at.monotonic.duration_since(sent.time.at.monotonic);
        self.telemetry.request_answered(sent.kind, &outcome, took);
        let shown = self.guard.answered(&sent, outcome, at);
        // Sending fails if kube-lease-manager was dropped meanwhile. The guard has taken the outcome all the same.
        request.respond.send(encode(sent.kind, &shown)).ok();
    }

    /// Sends the next request that kube-lease-manager still waits for, unless one is in flight.
    fn send_next(&mut self) {
        while self.in_flight.is_none() {
            let Some(request) = self.waiting.pop_front() else {
                return;
            };
            if request.respond.is_closed() {
                continue;
            }
            self.send_request(request);
        }
    }

    fn send_request(&mut self, request: ProxyRequest) {
        let mut body: Value = serde_json::from_slice(request.request.body()).unwrap_or_default();
        let kind = RequestKind::of(request.request.method(), &body);
        let at = read_clocks();
        if let Some(shown) = self.guard.cached_answer(kind, at) {
            request.respond.send(encode(kind, &shown)).ok();
            return;
        }
        let sent = match self.guard.admit(kind, &mut body, at) {
            Ok(sent) => sent,
            Err(refusal) => {
                self.telemetry.request_refused(kind);
                let shown = conflict(kind, refusal);
                request.respond.send(encode(kind, &shown)).ok();
                return;
            }
        };
        let prepared = match with_body(&request.request, kind, &body) {
            Ok(prepared) => prepared,
            Err(error) => {
                debug!(%error, "A request cannot be written");
                let outcome = Outcome::Failed(RequestFailure {
                    cause: "request",
                    text: format!("a {} cannot be written", kind.verb()),
                });
                let shown = self.guard.answered(&sent, outcome, at);
                request.respond.send(encode(kind, &shown)).ok();
                return;
            }
        };
        let deadline = at.monotonic + self.guard.request_timeout();
        self.in_flight = Some(InFlight {
            sent,
            request,
            outcome: Box::pin(send(self.client.clone(), prepared, deadline)),
        });
    }

    fn publish(&mut self) {
        let now = Instant::now();
        let control = self.guard.manager_control();
        self.publisher
            .publish(self.guard.lease_status(now), self.guard.loss_reason());
        self.control.send_if_modified(|current| {
            let changed = *current != control;
            *current = control;
            changed
        });
    }
}

/// Waits for the end of the request in flight. A write is always waited for, because its outcome matters to the guard. A read is
/// abandoned as soon as kube-lease-manager does not wait for it any more.
async fn answered(in_flight: &mut Option<InFlight>) -> GuardEvent {
    let Some(in_flight) = in_flight else {
        return future::pending().await;
    };
    match in_flight.sent.kind {
        RequestKind::Read => tokio::select! { biased;
            outcome = &mut in_flight.outcome => GuardEvent::Answered(outcome),
            () = in_flight.request.respond.closed() => GuardEvent::Abandoned,
        },
        _ => GuardEvent::Answered((&mut in_flight.outcome).await),
    }
}

async fn sleep_until_due(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => future::pending().await,
    }
}

/// Returns the conflict that answers a refused request of kube-lease-manager, which is not sent.
fn conflict(kind: RequestKind, refusal: Refusal) -> Outcome {
    Outcome::Status {
        code: kind.conflict_code(),
        summary: StatusSummary {
            denied_verb: None,
            message: refusal.message(),
        },
    }
}

/// Returns `request` with the prepared `body` if it is a PATCH, and unchanged otherwise. An acquisition also gets `force=true`.
fn with_body(
    request: &Request<Bytes>,
    kind: RequestKind,
    body: &Value,
) -> anyhow::Result<Request<Bytes>> {
    let (mut head, mut bytes) = request.clone().into_parts();
    if let RequestKind::Patch(patch) = kind {
        bytes = Bytes::from(serde_json::to_vec(body)?);
        head.headers.remove(http::header::CONTENT_LENGTH);
        if patch == Patch::Acquire {
            head.uri = with_force(head.uri)?;
        }
    }
    Ok(Request::from_parts(head, bytes))
}

/// Reads the clocks for the guard. No other function reads a clock for the guard.
fn read_clocks() -> Clocks {
    Clocks {
        monotonic: Instant::now(),
        wall: Timestamp::now(),
    }
}
