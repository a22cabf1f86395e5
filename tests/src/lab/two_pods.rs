//! Two pods that share one Lease, with an observer.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::faults::{ApiRoute, RouteKind};
use super::history::{History, Observations, Overlap};
use super::kubernetes::{Account, Kube, Lease, Rights};
use super::observer::{Observer, ProbeResult};
use super::pod::{Plan, Pod};
use super::programs::Program;

/// Two programs start, and one of them leads; beside other trials.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A promise of the election that was not kept. Every other error is a fault of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPromise(pub String);

/// Two pods; pod 0 led first.
#[derive(Debug)]
pub struct TwoPods {
    // The observer goes first, so that it does not see the end.
    observer: Observer,
    pods: [Pod; 2],
    lease: Lease,
    /// Requests of a pod between these moments are not counted among its acts.
    apart: Vec<(usize, Instant, Instant)>,
}

/// The plan of two pods that share a Lease.
#[derive(Clone, Debug)]
pub struct PairPlan {
    /// The name of the Lease; pods are called after it.
    pub name: String,
    /// The plans of the pods.
    pub plans: [Plan; 2],
    /// The proxies on their routes.
    pub route_kind: RouteKind,
    /// The rights of their accounts.
    pub rights: Rights,
}

// === impl PairPlan ===

impl PairPlan {
    /// Two electors with these durations in seconds and the rights of the manifests, on watched routes.
    pub fn of(name: &str, durations: (u64, u64)) -> Self {
        let plan = Plan::of(name, durations);
        Self {
            name: name.to_owned(),
            plans: [plan.clone(), plan],
            route_kind: RouteKind::Watched,
            rights: Rights::on(name),
        }
    }

    /// Changes both plans.
    #[must_use]
    pub fn planned(mut self, mut change: impl FnMut(&mut Plan)) -> Self {
        self.plans.iter_mut().for_each(&mut change);
        self
    }

    /// Routes that go straight to the API server's TLS.
    #[must_use]
    pub fn direct(self) -> Self {
        let route_kind = RouteKind::Direct;
        Self { route_kind, ..self }
    }

    /// One pod of them, not started: its account, its route, its files.
    pub fn pod(&self, kube: &Kube, n: usize) -> Result<Pod> {
        let name = format!("{}-{}", self.name, ["a", "b"][n]);
        let account = kube.account(&name, &self.rights)?;
        let route = ApiRoute::build(kube, &account, self.route_kind)?;
        Pod::make(&name, self.plans[n].clone(), route)
    }
}

// === impl TwoPods ===

impl TwoPods {
    /// Makes the Lease as a released one, starts both pods, and waits until the first one acts and the second one stands by.
    pub fn start(kube: &Kube, pair_plan: &PairPlan) -> Result<Self> {
        let lease = Lease::of(kube, &pair_plan.name);
        // kube-lease-manager by itself is kept out for ever by a field that somebody else owns.
        if pair_plan.plans[0].elector == Program::Elector {
            lease.ship()?;
        }
        let pods = [pair_plan.pod(kube, 0)?, pair_plan.pod(kube, 1)?];
        let observer = Observer::watch(&[pods[0].port(), pods[1].port()])?;
        let mut pair = Self {
            observer,
            pods,
            lease,
            apart: Vec::new(),
        };
        pair.pods[0].start_both()?;
        pair.wait_until_acting(0, START_LIMIT)?;
        pair.pods[1].start_both()?;
        pair.wait_until_standing_by(1)?;
        Ok(pair)
    }

    /// A pod.
    pub fn pod(&mut self, n: usize) -> &mut Pod {
        &mut self.pods[n]
    }

    /// Both pods.
    pub fn pods(&self) -> [&Pod; 2] {
        self.pods.each_ref()
    }

    /// The Lease.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// A pod's account.
    pub fn account(&self, n: usize) -> &Account {
        self.pods[n].route().account()
    }

    /// The pod whose gate was open when it was last probed.
    pub fn acting(&self) -> Option<usize> {
        (0..2).find(|n| {
            let gate = self.observer.gate(*n);
            gate.is_some_and(|gate| gate.result == ProbeResult::Open)
        })
    }

    /// Waits until a pod's gate is seen open.
    pub fn wait_until_acting(&self, n: usize, limit: Duration) -> Result<()> {
        super::wait_for(&format!("pod {n} to act"), limit, || {
            let gate = self.observer.gate(n).context("never seen")?;
            ensure!(
                gate.result == ProbeResult::Open,
                "its gate is {:?}",
                gate.result
            );
            Ok(())
        })
        .with_context(|| self.logs())
    }

