//! One partition leader, which is asked on a thread of its own.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::OffsetClients;
use crate::kafka::collection_context::CollectionContext;
use crate::kafka::error_code::{ErrorCode, Remedy};
use crate::kafka::native::{Client, Fence};
use crate::snapshot::{Offset, TopicPartition};

/// The largest number of partitions in one request. librdkafka finds each answered partition by a linear search in the list that
/// was asked about, so the CPU time of a request grows with the square of this number. With 250, the search takes a fifth of the
/// CPU time of a collection of 20,000 partitions and 1,000 groups. Half of this number would halve that, for 1,327 requests
/// instead of 1,165.
const MAX_PARTITIONS_PER_REQUEST: usize = 250;

/// The number of requests into which the partitions of a leader are divided as long as these stay small. Eight are few beside one
/// request for each group, and halve the search where a leader has 1,000 partitions.
const SMALL_REQUESTS: usize = 8;

/// The number of partitions below which a request is not made smaller.
const MIN_PARTITIONS_PER_REQUEST: usize = 100;

/// The offset of a log that a request asks for, named as in Kafka's admin client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum OffsetSpec {
    LogStart,
    HighWatermark,
    LastStable,
}

/// An offset, or the code of the failure because of which it is unknown.
pub(super) type OffsetAnswer = Result<Offset, ErrorCode>;

/// The answers about all partitions. It is a hash map because every partition is looked up several times, and an ordered map
/// compares many names for each.
pub(super) type OffsetAnswers = HashMap<TopicPartition, PartitionAnswers>;

/// The answers about one partition, one for each kind of offset; `None` where there is no answer.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct PartitionAnswers([Option<OffsetAnswer>; OffsetSpec::ALL.len()]);

/// The answers of one partition leader.
pub(super) struct LeaderAnswers<'p> {
    /// The answers in the order in which they came, at most one about each partition and kind of offset.
    pub(super) answers: Vec<(&'p TopicPartition, OffsetSpec, OffsetAnswer)>,
    pub(super) n_requests: u64,
    /// The error because of which the leader was given up. Partitions that are missing from the answers were not asked about.
    pub(super) silence: Option<ErrorCode>,
}

/// A partition leader that is being asked, with the time limits and the answers so far.
pub(super) struct PartitionLeader<'c, 'p> {
    clients: &'c OffsetClients<'c>,
    fence: Arc<Fence>,
    deadline: Instant,
    timeout: Duration,
    answers: LeaderAnswers<'p>,
}

// === impl PartitionLeader ===

impl<'c, 'p> PartitionLeader<'c, 'p> {
    pub(super) fn new(
        clients: &'c OffsetClients<'c>,
        context: &CollectionContext<'_>,
        timeout: Duration,
    ) -> Self {
        Self {
            clients,
            fence: context.fence(),
            deadline: context.deadline(),
            timeout,
            answers: LeaderAnswers {
                answers: Vec::new(),
                n_requests: 0,
                silence: None,
            },
        }
    }

    /// Asks for the offsets in `specs` of all `partitions`, chunk by chunk, and returns the answers. Blocks.
    pub(super) fn ask(
        mut self,
        partitions: &[&'p TopicPartition],
        specs: &[OffsetSpec],
    ) -> LeaderAnswers<'p> {
        let n_partitions = partitions
            .len()
            .div_ceil(SMALL_REQUESTS)
            .clamp(MIN_PARTITIONS_PER_REQUEST, MAX_PARTITIONS_PER_REQUEST);
        for chunk in partitions.chunks(n_partitions) {
            for &spec in specs {
                let client = match spec {
                    OffsetSpec::LogStart | OffsetSpec::HighWatermark => {
                        Some(self.clients.read_uncommitted_client)
                    }
                    OffsetSpec::LastStable => self.clients.read_committed_client,
                };
                if let Some(client) = client {
                    self.list_offsets(client, spec, chunk);
                }
            }
        }
        self.answers
    }

    /// Asks for one kind of offset of the partitions in `chunk`. If the request fails because of some partition, asks for each
    /// half of the chunk.
    fn list_offsets(&mut self, client: &Client, spec: OffsetSpec, chunk: &[&'p TopicPartition]) {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if self.answers.silence.is_some() || self.fence.is_closed() || left.is_zero() {
            return;
        }
        self.answers.n_requests += 1;
        match client.offsets_for_times(chunk, spec.timestamp(), self.timeout.min(left)) {
            Ok(offsets) => {
                let answers = chunk.iter().zip(offsets);
                let answers = answers.map(|(&tp, offset)| (tp, spec, valid_offset(offset)));
                self.answers.answers.extend(answers);
            }
            Err(code) if code.remedy() == Remedy::GiveUpBroker => self.answers.silence = Some(code),
            Err(code) if chunk.len() == 1 => {
                self.answers.answers.push((chunk[0], spec, Err(code)));
            }
            Err(_) => {
                let (left, right) = chunk.split_at(chunk.len() / 2);
                self.list_offsets(client, spec, left);
                self.list_offsets(client, spec, right);
            }
        }
    }
}

/// Returns the offset in an answer that has no error. For a dead leader librdkafka returns -1001 without an error, which stands
/// for an unknown offset.
fn valid_offset(offset: i64) -> OffsetAnswer {
    Offset::from_wire(offset).ok_or(ErrorCode::LEADER_NOT_AVAILABLE)
}

// === impl PartitionAnswers ===

impl PartitionAnswers {
    /// Returns the answer about this kind of offset; `None` where there is none.
    pub(super) const fn get(&self, spec: OffsetSpec) -> Option<OffsetAnswer> {
        self.0[spec as usize]
    }

    /// Keeps an answer in the place of an earlier one.
    pub(super) const fn set(&mut self, spec: OffsetSpec, answer: OffsetAnswer) {
        self.0[spec as usize] = Some(answer);
    }

    /// Returns all answers that there are.
    pub(super) fn iter(&self) -> impl Iterator<Item = OffsetAnswer> {
        self.0.iter().copied().flatten()
    }
}

// === impl OffsetSpec ===

impl OffsetSpec {
    pub(super) const ALL: [Self; 3] = [Self::LogStart, Self::HighWatermark, Self::LastStable];

    pub(super) const STARTS: &'static [Self] = &[Self::LogStart];

    /// The offsets at which the readable records end, without and with `read_committed`.
    pub(super) const ENDS: &'static [Self] = &[Self::HighWatermark, Self::LastStable];

    /// Returns the special timestamp by which `ListOffsets` asks for this offset. -1 asks for the last stable offset if the
    /// client has `isolation.level=read_committed`, else for the high watermark.
    const fn timestamp(self) -> i64 {
        match self {
            Self::LogStart => -2,
            Self::HighWatermark | Self::LastStable => -1,
        }
    }
}
