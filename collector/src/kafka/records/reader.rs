//! The client that reads records.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, trace};

use super::Wanted;
use super::search::{Moves, Search};
use crate::kafka::code::Code;
use crate::kafka::native::{Arrival, Client, CreateError, Fence, Notice};
use crate::kafka::properties::Properties;
use crate::snapshot::Name;

/// Partitions to stop fetching in one call while more is arriving: each call costs a round through librdkafka's threads, and
/// until then they are fetched on.
const BATCH: usize = 32;

/// Arrivals after which a partition that is read on and on is looked at.
const MANY: usize = 1000;

/// How long one poll waits; bounds how late a stop is seen.
const STEP: Duration = Duration::from_millis(20);

/// How long nothing may arrive before more partitions are fetched beside those that wait.
const LULL: Duration = Duration::from_millis(500);

/// How long nothing may arrive at the end of a call before the client is held to be stuck.
const SILENCE: Duration = Duration::from_secs(2);

/// The least age at which a client is replaced for what it holds of topics that are no longer read.
const HOARDING: Duration = Duration::from_secs(3600);

/// Topics that are never too many.
const FEW_TOPICS: usize = 64;

/// The property that bounds an answer, and with it a record. librdkafka names it when one is larger.
pub(super) const MAX_ANSWER: &str = "receive.message.max.bytes";

/// The client that reads.
pub(super) struct Reader {
    client: Client,
    made: Instant,
    /// Topics that librdkafka holds handles of; it never frees them.
    topics: HashSet<Name>,
}

/// How a run ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reach {
    /// Over, or stopped, or still arriving when time was out.
    Going,
    /// Nothing arrived any more.
    Stuck,
    /// Nothing arrived any more but an answer that the client does not take because of its size.
    TooLarge,
}

/// Whether an answer came that the client did not take. It goes on asking, and says so only once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refused {
    Nothing,
    ForItsSize,
}

/// How long a call may go on.
pub(in crate::kafka) struct Limits<'a> {
    pub(in crate::kafka) until: Instant,
    /// Whether to return at once.
    pub(in crate::kafka) stop: &'a dyn Fn() -> bool,
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

// === impl Reader ===

impl Reader {
    /// A reader that holds nothing yet. Connects when it first reads.
    ///
    /// # Errors
    /// A property that librdkafka refuses.
    pub(super) fn open(properties: &Properties, fence: &Arc<Fence>) -> Result<Self, CreateError> {
        Ok(Self {
            client: Client::create(properties, fence)?,
            made: Instant::now(),
            topics: HashSet::new(),
        })
    }

    /// Whether most of the topics it holds handles of are no longer read, and it is old enough for that to count.
    pub(super) fn hoards(&self, wanted: &Wanted) -> bool {
        if self.topics.len() < FEW_TOPICS || self.made.elapsed() < HOARDING {
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
        limits: &Limits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Reach, Code> {
        let new: Vec<Name> = search
            .topics()
            .filter(|&topic| !self.topics.contains(topic))
            .cloned()
            .collect();
        self.topics.extend(new.iter().cloned());
        let introduced = self.client.introduce(new.iter());
        let reach = self.fetch(search, limits, progress);
        drop(introduced);
        let cleared = self.clear();
        reach.and_then(|reach| cleared.map(|()| reach))
    }

    fn fetch(
        &self,
        search: &mut Search,
        limits: &Limits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Reach, Code> {
        self.heed();
        self.apply(search.moves())?;
        let (mut last, mut n_arrived) = (Instant::now(), 0);
        let mut widened = last;
        let mut refused = Refused::Nothing;
        while !search.is_over() {
            if (limits.stop)() {
                return Ok(Reach::Going);
            }
            let step = if search.n_ready() > 0 {
                Duration::ZERO
            } else {
                STEP
            };
            let arrival = self.client.arrival(step);
            let now = Instant::now();
            match &arrival {
                Arrival::Fetched(fetched) => {
                    search.take(fetched);
                    (last, n_arrived) = (now, n_arrived + 1);
                }
                Arrival::Notice(notice) => {
                    tell(notice);
                    if notice.is_of_size() {
                        // Others may still be on their way.
                        (refused, last) = (Refused::ForItsSize, now);
                    }
                }
                Arrival::Nothing => {}
            }
            if now.duration_since(last.max(widened)) >= LULL {
                search.widen();
                self.apply(search.moves())?;
                widened = now;
            }
            let pause = arrival == Arrival::Nothing && search.n_ready() > 0;
            if pause || search.n_ready() >= BATCH || n_arrived >= MANY {
                self.apply(search.moves())?;
                n_arrived = 0;
                let (done, total) = search.progress();
                progress(done, total);
            }
            let silent = now.duration_since(last) >= SILENCE;
            if refused == Refused::ForItsSize && (silent || now >= limits.until) {
                return Ok(Reach::TooLarge);
            }
            if now >= limits.until {
                return Ok(if silent { Reach::Stuck } else { Reach::Going });
            }
        }
        Ok(Reach::Going)
    }

    fn apply(&self, moves: Moves) -> Result<(), Code> {
        let Moves { unassign, assign } = moves;
        if !unassign.is_empty() {
            self.client.unassign(&unassign)?;
        }
        if !assign.is_empty() {
            self.client.assign(&assign)?;
        }
        Ok(())
    }

    /// Stops fetching, and drops what has come meanwhile.
    fn clear(&self) -> Result<(), Code> {
        self.client.unassign_all()?;
        self.heed();
        Ok(())
    }

    /// Takes what is in the queue while nothing is fetched.
    pub(super) fn heed(&self) {
        for notice in self.client.notices() {
            tell(&notice);
        }
    }
}

// === impl Notice ===

impl Notice {
    /// Whether it says that an answer is larger than the client takes.
    fn is_of_size(&self) -> bool {
        match self {
            Self::Error { code, text } => *code == Code::BAD_MESSAGE && text.contains(MAX_ANSWER),
            Self::Log { .. } => false,
        }
    }
}

/// Failures of connections are told by the client that asks for everything else, so these are for debugging only.
fn tell(notice: &Notice) {
    match notice {
        Notice::Error { code, text } => debug!(code = code.0, error = %text, "Reader trouble"),
        Notice::Log {
            level,
            facility,
            text,
        } => trace!(target: "librdkafka", level, "{facility}: {text}"),
    }
}
