//! An observer that probes pods from outside, over and over. A probe tells if `/metrics` is empty or if the gate is open, with the times of
//! the request and of the answer.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, anyhow};
use reqwest::Client;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

/// The time from the end of one probe to the beginning of the next.
const PAUSE: Duration = Duration::from_millis(20);

/// The time limit of an answer; a process that takes longer counts as silent.
const LIMIT: Duration = Duration::from_millis(500);

/// One answer of a pod, or its absence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probe {
    /// The time before the request was sent.
    pub sent: Instant,
    /// The time at which the answer began to arrive, or failed to.
    pub answered: Instant,
    /// The result of the probe.
    pub result: ProbeResult,
}

/// The result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProbeResult {
    /// `/metrics` with series: the pod has acted.
    Series,
    /// `/metrics` without series.
    Empty,
    /// `/leader` says that the gate is open.
    Open,
    /// `/leader` says that the gate is closed.
    Closed,
    /// No process listens: no collector runs.
    Gone,
    /// The collector gave no usable answer: none within the limit, one that broke off, or a `/leader` body of an unknown form.
    Silence,
}

/// The observer, which probes on a thread of its own until it is dropped.
#[derive(Debug)]
pub struct Observer {
    probes: Vec<watch::Receiver<Vec<Probe>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Observer ===

impl Observer {
    /// Begins to probe the collectors on these ports.
    pub fn watch(ports: &[u16]) -> Result<Self> {
        let (senders, probes): (Vec<_>, _) =
            ports.iter().map(|_| watch::channel(Vec::new())).unzip();
        let watched: Vec<_> = ports.iter().copied().zip(senders).collect();
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let client = client()?;
        let thread = std::thread::spawn(move || {
            runtime.block_on(async {
                let mut watching = JoinSet::new();
                for (port, probes) in watched {
                    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                    watching.spawn(watch_one(client.clone(), address, probes));
                }
                // An error means that the sender is gone; the thread ends in either case.
                stopped.await.ok();
            });
        });
        Ok(Self {
            probes,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Everything seen of the pod on the `n`th port so far.
    pub fn probes(&self, n: usize) -> Result<Vec<Probe>> {
        let probes = self.probes.get(n).ok_or_else(|| anyhow!("no pod {n}"))?;
        Ok(probes.borrow().clone())
    }

    /// The last probe of the gate on the `n`th port.
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
            // The thread can only have panicked, which has been reported.
            thread.join().ok();
        }
    }
}

/// A client for [`watch_one`].
pub(super) fn client() -> Result<Client> {
    Ok(Client::builder().timeout(LIMIT).no_proxy().build()?)
}

/// Probes the collector at an address, without end.
pub(super) async fn watch_one(
    client: Client,
    address: SocketAddr,
    probes: watch::Sender<Vec<Probe>>,
) {
    loop {
        for path in ["metrics", "leader"] {
            let sent = Instant::now();
            let answer = client.get(format!("http://{address}/{path}")).send().await;
            let answered = Instant::now();
            let result = match answer {
                Ok(answer) => read(path, answer).await,
                Err(error) if error.is_connect() => ProbeResult::Gone,
                Err(_) => ProbeResult::Silence,
            };
            probes.send_modify(|probes| {
                probes.push(Probe {
                    sent,
                    answered,
                    result,
                });
            });
        }
        time::sleep(PAUSE).await;
    }
}

async fn read(path: &str, answer: reqwest::Response) -> ProbeResult {
    let Ok(body) = answer.text().await else {
        return ProbeResult::Silence;
    };
    match (path, body.as_str()) {
        ("metrics", "") => ProbeResult::Empty,
        ("metrics", _) => ProbeResult::Series,
        (_, r#"{"is_leader":true}"#) => ProbeResult::Open,
        (_, r#"{"is_leader":false}"#) => ProbeResult::Closed,
        _ => ProbeResult::Silence,
    }
}
