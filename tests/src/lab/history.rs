//! The history of the acts of pods, made from observations, and the time for which two pods acted at once.
//!
//! A pod acts when a request of its collector reaches Kafka, and when its collector begins an answer to `/metrics` that has series.
//! Acts without a proof between them that the gate was closed are one interval: the pod is taken to have acted from the first of
//! them to the last without a break. This module reads no clock.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::observer::{Probe, ProbeResult};

/// The time of an event as far as it is known: between two moments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The earliest time at which the event can have happened.
    pub from: Instant,
    /// The latest time at which the event can have happened.
    pub to: Instant,
}

/// The observations of one pod, from which its acts are inferred.
#[derive(Clone, Debug, Default)]
pub struct Observations {
    /// The probes of the pod's `/metrics` and `/leader`, in the order of time.
    pub probes: Vec<Probe>,
    /// The arrivals of requests of the pod's collector at Kafka, in order.
    pub requests: Vec<Span>,
}

/// An interval in which one pod acted without a proof of a closed gate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeadInterval {
    /// The index of the pod among the observed pods.
    pub pod: usize,
    /// The first act of the interval, which is when the interval begins.
    pub first: Span,
    /// The last observed act of the interval, up to which the pod is taken to have acted.
    pub last: Span,
    /// All acts of the interval, with the first and the last, in order.
    pub acts: Vec<Span>,
}

/// The intervals in which the observed pods acted.
#[derive(Clone, Debug)]
pub struct History {
    /// The intervals, in the order of their first acts.
    pub intervals: Vec<LeadInterval>,
}

/// The time for which two pods acted at once, in two intervals or in a whole history.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// The time for which two pods certainly acted at once. It counts as at least 1 ms if one acted within the other's interval.
    pub certain: Duration,
    /// The time for which two pods may have acted at once. It is longer because a probe does not tell when exactly its pod acted.
    pub possible: Duration,
}

// === impl Span ===

impl Span {
    /// Returns the span of an event that happened exactly at `moment`.
    pub fn at(moment: Instant) -> Self {
        Self {
            from: moment,
            to: moment,
        }
    }
}

// === impl Observations ===

impl Observations {
    /// Returns all acts in the order of their earliest times: probes that got series, and requests to Kafka.
    fn acts(&self) -> Vec<Span> {
        let series = self
            .probes
            .iter()
            .filter(|probe| probe.result == ProbeResult::Series);
        let mut acts: Vec<_> = series
            .map(|probe| Span {
                from: probe.sent,
                to: probe.answered,
            })
            .chain(self.requests.iter().copied())
            .collect();
        acts.sort_by_key(|act| act.from);
        acts
    }

    fn closed(&self) -> Vec<Span> {
        let closed = self
            .probes
            .iter()
            .filter(|probe| matches!(probe.result, ProbeResult::Closed | ProbeResult::Gone));
        closed
            .map(|probe| Span {
                from: probe.sent,
                to: probe.answered,
            })
            .collect()
    }

    fn intervals(&self, pod: usize) -> Vec<LeadInterval> {
        let mut intervals: Vec<LeadInterval> = Vec::new();
        let mut closed = self.closed().into_iter().peekable();
        for act in self.acts() {
            let mut parted = false;
            while let Some(proof) = closed.next_if(|proof| proof.to <= act.from) {
                let last = intervals.last().map(|interval| interval.last);
                parted |= last.is_some_and(|last| last.to <= proof.from);
            }
            match intervals.last_mut() {
                Some(interval) if !parted => {
                    if act.from > interval.last.from {
                        interval.last = act;
                    }
                    interval.acts.push(act);
                }
                _ => intervals.push(LeadInterval {
                    pod,
                    first: act,
                    last: act,
                    acts: vec![act],
                }),
            }
        }
        intervals
    }
}

// === impl History ===

impl History {
    /// Returns the history of all pods, whose indices are those in `pods`.
    pub fn of(pods: &[Observations]) -> Self {
        let mut intervals: Vec<_> = pods
            .iter()
            .enumerate()
            .flat_map(|(pod, observations)| observations.intervals(pod))
            .collect();
        intervals.sort_by_key(|interval| interval.first.from);
        Self { intervals }
    }

    /// Returns the time for which two pods acted at once, summed over all pairs of intervals.
    pub fn overlap(&self) -> Overlap {
        let mut sum = Overlap::default();
        for (n, one) in self.intervals.iter().enumerate() {
            for other in &self.intervals[n + 1..] {
                if one.pod != other.pod {
                    let overlap = between(one, other);
                    sum.certain += overlap.certain;
                    sum.possible += overlap.possible;
                }
            }
        }
        sum
    }

