//! Two pods under a schedule: the faults of their paths, processes and clocks, and of their Lease, are applied to them.

use std::time::Duration;

use anyhow::{Context, Result};
use tokio::time::Instant;

use super::fault::{Fault, FaultKind, PathFault, Target};
use super::recording::{LeaseRead, Origin, PodRecord, Recording, Stretch};
use super::schedule::Schedule;
use crate::lab::faults::{ApiRoute, ErrorInjection, HttpFault, TcpFault};
use crate::lab::history::Span;
use crate::lab::kubernetes::{Kube, Lease};
use crate::lab::programs::Program;
use crate::lab::{KafkaRoutes, PairPlan, TwoPods};

mod containers;

/// The time after SIGCONT in which requests to Kafka are counted apart: a request that the collector had begun when it was
/// stopped may be sent when it goes on.
const LEFTOVER: Duration = Duration::from_millis(50);

/// The state of a container, as far as the schedule made it so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expected {
    Running,
    /// A fault has stopped or ended the container at this time, in microseconds.
    Halted(u64),
    /// The container ended by itself, and is started again at this time.
    Restarting(Instant),
}

/// Two pods with one program in the elector's place.
#[derive(Debug)]
pub(crate) struct Duel {
    program: Program,
    pair: TwoPods,
    origin: Origin,
    /// The states of elector and collector of each pod.
    expected: [[Expected; 2]; 2],
    happened: Vec<Option<Stretch>>,
    halted: [Vec<Stretch>; 2],
    /// The times at which each pod's collector got SIGCONT.
    continued: [Vec<Instant>; 2],
    crashes: Vec<String>,
}

// === impl Duel ===

impl Duel {
    /// Starts two pods with a Lease of this name, and waits until pod a leads and pod b stands by.
    pub(super) fn start(
        kube: &Kube,
        (name, program): (&str, Program),
        schedule: &Schedule,
        routes: &[KafkaRoutes; 2],
    ) -> Result<Self> {
        let mut plan = PairPlan::of(name, schedule.durations());
        for (n, plan) in plan.plans.iter_mut().enumerate() {
            plan.elector = program;
            plan.bootstrap = Some(routes[n].bootstrap());
            plan.clock = schedule.strikes(Target::Clock(n)).then_some("+0s");
        }
        Ok(Self::of(program, TwoPods::start(kube, &plan)?, schedule))
    }

    /// Takes two running pods, which have `program` in the elector's place, for this schedule.
    pub(crate) fn of(program: Program, pair: TwoPods, schedule: &Schedule) -> Self {
        Self {
            program,
            pair,
            origin: Origin(Instant::now()),
            expected: [[Expected::Running; 2]; 2],
            happened: vec![None; schedule.faults.len()],
            halted: [Vec::new(), Vec::new()],
            continued: [Vec::new(), Vec::new()],
            crashes: Vec::new(),
        }
    }

    /// Sets the beginning of the schedule, which is the same for all pairs that run it.
    pub(crate) fn set_origin(&mut self, origin: Origin) {
        self.origin = origin;
    }

    /// Goes on with another schedule, and forgets what was observed before `origin`, its beginning.
    pub(crate) fn renew(&mut self, schedule: &Schedule, origin: Origin) {
        self.pair.forget(origin.0);
        self.origin = origin;
        self.happened = vec![None; schedule.faults.len()];
        self.halted = [Vec::new(), Vec::new()];
        self.continued = [Vec::new(), Vec::new()];
        self.crashes = Vec::new();
    }

    /// Returns the pods.
    pub(crate) fn pair(&mut self) -> &mut TwoPods {
        &mut self.pair
    }

    /// Returns the Lease of the pair.
    pub(crate) fn lease(&self) -> &Lease {
        self.pair.lease()
    }

    /// Returns true if one of the pods led when it was last asked.
    pub(super) fn is_led(&self) -> bool {
        self.pair.acting().is_some()
    }

    /// Begins a fault, unless it cannot be applied. Faults of servers are none of this.
    pub(crate) fn begin(&mut self, n: usize, fault: &Fault) -> Result<()> {
        let at = self.now();
        match &fault.kind {
            FaultKind::Path { pods, path_fault } => {
                for pod in pods.indices() {
                    begin_path_fault(*path_fault, self.pair.pods()[*pod].route())?;
                }
            }
            FaultKind::Process {
                pods,
                parts,
                interruption,
            } => {
                for pod in pods.indices() {
                    for part in parts.list() {
                        self.halt((*pod, *part), *interruption)?;
                    }
                }
            }
            FaultKind::Clock { pods, shift_secs } => {
                for pod in pods.indices() {
                    self.pair.pods()[*pod].set_clock(&format!("{shift_secs:+}s"))?;
                }
            }
            FaultKind::Lease { edit } => {
                // An edit fails where an edit before it deleted the Lease, and nobody has created it since.
                let holder = self.pair.lease().read()?.map(|record| record.holder);
                let [a, b] = self.pair.pods().map(|pod| pod.name().to_owned());
                let other = if holder.as_deref() == Some(&a) { b } else { a };
                if edit.apply(self.pair.lease(), &other).is_err() {
                    return Ok(());
                }
            }
            FaultKind::Server { .. } => return Ok(()),
        }
        self.happened[n] = Some((at, self.now()));
        Ok(())
    }

