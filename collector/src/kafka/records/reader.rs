//! The client that reads records, and its loop.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, trace};

use super::Wanted;
use super::search::{AssignmentChange, Search};
use crate::kafka::error_code::ErrorCode;
use crate::kafka::native::{self, Client, ClientNotice, CreateError, Fence, Polled, Reading};
use crate::kafka::properties::Properties;
use crate::snapshot::Name;

/// The number of finished partitions after which they are unassigned, while records of others arrive. Each call to unassign costs
/// a round through librdkafka's threads, and until then the finished partitions are still fetched.
const UNASSIGN_BATCH: usize = 32;

/// The number of arrived events after which the partitions that are still fetched are checked for a better position.
const ARRIVALS_PER_CHECK: usize = 1000;

/// The longest wait of one poll, after which the reader checks whether it has to stop.
const POLL_TIMEOUT: Duration = Duration::from_millis(20);

/// The time without any record after which more partitions are fetched beside those that wait for an answer.
const IDLE_BEFORE_WIDENING: Duration = Duration::from_millis(500);

/// The time without any record at the end of a call after which the client counts as stuck.
const IDLE_BEFORE_STUCK: Duration = Duration::from_secs(2);

/// The least age of a client that is replaced because of handles of topics that are no longer read.
const MIN_CLIENT_AGE: Duration = Duration::from_secs(3600);

/// The number of topics below which their handles are never too many to keep.
const FEW_TOPICS: usize = 64;

/// The property that bounds the size of an answer, and so of a record. librdkafka names the property in its error about a larger
/// answer.
pub(super) const MAX_ANSWER_PROPERTY: &str = "receive.message.max.bytes";

/// The client that reads records.
pub(in crate::kafka) struct RecordReader {
    client: Client,
    created_at: Instant,
    /// The topics of which librdkafka holds handles. It never frees them while the client lives.
    topics: HashSet<Name>,
    /// Those of `topics` that were deleted since, and may have been created again. The epochs of a new topic's leaders begin anew.
    /// librdkafka takes leaders with a lower epoch than it has seen for outdated, also where the topic's id has changed, and would
    /// wait for the records of the new topic in vain.
    outdated: HashSet<Name>,
}

/// The end of a run without an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ReadOutcome {
    /// Everything was found, or the run was stopped, or records were still arriving when its time was over.
    Responsive,
    /// The client keeps the memory of many records that nobody takes any more.
    Overfull,
    /// No records were arriving when the time was over.
    Stuck,
    /// No records were arriving, because an answer is larger than the client accepts.
    RecordTooLarge,
}

/// The memory of an answer that the client rejected because of its size. The client keeps asking for that answer, but reports the
/// error only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum RejectedAnswer {
    No,
    TooLarge,
}

/// The limits of one call that reads records.
pub(in crate::kafka) struct ReadLimits<'a> {
    /// The instant at which the call has to return.
    pub(in crate::kafka) deadline: Instant,
    /// A function that returns `true` when the call has to return at once, because the collection was abandoned.
    pub(in crate::kafka) is_abandoned: &'a dyn Fn() -> bool,
}

/// Returns the properties of a client that reads records, in addition to those of all clients and to the isolation level of the
/// cluster.
pub(in crate::kafka) const fn properties() -> &'static [(&'static str, &'static str)] {
    &[
        ("auto.offset.reset", "error"),
        ("enable.partition.eof", "true"),
        ("enable.auto.offset.store", "false"),
        // The next two sizes allow about one batch of each partition, and as many batches in an answer as are processed at once.
        // A larger batch is sent all the same, alone in its answer.
        ("max.partition.fetch.bytes", "17408"),
        ("fetch.max.bytes", "1048576"),
        ("fetch.min.bytes", "1"),
        ("fetch.wait.max.ms", "10"),
        ("fetch.error.backoff.ms", "20"),
        // With the default, the client would wait for half a minute before it reports that a topic is gone.
        ("topic.metadata.propagation.max.ms", "0"),
        // The client fetches again as soon as its queue is empty. With the defaults, it would check that only once a second.
        ("queued.min.messages", "1"),
        ("fetch.queue.backoff.ms", "1"),
        ("queued.max.messages.kbytes", "8192"),
    ]
}

// === impl RecordReader ===

impl RecordReader {
    /// Makes a reader without any assigned partition. It connects when it first reads.
    ///
    /// # Errors
    /// librdkafka refuses a property, or a file that a property names.
    pub(in crate::kafka) fn open(
        properties: &Properties,
        fence: &Arc<Fence>,
    ) -> Result<Self, CreateError> {
        Ok(Self {
            client: Client::create(properties, fence)?,
            created_at: Instant::now(),
            topics: HashSet::new(),
            outdated: HashSet::new(),
        })
    }

