//! Synthetic recordings for tests, in which overlaps and gaps are planted.

use super::fault::{Fault, FaultKind};
use super::recording::{LeaseRead, PodRecord, Recording, Seen};
use super::schedule::Schedule;

pub(super) const MS: u64 = 1000;
pub(super) const SECOND: u64 = 1000 * MS;

/// Returns a recording of 60 s in which the pods act in these seconds, sending a request and answering a probe every 20 ms, and
/// in which the API server answers all the time.
pub(super) fn recording(faults: Vec<Fault>, acts: [&[(u64, u64)]; 2]) -> Recording {
    let lasts = 60 * SECOND;
    let pod = |acts: &[(u64, u64)]| {
        let mut pod = PodRecord::default();
        for at in (0..lasts).step_by(20_000) {
            let mut acts = acts.iter();
            let acting = acts.any(|(from, to)| (from * MS..to * MS).contains(&at));
            let seen = if acting { Seen::Open } else { Seen::Closed };
            pod.probes.push((at, at + MS, seen));
            if acting {
                pod.requests.push((at + 5 * MS, at + 6 * MS));
            }
        }
        pod
    };
    let happened = |fault: &Fault| Some((fault.at_ms * MS, fault.end_ms() * MS));
    let read = |at: u64| LeaseRead {
        sent: at,
        answered: at + MS,
        holder: Some(String::new()),
    };
    Recording {
        elector: "elector".to_owned(),
        end: lasts,
        faults: faults.iter().map(happened).collect(),
        schedule: Schedule {
            seed: 1,
            lease_duration_secs: 6,
            grace_period_secs: 2,
            lasts_ms: 40_000,
            faults,
        },
        pods: acts.map(pod),
        lease: (0..lasts).step_by(200_000).map(read).collect(),
        crashes: Vec::new(),
    }
}

pub(super) fn fault(at_ms: u64, lasts_ms: u64, kind: FaultKind) -> Fault {
    Fault {
        at_ms,
        lasts_ms,
        kind,
    }
}