    /// Ends a fault that was begun.
    pub(crate) fn end(&mut self, n: usize, fault: &Fault) -> Result<()> {
        match &fault.kind {
            FaultKind::Path { pods, .. } => {
                for pod in pods.indices() {
                    let route = self.pair.pods()[*pod].route();
                    route.set(TcpFault::Pass);
                    route.http_fault(HttpFault::default())?;
                }
            }
            FaultKind::Process {
                pods,
                parts,
                interruption,
            } => {
                for pod in pods.indices() {
                    for part in parts.list() {
                        self.go_on((*pod, *part), *interruption)?;
                    }
                }
            }
            FaultKind::Clock { pods, .. } => {
                for pod in pods.indices() {
                    self.pair.pods()[*pod].set_clock("+0s")?;
                }
            }
            FaultKind::Lease { .. } | FaultKind::Server { .. } => return Ok(()),
        }
        let now = self.now();
        if let Some((_, end)) = &mut self.happened[n] {
            *end = now;
        }
        Ok(())
    }

    /// Ends the observation; returns the recording and the logs of all containers. `happened` has the actual times of the faults
    /// of servers.
    pub(super) fn finish(
        mut self,
        schedule: &Schedule,
        (lease, happened): (Vec<LeaseRead>, &[(usize, Stretch)]),
        routes: &[KafkaRoutes; 2],
    ) -> Result<(Recording, String)> {
        let recording = self.recording(schedule, (lease, happened), routes)?;
        Ok((recording, self.pair.logs()))
    }

    /// Returns the recording of the schedule so far, as [`Self::finish`] does.
    pub(crate) fn recording(
        &mut self,
        schedule: &Schedule,
        (lease, happened): (Vec<LeaseRead>, &[(usize, Stretch)]),
        routes: &[KafkaRoutes; 2],
    ) -> Result<Recording> {
        let end = self.now();
        for (n, stretch) in happened {
            self.happened[*n] = Some(*stretch);
        }
        let pods = [
            self.record(0, routes[0].arrivals_since(self.origin.0))?,
            self.record(1, routes[1].arrivals_since(self.origin.0))?,
        ];
        Ok(Recording {
            schedule: schedule.clone(),
            elector: self.program.name().to_owned(),
            end,
            faults: self.happened.clone(),
            pods,
            lease,
            crashes: match self.program {
                // kube-lease-manager gives up when it cannot be made, which ends the plain elector.
                Program::PlainElector => Vec::new(),
                Program::Elector | Program::Collector => self.crashes.clone(),
            },
        })
    }

    fn record(&self, pod: usize, arrivals: Vec<Span>) -> Result<PodRecord> {
        let probes = self.pair.observations(pod)?.probes;
        let probes = probes.iter().filter(|probe| probe.sent >= self.origin.0);
        let (leftover, requests): (Vec<_>, Vec<_>) = arrivals
            .into_iter()
            .partition(|span| self.is_leftover(pod, span));
        Ok(PodRecord {
            probes: probes
                .map(|probe| {
                    let (sent, answered) = self.origin.stretch(Span {
                        from: probe.sent,
                        to: probe.answered,
                    });
                    (sent, answered, probe.result.into())
                })
                .collect(),
            requests: requests
                .into_iter()
                .map(|span| self.origin.stretch(span))
                .collect(),
            halted: self.halted[pod].clone(),
            leftover: leftover.len(),
        })
    }

    fn is_leftover(&self, pod: usize, span: &Span) -> bool {
        let mut continued = self.continued[pod].iter();
        continued.any(|at| span.to >= *at && span.from < *at + LEFTOVER)
    }

    fn now(&self) -> u64 {
        self.origin.micros(Instant::now())
    }
}

fn begin_path_fault(path_fault: PathFault, route: &ApiRoute) -> Result<()> {
    if let Some(fault) = path_fault.of_tcp() {
        route.set(fault);
        return Ok(());
    }
    let error = match path_fault {
        PathFault::Status(status) => Some(ErrorInjection { status, every: 1 }),
        _ => None,
    };
    let fault = HttpFault {
        latency: path_fault.latency(),
        error,
    };
    route
        .http_fault(fault)
        .context("a route without an HTTP proxy")
}
