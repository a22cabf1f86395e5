//! Two pods that share one Lease, with an observer that tells when each of them acts.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::faults::{ApiRoute, RouteKind};
use super::history::{History, Observations, Overlap, Span};
use super::kubernetes::{Account, Kube, Lease, Rights};
use super::observer::{Observer, Pace, ProbeResult};
use super::pod::{Pod, PodPlan};
use super::programs::Program;

/// The longest time until a pod that was started acts or stands by, which is long because other trials run on the same machine.
const START_LIMIT: Duration = Duration::from_secs(60);

/// An error that says which promise of the election was not kept. Every other error of a trial is a fault of the lab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenPromise(pub String);

/// Two running pods, of which pod 0 led first.
#[derive(Debug)]
pub struct TwoPods {
    // Fields are dropped in this order: first the observer, so that it does not see the pods end.
    observer: Observer,
    pods: [Pod; 2],
    lease: Lease,
    /// The pods and stretches of time whose requests to Kafka are not counted as acts, as [`TwoPods::exclude_acts`] was told.
    excluded: Vec<(usize, Instant, Instant)>,
}

/// The settings with which two pods that share a Lease are made.
#[derive(Clone, Debug)]
pub struct PairPlan {
    /// The name of the Lease, to which the pods' names add `-a` and `-b`.
    pub name: String,
    /// The plans of pod 0 and of pod 1.
    pub plans: [PodPlan; 2],
    /// The proxies on the pods' routes to the API server.
    pub route_kind: RouteKind,
    /// The rights of each pod's service account.
    pub rights: Rights,
    /// The frequency with which both pods are probed.
    pub pace: Pace,
}

// === impl PairPlan ===

impl PairPlan {
    /// Returns the plan of two pods with klag-exporter's elector, these durations in seconds (the Lease's, and the grace period),
    /// the rights of the manifests, and watched routes.
    pub fn of(name: &str, durations: (u64, u64)) -> Self {
        let plan = PodPlan::of(name, durations);
        Self {
            name: name.to_owned(),
            plans: [plan.clone(), plan],
            route_kind: RouteKind::Watched,
            rights: Rights::on(name),
            pace: Pace::DENSE,
        }
    }

    /// Applies `change` to the plans of both pods.
    #[must_use]
    pub fn planned(mut self, mut change: impl FnMut(&mut PodPlan)) -> Self {
        self.plans.iter_mut().for_each(&mut change);
        self
    }

    /// Leaves the HTTP proxies out, so that the pods speak TLS with the API server through TCP proxies alone.
    #[must_use]
    pub fn direct(self) -> Self {
        let route_kind = RouteKind::Direct;
        Self { route_kind, ..self }
    }

    /// Makes the pod `n`, 0 or 1, with its account, route and files, but starts no container.
    pub fn pod(&self, kube: &Kube, n: usize) -> Result<Pod> {
        let name = format!("{}-{}", self.name, ["a", "b"][n]);
        let account = kube.account(&name, &self.rights)?;
        let route = ApiRoute::build(kube, &account, self.route_kind)?;
        Pod::make(&name, self.plans[n].clone(), route)
    }
}

// === impl TwoPods ===

impl TwoPods {
    /// Creates the Lease without a holder, starts both pods, and waits until pod 0 acts and pod 1 stands by.
    pub fn start(kube: &Kube, pair_plan: &PairPlan) -> Result<Self> {
        let lease = Lease::of(kube, &pair_plan.name);
        // The plain elector creates the Lease itself: kube-lease-manager's `watch()` never gets a Lease in which another field
        // manager owns a field.
        if pair_plan.plans[0].elector == Program::Elector {
            lease.create_released()?;
        }
        let pods = [pair_plan.pod(kube, 0)?, pair_plan.pod(kube, 1)?];
        let observer = Observer::watch(&[pods[0].port(), pods[1].port()], pair_plan.pace)?;
        let mut pair = Self {
            observer,
            pods,
            lease,
            excluded: Vec::new(),
        };
        pair.pods[0].start_both()?;
        pair.wait_until_acting(0, START_LIMIT)?;
        pair.pods[1].start_both()?;
        pair.wait_until_standing_by(1)?;
        Ok(pair)
    }

