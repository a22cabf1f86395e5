//! The gaps in which no pod leads, and the time for which each of them may last.
//!
//! Faults excuse a gap, but not for ever, and the time that is excused follows from the faults that were active. D is the lease
//! duration. A pod is *able* at a moment if its elector and its collector run, its route passes requests and answers within a
//! second, and the API server answers the administrator within a second. The election is *touched* when one of these conditions
//! changes for any pod, and when the Lease is edited. Clocks and Kafka's brokers do not touch it.
//!
//! 1. As long as no pod is able, a gap is excused.
//! 2. As long as some pod is able, the time since the last touch, or since the beginning of the gap if that came later, must not
//!    exceed W + 3 P. W passes in any case: it is D + 0.2 s, the time for which a pod waits for another one that it cannot see, or
//!    twice that if the Lease was edited within D before, because then the wait may begin anew. P is what the election promises
//!    beyond that: 1 s, or 3 s if bytes were kept back or the control plane was lost within D before, because TCP and the API
//!    server take their time to recover. It has threefold slack, for the machine may be busy.
//! 3. A collector whose gate was opened and closed six times may keep it closed for its hold-off, which is added to W.
//! 4. A gap that begins when the election was not touched for W + 3 P, and while the pod that led stays able, must not exceed
//!    3 times 0.6 s.
//!
//! This module reads no clock: all times are those of the [`Recording`], in microseconds.

use std::time::Duration;

use serde::Serialize;

use super::fault::{FaultKind, PathFault, Server};
use super::recording::{Recording, Seen, Stretch};

/// The time by which a pod waits longer than the lease duration.
const WAIT_MORE: Duration = Duration::from_millis(200);
/// The promises P, and the promise to a leader that nothing disturbs.
const SOON: Duration = Duration::from_secs(1);
const SOON_AFTER_SILENCE: Duration = Duration::from_secs(3);
const UNDISTURBED: Duration = Duration::from_millis(600);
/// The slack of all promises.
const SLACK: u32 = 3;
/// The longest time that a request of an able pod, or of the administrator, takes.
const SLOW: Duration = Duration::from_secs(1);
/// The number of leaderships of one collector that are followed by no hold-off, and the longest hold-off.
const FREE_LEADERSHIPS: usize = 5;
const LONGEST_HOLD_OFF: Duration = Duration::from_secs(60);

/// A gap in which no pod was seen to lead, with the part of it that comes closest to its bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Gap {
    /// The beginning and the end, in microseconds.
    pub stretch: Stretch,
    /// The longest time that rules 2 to 4 counted, in microseconds; 0 where the whole gap is excused.
    pub counted: u64,
    /// The bound of `counted`, in microseconds.
    pub bound: u64,
}

/// The conditions of the election over time.
pub(super) struct Conditions<'a> {
    recording: &'a Recording,
    /// The stretches in which each pod is not able.
    unable: [Vec<Stretch>; 2],
    /// The times at which the election was touched, in order.
    touches: Vec<u64>,
    /// The stretches in which bytes were kept back or the control plane was lost.
    silent: Vec<Stretch>,
    edits: Vec<u64>,
    /// The end of each leadership of each pod.
    leaderships: [Vec<u64>; 2],
}

/// Returns the gaps between moments at which some pod led. Times that nobody observed are no gaps.
pub(super) fn gaps(recording: &Recording) -> Vec<Stretch> {
    let mut led: Vec<_> = recording
        .pods
        .iter()
        .flat_map(super::recording::PodRecord::led)
        .collect();
    led.sort_unstable();
    led.push((recording.end, recording.end));
    let mut gaps = Vec::new();
    let mut last = 0;
    for (from, to) in led {
        if from > last && was_observed(recording, (last, from)) {
            gaps.push((last, from));
        }
        last = last.max(to);
    }
    gaps
}

