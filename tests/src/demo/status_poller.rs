//! The poller of the demo: a task that asks all pods again and again whether they lead.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::leader_tracker::{ElectorStatus, PodStatus, Poll, Role};
use crate::http_client;

/// The time limit of an answer: a pod that takes longer counts as one that does not answer.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// The rate at which pods are polled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PollRate {
    /// The rate while nothing is expected to change.
    Slow,
    /// The rate while the moment of a change matters.
    Fast,
}

/// The ports on which a pod is polled.
#[derive(Clone, Copy, Debug)]
pub(super) struct PodPorts {
    pub(super) collector: u16,
    pub(super) elector: Option<u16>,
}

/// The results of polls, in order. Polling ends when the poller is dropped.
#[derive(Debug)]
pub(super) struct StatusPoller {
    polls: mpsc::Receiver<Poll>,
    rate: watch::Sender<PollRate>,
    task: AbortHandle,
}

// === impl PollRate ===

impl PollRate {
    fn pause(self) -> Duration {
        match self {
            Self::Slow => Duration::from_millis(100),
            Self::Fast => Duration::from_millis(5),
        }
    }
}

// === impl StatusPoller ===

impl StatusPoller {
    /// Begins to poll the pods, at the slow rate.
    pub(super) fn begin(pods: Vec<PodPorts>) -> Result<Self> {
        let client = http_client::builder().timeout(ANSWER_LIMIT).build()?;
        let (send, polls) = mpsc::channel(16);
        let (rate, rates) = watch::channel(PollRate::Slow);
        let task = tokio::spawn(poll_all(client, pods, (send, rates))).abort_handle();
        Ok(Self { polls, rate, task })
    }

    /// Waits for the next poll.
    pub(super) async fn next(&mut self) -> Result<Poll> {
        self.polls.recv().await.context("nobody looks any more")
    }

    /// Polls at this rate from now on.
    pub(super) fn set(&self, rate: PollRate) {
        self.rate.send_replace(rate);
    }
}

impl Drop for StatusPoller {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn poll_all(
    client: reqwest::Client,
    pods: Vec<PodPorts>,
    (polls, mut rate): (mpsc::Sender<Poll>, watch::Receiver<PollRate>),
) {
    loop {
        let asked_at = Instant::now();
        let pods = if let [a, b] = *pods {
            let (a, b) = tokio::join!(pod(&client, a), pod(&client, b));
            vec![a, b]
        } else {
            let mut all = Vec::new();
            for ports in &pods {
                all.push(pod(&client, *ports).await);
            }
            all
        };
        let poll = Poll {
            asked_at,
            seen_at: Instant::now(),
            pods,
        };
        if polls.send(poll).await.is_err() {
            return;
        }
        let pause = rate.borrow_and_update().pause();
        tokio::select! {
            () = sleep(pause) => {}
            _ = rate.changed() => {}
        }
    }
}

/// Polls one pod, the collector before the elector: an elector knows of a term before its collector does.
async fn pod(client: &reqwest::Client, ports: PodPorts) -> PodStatus {
    let role = match leader(client, ports.collector).await {
        Ok(answer) if answer["is_leader"] == true => Role::Leads,
        Ok(_) => Role::StandsBy,
        Err(error) if error.is_connect() => Role::Gone,
        Err(_) => Role::Unknown,
    };
    let facts = match ports.elector {
        Some(port) if role != Role::Gone => leader(client, port).await.ok(),
        _ => None,
    };
    let facts = facts.and_then(|answer| {
        Some(ElectorStatus {
            state: answer["state"].as_str()?.to_owned(),
            reason: answer["reason"].as_str()?.to_owned(),
            term: answer["term"].as_u64()?,
        })
    });
    PodStatus { role, facts }
}

/// Returns the body of the answer to `GET /leader`, whatever the status is, such as 503.
async fn leader(client: &reqwest::Client, port: u16) -> Result<Value, reqwest::Error> {
    let url = format!("http://127.0.0.1:{port}/leader");
    client.get(url).send().await?.json().await
}
