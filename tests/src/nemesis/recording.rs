//! The recording of a schedule that was run: what was done to the pods, and what they did. It is a plain value, and the checker,
//! the picture and the tables are made from it alone.
//!
//! All times are microseconds after the beginning of the schedule, on the monotonic clock.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::schedule::Schedule;
use crate::lab::history::{Observations, Span};
use crate::lab::observer::{Probe, ProbeResult};

/// A stretch of time: its beginning and its end.
pub type Stretch = (u64, u64);

/// A schedule that was run with two pods, and everything that was observed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// The schedule.
    pub schedule: Schedule,
    /// The name of the program in the elector's place.
    pub elector: String,
    /// The time at which the observation ended.
    pub end: u64,
    /// The actual times of the faults, in the order of the schedule. `None` is a fault that could not be applied, such as the
    /// deletion of a Lease that was not there.
    pub faults: Vec<Option<Stretch>>,
    /// The pods a and b.
    pub pods: [PodRecord; 2],
    /// The administrator's reads of the Lease, in order.
    pub lease: Vec<LeaseRead>,
    /// The processes that ended although nobody had ended them, in words.
    pub crashes: Vec<String>,
}

/// The observations of one pod.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PodRecord {
    /// The probes of the collector: the times of the request and of the answer, and the result.
    pub probes: Vec<(u64, u64, Seen)>,
    /// The arrivals of the collector's requests at Kafka, each between two times.
    pub requests: Vec<Stretch>,
    /// The stretches in which the collector was stopped, or did not run because a fault had ended it.
    pub halted: Vec<Stretch>,
    /// The number of requests right after a stop of the collector, which are not among `requests`: the collector had begun them
    /// before the stop.
    pub leftover: usize,
}

/// A read of the Lease, which also shows whether the API server worked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseRead {
    /// The time just before the request was sent.
    pub sent: u64,
    /// The time of the answer or of the failure.
    pub answered: u64,
    /// The holder, empty where there is none; `None` where the API server gave no usable answer.
    pub holder: Option<String>,
}

/// The result of a probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "the words of `ProbeResult`")]
pub enum Seen {
    Series,
    Empty,
    Open,
    Closed,
    Gone,
    Silence,
}

/// The beginning of a schedule, from which its times are counted.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin(pub(crate) Instant);

// === impl Origin ===

impl Origin {
    pub(crate) fn micros(self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.0);
        u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
    }

    fn instant(self, micros: u64) -> Instant {
        self.0 + Duration::from_micros(micros)
    }

    pub(super) fn stretch(self, span: Span) -> Stretch {
        (self.micros(span.from), self.micros(span.to))
    }

    fn span(self, (from, to): Stretch) -> Span {
        Span {
            from: self.instant(from),
            to: self.instant(to),
        }
    }
}

// === impl PodRecord ===

impl PodRecord {
    /// Returns the observations from which the history of acts is made. A halted process does not act, so the end of each stop is
    /// a proof of a closed gate, as an answer would be.
    pub(super) fn observations(&self, origin: Origin) -> Observations {
        let stops = self
            .halted
            .iter()
            .map(|(_, end)| (*end, *end, Seen::Closed));
        let mut probes: Vec<_> = self.probes.iter().copied().chain(stops).collect();
        probes.sort_by_key(|(_, answered, _)| *answered);
        Observations {
            probes: probes
                .into_iter()
                .map(|(sent, answered, seen)| Probe {
                    sent: origin.instant(sent),
                    answered: origin.instant(answered),
                    result: seen.into(),
                })
                .collect(),
            requests: self
                .requests
                .iter()
                .map(|span| origin.span(*span))
                .collect(),
        }
    }

    /// Returns the stretches in which the pod certainly led at some moment: requests to Kafka, answers with series, and answers
    /// that the gate is open.
    pub(super) fn led(&self) -> impl Iterator<Item = Stretch> {
        let probes = self.probes.iter();
        let led = probes.filter(|(_, _, seen)| matches!(seen, Seen::Series | Seen::Open));
        led.map(|(sent, answered, _)| (*sent, *answered))
            .chain(self.requests.iter().copied())
    }
}

// === impl Seen ===

impl From<ProbeResult> for Seen {
    fn from(result: ProbeResult) -> Self {
        match result {
            ProbeResult::Series => Self::Series,
            ProbeResult::Empty => Self::Empty,
            ProbeResult::Open => Self::Open,
            ProbeResult::Closed => Self::Closed,
            ProbeResult::Gone => Self::Gone,
            ProbeResult::Silence => Self::Silence,
        }
    }
}

impl From<Seen> for ProbeResult {
    fn from(seen: Seen) -> Self {
        match seen {
            Seen::Series => Self::Series,
            Seen::Empty => Self::Empty,
            Seen::Open => Self::Open,
            Seen::Closed => Self::Closed,
            Seen::Gone => Self::Gone,
            Seen::Silence => Self::Silence,
        }
    }
}