/// Returns true if a probe of each pod began and ended within the stretch, and none of them found the pod leading.
fn was_observed(recording: &Recording, (from, to): Stretch) -> bool {
    recording.pods.iter().all(|pod| {
        pod.probes.iter().any(|(sent, answered, seen)| {
            *sent >= from && *answered <= to && !matches!(seen, Seen::Series | Seen::Open)
        })
    })
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

fn touch_each_other(one: Stretch, other: Stretch) -> bool {
    one.0 < other.1 && other.0 < one.1
}

// === impl Conditions ===

impl<'a> Conditions<'a> {
    /// Derives the conditions from a recording. `leaderships` has the end of each leadership of each pod, in order.
    pub(super) fn of(recording: &'a Recording, leaderships: [Vec<u64>; 2]) -> Self {
        let mut conditions = Self {
            recording,
            unable: [Vec::new(), Vec::new()],
            touches: Vec::new(),
            silent: Vec::new(),
            edits: Vec::new(),
            leaderships,
        };
        let faults = recording.schedule.faults.iter().zip(&recording.faults);
        for (fault, happened) in faults {
            if let Some(stretch) = happened {
                conditions.note_fault(&fault.kind, *stretch);
            }
        }
        conditions.note_reads();
        let unable = conditions.unable.iter().flatten();
        let ends = unable.flat_map(|(from, to)| [*from, *to]);
        conditions.touches.extend(ends);
        conditions.touches.extend(&conditions.edits);
        conditions.touches.sort_unstable();
        conditions
    }

    fn note_fault(&mut self, kind: &FaultKind, stretch: Stretch) {
        match kind {
            FaultKind::Path { pods, path_fault } => {
                let slow = path_fault.latency() >= SLOW;
                let kept_back = match path_fault {
                    PathFault::Dropped | PathFault::AnswersLost | PathFault::RequestsLost => true,
                    PathFault::LatencyMs(_) => slow,
                    PathFault::Refused | PathFault::Status(_) => false,
                };
                // A request that was held back goes on after the fault.
                let until = stretch.1 + micros(path_fault.latency());
                let stretch = (stretch.0, until);
                self.touches.extend([stretch.0, stretch.1]);
                if kept_back {
                    self.silent.push(stretch);
                }
                if slow || !matches!(path_fault, PathFault::LatencyMs(_)) {
                    self.note_unable(pods.indices(), stretch);
                }
            }
            FaultKind::Process { pods, .. } => self.note_unable(pods.indices(), stretch),
            FaultKind::Lease { .. } => self.edits.push(stretch.1),
            FaultKind::Server {
                server: Server::ApiServer | Server::Etcd,
                ..
            } => {
                self.touches.extend([stretch.0, stretch.1]);
                self.silent.push(stretch);
            }
            FaultKind::Server { .. } | FaultKind::Clock { .. } => {}
        }
    }

    fn note_unable(&mut self, pods: &[usize], stretch: Stretch) {
        for pod in pods {
            self.unable[*pod].push(stretch);
        }
    }

    /// Notes the stretches in which the administrator got no answer, or got it late: from the last good read to the next one.
    fn note_reads(&mut self) {
        let slow = micros(SLOW);
        let mut last_good = 0;
        let mut is_down = false;
        for read in &self.recording.lease {
            let good = read.holder.is_some() && read.answered - read.sent <= slow;
            if good && is_down {
                let stretch = (last_good, read.answered);
                self.silent.push(stretch);
                self.note_unable(&[0, 1], stretch);
            }
            is_down = !good;
            if good {
                last_good = read.sent;
            }
        }
        if is_down {
            self.note_unable(&[0, 1], (last_good, self.recording.end));
        }
    }

    fn is_able(&self, pod: usize, stretch: Stretch) -> bool {
        let mut unable = self.unable[pod].iter();
        !unable.any(|unable| touch_each_other(*unable, stretch))
    }

    /// Returns W + 3 P for the time `since`, up to which the election was touched.
    fn bound(&self, since: u64) -> u64 {
        let duration = micros(self.recording.schedule.lease_duration());
        let lately = (since.saturating_sub(duration), since + 1);
        let wait = duration + micros(WAIT_MORE);
        let edited = self
            .edits
            .iter()
            .any(|at| (lately.0..lately.1).contains(at));
        let silent = self
            .silent
            .iter()
            .any(|silent| touch_each_other(*silent, lately));
        let soon = if silent { SOON_AFTER_SILENCE } else { SOON };
        let waits = if edited { 2 * wait } else { wait };
        waits + self.hold_off(since) + micros(soon * SLACK)
    }

    /// Returns the longest hold-off that a collector may be in after the leaderships that had ended by `at`.
    fn hold_off(&self, at: u64) -> u64 {
        let hold_off = |ends: &Vec<u64>| {
            let n_ended = ends.iter().filter(|end| **end <= at).count();
            match n_ended.checked_sub(FREE_LEADERSHIPS + 1) {
                None => Duration::ZERO,
                Some(doublings) => {
                    let factor = 2_u32.saturating_pow(u32::try_from(doublings).unwrap_or(u32::MAX));
                    SOON.saturating_mul(factor).min(LONGEST_HOLD_OFF)
                }
            }
        };
        micros(
            self.leaderships
                .iter()
                .map(hold_off)
                .max()
                .unwrap_or_default(),
        )
    }

    /// Judges a gap by the rules.
    pub(super) fn judge(&self, stretch: Stretch) -> Gap {
        let mut gap = Gap {
            stretch,
            counted: 0,
            bound: self.bound(stretch.0),
        };
        let inside = |at: &u64| *at > stretch.0 && *at < stretch.1;
        let mut cuts = vec![stretch.0];
        cuts.extend(self.touches.iter().copied().filter(inside));
        cuts.push(stretch.1);
        for piece in cuts.windows(2).map(|cut| (cut[0], cut[1])) {
            if (0..2).any(|pod| self.is_able(pod, piece)) {
                gap.count(piece.1 - piece.0, self.bound(piece.0));
            }
        }
        self.judge_undisturbed(&mut gap, cuts[1]);
        gap
    }

    /// Applies rule 4 up to `until`, the first touch within the gap or its end.
    fn judge_undisturbed(&self, gap: &mut Gap, until: u64) {
        let begin = gap.stretch.0;
        let touches = self.touches.iter();
        let touched = touches
            .copied()
            .rfind(|at| *at <= begin)
            .unwrap_or_default();
        let led_last = (0..2).max_by_key(|pod| {
            let led = self.recording.pods[*pod].led();
            led.map(|(_, to)| to).filter(|to| *to <= begin).max()
        });
        let able = led_last.is_some_and(|pod| self.is_able(pod, (touched, until)));
        if begin - touched >= self.bound(touched) && able {
            gap.count(until - begin, micros(UNDISTURBED * SLACK));
        }
    }
}

// === impl Gap ===

impl Gap {
    /// Returns true if the gap is longer than its bound.
    pub fn is_too_long(&self) -> bool {
        self.counted > self.bound
    }

    /// Returns the length of the gap.
    pub fn length(&self) -> Duration {
        Duration::from_micros(self.stretch.1 - self.stretch.0)
    }

    /// Takes a counted time into account if it comes closer to its bound, or exceeds it by more.
    fn count(&mut self, counted: u64, bound: u64) {
        if u128::from(counted) * u128::from(self.bound)
            > u128::from(self.counted) * u128::from(bound)
        {
            (self.counted, self.bound) = (counted, bound);
        }
    }
}
