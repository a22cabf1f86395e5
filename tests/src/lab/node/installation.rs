//! klag-exporter in real pods, with a stand-in for Kafka that tells clients apart by address, and a watch of the pods.

use std::fmt::{self, Write as _};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::time::Instant;

use super::{ADDRESS, Node, Seen, Setup, Watch};
use crate::lab;
use crate::lab::history::{History, LeadInterval, Observations, Overlap, Span};
use crate::lab::observer::ProbeResult;
use crate::standin::{GroupSpec, PartitionSpec, StandIn};

/// The longest time until pods have settled. Pods start in 5 s on an idle machine, and a first leader waits for a Lease that may
/// still be held.
const START_LIMIT: Duration = Duration::from_secs(120);

/// klag-exporter in the namespace `monitoring` of a node. The namespace and everything in it are deleted when dropped.
#[derive(Debug)]
pub struct Installation<'a> {
    node: &'a Node,
    watch: Watch,
    kafka: StandIn,
    setup: Setup,
}

/// The interruptions of leadership and of series in a stretch of time that a test watched.
#[derive(Clone, Copy, Debug)]
pub struct Gaps {
    /// The longest time in which no pod sent a request to Kafka or showed series.
    pub acting: Duration,
    /// The longest time in which no pod showed series.
    pub series: Duration,
    /// The number of times that a pod acted after another pod had acted.
    pub moves: usize,
}

// === impl Installation ===

impl<'a> Installation<'a> {
    /// Makes the namespace, in which only restricted pods are allowed, and applies the user's overlay. Pods read the stand-in for
    /// Kafka unless the setup names a Kafka. A warning of the API server is an error.
    pub fn start(node: &'a Node, setup: Setup) -> Result<Self> {
        node.kubectl(&["create", "namespace", "monitoring"])?;
        let labels =
            ["enforce", "warn"].map(|mode| format!("pod-security.kubernetes.io/{mode}=restricted"));
        node.kubectl(&["label", "namespace", "monitoring", &labels[0], &labels[1]])?;
        let kafka = node.net().inside(stand_in)?;
        let watch = Watch::start(node.net(), &node.kubeconfig(), setup.closing.clone())?;
        let mut setup = setup;
        if setup.bootstrap.is_empty() {
            setup.bootstrap = kafka.bootstrap();
        }
        let installation = Self {
            node,
            watch,
            kafka,
            setup,
        };
        let said = installation.setup.apply(node)?;
        ensure!(!said.contains("Warning"), "{said}");
        Ok(installation)
    }

    /// Does what [`Self::start`] does, then waits until one pod acts and all others stand by.
    pub fn start_settled(node: &'a Node, setup: Setup) -> Result<Self> {
        let installation = Self::start(node, setup)?;
        installation.wait_until_settled()?;
        Ok(installation)
    }

    /// Returns the stand-in for Kafka, which runs even if the setup names another Kafka.
    pub fn kafka(&self) -> &StandIn {
        &self.kafka
    }