    /// Returns the number of intervals that follow an interval of another pod.
    pub fn moves(&self) -> usize {
        let pairs = self.intervals.windows(2);
        pairs.filter(|pair| pair[0].pod != pair[1].pod).count()
    }

    /// Returns the time by which this pod's first act after `moment` had certainly happened; `None` if there was none.
    pub fn first_act_after(&self, pod: usize, moment: Instant) -> Option<Instant> {
        self.acts_of(pod)
            .map(|act| act.to)
            .filter(|at| *at >= moment)
            .min()
    }

    /// Returns the earliest possible time of this pod's last act; `None` if it never acted.
    pub fn last_act(&self, pod: usize) -> Option<Instant> {
        self.acts_of(pod).map(|act| act.from).max()
    }

    fn acts_of(&self, pod: usize) -> impl Iterator<Item = &Span> {
        let intervals = self
            .intervals
            .iter()
            .filter(move |interval| interval.pod == pod);
        intervals.flat_map(|interval| &interval.acts)
    }
}

fn between(one: &LeadInterval, other: &LeadInterval) -> Overlap {
    let begin = one.first.to.max(other.first.to);
    let end = one.last.from.min(other.last.from);
    let inside = |act: &Span, interval: &LeadInterval| {
        act.from > interval.first.to && act.to < interval.last.from
    };
    let touched = one.acts.iter().any(|act| inside(act, other))
        || other.acts.iter().any(|act| inside(act, one));
    let least = Duration::from_millis(u64::from(touched));
    let may_begin = one.first.from.max(other.first.from);
    let may_end = one.last.to.min(other.last.to);
    Overlap {
        certain: end.saturating_duration_since(begin).max(least),
        possible: may_end.saturating_duration_since(may_begin).max(least),
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(begin) = self.intervals.first().map(|interval| interval.first.from) else {
            return f.write_str("nobody acted");
        };
        for (n, interval) in self.intervals.iter().enumerate() {
            let separator = if n == 0 { "" } else { ", " };
            let from = interval.first.from.saturating_duration_since(begin);
            let to = interval.last.to.saturating_duration_since(begin);
            let (pod, acts) = (interval.pod, interval.acts.len());
            write!(
                f,
                "{separator}pod {pod} {from:.3?} to {to:.3?} ({acts} acts)"
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a pod's requests to Kafka at `acts` and probes that find its gate closed at `closed`, in milliseconds after `begin`.
    fn pod(begin: Instant, acts: &[u64], closed: &[u64]) -> Observations {
        let at = |ms: &u64| begin + Duration::from_millis(*ms);
        let probe = |ms: &u64| Probe {
            sent: at(ms),
            answered: at(ms),
            result: ProbeResult::Closed,
        };
        Observations {
            probes: closed.iter().map(probe).collect(),
            requests: acts.iter().map(|ms| Span::at(at(ms))).collect(),
        }
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn a_hand_over_and_back_is_no_overlap() {
        let begin = Instant::now();
        let one = pod(begin, &[0, 10, 500, 510], &[20, 400]);
        let other = pod(begin, &[100, 200], &[0, 50, 300]);
        let history = History::of(&[one, other]);
        assert_eq!(history.overlap(), Overlap::default());
        assert_eq!(history.moves(), 2);
        assert_eq!(
            history.first_act_after(0, begin + ms(20)),
            Some(begin + ms(500))
        );
        assert_eq!(history.last_act(1), Some(begin + ms(200)));
    }

    #[test]
    fn a_stint_lasts_until_a_gate_is_seen_closed() {
        let begin = Instant::now();
        // No probe saw the gate of `one` closed, so its interval covers both acts of `other`.
        let one = pod(begin, &[0, 500], &[]);
        let other = pod(begin, &[100, 200], &[]);
        let overlap = History::of(&[one, other]).overlap();
        assert_eq!(overlap.certain, ms(100));
    }

    #[test]
    fn a_single_act_within_another_pods_stint_counts() {
        let begin = Instant::now();
        let one = pod(begin, &[0, 10, 20], &[]);
        let other = pod(begin, &[15], &[]);
        let overlap = History::of(&[one, other]).overlap();
        assert_eq!(overlap.certain, ms(1));
    }

    #[test]
    fn the_time_a_look_takes_is_doubt_not_certainty() {
        let begin = Instant::now();
        let mut one = pod(begin, &[0], &[]);
        one.probes.push(Probe {
            sent: begin + ms(10),
            answered: begin + ms(30),
            result: ProbeResult::Series,
        });
        let other = pod(begin, &[20, 40], &[]);
        let overlap = History::of(&[one, other]).overlap();
        assert_eq!(
            (overlap.certain, overlap.possible),
            (Duration::ZERO, ms(10))
        );
    }
}
