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

/// The longest time until two pods have started and one leads, beside other trials.
const START_LIMIT: Duration = Duration::from_secs(60);

/// A promise of the election that was not kept. Every other error is a fault of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPromise(pub String);

/// Two pods, of which pod 0 led first.
#[derive(Debug)]
pub struct TwoPods {
    // The observer is dropped first, so that it does not see the pods end.
    observer: Observer,
    pods: [Pod; 2],
    lease: Lease,
    /// The pods and times whose requests are not counted as acts.
    apart: Vec<(usize, Instant, Instant)>,
}

/// The plan of two pods that share a Lease.
#[derive(Clone, Debug)]
pub struct PairPlan {
    /// The name of the Lease, from which the pods' names are made.
    pub name: String,
    /// The plans of the pods.
    pub plans: [Plan; 2],
    /// The proxies on the pods' routes.
    pub route_kind: RouteKind,
    /// The rights of the pods' accounts.
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

    /// Makes one pod of the pair without starting it: its account, its route and its files.
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
        // kube-lease-manager's `watch()` would never get a Lease in which another field manager owns a field.
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
            // An elector that does not know this contract has no state.
            let facts = self.pods[n].facts()?;
            let state = facts["state"].as_str().unwrap_or("standby");
            // A duplicate identity is a mistake in the configuration, but the pod takes over all the same.
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

    /// Leaves out of a pod's acts the requests to Kafka that arrive so soon after the stopped pod goes on: they had been begun before the
    /// stop and cannot be taken back. Returns their number.
    pub fn set_apart(&mut self, n: usize, goes_on: Instant, soon: Duration) -> usize {
        self.apart.push((n, goes_on, goes_on + soon));
        let arrivals = self.pods[n].kafka().arrivals();
        let within = |at| at >= goes_on && at < goes_on + soon;
        arrivals.iter().filter(|arrival| within(arrival.at)).count()
    }

    /// The longest time since a moment in which no pod acted, including one that has not ended yet.
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

    /// The time from `since` to the pod's next request to Kafka; fails after `limit`.
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

    /// Checks that no pod ever acted while the other did; the error says what happened.
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

    /// The logs of both pods.
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