    /// Waits until a pod that has just been started is ready to take over.
    pub fn wait_until_standing_by(&self, n: usize) -> Result<()> {
        let started = Instant::now();
        super::wait_for(&format!("pod {n} to stand by"), START_LIMIT, || {
            let gate = self.observer.gate(n).context("never seen")?;
            ensure!(gate.sent >= started, "not seen since");
            ensure!(
                gate.result == ProbeResult::Closed,
                "its gate is {:?}",
                gate.result
            );
            // A stranger to the contract has no state.
            let facts = self.pods[n].facts()?;
            let state = facts["state"].as_str().unwrap_or("standby");
            // Somebody should mend that, but it takes over all the same.
            let twin = facts["reason"] == "duplicate_identity";
            ensure!(state == "standby" || twin, "it is {state}");
            Ok(())
        })
        .with_context(|| self.logs())
    }

    /// The history so far.
    pub fn history(&self) -> Result<History> {
        let observations = [self.observations(0)?, self.observations(1)?];
        Ok(History::of(&observations))
    }

    /// Leaves out of a pod's acts the requests to Kafka that arrive so soon after the stopped pod goes on: they had been
    /// begun before, and nothing can call them back. Returns their number.
    pub fn set_apart(&mut self, n: usize, goes_on: Instant, soon: Duration) -> usize {
        self.apart.push((n, goes_on, goes_on + soon));
        let arrivals = self.pods[n].kafka().arrivals();
        let within = |at| at >= goes_on && at < goes_on + soon;
        arrivals.iter().filter(|arrival| within(arrival.at)).count()
    }

    /// The longest time since a moment in which nobody acted, the time until now included.
    pub fn longest_gap_since(&self, since: Instant) -> Result<Duration> {
        let history = self.history()?;
        let acts = history.intervals.iter().flat_map(|interval| &interval.acts);
        let mut times: Vec<_> = acts.map(|act| act.to).filter(|at| *at > since).collect();
        times.extend([since, Instant::now()]);
        times.sort();
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        Ok(gaps.max().unwrap_or_default())
    }

    /// The observations of a pod.
    pub fn observations(&self, n: usize) -> Result<Observations> {
        let arrivals = self.pods[n].kafka().arrivals();
        Ok(Observations {
            probes: self.observer.probes(n)?,
            requests: arrivals
                .iter()
                .map(|arrival| arrival.at)
                .filter(|at| !self.is_apart(n, *at))
                .collect(),
        })
    }

    fn is_apart(&self, n: usize, at: Instant) -> bool {
        let mut apart = self.apart.iter();
        apart.any(|(pod, from, to)| *pod == n && (*from..*to).contains(&at))
    }

    /// From a moment to the first request to Kafka of a pod after it, waiting for that at most until `limit` after it.
    pub fn first_request(&self, n: usize, since: Instant, limit: Duration) -> Result<Duration> {
        let found = super::wait_for("a request to Kafka", limit, || {
            let arrivals = self.pods[n].kafka().arrivals();
            let mut later = arrivals.iter().filter(|arrival| arrival.at >= since);
            later.next().map(|arrival| arrival.at).context("none")
        });
        self.promise(found.is_ok(), || {
            format!("no request of pod {n} to Kafka in {limit:?}")
        })?;
        Ok(found? - since)
    }

    /// No pod ever acted while the other did; what happened, in words.
    pub fn never_two(&self) -> Result<History> {
        let history = self.history()?;
        let Overlap { certain, possible } = history.overlap();
        self.promise(certain.is_zero(), || {
            format!("two acted for {certain:?} (possibly {possible:?}): {history}")
        })?;
        Ok(history)
    }

    /// Returns an error that is a [`BrokenPromise`], with all logs, unless `kept` is true.
    #[expect(
        clippy::fn_params_excessive_bools,
        reason = "it reads as `assert!` does"
    )]
    pub fn promise(&self, kept: bool, broken: impl FnOnce() -> String) -> Result<()> {
        if kept {
            return Ok(());
        }
        let what = broken();
        Err(BrokenPromise(what)).with_context(|| self.logs())
    }

    /// All logs.
    pub fn logs(&self) -> String {
        let logs = self.pods.iter().map(Pod::logs);
        logs.collect::<Vec<_>>().join("\n")
    }
}

impl fmt::Display for BrokenPromise {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BrokenPromise {}
