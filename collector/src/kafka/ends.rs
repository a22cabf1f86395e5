//! The bounds of logs, each from its partition leader, in chunks; leaders in parallel.
//!
//! One bad partition fails its whole call, so a chunk that fails is halved until the bad one stands alone. A leader that does
//! not answer at all is given up for the rest of the collection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::code::{Code, Remedy};
use super::native::Client;
use super::pass::Pass;
use super::topology::Topology;
use crate::lag::GONE;
use crate::progress::Phase as Step;
use crate::snapshot::{Api, Log, Offset, Reading, Reason, TopicPartition, Unknown};

/// Partitions in one request. Larger ones make one bad partition dearer, smaller ones cost requests.
const CHUNK: usize = 500;

/// A bound of a log.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Start,
    HighWatermark,
    LastStable,
}

/// The clients that see each bound.
pub(super) struct Clients<'c> {
    /// Reads uncommitted: start and high watermark.
    pub(super) plain: &'c Client,
    /// Reads committed: last stable offset.
    pub(super) stable: Option<&'c Client>,
}

type Answers = BTreeMap<(TopicPartition, Bound), Result<Offset, Code>>;

/// What one leader said.
struct Told {
    answers: Answers,
    n_requests: u64,
    /// What it did instead of answering; the partitions that are missing from the answers were not asked about.
    silence: Option<Code>,
}

/// A leader that is being asked, on a thread of its own.
struct Leader<'c> {
    clients: &'c Clients<'c>,
    stop: CancellationToken,
    until: Instant,
    timeout: Duration,
    told: Told,
}

/// Reads the bounds of every partition of `topology`. Where an answer says that leaders moved, `refresh` reads the metadata again
/// and these partitions are asked about once more.
pub(super) fn read(
    clients: &Clients<'_>,
    topology: &mut Topology,
    pass: &mut Pass<'_>,
    refresh: impl FnOnce(&mut Pass<'_>) -> Result<Topology, Code>,
) -> BTreeMap<TopicPartition, Log> {
    let all = partitions(topology);
    let total = all.len();
    pass.tell(|progress| progress.phase = Step::Ends { done: 0, total });
    let mut answers = ask(clients, topology, all.iter(), pass);
    let moved: BTreeSet<TopicPartition> = all
        .iter()
        .filter(|tp| has_moved(&answers, topology, tp, pass))
        .cloned()
        .collect();
    if !moved.is_empty()
        && let Ok(fresh) = refresh(pass)
    {
        *topology = fresh;
        answers.retain(|(tp, _), _| !moved.contains(tp));
        answers.extend(ask(clients, topology, moved.iter(), pass));
    }
    for (topic, &code) in &topology.refused {
        let reason = pass.reason(code);
        pass.fail(Api::Metadata, reason, format!("topic {topic}"));
    }
    pass.tell(|progress| progress.phase = Step::Ends { done: total, total });
    all.into_iter()
        .map(|tp| {
            let log = conclude(clients, &answers, topology, &tp, pass);
            (tp, log)
        })
        .collect()
}

fn partitions(topology: &Topology) -> Vec<TopicPartition> {
    topology
        .topics
        .iter()
        .flat_map(|(topic, leaders)| {
            leaders
                .keys()
                .map(|&partition| TopicPartition::of(topic, partition))
        })
        .collect()
}

fn leader(topology: &Topology, tp: &TopicPartition) -> Option<i32> {
    topology
        .topics
        .get(&tp.topic)
        .and_then(|leaders| leaders.get(&tp.partition).copied().flatten())
}

/// Whether newer metadata may help: the leader disowned the partition, or did not answer, perhaps because it is gone, or there was
/// none.
fn has_moved(answers: &Answers, topology: &Topology, tp: &TopicPartition, pass: &Pass<'_>) -> bool {
    let disowned = [Bound::Start, Bound::HighWatermark, Bound::LastStable]
        .into_iter()
        .any(|bound| {
            let answer = answers.get(&(tp.clone(), bound));
            matches!(answer, Some(Err(code)) if code.remedy() == Remedy::AskAgain)
        });
    let unanswered = !answers.contains_key(&(tp.clone(), Bound::HighWatermark));
    let is_silent = |leader| pass.silent.contains_key(&leader);
    disowned || leader(topology, tp).is_none_or(|leader| unanswered && is_silent(leader))
}

/// Asks every leader about its partitions among `wanted`, all leaders at once.
fn ask<'p>(
    clients: &Clients<'_>,
    topology: &Topology,
    wanted: impl Iterator<Item = &'p TopicPartition>,
    pass: &mut Pass<'_>,
) -> Answers {
    let mut by_leader: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
    for tp in wanted {
        if let Some(leader) = leader(topology, tp)
            && !pass.silent.contains_key(&leader)
        {
            by_leader.entry(leader).or_default().push(tp.clone());
        }
    }
    let Some(timeout) = pass.timeout(Api::ListOffsets) else {
        return Answers::new();
    };
    let told: Vec<(i32, Told)> = std::thread::scope(|scope| {
        let running: Vec<_> = by_leader
            .iter()
            .map(|(&broker, partitions)| {
                let leader = Leader::new(clients, pass, timeout);
                (broker, scope.spawn(move || leader.ask(partitions)))
            })
            .collect();
        running
            .into_iter()
            .map(|(broker, thread)| {
                (
                    broker,
                    thread.join().expect("a leader's thread does not panic"),
                )
            })
            .collect()
    });
    let mut answers = Answers::new();
    for (
        broker,
        Told {
            answers: more,
            n_requests,
            silence,
        },
    ) in told
    {
        *pass.requests.entry(Api::ListOffsets).or_default() += n_requests;
        answers.extend(more);
        if let Some(code) = silence {
            let reason = pass.reason(code);
            let unknown = pass.fail(Api::ListOffsets, reason, format!("broker {broker}"));
            pass.heed(broker, unknown, code);
        }
    }
    answers
}

