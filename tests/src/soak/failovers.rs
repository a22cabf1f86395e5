//! The changes of leadership: rounds of one fault each, judged by the rules of the nemesis.
//!
//! Pod b is never restarted, so that its processes show what weeks do to them. When pod a leads, its pod is asked to end or killed,
//! in turn; when pod b leads, it is cut off from the API server for longer than the Lease lasts.

use serde::Serialize;
use tokio::time::Instant;

use std::time::Duration;

use crate::nemesis::fault::{Fault, FaultKind, Interruption, Parts, PathFault, Pods};
use crate::nemesis::recording::Recording;
use crate::nemesis::schedule::Schedule;
use crate::nemesis::verdict::Verdict;

/// The durations of the election in seconds, which are the defaults: the Lease's, and the grace period.
pub(super) const DURATIONS: (u64, u64) = (15, 5);

/// The longest gap without a leader when the leading pod is asked to end: ten times what is promised, as the machine is busy.
const PLANNED: Duration = Duration::from_secs(3);

/// The outcome of one round.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Failover {
    /// What was done, in words.
    pub(super) fault: String,
    /// The beginning of the fault, in seconds after the beginning of the soak.
    pub(super) at: f64,
    /// The time for which two pods certainly acted at once, in microseconds.
    pub(super) overlap: u64,
    /// The longest gap without a leader, and its bound, in seconds.
    pub(super) gap: f64,
    pub(super) bound: f64,
    /// The number of times that another pod began to act.
    pub(super) moves: usize,
    /// The number of processes that ended by themselves.
    pub(super) n_crashes: usize,
    pub(super) failures: Vec<String>,
}

/// Returns the schedule of the `n`th round, in which the pod `leader` leads at first. The round lasts `length`.
pub(super) fn schedule(n: u64, leader: usize, length: Duration) -> Schedule {
    let lasts_ms = u64::try_from(length.as_millis()).unwrap_or(u64::MAX);
    let (lease, _) = DURATIONS;
    // Every other round is the first or the second kind of the same leader.
    let first = (n / 2).is_multiple_of(2);
    let process = |interruption| FaultKind::Process {
        pods: Pods::A,
        parts: Parts::Both,
        interruption,
    };
    let path = |path_fault| FaultKind::Path {
        pods: Pods::B,
        path_fault,
    };
    let (kind, secs) = match (leader, first) {
        (0, true) => (process(Interruption::Terminated), 8),
        (0, false) => (process(Interruption::Killed), lease + 5),
        (_, true) => (path(PathFault::Dropped), lease + 8),
        (_, false) => (path(PathFault::Refused), lease + 8),
    };
    Schedule {
        seed: n,
        lease_duration_secs: lease,
        grace_period_secs: DURATIONS.1,
        lasts_ms,
        faults: vec![Fault {
            at_ms: lasts_ms / 4,
            lasts_ms: secs * 1000,
            kind,
        }],
    }
}

/// Returns the schedule without faults, for the time before the first round.
pub(super) fn nothing() -> Schedule {
    Schedule {
        faults: Vec::new(),
        ..schedule(0, 0, Duration::ZERO)
    }
}

// === impl Failover ===

impl Failover {
    /// Judges a round, which began at `origin`.
    pub(super) fn of(recording: &Recording, (begun, origin): (Instant, Instant)) -> Self {
        let verdict = Verdict::of(recording);
        let fault = &recording.schedule.faults[0];
        let mut failures = verdict.failures.clone();
        let gap = verdict.longest_gap();
        let planned = matches!(
            fault.kind,
            FaultKind::Process {
                interruption: Interruption::Terminated,
                ..
            }
        );
        if planned && gap > PLANNED {
            failures.push(format!("nobody led for {gap:.1?} after SIGTERM"));
        }
        if verdict.moves == 0 {
            failures.push("leadership did not move".to_owned());
        }
        let bound = verdict.tightest_gap().map_or(0, |gap| gap.bound);
        Self {
            fault: fault.kind.label(),
            at: (origin - begun).as_secs_f64() + Duration::from_millis(fault.at_ms).as_secs_f64(),
            overlap: verdict.overlap,
            gap: gap.as_secs_f64(),
            bound: if planned {
                PLANNED.as_secs_f64()
            } else {
                Duration::from_micros(bound).as_secs_f64()
            },
            moves: verdict.moves,
            n_crashes: recording.crashes.len(),
            failures,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pod_a_is_ended_and_killed_in_turn_and_pod_b_is_only_cut_off() {
        let length = Duration::from_secs(45);
        let mut words = Vec::new();
        for n in 0..8 {
            let leader = usize::from(n % 2 == 1);
            let schedule = schedule(n, leader, length);
            schedule.check().unwrap();
            let fault = &schedule.faults[0];
            let struck = match &fault.kind {
                FaultKind::Process { pods, .. } | FaultKind::Path { pods, .. } => *pods,
                other => panic!("{other:?}"),
            };
            assert_eq!(struck, [Pods::A, Pods::B][leader]);
            words.push(fault.kind.label());
        }
        let round = ["pod SIGTERM", "API dropped", "pod SIGKILL", "API refused"];
        assert_eq!(words, [round, round].concat());
    }
}
