//! An observer that probes pods from outside, over and over. A probe tells whether `/metrics` has series or whether the gate is
//! open, with the times of the request and of the answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, anyhow};
use reqwest::Client;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

use super::Closing;
use crate::http_client;

/// The time limit of an answer; a process that takes longer counts as silent.
const LIMIT: Duration = Duration::from_millis(500);

/// The frequency of probes.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// The pause after each round of probes, of which one asks for `/leader`.
    pub pause: Duration,
    /// The number of rounds of which one asks for `/metrics` too.
    pub metrics_every: u32,
}

/// A request to a pod's collector, with the answer or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The time just before the request was sent.
    pub sent: Instant,
    /// The time at which the head of the answer had arrived, or the request had failed. For a closed `/metrics`, the time at which the
    /// whole answer had arrived.
    pub answered: Instant,
    /// The content of the answer, or the reason of its absence.
    pub result: ProbeResult,
}

/// The content of the answer to a probe, or the reason of its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// The answer to `/metrics` has series, so the pod has acted.
    Series,
    /// The answer to `/metrics` is empty, as it is while the gate is closed or before the first collection.
    Empty,
    /// The answer to `/leader` says that the gate is open.
    Open,
    /// The answer to `/leader` says that the gate is closed.
    Closed,
    /// The connection could not be made, so no collector runs.
    Gone,
    /// The collector gave no usable answer: none within the limit, one that broke off, or a `/leader` body of an unknown form.
    Silence,
}

/// The settings of probes, for collectors at any addresses.
#[derive(Clone, Debug)]
pub(super) struct Prober {
    http: Client,
    /// The closing of the collectors' endpoints; `None` where everybody is answered.
    closing: Option<Closing>,
}

/// A collector to probe, with the clients for it.
pub(super) struct Target {
    address: SocketAddr,
    http: Client,
    /// The client that is let in to `/metrics`; `None` where everybody is answered.
    metrics: Option<kube::Client>,
}

/// An observer of pods on loopback, which probes on a thread of its own until dropped.
#[derive(Debug)]
pub struct Observer {
    probes: Vec<watch::Sender<Vec<Probe>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Pace ===

impl Pace {
    /// The pace of trials, which last seconds.
    pub const DENSE: Self = Self {
        pause: Duration::from_millis(20),
        metrics_every: 1,
    };
}

// === impl Observer ===

impl Observer {
    /// Begins to probe the collectors on these ports of loopback, each in a task of its own.
    pub fn watch(ports: &[u16], pace: Pace) -> Result<Self> {
        let probes: Vec<_> = ports.iter().map(|_| watch::Sender::default()).collect();
        let watched: Vec<_> = ports.iter().copied().zip(probes.clone()).collect();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let prober = Prober::new(None)?;
        let targets = watched.into_iter().map(|(port, probes)| {
            let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
            Ok((prober.target(address)?, probes))
        });
        let targets: Vec<_> = targets.collect::<Result<_>>()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let mut watching = JoinSet::new();
                for (target, probes) in targets {
                    watching.spawn(target.watch(probes, pace));
                }
                // `Observer` stops this thread by dropping the sender; a value is never sent.
                stopped.await.ok();
            });
        });
        Ok(Self {
            probes,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns all probes of the `n`th port so far, in the order of time.
    pub fn probes(&self, n: usize) -> Result<Vec<Probe>> {
        let probes = self.probes.get(n).ok_or_else(|| anyhow!("no pod {n}"))?;
        Ok(probes.borrow().clone())
    }

    /// Forgets the probes that were sent before `before`, so that a long run does not keep them.
    pub fn forget(&self, before: Instant) {
        for probes in &self.probes {
            probes.send_modify(|probes| probes.retain(|probe| probe.sent >= before));
        }
    }

    /// Returns the last probe of the `n`th port that told whether the gate is open; a collector that does not run has no open gate.
    pub fn gate(&self, n: usize) -> Option<Probe> {
        let probes = self.probes.get(n)?.borrow();
        let gate = |probe: &&Probe| {
            matches!(
                probe.result,
                ProbeResult::Open | ProbeResult::Closed | ProbeResult::Gone
            )
        };
        probes.iter().rev().find(gate).copied()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // An error means that the thread panicked, which the panic hook has printed.
            thread.join().ok();
        }
    }
}

// === impl Prober ===

impl Prober {
    /// Makes the HTTP client. `closing` is that of the collectors' endpoints.
    pub(super) fn new(closing: Option<Closing>) -> Result<Self> {
        let http = http_client::builder().timeout(LIMIT).no_proxy().build()?;
        Ok(Self { http, closing })
    }

    /// Makes the clients for the collector at `address`. If the endpoints are closed, it must be called within a tokio runtime, in which
    /// kube starts a task.
    pub(super) fn target(&self, address: SocketAddr) -> Result<Target> {
        let closing = self.closing.as_ref();
        let metrics = closing.map(|closing| closing.client(address, LIMIT));
        Ok(Target {
            address,
            http: self.http.clone(),
            metrics: metrics.transpose()?,
        })
    }
}

// === impl Target ===

impl Target {
    /// Probes the collector without end, and appends the results to `probes`. `/leader` is always asked for in plain HTTP, because it
    /// is an open endpoint.
    pub(super) async fn watch(self, probes: watch::Sender<Vec<Probe>>, pace: Pace) {
        for round in (0..pace.metrics_every).cycle() {
            let paths = ["metrics", "leader"];
            for path in &paths[usize::from(round > 0)..] {
                let path = *path;
                let sent = Instant::now();
                let (answered, result) = match &self.metrics {
                    Some(client) if path == "metrics" => metrics(client).await,
                    _ => self.ask(path).await,
                };
                probes.send_modify(|probes| {
                    probes.push(Probe {
                        sent,
                        answered,
                        result,
                    });
                });
            }
            time::sleep(pace.pause).await;
        }
    }

    async fn ask(&self, path: &str) -> (Instant, ProbeResult) {
        let url = format!("http://{}/{path}", self.address);
        let answer = self.http.get(url).send().await;
        let answered = Instant::now();
        let result = match answer {
            Ok(answer) => match answer.text().await {
                Ok(body) => read(path, &body),
                Err(_) => ProbeResult::Silence,
            },
            Err(error) if error.is_connect() => ProbeResult::Gone,
            Err(_) => ProbeResult::Silence,
        };
        (answered, result)
    }
}

/// Asks a closed `/metrics`. A refused connection counts as silence, because kube does not tell it apart; the next request for
/// `/leader` finds out that no collector runs.
async fn metrics(client: &kube::Client) -> (Instant, ProbeResult) {
    let request = http::Request::get("/metrics").body(Vec::new());
    let result = match request {
        Ok(request) => match time::timeout(LIMIT, client.request_text(request)).await {
            Ok(Ok(body)) => read("metrics", &body),
            Ok(Err(_)) | Err(_) => ProbeResult::Silence,
        },
        Err(_) => ProbeResult::Silence,
    };
    (Instant::now(), result)
}

fn read(path: &str, body: &str) -> ProbeResult {
    match (path, body) {
        ("metrics", "") => ProbeResult::Empty,
        ("metrics", _) => ProbeResult::Series,
        (_, r#"{"is_leader":true}"#) => ProbeResult::Open,
        (_, r#"{"is_leader":false}"#) => ProbeResult::Closed,
        _ => ProbeResult::Silence,
    }
}
