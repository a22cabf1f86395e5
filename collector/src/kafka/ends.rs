//! The bounds of logs, each from its partition leader, in chunks; leaders in parallel.
//!
//! Log starts are read before the commits and ends after them: a commit that stands below a log start was read later than it, so
//! records are lost, rather than purged by an application that had committed beyond them meanwhile; and lag is never negative.
//!
//! One bad partition fails its whole call, so a chunk that fails is halved until the bad one stands alone. A leader that does
//! not answer at all is given up for the rest of the collection.

mod late;
mod leader;

use std::collections::{BTreeMap, BTreeSet};

use self::leader::{Answers, Bound, Leader, Told};
use super::code::{Code, Remedy};
use super::native::Client;
use super::pass::Pass;
use super::topology::Topology;
use crate::lag::GONE;
use crate::progress::Phase as Step;
use crate::snapshot::{Api, Log, Offset, Reading, Reason, TopicPartition, Unknown};

/// The clients that see each bound.
pub(super) struct Clients<'c> {
    /// Reads uncommitted: start and high watermark.
    pub(super) plain: &'c Client,
    /// Reads committed: last stable offset.
    pub(super) stable: Option<&'c Client>,
}

/// Log starts, to be read before the commits. What has no answer is asked about again together with the ends.
pub(super) struct Starts(Answers);

/// What is known of every partition.
pub(super) struct Ends {
    pub(super) logs: BTreeMap<TopicPartition, Log>,
    /// Partitions whose log start was read after the commits: below it a commit proves nothing.
    pub(super) late: BTreeSet<TopicPartition>,
}

/// Reads the log start of every partition of `topology`.
pub(super) fn starts(clients: &Clients<'_>, topology: &Topology, pass: &mut Pass<'_>) -> Starts {
    let all = partitions(topology);
    Starts(ask(clients, topology, (&all, Bound::STARTS), pass))
}

/// Reads the ends of every partition of `topology`, and completes `starts`. Where an answer says that leaders moved, `refresh`
/// reads the metadata again and these partitions are asked about once more.
pub(super) fn read(
    clients: &Clients<'_>,
    topology: &mut Topology,
    Starts(mut answers): Starts,
    pass: &mut Pass<'_>,
    refresh: impl FnOnce(&mut Pass<'_>) -> Result<Topology, Code>,
) -> Ends {
    let all = partitions(topology);
    let total = all.len();
    pass.tell(|progress| progress.phase = Step::Ends { done: 0, total });
    answers.extend(ask(clients, topology, (&all, Bound::ENDS), pass));
    let unstarted: BTreeSet<TopicPartition> = all
        .iter()
        .filter(|tp| !answers.contains_key(&((*tp).clone(), Bound::Start)))
        .cloned()
        .collect();
    answers.extend(ask(clients, topology, (&unstarted, Bound::STARTS), pass));
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
        answers.extend(ask(clients, topology, (&moved, Bound::ALL), pass));
    }
    for (topic, &code) in &topology.refused {
        let reason = pass.reason(code);
        pass.fail(Api::Metadata, reason, format!("topic {topic}"));
    }
    pass.tell(|progress| progress.phase = Step::Ends { done: total, total });
    let logs = all
        .into_iter()
        .map(|tp| {
            let log = conclude(clients, &answers, topology, &tp, pass);
            (tp, log)
        })
        .collect();
    let late = &unstarted | &moved;
    Ends { logs, late }
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

/// Asks every leader about these bounds of its partitions among `wanted`, all leaders at once.
fn ask<'p>(
    clients: &Clients<'_>,
    topology: &Topology,
    (wanted, bounds): (impl IntoIterator<Item = &'p TopicPartition>, &[Bound]),
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
                (broker, scope.spawn(move || leader.ask(partitions, bounds)))
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
