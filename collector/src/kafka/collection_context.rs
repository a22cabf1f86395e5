//! One collection in progress: its time limits, the brokers it has given up, its failures so far, and its progress.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use shared::config::Exporter;
use tokio::sync::watch;
use tokio::time::Instant;

use super::error_code::{ErrorCode, Remedy};
use super::native::Fence;
use crate::progress::{Progress, Step};
use crate::snapshot::{Api, Failure, Phase, Reason, Unknown};

/// The subject of a failure that concerns the whole cluster.
pub const CLUSTER_SUBJECT: &str = "cluster";

/// The longest wait for one result, after which a collection checks whether it was abandoned.
pub(super) const POLL_TIMEOUT: Duration = Duration::from_millis(100);

/// The least timeout of a request, whatever the poll interval. With a shorter timeout, a busy broker would pass for a stalled
/// one.
const MIN_REQUEST_TIMEOUT: Duration = Duration::from_millis(500);

/// The time left in a collection below which no request begins.
const MIN_TIME_LEFT: Duration = Duration::from_millis(20);

/// Time limits of a collection and of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Timeouts {
    /// The limit of the whole collection.
    pub(super) collection: Duration,
    /// The timeout of a request of any kind but `OffsetFetch`; `Metadata` gets half of it.
    pub(super) request: Duration,
    /// The timeout of a request for the committed offsets of a group.
    pub(super) offset_fetch: Duration,
}

/// One collection in progress: its limits, and what it has recorded so far.
pub(super) struct CollectionContext<'a> {
    timeouts: Timeouts,
    /// The instant at which the time limit of the collection is reached.
    deadline: Instant,
    /// The fence around the clients' sockets. When the fence is closed, the collection is abandoned.
    fence: &'a Arc<Fence>,
    progress: &'a watch::Sender<Progress>,
    phase_started: Instant,
    /// The reason why connections fail, where it says more than that there was no answer; set by the session.
    pub(super) connection_reason: Option<Reason>,
    /// Brokers that did not answer a request, by node id. They are not asked again in this collection, as each request would cost
    /// another timeout.
    pub(super) silent_brokers: BTreeMap<i32, Unknown>,
    /// The failures of this collection so far.
    pub(super) failures: Vec<Failure>,
    /// The number of requests sent so far.
    pub(super) requests: BTreeMap<Api, u64>,
    /// The time spent so far in each phase that has ended.
    pub(super) phases: BTreeMap<Phase, Duration>,
}

// === impl Timeouts ===

impl Timeouts {
    /// Returns limits with which a cluster that has a stalled broker is shown within one and a half poll intervals. The stalled
    /// broker costs the timeout of one request, because it is not asked again, so that timeout is three tenths of the interval or
    /// [`MIN_REQUEST_TIMEOUT`].
    pub(super) fn of(exporter: &Exporter) -> Self {
        let performance = exporter.performance;
        let share = (exporter.poll_interval * 3 / 10).max(MIN_REQUEST_TIMEOUT);
        Self {
            collection: exporter.poll_interval.max(Duration::from_secs(5)),
            request: performance.request_timeout.min(share),
            offset_fetch: performance.offset_fetch_timeout.min(share),
        }
    }
}

// === impl CollectionContext ===

impl<'a> CollectionContext<'a> {
    /// Begins a collection, whose time limit counts from now.
    pub(super) fn begin(
        timeouts: Timeouts,
        fence: &'a Arc<Fence>,
        progress: &'a watch::Sender<Progress>,
    ) -> Self {
        let now = Instant::now();
        Self {
            timeouts,
            deadline: now + timeouts.collection,
            fence,
            progress,
            phase_started: now,
            connection_reason: None,
            silent_brokers: BTreeMap::new(),
            failures: Vec::new(),
            requests: BTreeMap::new(),
            phases: BTreeMap::new(),
        }
    }

    /// Returns the instant at which the collection has to be done.
    pub(super) const fn deadline(&self) -> Instant {
        self.deadline
    }

    /// Returns `true` once the collection was abandoned, after which no request may begin.
    pub(super) fn is_abandoned(&self) -> bool {
        self.fence.is_closed()
    }

    /// Returns the fence, for threads that send requests on behalf of this collection.
    pub(super) fn fence(&self) -> Arc<Fence> {
        Arc::clone(self.fence)
    }

    /// Returns the timeout of a request that begins now, or `None` when no request may begin any more.
    pub(super) fn request_timeout(&self, api: Api) -> Option<Duration> {
        let longest = match api {
            Api::OffsetFetch => self.timeouts.offset_fetch,
            // A metadata request gets half the time, since another broker can answer it, and until one does the metadata of the
            // last collection serves.
            Api::Metadata => self.timeouts.request / 2,
            _ => self.timeouts.request,
        };
        let left = self.deadline.saturating_duration_since(Instant::now());
        (!self.is_abandoned() && left > MIN_TIME_LEFT).then(|| longest.min(left))
    }

    /// Counts a request that is about to be sent.
    pub(super) fn count_request(&mut self, api: Api) {
        *self.requests.entry(api).or_default() += 1;
    }

    /// Returns the reason behind `code`, made more precise by the state of the connections.
    pub(super) fn reason_of(&self, code: ErrorCode) -> Reason {
        match code.reason() {
            reason @ (Reason::Timeout | Reason::Transport) => {
                self.connection_reason.unwrap_or(reason)
            }
            reason => reason,
        }
    }

    /// Appends a failure to `failures` and returns its API and reason, for the values that are unknown because of this failure.
    /// To be called once for each failure: duplicates are not detected.
    pub(super) fn record_failure(
        &mut self,
        api: Api,
        reason: Reason,
        subject: impl Into<String>,
    ) -> Unknown {
        let unknown = Unknown::new(api, reason);
        self.failures.push(Failure {
            unknown,
            subject: subject.into(),
        });
        unknown
    }

    /// Records that the broker of this node id answered a whole request with `code`, and gives it up if it did not answer at all.
    pub(super) fn record_broker_failure(&mut self, api: Api, broker: i32, code: ErrorCode) {
        let reason = self.reason_of(code);
        self.record_failure(api, reason, format!("broker {broker}"));
        self.give_up_if_silent(api, broker, code);
    }

    /// Stops asking the broker of this node id in this collection, if `code` means that it did not answer.
    pub(super) fn give_up_if_silent(&mut self, api: Api, broker: i32, code: ErrorCode) {
        if code.remedy() == Remedy::GiveUpBroker {
            let unknown = Unknown::new(api, self.reason_of(code));
            self.silent_brokers.entry(broker).or_insert(unknown);
        }
    }

    /// Adds the time since the end of the previous phase to `phase`. The next phase begins now.
    pub(super) fn finish_phase(&mut self, phase: Phase) {
        let now = Instant::now();
        let took = now.duration_since(self.phase_started);
        *self.phases.entry(phase).or_default() += took;
        self.phase_started = now;
    }

    /// Reports the progress of the first collection. An abandoned collection reports nothing.
    pub(super) fn report_progress(&self, change: impl FnOnce(&mut Progress)) {
        if self.is_abandoned() {
            return;
        }
        self.progress.send_if_modified(|progress| {
            if progress.step == Step::Published {
                return false;
            }
            change(progress);
            true
        });
    }
}
