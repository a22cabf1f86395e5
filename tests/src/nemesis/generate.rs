//! The generation of schedules: the same seed, families and program version give the same schedule.

use std::iter;

use fastrand::Rng;

use super::fault::{Family, Fault, FaultKind, Interruption, Parts, PathFault, Pods, Server};
use super::schedule::Schedule;
use crate::trials::edits::Edit;

/// The lease duration and the grace period of all generated schedules, in seconds.
const DURATIONS: (u64, u64) = (6, 2);

/// The time in which all faults of a generated schedule begin and end, in milliseconds.
const LASTS_MS: u64 = 40_000;

/// The number of attempts to find a place for one more fault, after which the schedule has one fault less.
const ATTEMPTS: usize = 20;

/// A generator of the faults of one schedule, in the order of their beginnings.
struct Generator<'a> {
    rng: Rng,
    families: &'a [Family],
    /// The pod that leads unless a fault has an effect other than the usual one. It is struck most often, for a fault of the leader
    /// is what makes the other pod lead.
    leader: Pods,
}

/// Generates a schedule from a seed, with faults of these families. Some schedules have few faults, so that there is time for a
/// leader to be missed, and some have many.
pub fn generate(seed: u64, families: &[Family]) -> Schedule {
    let mut generator = Generator {
        rng: Rng::with_seed(seed),
        families,
        leader: Pods::A,
    };
    let (lease_duration_secs, grace_period_secs) = DURATIONS;
    Schedule {
        seed,
        lease_duration_secs,
        grace_period_secs,
        lasts_ms: LASTS_MS,
        faults: generator.faults(),
    }
}

// === impl Generator ===

impl Generator<'_> {
    fn faults(&mut self) -> Vec<Fault> {
        let n_faults = self.rng.usize(3..=14);
        let times = (0..n_faults).map(|_| self.rng.u64(500..LASTS_MS * 9 / 10));
        let mut times: Vec<_> = times.collect();
        times.sort_unstable();
        let mut faults: Vec<Fault> = Vec::new();
        for at_ms in times {
            for _ in 0..ATTEMPTS {
                let fault = self.fault(at_ms);
                if !faults.iter().any(|other| fault.collides_with(other)) {
                    self.follow(&fault);
                    faults.push(fault);
                    break;
                }
            }
        }
        faults
    }

    fn fault(&mut self, at_ms: u64) -> Fault {
        let family = self.family();
        let pods = self.pods();
        let rng = &mut self.rng;
        let kind = match family {
            Family::Paths => FaultKind::Path {
                pods,
                path_fault: path_fault(rng),
            },
            Family::Processes => FaultKind::Process {
                pods,
                parts: pick(rng, &[Parts::Elector, Parts::Collector, Parts::Both]),
                interruption: pick(
                    rng,
                    &[
                        Interruption::Stopped,
                        Interruption::Killed,
                        Interruption::Terminated,
                    ],
                ),
            },
            Family::Clocks => FaultKind::Clock {
                pods,
                shift_secs: pick(rng, &[-3600, -60, -20, -5, -1, 1, 5, 20, 60, 3600]),
            },
            Family::Objects => FaultKind::Lease {
                edit: pick(rng, &Edit::ALL),
            },
            Family::Servers => server(rng),
        };
        let lasts_ms = match kind {
            FaultKind::Lease { .. } => 0,
            _ => lasts_ms(rng).min(LASTS_MS - at_ms),
        };
        Fault {
            at_ms,
            lasts_ms,
            kind,
        }
    }

    /// Returns a family. Faults of servers strike both pods, and hide what other faults do at the same time, so they are rare.
    fn family(&mut self) -> Family {
        let weight = |family: &Family| match family {
            Family::Paths | Family::Processes => 4,
            Family::Objects => 3,
            Family::Clocks => 2,
            Family::Servers => 1,
        };
        let families = self.families.iter();
        let weighted = families.flat_map(|family| iter::repeat_n(*family, weight(family)));
        let weighted: Vec<_> = weighted.collect();
        pick(&mut self.rng, &weighted)
    }

    fn pods(&mut self) -> Pods {
        let other = match self.leader {
            Pods::A => Pods::B,
            Pods::B | Pods::Both => Pods::A,
        };
        match self.rng.u8(0..10) {
            0..6 => self.leader,
            6..9 => other,
            _ => Pods::Both,
        }
    }

    /// Takes the other pod to lead from now on if the fault makes the leader lose the Lease.
    fn follow(&mut self, fault: &Fault) {
        let pods = match &fault.kind {
            FaultKind::Process {
                pods, interruption, ..
            } if *interruption == Interruption::Terminated => *pods,
            FaultKind::Path { pods, .. } | FaultKind::Process { pods, .. }
                if fault.lasts_ms > DURATIONS.0 * 1000 =>
            {
                *pods
            }
            _ => return,
        };
        if pods == self.leader {
            self.leader = match pods {
                Pods::A => Pods::B,
                Pods::B | Pods::Both => Pods::A,
            };
        }
    }
}

