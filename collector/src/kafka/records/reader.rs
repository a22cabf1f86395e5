//! The client that reads records.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, trace};

use super::Wanted;
use super::search::{AssignmentChange, Search};
use crate::kafka::error_code::ErrorCode;
use crate::kafka::native::{Client, CreateError, Fence, Notice, Polled};
use crate::kafka::properties::Properties;
use crate::snapshot::Name;

/// Partitions to stop fetching in one call while more is arriving: each call costs a round through librdkafka's threads, and
/// until then they are fetched on.
const UNASSIGN_BATCH: usize = 32;

/// Arrivals after which a partition that is read on and on is looked at.
const ARRIVALS_PER_CHECK: usize = 1000;

/// How long one poll waits; bounds how late a stop is seen.
const POLL_TIMEOUT: Duration = Duration::from_millis(20);

/// How long nothing may arrive before more partitions are fetched beside those that wait.
const IDLE_BEFORE_WIDENING: Duration = Duration::from_millis(500);

/// How long nothing may arrive at the end of a call before the client is held to be stuck.
const IDLE_BEFORE_STUCK: Duration = Duration::from_secs(2);

/// The least age at which a client is replaced for what it holds of topics that are no longer read.
const MIN_CLIENT_AGE: Duration = Duration::from_secs(3600);

/// Topics that are never too many.
const FEW_TOPICS: usize = 64;

/// The property that bounds an answer, and with it a record. librdkafka names it when one is larger.
pub(super) const MAX_ANSWER_PROPERTY: &str = "receive.message.max.bytes";

/// The client that reads.
pub(super) struct RecordReader {
    client: Client,
    created_at: Instant,
    /// Topics that librdkafka holds handles of; it never frees them.
    topics: HashSet<Name>,
}

/// How a run ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// Over, or stopped, or still arriving when time was out.
    Responsive,
    /// Nothing arrived any more.
    Stuck,
    /// Nothing arrived any more but an answer that the client does not take because of its size.
    RecordTooLarge,
}

/// Whether an answer came that the client did not take. It goes on asking, and says so only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RejectedAnswer {
    No,
    TooLarge,
}

/// How long a call may go on.
pub(in crate::kafka) struct ReadLimits<'a> {
    pub(in crate::kafka) deadline: Instant,
    /// Whether to return at once.
    pub(in crate::kafka) is_abandoned: &'a dyn Fn() -> bool,
}

/// Settings of a client that reads, over those of every client and beside the isolation level of the cluster.
pub(in crate::kafka) const fn properties() -> &'static [(&'static str, &'static str)] {
    &[
        ("auto.offset.reset", "error"),
        ("enable.partition.eof", "true"),
        ("enable.auto.offset.store", "false"),
        // One batch of each partition, and as many batches in an answer as are dealt with at once. A larger batch comes alone,
        // as the first of an answer.
        ("max.partition.fetch.bytes", "17408"),
        ("fetch.max.bytes", "1048576"),
        ("fetch.min.bytes", "1"),
        ("fetch.wait.max.ms", "10"),
        ("fetch.error.backoff.ms", "20"),
        // A topic that is gone is an error at once; the default waits half a minute for it to appear.
        ("topic.metadata.propagation.max.ms", "0"),
        // Fetch on when the queue is empty, and see that it is: the default looks only once a second.
        ("queued.min.messages", "1"),
        ("fetch.queue.backoff.ms", "1"),
        ("queued.max.messages.kbytes", "8192"),
    ]
}

// === impl RecordReader ===

