//! The owner of the guard: sends one request at a time, publishes what the guard makes of it, and ends a claim at its end.

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

use super::exchange::{exchange, forced};
use super::herald::Herald;
use super::service::{Asked, answer};
use super::telemetry::LeaseTelemetry;
use crate::guard::ask::{Ask, Write};
use crate::guard::observation::{Link, Seen};
use crate::guard::troubles::{Failure, Said};
use crate::guard::{Guard, Moment, Outlook, Refusal, Reply, Sent};

/// What the keeper is told.
#[derive(Debug)]
pub(super) enum Mail {
    /// kube-lease-manager wants to send a request.
    Asked(Box<Asked>),
    /// The watch brought something.
    Seen(Seen, Link),
    /// The watch failed, not for want of rights.
    WatchFailed(Failure),
    /// The Lease may be written.
    MayPatch,
    /// It may not: why, for people.
    MayNotPatch(String),
    /// The Lease is about to be given back.
    ReleaseBegins,
    /// It has been, or could not be.
    ReleaseEnded,
}

/// The one task that knows how the Lease stands.
pub(super) struct Keeper {
    pub(super) guard: Guard,
    pub(super) client: Client,
    pub(super) mail: mpsc::UnboundedReceiver<Mail>,
    pub(super) outlook: watch::Sender<Outlook>,
    pub(super) herald: Herald,
    pub(super) telemetry: LeaseTelemetry,
    pub(super) waiting: VecDeque<Asked>,
    pub(super) in_flight: Option<InFlight>,
}

/// The request that is being sent.
pub(super) struct InFlight {
    sent: Sent,
    asked: Asked,
    reply: Pin<Box<dyn Future<Output = Reply> + Send>>,
}

enum Event {
    Mail(Mail),
    Answered(Reply),
    Abandoned,
    Due,
}

// === impl Keeper ===

impl Keeper {
    /// Serves until it is dropped.
    pub(super) async fn run(mut self) -> Infallible {
        loop {
            let event = self.next().await;
            self.handle(event);
            self.send_next();
            self.publish();
        }
    }

    async fn next(&mut self) -> Event {
        let due = self.guard.due(Instant::now());
        tokio::select! { biased;
            event = answered(&mut self.in_flight) => event,
            () = until(due) => Event::Due,
            Some(mail) = self.mail.recv() => Event::Mail(mail),
        }
    }

    fn handle(&mut self, event: Event) {
        let at = moment();
        match event {
            Event::Mail(Mail::Asked(asked)) => self.waiting.push_back(*asked),
            Event::Mail(Mail::Seen(seen, link)) => self.guard.saw(seen, link, at.now),
            Event::Mail(Mail::WatchFailed(failure)) => self.guard.watch_failed(failure),
            Event::Mail(Mail::MayPatch) => self.guard.may_patch(),
            Event::Mail(Mail::MayNotPatch(detail)) => self.guard.may_not_patch(detail),
            Event::Mail(Mail::ReleaseBegins) => self.guard.begin_release(),
            Event::Mail(Mail::ReleaseEnded) => self.guard.end_release(),
            Event::Answered(reply) => self.answered(reply, at),
            Event::Abandoned => {
                self.in_flight = None;
                self.guard.abandoned();
            }
            Event::Due => self.guard.look(at.now),
        }
    }

    fn answered(&mut self, reply: Reply, at: Moment) {
        let Some(InFlight { sent, asked, .. }) = self.in_flight.take() else {
            return;
        };
        let took = at.now.duration_since(sent.stamp.sent.now);
        self.telemetry.answered(sent.ask, &reply, took);
        let shown = self.guard.answered(&sent, reply, at);
        // Nobody listens where kube-lease-manager was dropped meanwhile; what its write came to is known all the same.
        asked.answer.send(answer(sent.ask, &shown)).ok();
    }

    /// Sends the next request that somebody still waits for, unless one is under way.
    fn send_next(&mut self) {
        while self.in_flight.is_none() {
            let Some(asked) = self.waiting.pop_front() else {
                return;
            };
            if asked.answer.is_closed() {
                continue;
            }
            self.send(asked);
        }
    }

    fn send(&mut self, asked: Asked) {
        let mut body: Value = serde_json::from_slice(asked.request.body()).unwrap_or_default();
        let ask = Ask::of(asked.request.method(), &body);
        let at = moment();
        if let Some(shown) = self.guard.recall(ask, at) {
            asked.answer.send(answer(ask, &shown)).ok();
            return;
        }
        let sent = match self.guard.admit(ask, &mut body, at) {
            Ok(sent) => sent,
            Err(refusal) => {
                self.telemetry.refused(ask);
                let shown = refused(ask, refusal);
                asked.answer.send(answer(ask, &shown)).ok();
                return;
            }
        };
        let request = match sealed(&asked.request, ask, &body) {
            Ok(request) => request,
            Err(error) => {
                debug!(%error, "A request cannot be written");
                let reply = Reply::Failed(Failure {
                    cause: "request",
                    text: format!("a {} cannot be written", ask.verb()),
                });
                let shown = self.guard.answered(&sent, reply, at);
                asked.answer.send(answer(ask, &shown)).ok();
                return;
            }
        };
        let deadline = at.now + self.guard.patience();
        self.in_flight = Some(InFlight {
            sent,
            asked,
            reply: Box::pin(exchange(self.client.clone(), request, deadline)),
        });
    }

    fn publish(&mut self) {
        let now = Instant::now();
        let outlook = self.guard.outlook();
        self.herald
            .tell(self.guard.standing(now), self.guard.loss());
        self.outlook.send_if_modified(|known| {
            let changed = *known != outlook;
            *known = outlook;
            changed
        });
    }
}

/// The end of what is under way: a write is seen through, a read only as long as somebody waits for it.
async fn answered(in_flight: &mut Option<InFlight>) -> Event {
    let Some(in_flight) = in_flight else {
        return future::pending().await;
    };
    match in_flight.sent.ask {
        Ask::Read => tokio::select! { biased;
            reply = &mut in_flight.reply => Event::Answered(reply),
            () = in_flight.asked.answer.closed() => Event::Abandoned,
        },
        _ => Event::Answered((&mut in_flight.reply).await),
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => future::pending().await,
    }
}

/// The conflict that kube-lease-manager is told of.
fn refused(ask: Ask, refusal: Refusal) -> Reply {
    Reply::Status {
        code: if ask == Ask::Write(Write::Release) {
            412
        } else {
            409
        },
        said: Said {
            verb: None,
            words: refusal.words(),
        },
    }
}

/// `request` with `body` where it is a PATCH.
fn sealed(request: &Request<Bytes>, ask: Ask, body: &Value) -> anyhow::Result<Request<Bytes>> {
    let (mut head, mut bytes) = request.clone().into_parts();
    if let Ask::Write(write) = ask {
        bytes = Bytes::from(serde_json::to_vec(body)?);
        head.headers.remove(http::header::CONTENT_LENGTH);
        if write == Write::Acquire {
            head.uri = forced(head.uri)?;
        }
    }
    Ok(Request::from_parts(head, bytes))
}

/// Now: the one place that reads the clocks for the guard.
fn moment() -> Moment {
    Moment {
        now: Instant::now(),
        wall: Timestamp::now(),
    }
}
