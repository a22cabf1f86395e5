//! The servers that schedules are run over: a Kubernetes control plane and three Kafka brokers, with routes for each pod.

use std::thread;
use std::time::Duration;

use anyhow::{Result, anyhow};
use tokio::time::Instant;

use super::duel::Duel;
use super::fault::FaultKind;
use super::lease_reader::LeaseReader;
use super::recording::{Origin, Recording};
use super::schedule::Schedule;
use super::servers;
use crate::lab::kafka::Plan;
use crate::lab::kubernetes::Lease;
use crate::lab::programs::Program;
use crate::lab::{self, ControlPlane, Kafka, KafkaRoutes};

/// The number of brokers, of which a fault takes one at a time.
const BROKERS: u16 = 3;

/// The pause between two looks at whether something is due.
const TICK: Duration = Duration::from_millis(20);

/// The time for which a pod must lead at the end of a schedule, so that a second leader would be seen.
const STEADY: Duration = Duration::from_secs(2);

/// The longest time for which a leader is waited for after the last fault, beside two lease durations. It is longer than any
/// bound of a gap, so that a gap which is too long is seen to be.
const LONGEST_WAIT: Duration = Duration::from_secs(11);

/// Running servers, which are stopped when dropped, and the pairs of pods that a schedule is run with.
#[derive(Debug)]
pub struct Arena {
    // Fields are dropped in this order: first the servers, then the routes that lead to them.
    plane: ControlPlane,
    kafka: Kafka,
    sides: Vec<Side>,
    n_runs: usize,
}

/// One pair of pods, as far as it stays the same over all schedules.
#[derive(Debug)]
struct Side {
    program: Program,
    routes: [KafkaRoutes; 2],
}

/// A schedule that was run with one program in the elector's place.
#[derive(Clone, Debug)]
pub struct Run {
    /// The observations.
    pub recording: Recording,
    /// The logs of all containers.
    pub logs: String,
}

// === impl Arena ===

impl Arena {
    /// Starts the servers, with routes for a pair of pods for each of these programs, which take the elector's place.
    pub fn start(programs: &[Program]) -> Result<Self> {
        let side = |program: &Program| -> Result<Side> {
            let open = || KafkaRoutes::open(BROKERS.into());
            Ok(Side {
                program: *program,
                routes: [open()?, open()?],
            })
        };
        let sides = programs.iter().map(side).collect::<Result<Vec<_>>>()?;
        let mut plan = Plan::of(BROKERS);
        let routes = || sides.iter().flat_map(|side| &side.routes);
        plan.proxied = (0..usize::from(BROKERS))
            .map(|broker| routes().map(|route| route.listeners()[broker]).collect())
            .collect();
        let kafka = Kafka::start(&plan)?;
        kafka.fixture("topic", &["orders", "6", "100"])?;
        kafka.fixture("commit", &["billing", "orders", "0", "40"])?;
        Ok(Self {
            plane: ControlPlane::start()?,
            kafka,
            sides,
            n_runs: 0,
        })
    }

    /// Runs a schedule with all pairs of pods at the same time; returns their runs in the order of the programs. The pods are new
    /// each time, and so is their Lease.
    pub fn run(&mut self, schedule: &Schedule) -> Result<Vec<Run>> {
        schedule.check()?;
        self.n_runs += 1;
        let mut duels = Vec::new();
        for (side, Side { program, routes }) in self.sides.iter().enumerate() {
            let name = format!("nemesis-{}-{side}", self.n_runs);
            let kube = self.plane.kube();
            duels.push(Duel::start(kube, (&name, *program), schedule, routes)?);
        }
        let origin = Origin(Instant::now());
        for duel in &mut duels {
            duel.set_origin(origin);
        }
        let leases: Vec<_> = duels.iter().map(|duel| duel.lease().clone()).collect();
        let (reads, happened) = self.disturb(schedule, &leases, (&mut duels, origin))?;
        let finished = duels.into_iter().zip(reads).zip(&self.sides);
        let runs = finished.map(|((duel, lease), side)| {
            let (recording, logs) = duel.finish(schedule, (lease, &happened), &side.routes)?;
            Ok(Run { recording, logs })
        });
        runs.collect()
    }

