//! A watch of all pods of klag-exporter from within the node's network: pods are found by listing them, and probed from then on.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::{Context, Result};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use serde_json::Value;
use tokio::sync::{oneshot, watch};
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{self, Instant};

use super::Net;
use crate::lab::Closing;
use crate::lab::observer::{Pace, Probe, ProbeResult, Prober};

/// The pause between the answer to one list of the pods and the request for the next.
const PAUSE: Duration = Duration::from_millis(200);

/// The time for which a pod is still probed after it has left the list. A pod that is deleted by force leaves the list before its
/// containers have ended.
const AFTERLIFE: Duration = Duration::from_secs(60);

const PODS: &str = "/api/v1/namespaces/monitoring/pods?labelSelector=app%3Dklag-exporter";

/// The port on which the pods' collectors listen.
const PORT: u16 = 8000;

/// A pod that was listed with an address at some time, and may have gone since.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The name of the pod.
    pub name: String,
    /// The IP address of the pod, which tells its requests to Kafka from those of other pods.
    pub address: IpAddr,
    /// The pod's object as the API server listed it last; kept after the pod has gone.
    pub object: Value,
    /// The time of the first list without the pod; `None` while the pod is listed.
    pub gone: Option<Instant>,
    probes: watch::Receiver<Vec<Probe>>,
}

/// The watch of all pods of klag-exporter; runs on a thread of its own until dropped.
#[derive(Debug)]
pub struct Watch {
    pods: watch::Receiver<Vec<Seen>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// The state of the watching thread.
struct Watching {
    kube: Client,
    prober: Prober,
    pods: watch::Sender<Vec<Seen>>,
    tasks: JoinSet<()>,
    /// The index of each pod in `pods`, and the handle of the task that probes the pod, by the pod's uid. Pods that have gone stay.
    probed: BTreeMap<String, (usize, AbortHandle)>,
}

// === impl Watch ===

impl Watch {
    /// Begins to watch the pods of the cluster that `kubeconfig` leads to, on a thread in `net`. `closing` is that of the
    /// pods' endpoints.
    pub(super) fn start(net: &Net, kubeconfig: &Path, closing: Option<Closing>) -> Result<Self> {
        let net = net.try_clone()?;
        let kubeconfig = Kubeconfig::read_from(kubeconfig)?;
        let (sender, pods) = watch::channel(Vec::new());
        let (stop, stopped) = oneshot::channel();
        let watching = async move {
            let options = KubeConfigOptions::default();
            let config = Config::from_custom_kubeconfig(kubeconfig, &options).await?;
            let watching = Watching {
                kube: Client::try_from(config)?,
                prober: Prober::new(closing)?,
                pods: sender,
                tasks: JoinSet::new(),
                probed: BTreeMap::new(),
            };
            tokio::select! {
                // `Watch` stops this thread by dropping the sender; a value is never sent.
                _ = stopped => Ok(()),
                ended = watching.run() => ended,
            }
        };
        let thread = std::thread::spawn(move || {
            let run = || {
                net.enter()?;
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()?;
                runtime.block_on(watching)
            };
            if let Err(error) = run() {
                crate::lab::say(format_args!("nobody watches any more: {error:#}"));
            }
        });
        Ok(Self {
            pods,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns all pods so far, in the order in which they were first listed with an address.
    pub fn pods(&self) -> Vec<Seen> {
        self.pods.borrow().clone()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // An error means that the thread panicked, which the panic hook has printed.
            thread.join().ok();
        }
    }
}

// === impl Watching ===

impl Watching {
    async fn run(mut self) -> Result<()> {
        loop {
            let request = http::Request::get(PODS).body(Vec::new())?;
            // A failed request is no error, since the API server may be busy or down; the pods are asked for again after the pause.
            if let Ok(list) = self.kube.request::<Value>(request).await {
                self.compare(&list)?;
            }
            time::sleep(PAUSE).await;
        }
    }

    fn compare(&mut self, list: &Value) -> Result<()> {
        let mut there = Vec::new();
        for object in list["items"].as_array().context("no items")? {
            let uid = object["metadata"]["uid"].as_str().context("no uid")?;
            there.push(uid.to_owned());
            if let Some((n, _)) = self.probed.get(uid) {
                self.pods
                    .send_modify(|pods| pods[*n].object = object.clone());
            } else if let Some(address) = object["status"]["podIP"].as_str() {
                let seen = self.start_probing(address.parse()?, object)?;
                let n = self.pods.borrow().len();
                self.probed.insert(uid.to_owned(), (n, seen.1));
                self.pods.send_modify(|pods| pods.push(seen.0));
            }
        }
        let gone = self.probed.iter().filter(|(uid, _)| !there.contains(uid));
        for (_, (n, probed)) in gone {
            self.pods.send_modify(|pods| {
                let since = pods[*n].gone.get_or_insert_with(Instant::now);
                if since.elapsed() > AFTERLIFE {
                    probed.abort();
                }
            });
        }
        Ok(())
    }

    fn start_probing(&mut self, address: IpAddr, object: &Value) -> Result<(Seen, AbortHandle)> {
        let (sender, probes) = watch::channel(Vec::new());
        let target = self.prober.target(SocketAddr::from((address, PORT)))?;
        let probed = self.tasks.spawn(target.watch(sender, Pace::DENSE));
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let seen = Seen {
            name: name.to_owned(),
            address,
            object: object.clone(),
            gone: None,
            probes,
        };
        Ok((seen, probed))
    }
}

// === impl Seen ===

impl Seen {
    /// Returns all probes of the pod so far, in the order of time.
    pub fn probes(&self) -> Vec<Probe> {
        self.probes.borrow().clone()
    }

    /// Returns true if the pod's gate was open when it was last probed.
    pub fn acts(&self) -> bool {
        self.gate() == Some(ProbeResult::Open)
    }

    /// Returns true if the pod's gate was closed when it was last probed. A pod whose collector did not listen does not stand by.
    pub fn stands_by(&self) -> bool {
        self.gate() == Some(ProbeResult::Closed)
    }

    /// Returns true if the first container of the pod has an image with this tag and the pod was not asked to end.
    pub fn is_of(&self, tag: &str) -> bool {
        let image = self.object["spec"]["containers"][0]["image"].as_str();
        image.is_some_and(|image| image.ends_with(&format!(":{tag}")))
            && self.object["metadata"]["deletionTimestamp"].is_null()
    }

    /// Returns the id and the number of restarts of the pod's container `name`, init containers included; an error while it has no
    /// id.
    pub fn container(&self, name: &str) -> Result<(String, u64)> {
        let status = &self.object["status"];
        let lists = ["containerStatuses", "initContainerStatuses"];
        let mut all = lists
            .iter()
            .filter_map(|list| status[list].as_array())
            .flatten();
        let found = all
            .find(|one| one["name"] == name)
            .context("no such container")?;
        let id = found["containerID"].as_str().context("it has no id yet")?;
        Ok((id.to_owned(), found["restartCount"].as_u64().unwrap_or(0)))
    }

    fn gate(&self) -> Option<ProbeResult> {
        let probes = self.probes.borrow();
        let mut gate = probes.iter().rev().map(|probe| probe.result);
        gate.find(|result| {
            matches!(
                result,
                ProbeResult::Open | ProbeResult::Closed | ProbeResult::Gone
            )
        })
    }
}