impl RecordReader {
    /// A reader that holds nothing yet. Connects when it first reads.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub(super) fn open(properties: &Properties, fence: &Arc<Fence>) -> Result<Self, CreateError> {
        Ok(Self {
            client: Client::create(properties, fence)?,
            created_at: Instant::now(),
            topics: HashSet::new(),
        })
    }

    /// Whether most of the topics it holds handles of are no longer read, and it is old enough for that to count.
    pub(super) fn holds_unused_topics(&self, wanted: &Wanted) -> bool {
        if self.topics.len() < FEW_TOPICS || self.created_at.elapsed() < MIN_CLIENT_AGE {
            return false;
        }
        let topics: HashSet<&Name> = wanted.keys().map(|tp| &tp.topic).collect();
        self.topics.len() > 2 * topics.len()
    }

    /// Fetches what `search` wants until it is over, or the limits are reached. Afterwards nothing is fetched any more.
    ///
    /// # Errors
    /// The code with which librdkafka refused an assignment; the reader is beyond use then.
    pub(super) fn run(
        &mut self,
        search: &mut Search,
        limits: &ReadLimits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<ReadOutcome, ErrorCode> {
        let new: Vec<Name> = search
            .topics()
            .filter(|&topic| !self.topics.contains(topic))
            .cloned()
            .collect();
        self.topics.extend(new.iter().cloned());
        let handles = self.client.request_leaders(new.iter());
        let outcome = self.fetch(search, limits, progress);
        drop(handles);
        let cleared = self.stop_fetching();
        outcome.and_then(|outcome| cleared.map(|()| outcome))
    }

    fn fetch(
        &self,
        search: &mut Search,
        limits: &ReadLimits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<ReadOutcome, ErrorCode> {
        self.drain_notices();
        self.apply(search.assignment_change())?;
        let (mut last, mut n_arrived) = (Instant::now(), 0);
        let mut widened = last;
        let mut rejected = RejectedAnswer::No;
        while !search.is_done() {
            if (limits.is_abandoned)() {
                return Ok(ReadOutcome::Responsive);
            }
            let step = if search.n_ready() > 0 {
                Duration::ZERO
            } else {
                POLL_TIMEOUT
            };
            let polled = self.client.poll(step);
            let now = Instant::now();
            match &polled {
                Polled::Partition(event) => {
                    search.handle(event);
                    (last, n_arrived) = (now, n_arrived + 1);
                }
                Polled::Notice(notice) => {
                    log_notice(notice);
                    if notice.is_answer_too_large() {
                        // Others may still be on their way.
                        (rejected, last) = (RejectedAnswer::TooLarge, now);
                    }
                }
                Polled::Nothing => {}
            }
            if now.duration_since(last.max(widened)) >= IDLE_BEFORE_WIDENING {
                search.widen();
                self.apply(search.assignment_change())?;
                widened = now;
            }
            let pause = polled == Polled::Nothing && search.n_ready() > 0;
            if pause || search.n_ready() >= UNASSIGN_BATCH || n_arrived >= ARRIVALS_PER_CHECK {
                self.apply(search.assignment_change())?;
                n_arrived = 0;
                let (done, total) = search.progress();
                progress(done, total);
            }
            let silent = now.duration_since(last) >= IDLE_BEFORE_STUCK;
            if rejected == RejectedAnswer::TooLarge && (silent || now >= limits.deadline) {
                return Ok(ReadOutcome::RecordTooLarge);
            }
            if now >= limits.deadline {
                return Ok(if silent {
                    ReadOutcome::Stuck
                } else {
                    ReadOutcome::Responsive
                });
            }
        }
        Ok(ReadOutcome::Responsive)
    }

    fn apply(&self, change: AssignmentChange) -> Result<(), ErrorCode> {
        let AssignmentChange { unassign, assign } = change;
        if !unassign.is_empty() {
            self.client.unassign(&unassign)?;
        }
        if !assign.is_empty() {
            self.client.assign(&assign)?;
        }
        Ok(())
    }

    /// Stops fetching, and drops what has come meanwhile.
    fn stop_fetching(&self) -> Result<(), ErrorCode> {
        self.client.unassign_all()?;
        self.drain_notices();
        Ok(())
    }

    /// Takes what is in the queue while nothing is fetched.
    pub(super) fn drain_notices(&self) {
        for notice in self.client.notices() {
            log_notice(&notice);
        }
    }
}

// === impl Notice ===

impl Notice {
    /// Whether it says that an answer is larger than the client takes.
    fn is_answer_too_large(&self) -> bool {
        match self {
            Self::Error { code, text } => {
                *code == ErrorCode::LOCAL_BAD_MSG && text.contains(MAX_ANSWER_PROPERTY)
            }
            Self::Log { .. } => false,
        }
    }
}

/// Failures of connections are told by the client that asks for everything else, so these are for debugging only.
fn log_notice(notice: &Notice) {
    match notice {
        Notice::Error { code, text } => debug!(code = code.0, error = %text, "Reader trouble"),
        Notice::Log {
            level,
            facility,
            text,
        } => trace!(target: "librdkafka", level, "{facility}: {text}"),
    }
}
