//! Asks all pods all the time who leads.

use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio::sync::{mpsc, watch};
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep};

use super::course::{Facts, PodSight, Role, Sight};

/// An answer that takes longer is as good as none.
const ANSWER_LIMIT: Duration = Duration::from_millis(500);

/// How often to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pace {
    /// Nothing is expected to change.
    Calm,
    /// The moment of a change matters.
    Keen,
}

/// Where a pod is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Doors {
    pub(super) collector: u16,
    pub(super) elector: Option<u16>,
}

/// What is seen, in order; the looking ends when this is dropped.
#[derive(Debug)]
pub(super) struct Lookout {
    sights: mpsc::Receiver<Sight>,
    pace: watch::Sender<Pace>,
    task: AbortHandle,
}

// === impl Pace ===

impl Pace {
    fn pause(self) -> Duration {
        match self {
            Self::Calm => Duration::from_millis(100),
            Self::Keen => Duration::from_millis(5),
        }
    }
}

// === impl Lookout ===

impl Lookout {
    /// Begins to look.
    pub(super) fn begin(pods: Vec<Doors>) -> Result<Self> {
        let client = reqwest::Client::builder().timeout(ANSWER_LIMIT).build()?;
        let (send, sights) = mpsc::channel(16);
        let (pace, paces) = watch::channel(Pace::Calm);
        let task = tokio::spawn(look(client, pods, (send, paces))).abort_handle();
        Ok(Self { sights, pace, task })
    }

    /// What is seen next.
    pub(super) async fn next(&mut self) -> Result<Sight> {
        self.sights.recv().await.context("nobody looks any more")
    }

    /// From now on looks as often.
    pub(super) fn set(&self, pace: Pace) {
        self.pace.send_replace(pace);
    }
}

impl Drop for Lookout {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn look(
    client: reqwest::Client,
    pods: Vec<Doors>,
    (sights, mut pace): (mpsc::Sender<Sight>, watch::Receiver<Pace>),
) {
    loop {
        let asked_at = Instant::now();
        let pods = if let [a, b] = *pods {
            let (a, b) = tokio::join!(pod(&client, a), pod(&client, b));
            vec![a, b]
        } else {
            let mut all = Vec::new();
            for doors in &pods {
                all.push(pod(&client, *doors).await);
            }
            all
        };
        let sight = Sight {
            asked_at,
            seen_at: Instant::now(),
            pods,
        };
        if sights.send(sight).await.is_err() {
            return;
        }
        let pause = pace.borrow_and_update().pause();
        tokio::select! {
            () = sleep(pause) => {}
            _ = pace.changed() => {}
        }
    }
}

/// The collector first: an elector knows of a term before its collector does.
async fn pod(client: &reqwest::Client, doors: Doors) -> PodSight {
    let role = match leader(client, doors.collector).await {
        Ok(answer) if answer["is_leader"] == true => Role::Leads,
        Ok(_) => Role::StandsBy,
        Err(error) if error.is_connect() => Role::Gone,
        Err(_) => Role::Unknown,
    };
    let facts = match doors.elector {
        Some(port) if role != Role::Gone => leader(client, port).await.ok(),
        _ => None,
    };
    let facts = facts.and_then(|answer| {
        Some(Facts {
            state: answer["state"].as_str()?.to_owned(),
            reason: answer["reason"].as_str()?.to_owned(),
            term: answer["term"].as_u64()?,
        })
    });
    PodSight { role, facts }
}

/// `GET /leader`; a 503 says something too.
async fn leader(client: &reqwest::Client, port: u16) -> Result<Value, reqwest::Error> {
    let url = format!("http://127.0.0.1:{port}/leader");
    client.get(url).send().await?.json().await
}
