//! Exact time lag: reads the oldest record that a group has not read, of all partitions at once.
//!
//! Nothing is fetched between calls: a partition left assigned would be read on to its end.

mod search;

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::time::Duration;

use tokio::time::Instant;
use tracing::{debug, trace, warn};

use self::search::{Found, Moves, Search};
use super::code::Code;
use super::native::{Arrival, Client, Notice};
use crate::snapshot::{Api, Failure, Name, Offset, OldestUnread, Reason, TopicPartition, Unknown};

/// Partitions to stop fetching in one call: each call costs a round through librdkafka's threads, and until then they are
/// fetched on.
const BATCH: usize = 128;

/// Arrivals after which a partition that is read on and on is looked at.
const MANY: usize = 1000;

/// How long one poll waits; bounds how late a stop is seen.
const STEP: Duration = Duration::from_millis(20);

/// How long a topic that may not be read is not asked for again.
const DENIAL: Duration = Duration::from_secs(600);

/// How long nothing may arrive at the end of a call before the client is held to be stuck.
const SILENCE: Duration = Duration::from_secs(2);

/// The least age at which a client is replaced for what it holds of topics that are no longer read.
const HOARDING: Duration = Duration::from_secs(3600);

/// Topics that are never too many.
const FEW_TOPICS: usize = 64;

/// Dates the oldest unread records of one cluster.
pub(super) struct Records {
    properties: Vec<(String, String)>,
    reader: Option<Reader>,
    /// Timestamps by the offset that they answer. An entry lives as long as a group stands there.
    cache: HashMap<(TopicPartition, Offset), i64>,
    /// Topics that may not be read, and when to ask again.
    denied: HashMap<Name, Instant>,
}

/// What one call found.
pub(super) struct Dated {
    /// An answer for every pair that was wanted.
    pub(super) oldest_unread: HashMap<(TopicPartition, Offset), OldestUnread>,
    /// Each failure once: per topic for rights, per partition for other answers, per call for lack of time.
    pub(super) failures: Vec<Failure>,
    /// Positions that were read from.
    pub(super) n_reads: u64,
}

/// How long a call may go on.
pub(super) struct Limits<'a> {
    pub(super) until: Instant,
    /// Whether to return at once.
    pub(super) stop: &'a dyn Fn() -> bool,
}

/// The client that reads.
struct Reader {
    client: Client,
    made: Instant,
    /// Topics that librdkafka holds handles of; it never frees them.
    topics: HashSet<Name>,
}

/// How a run ended, other than by an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reach {
    /// Over, or stopped, or still arriving when time was out.
    Going,
    /// Nothing arrived any more.
    Stuck,
}

/// Settings of a client that reads, over those of every client.
pub(super) const fn properties() -> &'static [(&'static str, &'static str)] {
    &[
        ("auto.offset.reset", "error"),
        ("enable.partition.eof", "true"),
        ("isolation.level", "read_uncommitted"),
        ("enable.auto.offset.store", "false"),
        ("check.crcs", "false"),
        // One batch of each partition, and as many batches in an answer as are dealt with at once. A larger batch comes alone,
        // as the first of an answer.
        ("max.partition.fetch.bytes", "17408"),
        ("fetch.max.bytes", "1048576"),
        ("fetch.min.bytes", "1"),
        ("fetch.wait.max.ms", "10"),
        ("fetch.error.backoff.ms", "20"),
        // Fetch on when the queue is empty, and see that it is: the default looks only once a second.
        ("queued.min.messages", "1"),
        ("fetch.queue.backoff.ms", "1"),
        ("queued.max.messages.kbytes", "8192"),
    ]
}

// === impl Records ===

impl Records {
    /// Reads with a client of these properties, which is made when first needed.
    pub(super) fn new(properties: Vec<(String, String)>) -> Self {
        Self {
            properties,
            reader: None,
            cache: HashMap::new(),
            denied: HashMap::new(),
        }
    }