    /// Runs the lanes of the schedule until all faults are over and the pairs have a leader again, or have had the time for it.
    fn disturb(
        &mut self,
        schedule: &Schedule,
        leases: &[Lease],
        (duels, origin): (&mut [Duel], Origin),
    ) -> Result<(Vec<Vec<super::recording::LeaseRead>>, servers::Happened)> {
        let Self { plane, kafka, .. } = self;
        let readers: Vec<_> = leases.iter().map(|_| LeaseReader::new(origin)).collect();
        thread::scope(|scope| {
            let reading: Vec<_> = readers
                .iter()
                .zip(leases)
                .map(|(reader, lease)| scope.spawn(move || reader.run(lease)))
                .collect();
            let control_plane = scope.spawn(|| servers::control_plane(plane, schedule, origin));
            let brokers = scope.spawn(|| servers::brokers(kafka, schedule, origin));
            let servers_run = || control_plane.is_finished() && brokers.is_finished();
            let disturbed = disturb_pods(schedule, (duels, origin), &readers)
                .and_then(|()| settle(schedule, duels, servers_run));
            readers.iter().for_each(LeaseReader::end);
            let mut happened = joined(control_plane)??;
            happened.extend(joined(brokers)??);
            let reads = reading
                .into_iter()
                .map(joined)
                .collect::<Result<Vec<_>>>()?;
            disturbed?;
            Ok((reads, happened))
        })
    }
}

fn joined<T>(thread: thread::ScopedJoinHandle<'_, T>) -> Result<T> {
    thread
        .join()
        .map_err(|_| anyhow!("a thread of the nemesis panicked"))
}

/// Applies the faults of paths, processes, clocks and the Lease to all pairs.
fn disturb_pods(
    schedule: &Schedule,
    (duels, origin): (&mut [Duel], Origin),
    readers: &[LeaseReader],
) -> Result<()> {
    let mut events = Vec::new();
    for (n, fault) in schedule.faults.iter().enumerate() {
        events.push((fault.at_ms, n, Edge::Begin));
        events.push((fault.end_ms(), n, Edge::End));
    }
    events.sort_unstable();
    for (ms, n, edge) in events {
        let due = origin.0 + Duration::from_millis(ms);
        while Instant::now() < due {
            keep(duels)?;
            lab::pause(TICK.min(due.saturating_duration_since(Instant::now())));
        }
        let fault = &schedule.faults[n];
        for (duel, reader) in duels.iter_mut().zip(readers) {
            let is_edit = matches!(fault.kind, FaultKind::Lease { .. });
            match edge {
                // The edit is left out, because the API server that would have to do it is away.
                Edge::Begin if is_edit && !reader.is_api_up() => {}
                Edge::Begin => duel.begin(n, fault)?,
                Edge::End => duel.end(n, fault)?,
            }
        }
    }
    Ok(())
}

/// The beginning and the end of a fault, in the order in which they are applied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Edge {
    Begin,
    End,
}

/// Waits until the servers run again and each pair has been led for a while, but not for ever.
fn settle(schedule: &Schedule, duels: &mut [Duel], servers_run: impl Fn() -> bool) -> Result<()> {
    while !servers_run() {
        keep(duels)?;
        lab::pause(TICK);
    }
    let limit = Instant::now() + 2 * schedule.lease_duration() + LONGEST_WAIT;
    let mut led_since = Instant::now();
    while led_since.elapsed() < STEADY && Instant::now() < limit {
        keep(duels)?;
        lab::pause(TICK);
        if !duels.iter().all(Duel::is_led) {
            led_since = Instant::now();
        }
    }
    Ok(())
}

fn keep(duels: &mut [Duel]) -> Result<()> {
    duels.iter_mut().try_for_each(Duel::keep)
}