    /// Returns the pod `n`; 0 and 1 are the only ones.
    pub fn pod(&mut self, n: usize) -> &mut Pod {
        &mut self.pods[n]
    }

    /// Returns both pods.
    pub fn pods(&self) -> [&Pod; 2] {
        self.pods.each_ref()
    }

    /// Returns the Lease that the pods compete for.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Forgets what was observed before `before`, so that a long run does not keep it.
    pub fn forget(&self, before: Instant) {
        self.observer.forget(before);
    }

    /// Returns the service account of the pod `n`.
    pub fn account(&self, n: usize) -> &Account {
        self.pods[n].route().account()
    }

    /// Returns the first pod whose gate was open when it was last probed; `None` if there is none.
    pub fn acting(&self) -> Option<usize> {
        (0..2).find(|n| {
            let gate = self.observer.gate(*n);
            gate.is_some_and(|gate| gate.result == ProbeResult::Open)
        })
    }

    /// Waits until the observer sees the gate of the pod `n` open. The error after `limit` has both pods' logs.
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

    /// Waits until a pod that has just been started is ready to take over: its gate is closed, and its elector reports `standby`.
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
            // The plain elector reports no state, so a closed gate is enough for it.
            let facts = self.pods[n].facts()?;
            let state = facts["state"].as_str().unwrap_or("standby");
            // A pod that shares its identity with the other pod reports `blocked`, but takes over all the same.
            let twin = facts["reason"] == "duplicate_identity";
            ensure!(state == "standby" || twin, "it is {state}");
            Ok(())
        })
        .with_context(|| self.logs())
    }

    /// Returns the history of both pods so far.
    pub fn history(&self) -> Result<History> {
        let observations = [self.observations(0)?, self.observations(1)?];
        Ok(History::of(&observations))
    }

    /// Does not count as acts the requests to Kafka that arrive within `soon` after `goes_on`, when the stopped pod `n` goes on:
    /// they were begun before the stop and cannot be taken back. Returns the number of them so far.
    pub fn exclude_acts(&mut self, n: usize, goes_on: Instant, soon: Duration) -> usize {
        self.excluded.push((n, goes_on, goes_on + soon));
        let arrivals = self.pods[n].kafka().arrivals();
        let within = |at| at >= goes_on && at < goes_on + soon;
        arrivals.iter().filter(|arrival| within(arrival.at)).count()
    }

    /// Returns the longest time since `since` in which no pod acted. A gap that has not ended yet counts up to now.
    pub fn longest_gap_since(&self, since: Instant) -> Result<Duration> {
        let history = self.history()?;
        let acts = history.intervals.iter().flat_map(|interval| &interval.acts);
        let mut times: Vec<_> = acts.map(|act| act.to).filter(|at| *at > since).collect();
        times.extend([since, Instant::now()]);
        times.sort();
        let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
        Ok(gaps.max().unwrap_or_default())
    }

    /// Returns the observations of the pod `n`, without the requests that were set excluded.
    pub fn observations(&self, n: usize) -> Result<Observations> {
        let arrivals = self.pods[n].kafka().arrivals();
        Ok(Observations {
            probes: self.observer.probes(n)?,
            requests: arrivals
                .iter()
                .map(|arrival| arrival.at)
                .filter(|at| !self.is_apart(n, *at))
                .map(Span::at)
                .collect(),
        })
    }

    fn is_apart(&self, n: usize, at: Instant) -> bool {
        let mut excluded = self.excluded.iter();
        excluded.any(|(pod, from, to)| *pod == n && (*from..*to).contains(&at))
    }

    /// Returns the time from `since` to the next request to Kafka of the pod `n`. If there is none within `limit`, a promise is
    /// broken.
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

    /// Checks that no pod ever acted while the other pod acted; returns the history. The error, a broken promise, has the history
    /// and the logs.
    pub fn never_two(&self) -> Result<History> {
        let history = self.history()?;
        let Overlap { certain, possible } = history.overlap();
        self.promise(certain.is_zero(), || {
            format!("two acted for {certain:?} (possibly {possible:?}): {history}")
        })?;
        Ok(history)
    }

    /// Returns a [`BrokenPromise`] with the text of `broken` and all logs, unless `kept` is true.
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

    /// Returns the logs of both pods' containers, under headings.
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