/// Returns a time in milliseconds that is, with equal chance, much shorter than the Lease, about as long, or longer.
fn lasts_ms(rng: &mut Rng) -> u64 {
    let duration = DURATIONS.0 * 1000;
    match rng.u8(0..3) {
        0 => rng.u64(100..2000),
        1 => rng.u64(2000..duration + 1000),
        _ => rng.u64(duration + 1000..duration * 5 / 2),
    }
}

fn path_fault(rng: &mut Rng) -> PathFault {
    match rng.u8(0..6) {
        0 => PathFault::Refused,
        1 => PathFault::Dropped,
        2 => PathFault::AnswersLost,
        3 => PathFault::RequestsLost,
        4 => PathFault::LatencyMs(pick(rng, &[100, 300, 900, 1500, 3000, 5000])),
        _ => PathFault::Status(pick(rng, &[429, 500, 503, 504])),
    }
}

fn server(rng: &mut Rng) -> FaultKind {
    let server = match rng.u8(0..3) {
        0 => Server::ApiServer,
        1 => Server::Etcd,
        _ => Server::Broker(rng.u16(1..=3)),
    };
    let interruption = pick(rng, &[Interruption::Stopped, Interruption::Killed]);
    FaultKind::Server {
        server,
        interruption,
    }
}

fn pick<T: Copy>(rng: &mut Rng, among: &[T]) -> T {
    among[rng.usize(0..among.len())]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::ValueEnum as _;

    use super::*;

    #[test]
    fn a_seed_always_gives_the_same_schedule() {
        let all = Family::value_variants();
        for seed in 0..200 {
            assert_eq!(generate(seed, all), generate(seed, all));
        }
        assert_ne!(generate(1, all).faults, generate(2, all).faults);
    }

    #[test]
    fn every_schedule_can_be_run_and_read_back() {
        for seed in 0..500 {
            let schedule = generate(seed, Family::value_variants());
            schedule.check().unwrap();
            assert!(schedule.faults.len() >= 2, "seed {seed}");
            let text = serde_json::to_string(&schedule).unwrap();
            let read: Schedule = serde_json::from_str(&text).unwrap();
            assert_eq!(read, schedule);
        }
    }

    #[test]
    fn a_few_hundred_schedules_have_every_fault() {
        let schedules = (0..300).map(|seed| generate(seed, Family::value_variants()));
        let labels: BTreeSet<_> = schedules
            .flat_map(|schedule| schedule.faults)
            .map(|fault| fault.kind.label())
            .collect();
        // There are 6 disturbances of paths, 9 losses of processes, 1 of clocks, 6 edits, and 6 losses of servers.
        assert_eq!(labels.len(), 28, "{labels:?}");
    }

    #[test]
    fn only_the_families_that_were_asked_for_are_there() {
        for seed in 0..100 {
            let schedule = generate(seed, &[Family::Clocks, Family::Servers]);
            let mut families = schedule.faults.iter().map(|fault| fault.kind.family());
            assert!(families.all(|family| matches!(family, Family::Clocks | Family::Servers)));
        }
    }

    #[test]
    fn a_schedule_that_cannot_be_run_is_refused() {
        let mut schedule = generate(1, Family::value_variants());
        let twice = schedule.faults[0].clone();
        schedule.faults.push(twice);
        let error = schedule.check().unwrap_err().to_string();
        assert!(error.contains("the same target"), "{error}");
        schedule.faults.truncate(1);
        schedule.faults[0].lasts_ms = u64::MAX;
        let error = schedule.check().unwrap_err().to_string();
        assert!(error.contains("fault 0 ends after"), "{error}");
    }
}
