//! The offsets that bound each partition's log, from its leader: log start, high watermark and last stable offset.
//!
//! Log starts are read before the commits, and log ends after them. Then a commit below its log start has truly lost records,
//! because it was read later than the log start. And a log end is never below a commit that was read before it, so lag is never
//! negative.
//!
//! All leaders are asked at the same time, each for chunks of its partitions. One bad partition fails the whole call, so a chunk
//! that failed is halved until the bad partition stands alone. A leader that does not answer is not asked again in the same
//! collection.

mod ask_leaders;
mod partition_leader;

use std::collections::{BTreeMap, BTreeSet};

use self::ask_leaders::ask_leaders;
use self::partition_leader::{OffsetAnswers, OffsetSpec, PartitionAnswers};
use super::collection_context::CollectionContext;
use super::error_code::{ErrorCode, Remedy};
use super::metadata::Metadata;
use super::native::Client;
use crate::progress::Step;
use crate::snapshot::{Api, Log, Offset, PartitionState, Reading, Reason, TopicPartition, Unknown};

/// The clients that the offsets are read with.
pub(super) struct OffsetClients<'c> {
    /// The client that reads log starts and high watermarks.
    pub(super) read_uncommitted_client: &'c Client,
    /// The client that reads last stable offsets; `None` if groups do not read committed records only.
    pub(super) read_committed_client: Option<&'c Client>,
}

/// Log starts that were read before the commits. The leaders are asked for missing ones again together with the log ends.
pub(super) struct LogStarts(OffsetAnswers);

/// The offsets that bound each partition's log.
pub(super) struct LogOffsets {
    /// The state of each partition that the metadata had when the log ends were asked for; `Gone` if newer metadata lacks the
    /// partition.
    pub(super) partitions: BTreeMap<TopicPartition, PartitionState>,
    /// Partitions whose log start was read after the commits.
    pub(super) late_log_starts: BTreeSet<TopicPartition>,
}

/// Reads the log start of every partition in `metadata`.
pub(super) fn read_log_starts(
    clients: &OffsetClients<'_>,
    metadata: &Metadata,
    context: &mut CollectionContext<'_>,
) -> LogStarts {
    let all = metadata.partitions();
    let mut answers = OffsetAnswers::with_capacity(all.len());
    let wanted = (&all, OffsetSpec::STARTS);
    ask_leaders(clients, metadata, wanted, &mut answers, context);
    LogStarts(answers)
}

