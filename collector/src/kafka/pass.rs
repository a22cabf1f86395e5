//! One collection in progress: how long it may take, which brokers have fallen silent, what failed, how far it is.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::config::Exporter;
use tokio::sync::watch;
use tokio::time::Instant;

use super::code::{Code, Remedy};
use super::native::Fence;
use crate::progress::{Phase as Step, Progress};
use crate::snapshot::{Api, Failure, Phase, Reason, Unknown};

/// Floor of a request's bound, whatever the poll interval.
const SHORTEST_REQUEST: Duration = Duration::from_millis(500);

/// How long a collection and its requests may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    /// The whole collection.
    pub(super) collection: Duration,
    /// One request.
    pub(super) request: Duration,
    /// One request for the committed offsets of a group.
    pub(super) offset_fetch: Duration,
}

/// One collection in progress.
pub(super) struct Pass<'a> {
    bounds: Bounds,
    until: Instant,
    fence: &'a Arc<Fence>,
    progress: &'a watch::Sender<Progress>,
    phase_began: Instant,
    /// Why the last connection failed, where that says more than "no answer".
    pub(super) trouble: Option<Reason>,
    /// Brokers that did not answer: asking them again would cost another timeout.
    pub(super) silent: BTreeMap<i32, Unknown>,
    pub(super) failures: Vec<Failure>,
    pub(super) requests: BTreeMap<Api, u64>,
    pub(super) phases: BTreeMap<Phase, Duration>,
}

// === impl Bounds ===

impl Bounds {
    /// Bounds that let a cluster with a stalled broker be shown within one and a half poll intervals: a broker that has let one
    /// request time out is not asked again, so a stall costs one request's time, which may not be half an interval. Below the
    /// floor a busy broker would pass for a stalled one.
    pub(super) fn of(exporter: &Exporter) -> Self {
        let performance = exporter.performance;
        let share = (exporter.poll_interval * 3 / 10).max(SHORTEST_REQUEST);
        Self {
            collection: exporter.poll_interval.max(Duration::from_secs(5)),
            request: performance.request_timeout.min(share),
            offset_fetch: performance.offset_fetch_timeout.min(share),
        }
    }
}

// === impl Pass ===

impl<'a> Pass<'a> {
    pub(super) fn begin(
        bounds: Bounds,
        fence: &'a Arc<Fence>,
        progress: &'a watch::Sender<Progress>,
    ) -> Self {
        let now = Instant::now();
        Self {
            bounds,
            until: now + bounds.collection,
            fence,
            progress,
            phase_began: now,
            trouble: None,
            silent: BTreeMap::new(),
            failures: Vec::new(),
            requests: BTreeMap::new(),
            phases: BTreeMap::new(),
        }
    }

    /// When the collection has to be done.
    pub(super) const fn until(&self) -> Instant {
        self.until
    }

    /// Whether the collection was abandoned: no request may begin any more.
    pub(super) fn is_stopped(&self) -> bool {
        self.fence.is_shut()
    }

    /// What abandons the collection, for threads that ask on its behalf.
    pub(super) fn fence(&self) -> Arc<Fence> {
        Arc::clone(self.fence)
    }

    /// How long a request may take that begins now; `None` when it may not begin.
    pub(super) fn timeout(&self, api: Api) -> Option<Duration> {
        let bound = match api {
            Api::OffsetFetch => self.bounds.offset_fetch,
            // Metadata can be had from another broker, and an older answer serves as well.
            Api::Metadata => self.bounds.request / 2,
            _ => self.bounds.request,
        };
        let left = self.until.saturating_duration_since(Instant::now());
        (!self.is_stopped() && left > Duration::from_millis(20)).then(|| bound.min(left))
    }

    /// Counts a request that is about to be sent.
    pub(super) fn count(&mut self, api: Api) {
        *self.requests.entry(api).or_default() += 1;
    }

    /// The reason behind `code`, with what is known about the connections.
    pub(super) fn reason(&self, code: Code) -> Reason {
        match code.reason() {
            reason @ (Reason::Timeout | Reason::Transport) => self.trouble.unwrap_or(reason),
            reason => reason,
        }
    }

    /// Records a failure, once, and says what is unknown because of it.
    pub(super) fn fail(&mut self, api: Api, reason: Reason, subject: impl Into<String>) -> Unknown {
        let unknown = Unknown::new(api, reason);
        self.failures.push(Failure {
            unknown,
            subject: subject.into(),
        });
        unknown
    }

    /// What follows from a broker that answered `api` with `code`: after no answer at all it is not asked again.
    pub(super) fn heed(&mut self, broker: i32, unknown: Unknown, code: Code) {
        if code.remedy() == Remedy::GiveUpBroker {
            self.silent.entry(broker).or_insert(unknown);
        }
    }

    /// Ends `phase`; the next one begins now.
    pub(super) fn end(&mut self, phase: Phase) {
        let now = Instant::now();
        let took = now.duration_since(self.phase_began);
        *self.phases.entry(phase).or_default() += took;
        self.phase_began = now;
    }

    /// Tells how far the first collection is; nothing of one that was abandoned.
    pub(super) fn tell(&self, change: impl FnOnce(&mut Progress)) {
        if self.is_stopped() {
            return;
        }
        self.progress.send_if_modified(|progress| {
            if progress.phase == Step::Published {
                return false;
            }
            change(progress);
            true
        });
    }
}
