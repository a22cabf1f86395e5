//! Watches pods from outside: whether `/metrics` is empty and whether the gate is open, over and over, each look with its times.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Result, anyhow};
use reqwest::Client;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::{self, Instant};

/// From the end of one look to the beginning of the next.
const PAUSE: Duration = Duration::from_millis(20);

/// An answer that takes longer is not waited for: the process stands still.
const LIMIT: Duration = Duration::from_millis(500);

/// What was seen of one pod at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Before the question was sent.
    pub sent: Instant,
    /// When the answer began to arrive, or failed to.
    pub heard: Instant,
    /// What it was.
    pub sight: Sight,
}

/// What a look can show.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sight {
    /// `/metrics` with series: the pod has acted.
    Series,
    /// `/metrics` without any.
    Empty,
    /// `/leader` says that the gate is open.
    Open,
    /// `/leader` says that the gate is closed.
    Closed,
    /// Nobody listens: no collector runs.
    Gone,
    /// No answer.
    Silence,
}

/// Watches until dropped, on a thread of its own.
#[derive(Debug)]
pub struct Observer {
    looks: Vec<watch::Receiver<Vec<Look>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

// === impl Observer ===

impl Observer {
    /// Watches the collectors on these ports.
    pub fn watch(ports: &[u16]) -> Result<Self> {
        let (senders, looks): (Vec<_>, _) =
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
                for (port, looks) in watched {
                    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
                    watching.spawn(watch_one(client.clone(), address, looks));
                }
                // An error means that nobody will ever stop it in order; either way it ends.
                stopped.await.ok();
            });
        });
        Ok(Self {
            looks,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Everything seen of the pod on the `n`th port so far.
    pub fn looks(&self, n: usize) -> Result<Vec<Look>> {
        let looks = self.looks.get(n).ok_or_else(|| anyhow!("no pod {n}"))?;
        Ok(looks.borrow().clone())
    }

    /// The last thing seen of the gate on the `n`th port.
    pub fn gate(&self, n: usize) -> Option<Look> {
        let looks = self.looks.get(n)?.borrow();
        let gate = |look: &&Look| matches!(look.sight, Sight::Open | Sight::Closed | Sight::Gone);
        looks.iter().rev().find(gate).copied()
    }
}

impl Drop for Observer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // It can only have panicked, and has said so.
            thread.join().ok();
        }
    }
}

/// A client for [`watch_one`].
pub(super) fn client() -> Result<Client> {
    Ok(Client::builder().timeout(LIMIT).no_proxy().build()?)
}

/// Looks at the collector at an address, for ever.
pub(super) async fn watch_one(
    client: Client,
    address: SocketAddr,
    looks: watch::Sender<Vec<Look>>,
) {
    loop {
        for path in ["metrics", "leader"] {
            let sent = Instant::now();
            let answer = client.get(format!("http://{address}/{path}")).send().await;
            let heard = Instant::now();
            let sight = match answer {
                Ok(answer) => read(path, answer).await,
                Err(error) if error.is_connect() => Sight::Gone,
                Err(_) => Sight::Silence,
            };
            looks.send_modify(|looks| looks.push(Look { sent, heard, sight }));
        }
        time::sleep(PAUSE).await;
    }
}

async fn read(path: &str, answer: reqwest::Response) -> Sight {
    let Ok(body) = answer.text().await else {
        return Sight::Silence;
    };
    match (path, body.as_str()) {
        ("metrics", "") => Sight::Empty,
        ("metrics", _) => Sight::Series,
        (_, r#"{"is_leader":true}"#) => Sight::Open,
        (_, r#"{"is_leader":false}"#) => Sight::Closed,
        _ => Sight::Silence,
    }
}
