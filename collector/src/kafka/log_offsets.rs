//! The bounds of logs, each from its partition leader, in chunks; leaders in parallel.
//!
//! Log starts are read before the commits and ends after them: a commit that stands below a log start was read later than it, so
//! records are lost, rather than purged by an application that had committed beyond them meanwhile; and lag is never negative.
//!
//! One bad partition fails its whole call, so a chunk that fails is halved until the bad one stands alone. A leader that does
//! not answer at all is given up for the rest of the collection.

mod late_log_starts;
mod partition_leader;

use std::collections::{BTreeMap, BTreeSet};

use self::partition_leader::{LeaderAnswers, OffsetAnswers, OffsetSpec, PartitionLeader};
use super::collection_context::CollectionContext;
use super::error_code::{ErrorCode, Remedy};
use super::metadata::Metadata;
use super::native::Client;
use crate::progress::Step;
use crate::snapshot::{Api, Log, Offset, Reading, Reason, TopicPartition, Unknown};

/// The clients that see each bound.
pub(super) struct OffsetClients<'c> {
    /// Reads uncommitted: start and high watermark.
    pub(super) read_uncommitted_client: &'c Client,
    /// Reads committed: last stable offset.
    pub(super) read_committed_client: Option<&'c Client>,
}

/// Log starts, to be read before the commits. What has no answer is asked about again together with the ends.
pub(super) struct LogStarts(OffsetAnswers);

/// What is known of every partition.
pub(super) struct LogOffsets {
    pub(super) logs: BTreeMap<TopicPartition, Log>,
    /// Partitions whose log start was read after the commits: below it a commit proves nothing.
    pub(super) late_log_starts: BTreeSet<TopicPartition>,
}

/// Reads the log start of every partition of `metadata`.
pub(super) fn read_log_starts(
    clients: &OffsetClients<'_>,
    metadata: &Metadata,
    context: &mut CollectionContext<'_>,
) -> LogStarts {
    let all = partitions(metadata);
    LogStarts(ask_leaders(
        clients,
        metadata,
        (&all, OffsetSpec::STARTS),
        context,
    ))
}

