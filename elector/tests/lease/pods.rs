//! Lease halves of electors, each as if in a pod of its own, and a check that no two of them lead at once.

use std::fmt::Write as _;
use std::time::Duration;

use elector::lease::telemetry::LeaseTelemetry;
use elector::lease::{ApiServer, Lease};
use elector::lease_status::{Desired, Holding, LeaseStatus};
use kube::Config;
use shared::config::{self, Election, Environment, Leadership, Program};
use tokio::sync::watch;
use tokio::time::{Instant, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::api_server::FakeApiServer;
use crate::fake_lease::NAME;

/// The longest time that a test waits for a status.
const LONG: Duration = Duration::from_secs(30);

/// The lease half of one elector, running as if in a pod.
pub struct ElectorPod {
    pub desired: watch::Sender<Desired>,
    status: watch::Receiver<LeaseStatus>,
    /// The guard that ends the lease half without a release when it is dropped, as SIGKILL would.
    _life: DropGuard,
}

/// The identity and the instance of a pod.
#[derive(Clone, Copy, Debug)]
pub struct Who {
    pub identity: &'static str,
    pub instance: &'static str,
}

pub const A: Who = Who {
    identity: "pod-a",
    instance: "uid-a",
};
pub const B: Who = Who {
    identity: "pod-b",
    instance: "uid-b",
};

/// The lease duration and the renewal period of a pod, in seconds.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    pub lease: u64,
    pub renew: u64,
}

/// The shortest lease duration and renewal period that the configuration allows.
pub const SHORT: Terms = Terms { lease: 3, renew: 1 };

// === impl ElectorPod ===

impl ElectorPod {
    /// Starts the lease half of a pod that campaigns.
    pub fn start(api: &FakeApiServer, who: Who, terms: Terms) -> Self {
        let (desired, desired_receiver) = watch::channel(Desired::Campaign);
        let (publish, status) = watch::channel(LeaseStatus::default());
        let shutdown = CancellationToken::new();
        let lease = Lease {
            election: election(who, terms),
            instance: who.instance.to_owned(),
            desired: desired_receiver,
            lease_status: publish,
            telemetry: LeaseTelemetry::new().unwrap(),
        };
        let mut config = Box::new(Config::new(api.url.parse().unwrap()));
        // Without this, every client would read all root certificates of the machine, and delay the other pods on this thread.
        config.root_cert = Some(Vec::new());
        let life = shutdown.clone().drop_guard();
        #[expect(clippy::disallowed_methods, reason = "a stand-in for another process")]
        tokio::spawn(lease.run_in(ApiServer::Given(config), shutdown));
        Self {
            desired,
            status,
            _life: life,
        }
    }

    /// Waits until the pod leads. Returns the time at that moment.
    pub async fn leads(&self) -> Instant {
        self.comes_to(is_leading).await
    }

    /// Waits until the pod does not lead. Returns the time at that moment.
    pub async fn follows(&self) -> Instant {
        self.comes_to(|status| !is_leading(status)).await
    }

    /// Waits until `state` returns true for the status; panics after [`LONG`]. Returns the time at that moment.
    pub async fn comes_to(&self, state: impl FnMut(&LeaseStatus) -> bool) -> Instant {
        let mut status = self.status.clone();
        let Ok(reached) = timeout(LONG, status.wait_for(state)).await else {
            panic!("still {:?}", self.status.borrow());
        };
        drop(reached.unwrap());
        Instant::now()
    }

    pub fn is_leading(&self) -> bool {
        is_leading(&self.status.borrow())
    }

    pub fn term(&self) -> u64 {
        match self.status.borrow().holding {
            Holding::Held(claim) => claim.term,
            holding => panic!("{holding:?}"),
        }
    }

    /// Checks that the pod leads in one term, without a gap, for the next `time`.
    pub async fn leads_on_for(&self, time: Duration) {
        let term = self.term();
        let lost = self.comes_to(|status| match status.holding {
            Holding::Held(claim) => claim.term != term || claim.until <= Instant::now(),
            _ => true,
        });
        let lost = timeout(time, lost).await;
        assert!(lost.is_err(), "lost: {:?}", self.status.borrow());
    }
}

fn is_leading(status: &LeaseStatus) -> bool {
    matches!(status.holding, Holding::Held(claim) if Instant::now() < claim.until)
}

fn election(who: Who, terms: Terms) -> Election {
    let mut text = "[exporter.leadership]\nenabled = true\n".to_owned();
    writeln!(text, "identity = \"{}\"", who.identity).unwrap();
    writeln!(text, "lease_name = \"{NAME}\"").unwrap();
    writeln!(text, "lease_duration_secs = {}", terms.lease).unwrap();
    writeln!(text, "grace_period_secs = {}", terms.renew).unwrap();
    text.push_str("[[clusters]]\nname = \"c\"\nbootstrap_servers = \"x:1\"\n");
    let environment = Environment::default();
    let loaded = config::parse(&text, "config.toml", Program::Elector, &environment).unwrap();
    match loaded.config.exporter.leadership {
        Leadership::Elected(election) => *election,
        Leadership::SingleInstance => unreachable!("it is enabled"),
    }
}

/// Panics as soon as both pods lead at once. Returns when one of the two lease halves has ended.
pub async fn never_two(a: &ElectorPod, b: &ElectorPod) {
    let (mut ours, mut theirs) = (a.status.clone(), b.status.clone());
    loop {
        let both = a.is_leading() && b.is_leading();
        assert!(!both, "{:?} and {:?}", a.status.borrow(), b.status.borrow());
        tokio::select! {
            changed = ours.changed() => if changed.is_err() { return },
            changed = theirs.changed() => if changed.is_err() { return },
        }
    }
}

/// Runs `story`, and panics if `a` and `b` ever lead at once.
pub async fn duel(a: &ElectorPod, b: &ElectorPod, story: impl Future<Output = ()>) {
    tokio::select! { biased;
        () = never_two(a, b) => panic!("one of them has ended"),
        () = story => {}
    }
}