/// Reads the log ends of every partition in `metadata`, and the log starts that are still missing. Where leaders may have moved,
/// `refresh` reads the metadata again, or records why it cannot, and the new leaders are asked for all offsets of the partitions
/// concerned.
pub(super) fn read_log_ends(
    clients: &OffsetClients<'_>,
    metadata: &mut Metadata,
    LogStarts(mut answers): LogStarts,
    context: &mut CollectionContext<'_>,
    refresh: impl FnOnce(&mut CollectionContext<'_>) -> Result<Metadata, ErrorCode>,
) -> LogOffsets {
    let all = metadata.partitions();
    let total = all.len();
    context.report_progress(|progress| progress.step = Step::Ends { done: 0, total });
    let wanted = (&all, OffsetSpec::ENDS);
    ask_leaders(clients, metadata, wanted, &mut answers, context);
    let has_log_start = |tp| {
        let known: Option<&PartitionAnswers> = answers.get(tp);
        known.is_some_and(|known| known.get(OffsetSpec::LogStart).is_some())
    };
    let without_log_start: BTreeSet<TopicPartition> = all
        .iter()
        .filter(|tp| !has_log_start(*tp))
        .cloned()
        .collect();
    let wanted = (&without_log_start, OffsetSpec::STARTS);
    ask_leaders(clients, metadata, wanted, &mut answers, context);
    let moved: BTreeSet<TopicPartition> = all
        .iter()
        .filter(|tp| may_have_moved(&answers, metadata, tp, context))
        .cloned()
        .collect();
    if !moved.is_empty()
        && let Ok(fresh) = refresh(context)
    {
        *metadata = fresh;
        answers.retain(|tp, _| !moved.contains(tp));
        let wanted = (&moved, OffsetSpec::ALL.as_slice());
        ask_leaders(clients, metadata, wanted, &mut answers, context);
    }
    for (topic, &code) in &metadata.failed_topics {
        let reason = context.reason_of(code);
        context.record_failure(Api::Metadata, reason, format!("topic {topic}"));
    }
    context.report_progress(|progress| progress.step = Step::Ends { done: total, total });
    let partitions = all
        .into_iter()
        .map(|tp| {
            let state = state_of(clients, &answers, metadata, &tp, context);
            (tp, state)
        })
        .collect();
    let late_log_starts = &without_log_start | &moved;
    LogOffsets {
        partitions,
        late_log_starts,
    }
}

/// Returns `true` if newer metadata may name another leader of the partition: its leader answered that it is not the leader, or
/// did not answer at all, or the partition had no leader.
fn may_have_moved(
    answers: &OffsetAnswers,
    metadata: &Metadata,
    tp: &TopicPartition,
    context: &CollectionContext<'_>,
) -> bool {
    let known = answers.get(tp).copied().unwrap_or_default();
    let is_refused = known
        .iter()
        .any(|answer| answer.is_err_and(|code| code.remedy() == Remedy::RefreshAndRetry));
    let is_unanswered = known.get(OffsetSpec::HighWatermark).is_none();
    let is_silent = |leader| context.silent_brokers.contains_key(&leader);
    let leader = metadata.partition_leader(tp);
    is_refused || leader.is_none_or(|leader| is_unanswered && is_silent(leader))
}

/// Returns the state of one partition. Records a failure for offsets that are unknown, once for each reason.
fn state_of(
    clients: &OffsetClients<'_>,
    answers: &OffsetAnswers,
    metadata: &Metadata,
    tp: &TopicPartition,
    context: &mut CollectionContext<'_>,
) -> PartitionState {
    if metadata.failed_topics.contains_key(&tp.topic) {
        // The failure was recorded for the topic. A topic for which the metadata has an error, even error 3
        // (`UNKNOWN_TOPIC_OR_PARTITION`), is not known to be gone, so the offsets of its partitions are unknown.
        return unknown_log(Unknown::new(Api::Metadata, Reason::NotAsked)).into();
    }
    if !metadata.has_partition(&tp.topic, tp.partition) {
        return PartitionState::Gone;
    }
    let known = answers.get(tp).copied().unwrap_or_default();
    let mut recorded: Option<Unknown> = None;
    let mut offset = |spec| {
        let reason = match known.get(spec) {
            Some(Ok(offset)) => return Ok(offset),
            Some(Err(code)) => context.reason_of(code),
            None => reason_not_asked(metadata, tp, context),
        };
        let unknown = Unknown::new(Api::ListOffsets, reason);
        // The failure of a silent leader was recorded when its silence was noticed, so it is not recorded again.
        if reason != Reason::GivenUp && recorded != Some(unknown) {
            let subject = format!("{}-{}", tp.topic, tp.partition);
            context.record_failure(Api::ListOffsets, reason, subject);
        }
        recorded = Some(unknown);
        Err(unknown)
    };
    let mut log = Log {
        log_start: offset(OffsetSpec::LogStart),
        high_watermark: offset(OffsetSpec::HighWatermark),
        last_stable: clients
            .read_committed_client
            .map(|_| offset(OffsetSpec::LastStable)),
    };
    if has_foreign_log_start(&log) {
        let subject = format!(
            "{}-{}: the log start is beyond the high watermark",
            tp.topic, tp.partition
        );
        log.log_start = Err(context.record_failure(Api::ListOffsets, Reason::Other, subject));
    }
    log.into()
}

/// Returns `true` if the log start cannot be that of the log whose high watermark was read after it. Between the two the topic was
/// created anew, or an unclean election has cut the log. Commits would seem to have lost what the log that is gone had held.
fn has_foreign_log_start(log: &Log) -> bool {
    matches!((log.log_start, log.high_watermark), (Ok(start), Ok(end)) if start > end)
}

/// Returns the reason why no leader was asked about a partition: it has none, its leader is silent, or the time of the collection
/// was over.
fn reason_not_asked(
    metadata: &Metadata,
    tp: &TopicPartition,
    context: &CollectionContext<'_>,
) -> Reason {
    match metadata.partition_leader(tp) {
        Some(broker) if context.silent_brokers.contains_key(&broker) => Reason::GivenUp,
        Some(_) => Reason::Deadline,
        None => Reason::LeaderNotAvailable,
    }
}

/// Returns a log whose offsets are all unknown for the same reason.
const fn unknown_log(unknown: Unknown) -> Log {
    let unknown: Reading<Offset> = Err(unknown);
    Log {
        log_start: unknown,
        high_watermark: unknown,
        last_stable: None,
    }
}