    /// Dates every pair of `wanted` within `limits`. `progress` is told offsets done and to do, of those that have to be read.
    /// Blocking.
    pub(super) fn date(
        &mut self,
        wanted: &BTreeMap<TopicPartition, BTreeSet<Offset>>,
        limits: &Limits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Dated {
        let (mut oldest_unread, unread) = self.recall(wanted);
        let found = self.read(wanted, unread, limits, progress);
        let Found {
            answers,
            failures,
            denied,
            n_reads,
        } = found;
        let again = Instant::now() + DENIAL;
        self.denied
            .extend(denied.into_iter().map(|topic| (topic, again)));
        for (pair, answer) in answers {
            // Nothing readable may become readable, and a log start moves.
            if let OldestUnread::Written(at) = answer {
                self.cache.insert(pair.clone(), at);
            }
            oldest_unread.insert(pair, answer);
        }
        Dated {
            oldest_unread,
            failures,
            n_reads,
        }
    }

    /// What is known already, and what has to be read. Forgets what is wanted no more.
    fn recall(
        &mut self,
        wanted: &BTreeMap<TopicPartition, BTreeSet<Offset>>,
    ) -> (
        HashMap<(TopicPartition, Offset), OldestUnread>,
        BTreeMap<TopicPartition, BTreeSet<Offset>>,
    ) {
        let now = Instant::now();
        self.denied.retain(|_, again| *again > now);
        self.cache.retain(|(tp, offset), _| {
            wanted
                .get(tp)
                .is_some_and(|offsets| offsets.contains(offset))
        });
        let denial = OldestUnread::Unknown(Unknown::new(Api::Fetch, Reason::Authorization));
        let (mut known, mut unread) = (HashMap::new(), BTreeMap::<_, BTreeSet<_>>::new());
        for (tp, offsets) in wanted {
            let denied = self.denied.contains_key(&tp.topic);
            for &offset in offsets {
                let pair = (tp.clone(), offset);
                if let Some(&at) = self.cache.get(&pair) {
                    known.insert(pair, OldestUnread::Written(at));
                } else if denied {
                    known.insert(pair, denial);
                } else {
                    unread.entry(tp.clone()).or_default().insert(offset);
                }
            }
        }
        (known, unread)
    }

    fn read(
        &mut self,
        wanted: &BTreeMap<TopicPartition, BTreeSet<Offset>>,
        unread: BTreeMap<TopicPartition, BTreeSet<Offset>>,
        limits: &Limits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Found {
        if unread.is_empty() {
            return Found::default();
        }
        let topics: HashSet<Name> = unread.keys().map(|tp| Name::clone(&tp.topic)).collect();
        let mut search = Search::of(unread);
        let Some(mut reader) = self.reader(wanted) else {
            return search.end(Reason::Other);
        };
        reader.topics.extend(topics);
        let ended = reader.run(&mut search, limits, progress);
        let cleared = reader.clear();
        match ended {
            Ok(Reach::Going) if cleared.is_ok() => self.reader = Some(reader),
            Ok(_) => {
                debug!("Nothing more was arriving, the next collection begins with a new reader");
            }
            Err(code) => debug!(code = code.0, "The reader is beyond use"),
        }
        search.end(ended.map_or_else(Code::reason, |_| Reason::Deadline))
    }

    /// The client to read with: a new one where there is none, or where the one there is holds mostly topics that are no
    /// longer read.
    fn reader(&mut self, wanted: &BTreeMap<TopicPartition, BTreeSet<Offset>>) -> Option<Reader> {
        if let Some(reader) = self.reader.take()
            && !reader.hoards(wanted)
        {
            return Some(reader);
        }
        match Client::create(&self.properties) {
            Ok(client) => Some(Reader {
                client,
                made: Instant::now(),
                topics: HashSet::new(),
            }),
            Err(error) => {
                warn!(%error, "Cannot make a client that reads records");
                None
            }
        }
    }
}

// === impl Reader ===

impl Reader {
    /// Whether most of the topics it holds handles of are no longer read, and it is old enough for that to count.
    fn hoards(&self, wanted: &BTreeMap<TopicPartition, BTreeSet<Offset>>) -> bool {
        if self.topics.len() < FEW_TOPICS || self.made.elapsed() < HOARDING {
            return false;
        }
        let topics: HashSet<&Name> = wanted.keys().map(|tp| &tp.topic).collect();
        self.topics.len() > 2 * topics.len()
    }

    /// Fetches what `search` wants until it is over, or the limits are reached. Leaves partitions assigned.
    ///
    /// # Errors
    /// The code with which librdkafka refused an assignment.
    fn run(
        &self,
        search: &mut Search,
        limits: &Limits<'_>,
        progress: &mut dyn FnMut(usize, usize),
    ) -> Result<Reach, Code> {
        self.heed();
        self.apply(search.moves())?;
        let (mut last, mut n_arrived) = (Instant::now(), 0);
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
                Arrival::Notice(notice) => tell(notice),
                Arrival::Nothing => {}
            }
            let pause = arrival == Arrival::Nothing && search.n_ready() > 0;
            if pause || search.n_ready() >= BATCH || n_arrived >= MANY {
                self.apply(search.moves())?;
                n_arrived = 0;
                let (done, total) = search.progress();
                progress(done, total);
            }
            if now >= limits.until {
                let silent = now.duration_since(last) >= SILENCE;
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
    fn heed(&self) {
        for notice in self.client.notices() {
            tell(&notice);
        }
    }
}

/// Failures of connections are told by the client that asks for everything else, so these are for debugging only.
fn tell(notice: &Notice) {
    match notice {
        Notice::Error { code, text } => debug!(code = code.0, error = %text, "Reader trouble"),
        Notice::Log { level, text } => trace!(target: "librdkafka", level, "{text}"),
    }
}