    /// Returns the node on which the pods run.
    pub fn node(&self) -> &'a Node {
        self.node
    }

    /// Changes the user's choices by `change`, and applies the overlay that follows from them.
    pub fn change(&mut self, change: impl FnOnce(&mut Setup)) -> Result<()> {
        change(&mut self.setup);
        self.setup.apply(self.node)?;
        Ok(())
    }

    /// Returns the pods that exist now and have an address, including those that are about to end.
    pub fn pods(&self) -> Vec<Seen> {
        let pods = self.watch.pods().into_iter();
        pods.filter(|pod| pod.gone.is_none()).collect()
    }

    /// Waits until there are exactly `replicas` pods, all of the setup's version and none of them asked to end, of which one acts
    /// and the others stand by.
    pub fn wait_until_settled(&self) -> Result<()> {
        let Setup { replicas, tag, .. } = self.setup;
        lab::wait_for("one leader", START_LIMIT, || {
            let pods = self.pods();
            let states: Vec<_> = pods
                .iter()
                .map(|pod| (&pod.name, pod.is_of(tag), pod.acts(), pod.stands_by()))
                .collect();
            let all = pods.len() == replicas && pods.iter().all(|pod| pod.is_of(tag));
            ensure!(all, "(name, of {tag}, acts, stands by): {states:?}");
            let n_acting = pods.iter().filter(|pod| pod.acts()).count();
            let n_idle = pods.iter().filter(|pod| pod.stands_by()).count();
            ensure!((n_acting, n_idle) == (1, replicas - 1), "{states:?}");
            Ok(())
        })
        .with_context(|| self.logs())
    }

    /// Returns the pod that acts, or an error if none does.
    pub fn leader(&self) -> Result<Seen> {
        let acting = self.pods().into_iter().find(Seen::acts);
        acting.context("nobody acts")
    }

    /// Returns a pod that stands by, or an error if none does.
    pub fn standby(&self) -> Result<Seen> {
        let idle = self.pods().into_iter().find(Seen::stands_by);
        idle.context("nobody stands by")
    }

    /// Waits until a pod other than `former` acts; returns that pod.
    pub fn wait_until_followed(&self, former: &Seen, limit: Duration) -> Result<Seen> {
        lab::wait_for("another leader", limit, || {
            let leader = self.leader()?;
            ensure!(leader.name != former.name, "{} acts", leader.name);
            Ok(leader)
        })
        .with_context(|| self.logs())
    }

    /// Returns the history so far, in which pods have the indices of [`Watch::pods`].
    pub fn history(&self) -> History {
        let arrivals = self.kafka.arrivals();
        let observations = self.watch.pods().into_iter().map(|pod| {
            let asked = arrivals
                .iter()
                .filter(|arrival| arrival.from == pod.address);
            Observations {
                probes: pod.probes(),
                requests: asked.map(|arrival| Span::at(arrival.at)).collect(),
            }
        });
        History::of(&observations.collect::<Vec<_>>())
    }

    /// Checks that no pod ever acted while another pod acted. The error has the history and the pods' logs.
    pub fn never_two(&self) -> Result<History> {
        let history = self.history();
        let Overlap { certain, possible } = history.overlap();
        ensure!(
            certain.is_zero(),
            "two acted for {certain:?} (possibly {possible:?}): {history}\n{}",
            self.logs()
        );
        Ok(history)
    }

    /// Returns the longest gaps and the number of moves since `since`. A gap that has not ended yet counts up to now.
    pub fn gaps_since(&self, since: Instant) -> Gaps {
        let history = self.history();
        let acts = history.intervals.iter().flat_map(|interval| &interval.acts);
        let pods = self.watch.pods();
        let probes = pods.iter().flat_map(Seen::probes);
        let series = probes.filter(|probe| probe.result == ProbeResult::Series);
        Gaps {
            acting: longest_gap(since, acts.map(|act| act.to)),
            series: longest_gap(since, series.map(|probe| probe.answered)),
            moves: History {
                intervals: later(&history, since),
            }
            .moves(),
        }
    }

    /// Returns the pods and events of the namespace as kubectl shows them, and the last 60 lines of each container's log.
    pub fn logs(&self) -> String {
        let mut text = String::new();
        let all = "--all-containers --prefix --tail=60 -l app=klag-exporter -n monitoring";
        let asked = [
            "get pods -o wide -n monitoring".to_owned(),
            "get events -n monitoring".to_owned(),
            format!("logs {all}"),
        ];
        for asked in asked {
            let args: Vec<_> = asked.split(' ').collect();
            match self.node.kubectl_status_and_output(&args) {
                Ok((_, said)) => writeln!(text, "--- kubectl {asked}\n{said}").ok(),
                Err(error) => writeln!(text, "--- kubectl {asked}: {error:#}").ok(),
            };
        }
        text
    }
}

impl fmt::Display for Gaps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            acting,
            series,
            moves,
        } = self;
        write!(
            f,
            "{moves} moves, {} ms without a leader, {} ms without series",
            acting.as_millis(),
            series.as_millis()
        )
    }
}

fn longest_gap(since: Instant, times: impl Iterator<Item = Instant>) -> Duration {
    let mut times: Vec<_> = times.filter(|at| *at > since).collect();
    times.extend([since, Instant::now()]);
    times.sort();
    let gaps = times.windows(2).map(|pair| pair[1] - pair[0]);
    gaps.max().unwrap_or_default()
}

/// Returns the intervals that had not ended at `since`.
fn later(history: &History, since: Instant) -> Vec<LeadInterval> {
    let intervals = history.intervals.iter();
    intervals
        .filter(|interval| interval.last.to > since)
        .cloned()
        .collect()
}

impl Drop for Installation<'_> {
    fn drop(&mut self) {
        // The pods are deleted by force, as they would take up to 20 s to end, and the Lease goes with the namespace, so the next
        // test finds none.
        let now = ["--force", "--grace-period=0", "-n", "monitoring"];
        let leave = || {
            self.node
                .kubectl(&["delete", "deployment", "klag-exporter", "-n", "monitoring"])?;
            self.node
                .kubectl(&[&["delete", "pods", "--all"], &now[..]].concat())?;
            self.node.kubectl(&["delete", "namespace", "monitoring"])
        };
        if let Err(error) = leave() {
            lab::say(format_args!("the namespace stays: {error:#}"));
        }
    }
}

fn stand_in() -> Result<StandIn> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let kafka = StandIn::builder()
        .nodes(1)
        .at(ADDRESS)
        .topic("orders", 2, |p| {
            PartitionSpec::ending_at(1000 + i64::from(p))
        })
        .group("billing", GroupSpec::classic().committed("orders", 0, 900));
    Ok(runtime.block_on(kafka.try_start())?)
}