/// Reads the ends of every partition of `metadata`, and completes `starts`. Where an answer says that leaders moved, `refresh`
/// reads the metadata again and these partitions are asked about once more.
pub(super) fn read_log_ends(
    clients: &OffsetClients<'_>,
    metadata: &mut Metadata,
    LogStarts(mut answers): LogStarts,
    context: &mut CollectionContext<'_>,
    refresh: impl FnOnce(&mut CollectionContext<'_>) -> Result<Metadata, ErrorCode>,
) -> LogOffsets {
    let all = partitions(metadata);
    let total = all.len();
    context.report_progress(|progress| progress.step = Step::Ends { done: 0, total });
    answers.extend(ask_leaders(
        clients,
        metadata,
        (&all, OffsetSpec::ENDS),
        context,
    ));
    let without_log_start: BTreeSet<TopicPartition> = all
        .iter()
        .filter(|tp| !answers.contains_key(&((*tp).clone(), OffsetSpec::LogStart)))
        .cloned()
        .collect();
    answers.extend(ask_leaders(
        clients,
        metadata,
        (&without_log_start, OffsetSpec::STARTS),
        context,
    ));
    let moved: BTreeSet<TopicPartition> = all
        .iter()
        .filter(|tp| may_have_moved(&answers, metadata, tp, context))
        .cloned()
        .collect();
    if !moved.is_empty()
        && let Ok(fresh) = refresh(context)
    {
        *metadata = fresh;
        answers.retain(|(tp, _), _| !moved.contains(tp));
        answers.extend(ask_leaders(
            clients,
            metadata,
            (&moved, OffsetSpec::ALL),
            context,
        ));
    }
    for (topic, &code) in &metadata.failed_topics {
        let reason = context.reason_of(code);
        context.record_failure(Api::Metadata, reason, format!("topic {topic}"));
    }
    context.report_progress(|progress| progress.step = Step::Ends { done: total, total });
    let logs = all
        .into_iter()
        .map(|tp| {
            let log = log_of(clients, &answers, metadata, &tp, context);
            (tp, log)
        })
        .collect();
    let late_log_starts = &without_log_start | &moved;
    LogOffsets {
        logs,
        late_log_starts,
    }
}

fn partitions(metadata: &Metadata) -> Vec<TopicPartition> {
    metadata
        .topics
        .iter()
        .flat_map(|(topic, leaders)| {
            leaders
                .keys()
                .map(|&partition| TopicPartition::of(topic, partition))
        })
        .collect()
}

fn leader(metadata: &Metadata, tp: &TopicPartition) -> Option<i32> {
    metadata
        .topics
        .get(&tp.topic)
        .and_then(|leaders| leaders.get(&tp.partition).copied().flatten())
}

/// Whether newer metadata may help: the leader disowned the partition, or did not answer, perhaps because it is gone, or there was
/// none.
fn may_have_moved(
    answers: &OffsetAnswers,
    metadata: &Metadata,
    tp: &TopicPartition,
    context: &CollectionContext<'_>,
) -> bool {
    let disowned = [
        OffsetSpec::LogStart,
        OffsetSpec::HighWatermark,
        OffsetSpec::LastStable,
    ]
    .into_iter()
    .any(|bound| {
        let answer = answers.get(&(tp.clone(), bound));
        matches!(answer, Some(Err(code)) if code.remedy() == Remedy::RefreshAndRetry)
    });
    let unanswered = !answers.contains_key(&(tp.clone(), OffsetSpec::HighWatermark));
    let is_silent = |leader| context.silent_brokers.contains_key(&leader);
    disowned || leader(metadata, tp).is_none_or(|leader| unanswered && is_silent(leader))
}

/// Asks every leader about these bounds of its partitions among `wanted`, all leaders at once.
fn ask_leaders<'p>(
    clients: &OffsetClients<'_>,
    metadata: &Metadata,
    (wanted, bounds): (impl IntoIterator<Item = &'p TopicPartition>, &[OffsetSpec]),
    context: &mut CollectionContext<'_>,
) -> OffsetAnswers {
    let mut by_leader: BTreeMap<i32, Vec<TopicPartition>> = BTreeMap::new();
    for tp in wanted {
        if let Some(leader) = leader(metadata, tp)
            && !context.silent_brokers.contains_key(&leader)
        {
            by_leader.entry(leader).or_default().push(tp.clone());
        }
    }
    let Some(timeout) = context.request_timeout(Api::ListOffsets) else {
        return OffsetAnswers::new();
    };
    let received: Vec<(i32, LeaderAnswers)> = std::thread::scope(|scope| {
        let running: Vec<_> = by_leader
            .iter()
            .map(|(&broker, partitions)| {
                let leader = PartitionLeader::new(clients, context, timeout);
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
    let mut answers = OffsetAnswers::new();
    for (
        broker,
        LeaderAnswers {
            answers: more,
            n_requests,
            silence,
        },
    ) in received
    {
        *context.requests.entry(Api::ListOffsets).or_default() += n_requests;
        answers.extend(more);
        if let Some(code) = silence {
            context.record_broker_failure(Api::ListOffsets, broker, code);
        }
    }
    answers
}

/// The bounds of one partition, and its failure, once for each reason.
fn log_of(
    clients: &OffsetClients<'_>,
    answers: &OffsetAnswers,
    metadata: &Metadata,
    tp: &TopicPartition,
    context: &mut CollectionContext<'_>,
) -> Log {
    if let Some(&code) = metadata.failed_topics.get(&tp.topic) {
        return unknown(Unknown::new(Api::Metadata, context.reason_of(code)));
    }
    if metadata
        .topics
        .get(&tp.topic)
        .is_none_or(|leaders| !leaders.contains_key(&tp.partition))
    {
        return partition_gone();
    }
    let mut counted: Option<Unknown> = None;
    let mut bound = |bound| match answers.get(&(tp.clone(), bound)) {
        Some(Ok(offset)) => Ok(*offset),
        Some(Err(code)) => {
            let unknown = Unknown::new(Api::ListOffsets, context.reason_of(*code));
            if counted != Some(unknown) {
                context.record_failure(
                    Api::ListOffsets,
                    unknown.reason,
                    format!("{}-{}", tp.topic, tp.partition),
                );
                counted = Some(unknown);
            }
            Err(unknown)
        }
        None => {
            let unknown = not_asked(metadata, tp, context, counted);
            counted = Some(unknown);
            Err(unknown)
        }
    };
    Log {
        log_start: bound(OffsetSpec::LogStart),
        high_watermark: bound(OffsetSpec::HighWatermark),
        last_stable: clients
            .read_committed_client
            .map(|_| bound(OffsetSpec::LastStable)),
    }
}

/// Why a partition was not asked about: nobody leads it, its leader is silent (counted there), or time was out.
fn not_asked(
    metadata: &Metadata,
    tp: &TopicPartition,
    context: &mut CollectionContext<'_>,
    counted: Option<Unknown>,
) -> Unknown {
    let reason = match leader(metadata, tp) {
        Some(broker) if context.silent_brokers.contains_key(&broker) => {
            return Unknown::new(Api::ListOffsets, Reason::GivenUp);
        }
        Some(_) => Reason::Deadline,
        None => Reason::LeaderNotAvailable,
    };
    let unknown = Unknown::new(Api::ListOffsets, reason);
    if counted != Some(unknown) {
        context.record_failure(
            Api::ListOffsets,
            reason,
            format!("{}-{}", tp.topic, tp.partition),
        );
    }
    unknown
}

/// A reading that only says that a partition is gone.
pub(super) const fn partition_gone() -> Log {
    unknown(Unknown::PARTITION_GONE)
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