    /// Returns `true` if most of the topics of which the client holds handles are no longer read, and the client is old enough to
    /// be replaced for that reason.
    pub(super) fn holds_unused_topics(&self, wanted: &Wanted) -> bool {
        if self.topics.len() < FEW_TOPICS || self.created_at.elapsed() < MIN_CLIENT_AGE {
            return false;
        }
        let topics: HashSet<&Name> = wanted.keys().map(|tp| &tp.topic).collect();
        self.topics.len() > 2 * topics.len()
    }

    /// Notes that these topics are gone, or are others of the same name by now.
    pub(super) fn mark_outdated(&mut self, topics: &BTreeSet<Name>) {
        let held = topics.iter().filter(|topic| self.topics.contains(*topic));
        self.outdated.extend(held.cloned());
    }

    /// Returns `true` if the client cannot read a wanted topic, because it has read an earlier topic of the same name.
    pub(super) fn is_outdated_for(&self, wanted: &Wanted) -> bool {
        let mut topics = wanted.keys().map(|tp| &tp.topic);
        !self.outdated.is_empty() && topics.any(|topic| self.outdated.contains(topic))
    }

    /// Fetches the records that `search` wants, until it is done or a limit is reached. Afterwards no partition is assigned.
    ///
    /// # Errors
    /// librdkafka refuses a change of the assignment. The error is its code, and the reader cannot be used again.
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
        let reading = Reading::begin();
        let outcome = self.fetch(search, limits, progress);
        drop(reading);
        drop(handles);
        let cleared = self.stop_fetching();
        match outcome.and_then(|outcome| cleared.map(|()| outcome)) {
            Ok(ReadOutcome::Responsive) if native::much_is_held() => Ok(ReadOutcome::Overfull),
            outcome => outcome,
        }
    }

    /// Polls and changes the assignment until `search` is done or a limit is reached.
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
            if native::much_is_left_behind() {
                return Ok(ReadOutcome::Overfull);
            }
            let has_ready = search.n_ready() > 0;
            let polled = self.client.poll(if has_ready {
                Duration::ZERO
            } else {
                POLL_TIMEOUT
            });
            let now = Instant::now();
            match &polled {
                Polled::Partition(event) => {
                    search.handle(event);
                    (last, n_arrived) = (now, n_arrived + 1);
                }
                Polled::Notice(notice) => {
                    log_notice(notice);
                    if notice.is_answer_too_large() {
                        // The run goes on, because answers of other leaders may still be on their way.
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
            let enough = search.n_ready() >= UNASSIGN_BATCH || n_arrived >= ARRIVALS_PER_CHECK;
            if pause || enough || polled.is_refusal() {
                self.apply(search.assignment_change())?;
                n_arrived = 0;
                let (done, total) = search.progress();
                progress(done, total);
            }
            let silent = now.duration_since(last) >= IDLE_BEFORE_STUCK;
            match (rejected, now >= limits.deadline) {
                (RejectedAnswer::TooLarge, is_over) if silent || is_over => {
                    return Ok(ReadOutcome::RecordTooLarge);
                }
                (_, true) if silent => return Ok(ReadOutcome::Stuck),
                (_, true) => return Ok(ReadOutcome::Responsive),
                (_, false) => {}
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

    /// Stops fetching, and drops the records that have arrived meanwhile.
    fn stop_fetching(&self) -> Result<(), ErrorCode> {
        self.client.unassign_all()?;
        self.drain_notices();
        Ok(())
    }

    /// Takes everything out of the client's queue and logs the notices. To be called while no partition is assigned, as records
    /// are lost.
    pub(super) fn drain_notices(&self) {
        for notice in self.client.notices() {
            log_notice(&notice);
        }
    }
}

// === impl ClientNotice ===

impl ClientNotice {
    /// Returns `true` for the error that an answer is larger than the client accepts.
    fn is_answer_too_large(&self) -> bool {
        match self {
            Self::Error { code, text } => {
                *code == ErrorCode::LOCAL_BAD_MSG && text.contains(MAX_ANSWER_PROPERTY)
            }
            Self::Log { .. } => false,
        }
    }
}

/// Logs a notice at the levels for debugging. Errors of connections are reported by the client with which everything but records
/// is read.
fn log_notice(notice: &ClientNotice) {
    match notice {
        ClientNotice::Error { code, text } => {
            debug!(code = code.0, error = %text, "Reader trouble");
        }
        ClientNotice::Log {
            level,
            facility,
            text,
        } => trace!(target: "librdkafka", level, "{facility}: {text}"),
    }
}