/// The bounds of one partition, and its failure, once for each reason.
fn conclude(
    clients: &Clients<'_>,
    answers: &Answers,
    topology: &Topology,
    tp: &TopicPartition,
    pass: &mut Pass<'_>,
) -> Log {
    if let Some(&code) = topology.refused.get(&tp.topic) {
        return unknown(Unknown::new(Api::Metadata, pass.reason(code)));
    }
    if topology
        .topics
        .get(&tp.topic)
        .is_none_or(|leaders| !leaders.contains_key(&tp.partition))
    {
        return gone();
    }
    let mut counted: Option<Unknown> = None;
    let mut bound = |bound| match answers.get(&(tp.clone(), bound)) {
        Some(Ok(offset)) => Ok(*offset),
        Some(Err(code)) => {
            let unknown = Unknown::new(Api::ListOffsets, pass.reason(*code));
            if counted != Some(unknown) {
                pass.fail(
                    Api::ListOffsets,
                    unknown.reason,
                    format!("{}-{}", tp.topic, tp.partition),
                );
                counted = Some(unknown);
            }
            Err(unknown)
        }
        None => {
            let unknown = unasked(topology, tp, pass, counted);
            counted = Some(unknown);
            Err(unknown)
        }
    };
    Log {
        log_start: bound(Bound::Start),
        high_watermark: bound(Bound::HighWatermark),
        last_stable: clients.stable.map(|_| bound(Bound::LastStable)),
    }
}

/// Why a partition was not asked about: nobody leads it, its leader is silent (counted there), or time was out.
fn unasked(
    topology: &Topology,
    tp: &TopicPartition,
    pass: &mut Pass<'_>,
    counted: Option<Unknown>,
) -> Unknown {
    let reason = match leader(topology, tp) {
        Some(broker) if pass.silent.contains_key(&broker) => {
            return Unknown::new(Api::ListOffsets, Reason::GivenUp);
        }
        Some(_) => Reason::Deadline,
        None => Reason::LeaderNotAvailable,
    };
    let unknown = Unknown::new(Api::ListOffsets, reason);
    if counted != Some(unknown) {
        pass.fail(
            Api::ListOffsets,
            reason,
            format!("{}-{}", tp.topic, tp.partition),
        );
    }
    unknown
}

// === impl Leader ===

impl<'c> Leader<'c> {
    fn new(clients: &'c Clients<'c>, pass: &Pass<'_>, timeout: Duration) -> Self {
        Self {
            clients,
            stop: pass.stop(),
            until: pass.until(),
            timeout,
            told: Told {
                answers: Answers::new(),
                n_requests: 0,
                silence: None,
            },
        }
    }

    fn ask(mut self, partitions: &[TopicPartition]) -> Told {
        for chunk in partitions.chunks(CHUNK) {
            self.bound(self.clients.plain, Bound::Start, chunk);
            self.bound(self.clients.plain, Bound::HighWatermark, chunk);
            if let Some(stable) = self.clients.stable {
                self.bound(stable, Bound::LastStable, chunk);
            }
        }
        self.told
    }

    /// One bound of a chunk, halved where it fails.
    fn bound(&mut self, client: &Client, bound: Bound, chunk: &[TopicPartition]) {
        let left = self.until.saturating_duration_since(Instant::now());
        if self.told.silence.is_some() || self.stop.is_cancelled() || left.is_zero() {
            return;
        }
        self.told.n_requests += 1;
        match client.offsets(chunk, bound.timestamp(), self.timeout.min(left)) {
            Ok(offsets) => {
                for (tp, offset) in chunk.iter().zip(offsets) {
                    let offset = known(offset);
                    self.told.answers.insert((tp.clone(), bound), offset);
                }
            }
            Err(code) if code.remedy() == Remedy::GiveUpBroker => self.told.silence = Some(code),
            Err(code) if chunk.len() == 1 => {
                self.told
                    .answers
                    .insert((chunk[0].clone(), bound), Err(code));
            }
            Err(_) => {
                let (left, right) = chunk.split_at(chunk.len() / 2);
                self.bound(client, bound, left);
                self.bound(client, bound, right);
            }
        }
    }
}

/// An offset that an answer without an error carries. A dead leader gives -1001 with no error: unknown, not 0.
fn known(offset: i64) -> Result<Offset, Code> {
    Offset::from_wire(offset).ok_or(Code::NO_LEADER)
}

// === impl Bound ===

impl Bound {
    /// The timestamp that asks for it, by the protocol.
    const fn timestamp(self) -> i64 {
        match self {
            Self::Start => -2,
            Self::HighWatermark | Self::LastStable => -1,
        }
    }
}

/// A reading that only says that a partition is gone.
pub(super) const fn gone() -> Log {
    unknown(GONE)
}

/// A reading that only says why there is none.
const fn unknown(unknown: Unknown) -> Log {
    let unknown: Reading<Offset> = Err(unknown);
    Log {
        log_start: unknown,
        high_watermark: unknown,
        last_stable: None,
    }
}
